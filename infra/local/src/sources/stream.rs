//! Hands the records of a table's stream to a function, in order, as the DynamoDB event source
//! mapping does: a failed batch is retried, halved if the template says so, and at last given up
//! with a note to the failure queue.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::SecondsFormat;
use perennial_runtime::Clock;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::watch;

use super::{
    Checkpoints,
    batch_response::{self, Outcome},
};
use crate::{
    activity::Activity,
    clock::MovableClock,
    cloud::{
        Cloud,
        dynamodb::{DynamoError, StreamReader},
        sqs::{Outgoing, SqsError},
    },
    invoke::Host,
    template::{StreamSource, arn},
};

/// How long records gather before they are handed on; AWS polls a shard four times a second.
const GATHER: Duration = Duration::from_millis(20);
/// The wait before the first retry; it doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(10);
const LONGEST_RETRY: Duration = Duration::from_millis(50);

/// Why a stream is not read any more.
#[derive(Debug, Error)]
pub enum RelayError {
    /// The stream can't be read.
    #[error("the stream of {table} can't be read: {source}")]
    Stream {
        /// The table.
        table: String,
        /// What happened.
        source: DynamoError,
    },
    /// The checkpoint can't be written.
    #[error("the streams' checkpoints can't be written: {0}")]
    Checkpoint(#[from] std::io::Error),
    /// What was given up can't be noted in the failure queue.
    #[error("the failure queue does not take a note: {0}")]
    Failure(#[from] SqsError),
}

/// Relays one stream to one function.
#[derive(Debug)]
pub struct StreamRelay {
    /// The function's logical id.
    pub function: String,
    /// The mapping, as the template has it.
    pub source: StreamSource,
    /// The stream.
    pub reader: StreamReader,
    /// Where the stream and the failure queue are.
    pub cloud: Arc<Cloud>,
    /// The functions.
    pub host: Arc<Host>,
    /// Where work is counted.
    pub activity: Arc<Activity>,
    /// The stack's clock.
    pub clock: Arc<MovableClock>,
    /// Where progress is kept.
    pub checkpoints: Arc<Checkpoints>,
    /// Whether nobody else reads this stream, so that what was handed on may be forgotten.
    pub sole_reader: bool,
    /// The number of writes, [`drained`](Self::drained), when the stream was last seen empty.
    pub seen_writes: AtomicU64,
}

impl StreamRelay {
    /// Whether every record has been handed on.
    pub fn drained(&self) -> bool {
        self.seen_writes.load(Ordering::SeqCst) == self.cloud.dynamodb.writes()
    }

    fn consumer(&self) -> String {
        format!("{}/{}", self.function, self.source.table)
    }

    /// Relays until `stop` turns true.
    ///
    /// # Errors
    /// [`RelayError`]; the stream is then blocked, as nothing may be passed over.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) -> Result<(), RelayError> {
        let written = self.cloud.dynamodb.written();
        let mut position = self.checkpoints.get(&self.consumer());
        let mut forgettable = None;
        let mut moved = self.clock.watch();
        while !*stop.borrow() {
            let mut growth = std::pin::pin!(written.notified());
            growth.as_mut().enable();
            let writes = self.cloud.dynamodb.writes();
            let busy = self.activity.begin();
            let batch = self
                .reader
                .read(position, self.source.batch_size)
                .map_err(|source| self.unreadable(source))?;
            if let Some(last) = batch.positions.last().copied() {
                let whole = self.hand_on(&self.wanted(batch.records)).await?;
                position = last;
                self.checkpoints.set(&self.consumer(), position)?;
                // The engine numbers records on from the last one it still has, so the last stays.
                // Records that were given up stay too: the note points at them.
                let before_last = batch.positions.iter().rev().nth(1).copied().or(forgettable);
                if let (true, true, Some(place)) = (self.sole_reader, whole, before_last) {
                    self.reader.trim(place).map_err(|source| self.unreadable(source))?;
                }
                forgettable = whole.then_some(position);
                continue;
            }
            self.seen_writes.store(writes, Ordering::SeqCst);
            drop(busy);
            tokio::select! {
                () = growth => {}
                _ = stop.changed() => continue,
            }
            // While the clock is being moved it waits for whoever is at work, and for nobody else.
            tokio::select! {
                () = tokio::time::sleep(GATHER) => {}
                () = self.activity.idle(), if self.clock.is_held() => {}
                _ = moved.changed() => {}
                _ = stop.changed() => {}
            }
        }
        Ok(())
    }

    /// The records that the mapping's filters let through.
    fn wanted(&self, mut records: Vec<Value>) -> Vec<Value> {
        let filters = &self.source.filters;
        records.retain(|record| {
            filters.is_empty() || filters.iter().any(|filter| filter.matches(record))
        });
        records
    }

    fn unreadable(&self, source: DynamoError) -> RelayError {
        RelayError::Stream { table: self.source.table.clone(), source }
    }

    /// Hands a batch on until it is handled or given up. Answers whether all of it was handled.
    async fn hand_on(&self, whole: &[Value]) -> Result<bool, RelayError> {
        if whole.is_empty() {
            return Ok(true);
        }
        let mut all_handled = true;
        // Parts still to do with the attempts already spent on them, the next one last.
        let mut parts = vec![(whole, 0_u32)];
        while let Some((part, attempts)) = parts.pop() {
            let sequence_numbers: Vec<&str> = part.iter().filter_map(sequence_number).collect();
            let event = json!({ "Records": part });
            let left = match self.host.invoke(&self.function, event).await {
                Ok(_) if !self.source.partial_failures => None,
                Ok(answer) => match batch_response::read(&answer, &sequence_numbers) {
                    Outcome::Done => None,
                    Outcome::Failed(failed) => {
                        // All from the first failed record on is tried again.
                        let first = sequence_numbers
                            .iter()
                            .position(|number| failed.iter().any(|failed| failed == number));
                        Some(part.get(first.unwrap_or_default()..).unwrap_or(part))
                    }
                    Outcome::Unclear(reason) => {
                        tracing::warn!(function = %self.function, reason, "a whole batch failed");
                        Some(part)
                    }
                },
                Err(_) => Some(part),
            };
            let Some(left) = left else { continue };
            if self.source.maximum_retries.is_some_and(|most| attempts >= most) {
                self.give_up(left, attempts + 1)?;
                all_handled = false;
                continue;
            }
            let halves =
                left.split_at_checked(left.len() / 2).filter(|(first, _)| !first.is_empty());
            if let (true, Some((first, second))) = (self.source.bisect, halves) {
                parts.push((second, attempts + 1));
                parts.push((first, attempts + 1));
            } else {
                parts.push((left, attempts + 1));
            }
            let doubled = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(attempts));
            tokio::time::sleep(doubled.min(LONGEST_RETRY)).await;
        }
        Ok(all_handled)
    }

