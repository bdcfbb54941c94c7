//! Counts what checks hold and refuse, and tries changed policies on the last orders.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("checks", perennial_functions::build::checks)
}
