//! The Lambda functions of Perennial: a module per concern, each a thin shell around a pure
//! decision in `perennial-domain`.

use std::sync::Arc;

use perennial_runtime::{Clock, Environment, Function, SettingError};
use thiserror::Error;

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
    let _ = (environment, aws, clock);
    Err(BuildError::Unknown(binary.to_owned()))
}
