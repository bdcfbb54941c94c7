//! The Lambda functions of Perennial: a module per concern, each a thin shell around a pure
//! decision in `perennial-domain`.

mod api;
mod blocking;
mod charging;
mod dead_letter;
mod event_relay;
mod http;
mod intake;
mod order_copy;
mod payment_retry;
mod renewal_tick;
mod results;
mod run;
mod settings;
mod sqs_batch;
mod subscribe;
mod validation;
mod work_queues;

use std::sync::Arc;

use perennial_runtime::{Clock, Environment, Function, SettingError};
use thiserror::Error;

pub use run::run;

/// The AWS clients that functions share. The local stack makes them speak to itself.
#[derive(Debug, Clone)]
pub struct Aws {
    /// Storage.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Queues.
    pub sqs: aws_sdk_sqs::Client,
    /// The event bus.
    pub eventbridge: aws_sdk_eventbridge::Client,
}

/// Why a function could not be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// No function has this name.
    #[error("there is no function named {0:?}")]
    Unknown(String),
}

/// The OpenAPI 3.1 document of the API, made from the operations that are served.
#[must_use]
pub fn openapi() -> serde_json::Value {
    http::openapi::document()
}

/// Builds the function whose binary has the given name (`intake`, `renewal-tick`, ...).
///
/// # Errors
/// When the name is unknown or one of its settings is missing or wrong.
pub fn build(
    binary: &str,
    environment: &Environment,
    aws: &Aws,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Function>, BuildError> {
    Ok(match binary {
        "intake" => Arc::new(intake::build(environment, aws, clock)?),
        "api" => Arc::new(api::build(environment, aws, clock)?),
        "validation" => Arc::new(validation::Validation::build(environment, aws, clock)?),
        "renewal-tick" => Arc::new(renewal_tick::RenewalTick::build(environment, aws, clock)?),
        "order-copy" => Arc::new(order_copy::OrderCopy::build(environment, aws, clock)?),
        "payment-retry" => Arc::new(payment_retry::PaymentRetry::build(environment, aws, clock)?),
        "dead-letter" => Arc::new(dead_letter::DeadLetters::build(environment, aws, clock)?),
        "event-relay" => Arc::new(event_relay::EventRelay::build(environment, aws)?),
        other => return Err(BuildError::Unknown(other.to_owned())),
    })
}
