//! Event relay: publishes what the journal says, in its order, and nothing else.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::dynamodb::{Event, EventRecord};
use perennial_domain::journal::Entry;
use perennial_messages::Bus;
use perennial_runtime::{Clock, Environment, Function, FunctionError, Invocation, SettingError};
use perennial_store::entry_in_stream;
use serde_json::{Value, json};

use crate::Aws;

/// The event-relay function.
pub(crate) struct EventRelay {
    bus: Bus,
}

impl EventRelay {
    pub(crate) fn build(
        environment: &Environment,
        aws: &Aws,
        _: &Arc<dyn Clock>,
    ) -> Result<Self, SettingError> {
        let name = environment.require("EVENT_BUS_NAME")?;
        Ok(Self { bus: Bus::new(aws.eventbridge(), name) })
    }
}

#[async_trait]
impl Function for EventRelay {
    async fn invoke(&self, event: Value, _: Invocation) -> Result<Value, FunctionError> {
        let event: Event = serde_json::from_value(event)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(event.records.len());
        let mut sequence_numbers = Vec::with_capacity(event.records.len());
        let mut unreadable = None;
        for record in event.records {
            let sequence_number = record.change.sequence_number.clone().unwrap_or_default();
            match entry_of(record) {
                Ok(Some(entry)) => {
                    entries.push(entry);
                    sequence_numbers.push(sequence_number);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, sequence_number, "a journal entry can't be read");
                    unreadable = Some(sequence_number);
                    break;
                }
            }
        }
        // Everything before the first failure is out; the stream goes on from that record.
        let failed = match self.bus.publish(&entries).await {
            Ok(()) => unreadable,
            Err(error) => {
                tracing::warn!(%error, "events will be published again");
                sequence_numbers.into_iter().nth(error.index)
            }
        };
        let failures: Vec<Value> =
            failed.into_iter().map(|number| json!({"itemIdentifier": number})).collect();
        Ok(json!({"batchItemFailures": failures}))
    }
}

/// The journal entry that a stream record brings: entries arrive once, when they are inserted.
fn entry_of(record: EventRecord) -> Result<Option<Entry>, perennial_store::StoreError> {
    if record.event_name != "INSERT" {
        return Ok(None);
    }
    entry_in_stream(record.change.new_image)
}
