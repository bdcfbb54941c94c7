//! Collects what failed before.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("payment-retry", perennial_functions::build::payment_retry)
}
