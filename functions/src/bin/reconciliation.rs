//! Proves the books.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("reconciliation", perennial_functions::build::reconciliation)
}
