//! Publishes the journal to the event bus.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("webhooks", perennial_functions::build::webhooks)
}
