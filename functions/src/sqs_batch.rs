//! From SQS batches to messages and back: every record is handled on its own, so that one that
//! fails, or panics, does not take its siblings with it.

use std::{collections::HashMap, future::Future, panic::AssertUnwindSafe};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::FutureExt;
use perennial_messages::{ORGANIZATION, Outgoing, Queue};
use perennial_runtime::{Environment, FunctionError, SettingError};
use perennial_store::StoreError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::Aws;

/// The message attributes that tell a dead letter's story.
pub(crate) const ERROR: &str = "error";
/// How often the message was received.
pub(crate) const ATTEMPTS: &str = "attempts";
/// The message's id on the queue that it came from.
pub(crate) const MESSAGE_ID: &str = "message_id";

/// Longest error text that travels with a dead letter, in bytes.
const MAX_ERROR: usize = 2_000;

/// Why a message was not handled.
#[derive(Debug, Error)]
pub(crate) enum HandleError {
    /// Trying again can help: the message stays on its queue.
    #[error("{0}")]
    Transient(String),
    /// Trying again can't help: the message becomes a dead letter at once.
    #[error("{0}")]
    Permanent(String),
}

impl From<StoreError> for HandleError {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            Self::Transient(error.to_string())
        } else {
            Self::Permanent(error.to_string())
        }
    }
}

impl From<perennial_domain::plan::PlanError> for HandleError {
    fn from(error: perennial_domain::plan::PlanError) -> Self {
        Self::Permanent(error.to_string())
    }
}

/// What became of each message, by its id.
pub(crate) type Outcomes = Vec<(String, Result<(), HandleError>)>;

/// A message that could be read.
#[derive(Debug, Clone)]
pub(crate) struct Received<M> {
    pub(crate) id: String,
    pub(crate) message: M,
}

/// Where messages go that can't be handled.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetterQueue {
    queue: Queue,
    max_receives: u32,
}

impl DeadLetterQueue {
    pub(crate) fn from_environment(
        environment: &Environment,
        aws: &Aws,
    ) -> Result<Self, SettingError> {
        Ok(Self {
            queue: Queue::new(aws.sqs.clone(), environment.require("DEAD_LETTER_QUEUE_URL")?),
            max_receives: environment.parse_or("MAX_RECEIVE_COUNT", "count", 5)?,
        })
    }
}

/// Handles an SQS event: reads its messages, lets `handle` do the work, and answers which of them
/// stay on the queue. A message that failed for good, or for the last time, goes to the dead
/// letters with its error; where even that fails, the queue's own redrive policy takes it there.
pub(crate) async fn handle_batch<M, H, F>(
    event: Value,
    dead_letters: &DeadLetterQueue,
    handle: H,
) -> Result<Value, FunctionError>
where
    M: DeserializeOwned,
    H: FnOnce(Vec<Received<M>>) -> F,
    F: Future<Output = Outcomes>,
{
    let event: SqsEvent = serde_json::from_value(event)?;
    let mut records = HashMap::with_capacity(event.records.len());
    let mut messages = Vec::with_capacity(event.records.len());
    let mut outcomes = Outcomes::new();
    for record in event.records {
        let id = record.message_id.clone().ok_or("a record has no messageId")?;
        let body = record.body.as_deref().unwrap_or_default();
        match serde_json::from_str(body) {
            Ok(message) => messages.push(Received { id: id.clone(), message }),
            Err(error) => outcomes.push((
                id.clone(),
                Err(HandleError::Permanent(format!("the message can't be read: {error}"))),
            )),
        }
        records.insert(id, record);
    }
    if !messages.is_empty() {
        outcomes.extend(handle(messages).await);
    }
    let mut response = SqsBatchResponse::default();
    for (id, outcome) in outcomes {
        let Some(record) = records.remove(&id) else { continue };
        if let Err(error) = outcome
            && !dead_letters.settle(&record, &error).await
        {
            response.batch_item_failures.push(failure(id));
        }
    }
    // What the handler said nothing of was not handled.
    response.batch_item_failures.extend(records.into_keys().map(failure));
    Ok(serde_json::to_value(response)?)
}

fn failure(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}

/// Runs `work`; a panic in it becomes a transient failure of this one message.
pub(crate) async fn guarded<T>(
    work: impl Future<Output = Result<T, HandleError>>,
) -> Result<T, HandleError> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "without a message".to_owned());
        Err(HandleError::Transient(format!("the handler panicked: {text}")))
    })
}

impl DeadLetterQueue {
    /// Whether the message may leave its queue, because it is kept as a dead letter now.
    async fn settle(&self, record: &SqsMessage, error: &HandleError) -> bool {
        let receives = receives(record);
        let message_id = record.message_id.as_deref().unwrap_or_default();
        match error {
            HandleError::Transient(reason) if receives < self.max_receives => {
                tracing::warn!(message_id, receives, reason, "message failed, it will be retried");
                return false;
            }
            HandleError::Transient(reason) | HandleError::Permanent(reason) => {
                tracing::error!(message_id, receives, reason, "message becomes a dead letter");
            }
        }
        let letter = Outgoing {
            body: record.body.clone().unwrap_or_default(),
            organization: attribute(record, ORGANIZATION).and_then(|text| text.parse().ok()),
            attributes: vec![
                (ERROR, printable(&error.to_string())),
                (ATTEMPTS, receives.to_string()),
                (MESSAGE_ID, message_id.to_owned()),
            ],
            delay_seconds: 0,
        };
        match self.queue.send(vec![letter]).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(message_id, %error, "the dead letter could not be sent");
                false
            }
        }
    }
}

/// How often a message was received, this time included.
pub(crate) fn receives(record: &SqsMessage) -> u32 {
    record
        .attributes
        .get("ApproximateReceiveCount")
        .and_then(|count| count.parse().ok())
        .unwrap_or(1)
}

/// A message attribute's text.
pub(crate) fn attribute(record: &SqsMessage, name: &str) -> Option<String> {
    record.message_attributes.get(name)?.string_value.clone()
}

/// Text that SQS accepts in an attribute: not empty, without control characters, not too long.
fn printable(text: &str) -> String {
    let mut printable: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if printable.len() > MAX_ERROR {
        let mut end = MAX_ERROR;
        while !printable.is_char_boundary(end) {
            end -= 1;
        }
        printable.truncate(end);
    }
    if printable.is_empty() { "unknown".to_owned() } else { printable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_cut_at_a_character_and_never_empty() {
        assert_eq!(printable(""), "unknown");
        assert_eq!(printable("a\nb\u{0}"), "a b ");
        let long = "ä".repeat(MAX_ERROR);
        assert!(printable(&long).len() <= MAX_ERROR);
        assert!(printable(&long).chars().all(|c| c == 'ä'));
    }

    #[tokio::test]
    async fn a_panic_becomes_a_failure_of_its_message() {
        #[expect(clippy::panic, reason = "the panic is what is tested")]
        let outcome: Result<(), _> = guarded(async { panic!("boom") }).await;
        assert!(matches!(outcome, Err(HandleError::Transient(reason)) if reason.contains("boom")));
    }
}
