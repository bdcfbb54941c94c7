//! What can go wrong with storage, and whether trying again can help.

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use thiserror::Error;

use crate::Part;

/// Why a read or write did not happen.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// A condition did not hold: somebody else was faster, or it exists already. Read again and
    /// decide anew.
    #[error("the {0} changed meanwhile or exists already")]
    Conflict(Part),
    /// There are fewer units in stock than wanted.
    #[error("sku {sku:?} has fewer units in stock than wanted")]
    OutOfStock {
        /// The stock keeping unit's code.
        sku: String,
    },
    /// The stock of a sku is not tracked, so that nothing can be taken from it.
    #[error("the stock of sku {sku:?} is not tracked")]
    NotTracked {
        /// The stock keeping unit's code.
        sku: String,
    },
    /// DynamoDB did not answer, throttled, or had an outage. Trying again can help.
    #[error("storage is not available: {0}")]
    Unavailable(String),
    /// DynamoDB refused the request. Trying again can't help.
    #[error("storage refused the request: {0}")]
    Refused(String),
    /// An item in the table can't be read.
    #[error("the item {key} can't be read: {reason}")]
    Corrupt {
        /// Its key.
        key: String,
        /// Why.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Conflict(_) | Self::Unavailable(_) => true,
            Self::OutOfStock { .. }
            | Self::NotTracked { .. }
            | Self::Refused(_)
            | Self::Corrupt { .. } => false,
        }
    }

    pub(crate) fn from_sdk<E, R>(error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E, R>: RequestId,
        R: std::fmt::Debug,
    {
        let request = error.request_id().unwrap_or("none").to_owned();
        match error {
            SdkError::ServiceError(service) => {
                let code = service.err().code().unwrap_or("unknown");
                let message = service.err().message().unwrap_or_default();
                let text = format!("{code}: {message} (request {request})");
                match code {
                    "ProvisionedThroughputExceededException"
                    | "RequestLimitExceeded"
                    | "ThrottlingException"
                    | "InternalServerError"
                    | "ItemCollectionSizeLimitExceededException"
                    | "TransactionConflictException"
                    | "TransactionInProgressException"
                    | "ServiceUnavailable" => Self::Unavailable(text),
                    _ => Self::Refused(text),
                }
            }
            SdkError::ConstructionFailure(_) => Self::Refused(format!("{error:?}")),
            _ => Self::Unavailable(format!("{error:?}")),
        }
    }
}

/// The answer to a conditional write, or `None` when its condition did not hold.
pub(crate) fn held<T, E, R>(sent: Result<T, SdkError<E, R>>) -> Result<Option<T>, StoreError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E, R>: RequestId,
    R: std::fmt::Debug,
{
    match sent {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(None),
        Err(error) => Err(StoreError::from_sdk(&error)),
    }
}
