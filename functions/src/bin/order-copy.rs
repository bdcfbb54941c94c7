//! Makes one target order from one due run.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("order-copy", perennial_functions::build::order_copy)
}
