//! Wakes what is due.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("renewal-tick", perennial_functions::build::renewal_tick)
}