    fn give_up(&self, part: &[Value], attempts: u32) -> Result<(), RelayError> {
        let (Some(first), Some(last)) = (part.first(), part.last()) else {
            return Ok(());
        };
        tracing::error!(
            function = %self.function,
            table = %self.source.table,
            records = part.len(),
            from = sequence_number(first),
            to = sequence_number(last),
            "records of a stream were given up"
        );
        let Some(queue) = &self.source.on_failure else { return Ok(()) };
        let now = self.clock.now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let note = json!({
            "requestContext": {
                "requestId": uuid::Uuid::now_v7().to_string(),
                "functionArn": arn("lambda", &format!("function:{}", self.function)),
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": attempts,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "version": "1.0",
            "timestamp": now,
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000000000000000000-local",
                "startSequenceNumber": sequence_number(first),
                "endSequenceNumber": sequence_number(last),
                "approximateArrivalOfFirstRecord": now,
                "approximateArrivalOfLastRecord": now,
                "batchSize": part.len(),
                "streamArn": self.reader.arn(),
            },
        });
        self.cloud.queues.send(queue, Outgoing::text(note.to_string()))?;
        Ok(())
    }
}

fn sequence_number(record: &Value) -> Option<&str> {
    record.pointer("/dynamodb/SequenceNumber")?.as_str()
}
