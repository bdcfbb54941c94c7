//! Checks orders and places them.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("validation", perennial_functions::build::validation)
}
