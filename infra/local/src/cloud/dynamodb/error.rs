//! What DynamoDB refuses, in its own JSON.

use dynoxide::DynoxideError;
use serde_json::json;
use thiserror::Error;

use crate::cloud::endpoint::Answer;

/// Why an action on a table was refused.
#[derive(Debug, Error)]
pub enum DynamoError {
    /// The engine refused, as DynamoDB would.
    #[error(transparent)]
    Refused(#[from] DynoxideError),
    /// The engine offers no action of this name.
    #[error("The operation DynamoDB_20120810.{0} is not known here.")]
    UnknownOperation(String),
    /// A transaction of the same client token is still running.
    #[error("The transaction with the given request token is already in progress.")]
    TransactionInProgress,
    /// The side connection failed.
    #[error("the tables' file could not be read or written: {0}")]
    File(#[from] rusqlite::Error),
}

impl DynamoError {
    /// The error's name, such as `ConditionalCheckFailedException`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shape().rsplit('#').next().unwrap_or_default()
    }

    fn shape(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.error_type(),
            Self::UnknownOperation(_) => "com.amazon.coral.service#UnknownOperationException",
            Self::TransactionInProgress => {
                "com.amazonaws.dynamodb.v20120810#TransactionInProgressException"
            }
            Self::File(_) => "com.amazonaws.dynamodb.v20120810#InternalServerError",
        }
    }

    pub(super) fn answer(&self) -> Answer {
        let (status, body) = match self {
            Self::Refused(error) => (error.status_code(), error.to_json()),
            Self::UnknownOperation(_) | Self::TransactionInProgress => {
                (400, json!({ "__type": self.shape(), "Message": self.to_string() }).to_string())
            }
            Self::File(_) => {
                (500, json!({ "__type": self.shape(), "Message": self.to_string() }).to_string())
            }
        };
        Answer { status, body: body.into(), query_error: None }
    }

    /// A body that is not the JSON an action takes. The engine's readers mark what kind of error
    /// DynamoDB makes of it at the beginning of the text.
    pub(super) fn unreadable(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        let validation = |text: &str| DynoxideError::ValidationException(text.to_owned()).into();
        let serialization =
            |text: &str| DynoxideError::SerializationException(text.to_owned()).into();
        for marker in ["VALIDATION_AS_READ:", "VALIDATION_REQUEST:", "VALIDATION:"] {
            if let Some(text) = text.strip_prefix(marker) {
                return validation(text);
            }
        }
        for marker in ["SERIALIZATION_AS_READ:", "SERIALIZATION:"] {
            if let Some(text) = text.strip_prefix(marker) {
                return serialization(text);
            }
        }
        let is_about_values = ["missing field", "unknown variant", "invalid type: null"]
            .iter()
            .chain(&["empty AttributeValue", "Supplied AttributeValue"])
            .any(|part| text.contains(part));
        if is_about_values { validation(text) } else { serialization(text) }
    }
}
