//! Says what the rules of time and money make of given values.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("previews", perennial_functions::build::previews)
}
