//! Takes what payment providers tell.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("payment-events", perennial_functions::build::payment_events)
}
