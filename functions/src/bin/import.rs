//! Brings in subscriptions from other books.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("import", perennial_functions::build::import)
}
