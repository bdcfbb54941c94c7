//! Ranks what somebody has to see to.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("failures", perennial_functions::build::failures)
}
