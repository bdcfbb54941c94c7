//! What a queue is told when it is made.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::SqsError;
use crate::cloud::{ACCOUNT, REGION};

/// The settings of a queue, with the defaults that SQS has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueSpec {
    /// The queue's name: letters, digits, hyphens and underscores, at most 80.
    pub name: String,
    /// How long a received message stays hidden from other receivers.
    pub visibility_timeout: Duration,
    /// How long a sent message stays hidden at first.
    pub delay: Duration,
    /// How long a message is kept if nobody deletes it.
    pub retention: Duration,
    /// Where messages go that were received too often.
    pub redrive: Option<Redrive>,
}

/// When a message becomes a dead letter, and where it then goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// The name of the dead-letter queue.
    pub dead_letter_queue: String,
    /// How often a message may be received; the next receive moves it instead.
    pub max_receive_count: u32,
}

impl QueueSpec {
    /// A queue with SQS's defaults: 30 s visibility timeout, no delay, four days' retention, no
    /// dead-letter queue.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            visibility_timeout: Duration::from_secs(30),
            delay: Duration::ZERO,
            retention: Duration::from_secs(4 * 24 * 3600),
            redrive: None,
        }
    }

    /// The queue's ARN in the local stack.
    #[must_use]
    pub fn arn(&self) -> String {
        queue_arn(&self.name)
    }

    pub(super) fn check(&self) -> Result<(), SqsError> {
        let invalid = |text: String| Err(SqsError::InvalidParameterValue(text));
        if self.name.ends_with(".fifo") {
            return Err(SqsError::UnsupportedOperation(
                "FIFO queues are not emulated; only standard queues are.".to_owned(),
            ));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 80 || !self.name.chars().all(allowed) {
            return invalid(
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in \
                 length"
                    .to_owned(),
            );
        }
        for (attribute, value, least, most) in [
            ("VisibilityTimeout", self.visibility_timeout, 0, 43_200),
            ("DelaySeconds", self.delay, 0, 900),
            ("MessageRetentionPeriod", self.retention, 60, 1_209_600),
        ] {
            if !(least..=most).contains(&value.as_secs()) {
                return invalid(format!("Invalid value for the parameter {attribute}."));
            }
        }
        match &self.redrive {
            Some(redrive) if !(1..=1000).contains(&redrive.max_receive_count) => invalid(
                "Value for parameter RedrivePolicy is invalid. Reason: Invalid value for \
                 maxReceiveCount: it must be between 1 and 1000."
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }

    /// The first attribute in which the two differ, by SQS's name.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        let Self { name: _, visibility_timeout, delay, retention, redrive } = self;
        if *visibility_timeout != other.visibility_timeout {
            Some("VisibilityTimeout")
        } else if *delay != other.delay {
            Some("DelaySeconds")
        } else if *retention != other.retention {
            Some("MessageRetentionPeriod")
        } else if *redrive != other.redrive {
            Some("RedrivePolicy")
        } else {
            None
        }
    }
}

/// The ARN of the queue of this name in the local stack.
#[must_use]
pub fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// The queue's name in an ARN or URL: what follows the last `:` or `/`.
#[must_use]
pub fn queue_name(arn_or_url: &str) -> &str {
    arn_or_url.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or(arn_or_url)
}
