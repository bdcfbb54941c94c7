//! Gives money back, and keeps customers' payment sources.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("payments", perennial_functions::build::payments)
}
