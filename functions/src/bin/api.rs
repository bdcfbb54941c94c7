//! Reads and manages everything else over HTTP.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("api", perennial_functions::build::api)
}
