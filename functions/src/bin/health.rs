//! Tells load balancers and people whether the service does what it is for.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("health", perennial_functions::build::health)
}
