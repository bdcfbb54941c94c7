//! Publishing journal entries on EventBridge.

use aws_sdk_eventbridge::{
    Client, error::DisplayErrorContext, primitives::DateTime, types::PutEventsRequestEntry,
};
use perennial_domain::journal::Entry;
use serde_json::json;
use thiserror::Error;

use crate::EventDetail;

/// The source of every event.
pub const SOURCE: &str = "perennial";

/// Most entries of one PutEvents call (AWS limit).
const BATCH: usize = 10;

/// The event bus and the client that reaches it.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Client,
    name: String,
}

/// Events were not accepted from this one on.
#[derive(Debug, Error)]
#[error("the bus did not accept event {index}: {reason}")]
pub struct PublishError {
    /// The first event that was not accepted.
    pub index: usize,
    /// Why.
    pub reason: String,
}

impl Bus {
    /// The bus of this name.
    #[must_use]
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Publishes entries in order. The detail's `id` is subject and sequence, so that consumers
    /// can drop repeats and put events in order.
    ///
    /// # Errors
    /// When an event was not accepted; those after it may or may not have been.
    pub async fn publish(&self, entries: &[Entry]) -> Result<(), PublishError> {
        for (chunk, entries) in entries.chunks(BATCH).enumerate() {
            let failed = |index: usize, reason: String| PublishError {
                index: chunk * BATCH + index,
                reason,
            };
            let events = entries.iter().map(|entry| self.event(entry)).collect();
            let answer = self
                .client
                .put_events()
                .set_entries(Some(events))
                .send()
                .await
                .map_err(|error| failed(0, DisplayErrorContext(&error).to_string()))?;
            for (index, result) in answer.entries().iter().enumerate() {
                if let Some(code) = result.error_code() {
                    return Err(failed(index, code.to_owned()));
                }
            }
        }
        Ok(())
    }

    fn event(&self, entry: &Entry) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(&entry.event)
            .resources(&entry.subject)
            .time(DateTime::from_secs(entry.at.timestamp()))
            .detail(json!(EventDetail::from(entry)).to_string())
            .build()
    }
}
