//! Sending to SQS, in batches.

use aws_sdk_sqs::{
    Client,
    error::DisplayErrorContext,
    types::{MessageAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry},
};
use futures::{StreamExt, stream};
use perennial_domain::ids::OrganizationId;
use serde::Serialize;
use thiserror::Error;

/// The message attribute that names the organization, so that even a message whose body can't be
/// read becomes its dead letter.
pub const ORGANIZATION: &str = "organization";

/// Most entries of one SendMessageBatch call (AWS limit).
const BATCH: usize = 10;
/// The longest that a message can be delayed, in seconds (AWS limit).
pub const LONGEST_DELAY: u16 = 900;
/// Calls in flight at once.
const CONCURRENCY: usize = 8;

/// A queue and the client that reaches it.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

/// One message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The body, JSON.
    pub body: String,
    /// Whose it is; `None` for messages about everyone.
    pub organization: Option<OrganizationId>,
    /// Further message attributes, by name.
    pub attributes: Vec<(&'static str, String)>,
    /// How long it stays hidden, in seconds; at most [`LONGEST_DELAY`].
    pub delay_seconds: u16,
}

impl Outgoing {
    /// A message with `body` as JSON.
    ///
    /// # Errors
    /// When the body can't be serialized.
    pub fn json(
        body: &impl Serialize,
        organization: Option<&OrganizationId>,
    ) -> Result<Self, SendError> {
        Ok(Self {
            body: serde_json::to_string(body).map_err(|e| SendError(e.to_string()))?,
            organization: organization.cloned(),
            attributes: Vec::new(),
            delay_seconds: 0,
        })
    }

    /// The same, to be received after this many seconds.
    #[must_use]
    pub fn after(self, seconds: u16) -> Self {
        Self { delay_seconds: seconds.min(LONGEST_DELAY), ..self }
    }
}

/// Some messages were not accepted. Sending all of them again is safe: every message can be
/// handled twice.
#[derive(Debug, Error)]
#[error("the queue did not accept every message: {0}")]
pub struct SendError(String);

/// A queue did not tell how long it is.
#[derive(Debug, Error)]
#[error("the queue did not tell how many messages wait: {0}")]
pub struct CountError(String);

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// That wait to be received.
    pub waiting: u64,
    /// That somebody has in hand.
    pub in_flight: u64,
    /// That come later.
    pub delayed: u64,
}

impl Queue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Sends messages, ten to a request, several requests at once.
    ///
    /// # Errors
    /// When any message was not accepted; others may have been.
    pub async fn send(&self, messages: Vec<Outgoing>) -> Result<(), SendError> {
        let mut batches: Vec<Vec<Outgoing>> = Vec::with_capacity(messages.len().div_ceil(BATCH));
        for message in messages {
            match batches.last_mut() {
                Some(batch) if batch.len() < BATCH => batch.push(message),
                Some(_) | None => batches.push(vec![message]),
            }
        }
        stream::iter(batches)
            .map(|batch| self.send_batch(batch))
            .buffer_unordered(CONCURRENCY)
            .fold(Ok(()), |sent, result| async { sent.and(result) })
            .await
    }

    /// How many messages wait to be received: about, as SQS counts them. Those that somebody has in
    /// hand and those that are delayed don't wait.
    ///
    /// # Errors
    /// When the queue does not tell.
    pub async fn waiting(&self) -> Result<u64, CountError> {
        let waiting = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(waiting.clone())
            .send()
            .await
            .map_err(|error| CountError(DisplayErrorContext(&error).to_string()))?;
        let told = answer.attributes().and_then(|attributes| attributes.get(&waiting));
        told.and_then(|count| count.parse().ok())
            .ok_or_else(|| CountError(format!("no {waiting} was told")))
    }

    /// How many messages the queue holds: about, as SQS counts them. How old the oldest is, SQS tells
    /// CloudWatch only.
    ///
    /// # Errors
    /// When the queue does not tell.
    pub async fn depth(&self) -> Result<Depth, CountError> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .set_attribute_names(Some(names.to_vec()))
            .send()
            .await
            .map_err(|error| CountError(DisplayErrorContext(&error).to_string()))?;
        let told = |name: &QueueAttributeName| {
            let told = answer.attributes().and_then(|attributes| attributes.get(name));
            told.and_then(|count| count.parse().ok())
                .ok_or_else(|| CountError(format!("no {name} was told")))
        };
        let [waiting, in_flight, delayed] = names;
        Ok(Depth {
            waiting: told(&waiting)?,
            in_flight: told(&in_flight)?,
            delayed: told(&delayed)?,
        })
    }

    async fn send_batch(&self, messages: Vec<Outgoing>) -> Result<(), SendError> {
        let entries = messages
            .into_iter()
            .enumerate()
            .map(|(index, message)| entry(index, message))
            .collect::<Result<Vec<_>, _>>()?;
        let answer = self
            .client
            .send_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| SendError(DisplayErrorContext(&error).to_string()))?;
        match answer.failed.first() {
            Some(failed) => Err(SendError(format!(
                "{} of a batch, the first with {}",
                answer.failed.len(),
                failed.code()
            ))),
            None => Ok(()),
        }
    }
}

fn entry(index: usize, message: Outgoing) -> Result<SendMessageBatchRequestEntry, SendError> {
    let organization =
        message.organization.map(|organization| (ORGANIZATION, organization.to_string()));
    let mut entry =
        SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(message.body);
    if message.delay_seconds > 0 {
        entry = entry.delay_seconds(i32::from(message.delay_seconds));
    }
    for (name, value) in message.attributes.into_iter().chain(organization) {
        let attribute = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value)
            .build()
            .map_err(|error| SendError(error.to_string()))?;
        entry = entry.message_attributes(name, attribute);
    }
    entry.build().map_err(|error| SendError(error.to_string()))
}
