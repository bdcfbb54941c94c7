//! Publishes the journal to the event bus.

use perennial_runtime::FunctionError;

fn main() -> Result<(), FunctionError> {
    perennial_functions::run("event-relay", perennial_functions::build::event_relay)
}
