//! Takes what channels send, each in a form of its own.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("channels", perennial_functions::build::channels)
}
