//! Takes messages from a queue and brings them to a function, as the SQS event source mapping does.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use perennial_runtime::Clock;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::batch_response::{self, Outcome};
use crate::{
    activity::{Activity, Busy},
    clock::MovableClock,
    cloud::{
        Cloud,
        sqs::{MessageAttribute, Received, SqsError, queue_arn},
    },
    invoke::Host,
    template::{QueueSource, REGION},
};

/// Concurrent invocations for one queue, unless the template sets a number.
const CONCURRENCY: usize = 8;
/// Messages that one receive gives at most.
const RECEIVE: usize = 10;
/// The longest that a poller sleeps without looking, and the shortest that it sleeps at all.
const LONGEST_SLEEP: Duration = Duration::from_secs(20);
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

/// Polls one queue for one function.
#[derive(Debug)]
pub struct QueuePoller {
    /// The function's logical id.
    pub function: String,
    /// The mapping, as the template has it.
    pub source: QueueSource,
    /// The queues.
    pub cloud: Arc<Cloud>,
    /// The functions.
    pub host: Arc<Host>,
    /// Where work is counted.
    pub activity: Arc<Activity>,
    /// The stack's clock.
    pub clock: Arc<MovableClock>,
}

impl QueuePoller {
    /// Polls until `stop` turns true; then waits for the batches under way.
    ///
    /// # Errors
    /// When the queue is gone or its file can't be written.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) -> Result<(), SqsError> {
        let limit = self.source.maximum_concurrency.unwrap_or(CONCURRENCY);
        let places = Arc::new(Semaphore::new(limit));
        while !*stop.borrow() {
            let place = tokio::select! {
                place = Arc::clone(&places).acquire_owned() => place,
                _ = stop.changed() => continue,
            };
            let (busy, messages) = tokio::select! {
                batch = self.next_batch() => batch?,
                _ = stop.changed() => continue,
            };
            let poller = Arc::clone(&self);
            tokio::spawn(async move { poller.handle(messages, busy, place.ok()).await });
        }
        let all = u32::try_from(limit).unwrap_or(u32::MAX);
        let _ = places.acquire_many(all).await;
        Ok(())
    }

    /// Waits for messages. The work counts as begun before they are taken.
    async fn next_batch(&self) -> Result<(Busy, Vec<Received>), SqsError> {
        let arrivals = self.cloud.queues.arrivals(&self.source.queue)?;
        let mut moved = self.clock.watch();
        loop {
            let mut arrival = std::pin::pin!(arrivals.notified());
            arrival.as_mut().enable();
            let busy = self.activity.begin();
            let mut messages = self.receive(self.source.batch_size)?;
            if !messages.is_empty() {
                self.fill(&mut messages).await?;
                return Ok((busy, messages));
            }
            drop(busy);
            tokio::select! {
                () = arrival => {}
                () = tokio::time::sleep(self.sleep()) => {}
                _ = moved.changed() => {}
            }
        }
    }

    /// How long nothing can become visible by itself.
    fn sleep(&self) -> Duration {
        if self.clock.is_held() {
            return LONGEST_SLEEP;
        }
        self.cloud
            .queues
            .idle_until()
            .and_then(|at| (at - self.clock.now()).to_std().ok())
            .unwrap_or(LONGEST_SLEEP)
            .clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
    }

    fn receive(&self, most: usize) -> Result<Vec<Received>, SqsError> {
        let mut messages = Vec::new();
        while messages.len() < most {
            let wanted = (most - messages.len()).min(RECEIVE);
            let more = self.cloud.queues.receive(&self.source.queue, wanted, None)?;
            let found = more.len();
            messages.extend(more);
            if found < wanted {
                break;
            }
        }
        Ok(messages)
    }

    /// Waits for a batch to fill, as long as the mapping's window lasts. While the clock is being
    /// moved nothing more comes by itself, so nothing is waited for.
    async fn fill(&self, messages: &mut Vec<Received>) -> Result<(), SqsError> {
        let end = Instant::now() + self.source.window;
        while messages.len() < self.source.batch_size
            && Instant::now() < end
            && !self.clock.is_held()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let more = self.receive(self.source.batch_size - messages.len())?;
            messages.extend(more);
        }
        Ok(())
    }

    async fn handle(
        &self,
        messages: Vec<Received>,
        busy: Busy,
        place: Option<OwnedSemaphorePermit>,
    ) {
        let event = self.event(&messages);
        let answered = self.host.invoke(&self.function, event).await;
        let identifiers: Vec<&str> = messages.iter().map(Received::message_id).collect();
        let failed = match answered {
            // The host has logged it. All stays hidden until its visibility timeout.
            Err(_) => None,
            Ok(_) if !self.source.partial_failures => Some(Vec::new()),
            Ok(answer) => match batch_response::read(&answer, &identifiers) {
                Outcome::Done => Some(Vec::new()),
                Outcome::Failed(failed) => Some(failed),
                Outcome::Unclear(reason) => {
                    tracing::warn!(function = %self.function, reason, "a whole batch failed");
                    None
                }
            },
        };
        if let Some(failed) = failed {
            let done = messages
                .iter()
                .filter(|message| !failed.iter().any(|id| id == message.message_id()))
                .map(|message| (message.message_id().to_owned(), message.receipt_handle.clone()))
                .collect::<Vec<_>>();
            for chunk in done.chunks(RECEIVE) {
                let deleted = self.cloud.queues.delete_batch(&self.source.queue, chunk.to_vec());
                if let Err(error) = deleted {
                    tracing::error!(queue = %self.source.queue, %error, "messages stay in a queue");
                }
            }
        }
        drop(place);
        drop(busy);
    }

    fn event(&self, messages: &[Received]) -> Value {
        let arn = queue_arn(&self.source.queue);
        let records: Vec<Value> = messages
            .iter()
            .map(|message| {
                json!({
                    "messageId": message.message_id(),
                    "receiptHandle": message.receipt_handle,
                    "body": message.body(),
                    "attributes": message.system_attributes(),
                    "messageAttributes": attributes(message.message_attributes()),
                    "md5OfBody": message.md5_of_body(),
                    "eventSource": "aws:sqs",
                    "eventSourceARN": arn,
                    "awsRegion": REGION,
                })
            })
            .collect();
        json!({ "Records": records })
    }
}

/// Message attributes as the event writes them: its names differ from the protocol's.
fn attributes(attributes: &BTreeMap<String, MessageAttribute>) -> Value {
    attributes
        .iter()
        .map(|(name, attribute)| {
            let MessageAttribute { data_type, string_value, binary_value } = attribute;
            let mut value = json!({
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": data_type,
            });
            if let Some(map) = value.as_object_mut() {
                if let Some(text) = string_value {
                    map.insert("stringValue".to_owned(), json!(text));
                }
                if let Some(binary) = binary_value {
                    map.insert("binaryValue".to_owned(), json!(binary));
                }
            }
            (name.clone(), value)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}
