//! Takes orders from API clients and channels.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("intake", perennial_functions::build::intake)
}
