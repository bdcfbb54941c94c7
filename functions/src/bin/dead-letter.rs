//! Keeps what no function could handle.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("dead-letter", perennial_functions::build::dead_letter)
}
