//! What the queues refuse, in the words and codes of SQS.

use thiserror::Error;

/// Why an action on a queue was refused. The text is what the client reads.
#[derive(Debug, Error)]
pub enum SqsError {
    /// No queue has this name.
    #[error("The specified queue does not exist.")]
    QueueDoesNotExist,
    /// A queue of this name exists with other attributes.
    #[error("A queue already exists with the same name and a different value for attribute {0}")]
    QueueNameExists(&'static str),
    /// A parameter that must be given is missing.
    #[error("The request must contain the parameter {0}.")]
    MissingParameter(&'static str),
    /// A parameter has a value outside what is allowed.
    #[error("{0}")]
    InvalidParameterValue(String),
    /// A message has characters that SQS does not carry.
    #[error(
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to \
             #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    )]
    InvalidMessageContents,
    /// A receipt handle that this service never issued.
    #[error("The input receipt handle \"{0}\" is not a valid receipt handle.")]
    ReceiptHandleIsInvalid(String),
    /// The visibility of a message was to change, but nobody holds it.
    #[error(
        "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist or is \
             not available for visibility timeout change."
    )]
    MessageNotInflight,
    /// A batch without entries.
    #[error("There should be at least one {0} in the request.")]
    EmptyBatchRequest(&'static str),
    /// A batch of more than ten entries.
    #[error("Maximum number of entries per request are 10. You have sent {0}.")]
    TooManyEntriesInBatchRequest(usize),
    /// Two entries of a batch carry the same id.
    #[error("Id {0} repeated.")]
    BatchEntryIdsNotDistinct(String),
    /// An entry's id has characters or a length that are not allowed.
    #[error(
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
             It can be at most 80 letters long."
    )]
    InvalidBatchEntryId,
    /// The messages of a batch are larger in sum than a batch may be.
    #[error("Batch requests cannot be longer than 1048576 bytes. You have sent {0} bytes.")]
    BatchRequestTooLong(usize),
    /// What was asked for does not exist, such as a message move task.
    #[error("{0}")]
    ResourceNotFound(String),
    /// Something real SQS can do and this one does not.
    #[error("{0}")]
    UnsupportedOperation(String),
    /// The queues' file could not be written. Trying again can help.
    #[error("the queues' file could not be read or written: {0}")]
    Storage(#[from] rusqlite::Error),
    /// The queues' file holds something that no version of this program wrote.
    #[error("the queues' file holds an entry that can't be read: {0}")]
    Corrupt(#[from] serde_json::Error),
}

impl SqsError {
    /// The error's shape name in the JSON protocol.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::QueueDoesNotExist => "QueueDoesNotExist",
            Self::QueueNameExists(_) => "QueueNameExists",
            Self::MissingParameter(_) => "MissingParameter",
            Self::InvalidParameterValue(_) => "InvalidParameterValue",
            Self::InvalidMessageContents => "InvalidMessageContents",
            Self::ReceiptHandleIsInvalid(_) => "ReceiptHandleIsInvalid",
            Self::MessageNotInflight => "MessageNotInflight",
            Self::EmptyBatchRequest(_) => "EmptyBatchRequest",
            Self::TooManyEntriesInBatchRequest(_) => "TooManyEntriesInBatchRequest",
            Self::BatchEntryIdsNotDistinct(_) => "BatchEntryIdsNotDistinct",
            Self::InvalidBatchEntryId => "InvalidBatchEntryId",
            Self::BatchRequestTooLong(_) => "BatchRequestTooLong",
            Self::ResourceNotFound(_) => "ResourceNotFoundException",
            Self::UnsupportedOperation(_) => "UnsupportedOperation",
            Self::Storage(_) | Self::Corrupt(_) => "InternalError",
        }
    }

    /// The older code that clients of the query protocol know, as the header
    /// `x-amzn-query-error` carries it.
    #[must_use]
    pub fn query_code(&self) -> String {
        match self {
            Self::QueueDoesNotExist => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
            Self::QueueNameExists(_) => "QueueAlreadyExists".to_owned(),
            Self::MissingParameter(_)
            | Self::InvalidParameterValue(_)
            | Self::InvalidMessageContents
            | Self::ReceiptHandleIsInvalid(_)
            | Self::ResourceNotFound(_)
            | Self::Storage(_)
            | Self::Corrupt(_) => self.name().to_owned(),
            Self::MessageNotInflight
            | Self::EmptyBatchRequest(_)
            | Self::TooManyEntriesInBatchRequest(_)
            | Self::BatchEntryIdsNotDistinct(_)
            | Self::InvalidBatchEntryId
            | Self::BatchRequestTooLong(_)
            | Self::UnsupportedOperation(_) => format!("AWS.SimpleQueueService.{}", self.name()),
        }
    }

    /// Whether the request was at fault, rather than the service.
    #[must_use]
    pub fn is_senders_fault(&self) -> bool {
        !matches!(self, Self::Storage(_) | Self::Corrupt(_))
    }
}
