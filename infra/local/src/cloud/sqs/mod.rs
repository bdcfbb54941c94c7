//! SQS: standard queues in this process, written through to a SQLite file.
//!
//! Memory holds the working copy; the file is written before a call answers, one transaction per
//! call, so a message whose send was answered survives `kill -9`. What was in flight then is
//! visible at once after the restart. All times come from the stack's clock: after moving it,
//! call [`Queues::clock_moved`].

mod batch;
mod error;
mod file;
mod message;
mod move_task;
mod queue;
mod receipt;
mod receive;
mod spec;
mod state;
#[cfg(test)]
mod tests;
mod usage;
pub(super) mod wire;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use perennial_runtime::Clock;
use tokio::sync::Notify;
use uuid::Uuid;

pub use batch::BatchOutcome;
pub use error::SqsError;
pub use message::{
    MAX_MESSAGE_BYTES, MessageAttribute, MessageAttributes, Outgoing, Received, Sent,
    md5_of_attributes,
};
pub use move_task::{MoveStatus, MoveTask};
pub use queue::Counts;
pub use spec::{QueueSpec, Redrive, queue_arn, queue_name};
pub use usage::{ActionUsage, Usage};

use batch::check_batch;
use file::{Change, QueueFile};
use message::Content;
use queue::{Held, Queue, millis};
use receipt::Receipt;
use state::State;

/// All queues of the stack.
#[derive(Debug)]
pub struct Queues {
    state: Mutex<State>,
    usage: Mutex<Usage>,
    clock: Arc<dyn Clock>,
    endpoint: String,
    incarnation: u32,
}

impl Queues {
    /// Opens the queues kept in `queues.sqlite` of the data directory, or empty ones in memory.
    /// `endpoint` is the beginning of queue URLs, such as `http://127.0.0.1:3000`.
    ///
    /// # Errors
    /// When the file can't be opened or read.
    pub fn open(
        data: Option<&Path>,
        clock: Arc<dyn Clock>,
        endpoint: impl Into<String>,
    ) -> Result<Self, SqsError> {
        let mut state = State::default();
        if let Some(directory) = data {
            let file = QueueFile::open(&directory.join("queues.sqlite"))?;
            (state.queues, state.last_sequence) = file.load(clock.now().timestamp_millis())?;
            state.file = Some(file);
        }
        // The low bits of a UUID v7 are random.
        let [.., a, b, c, d] = *Uuid::now_v7().as_bytes();
        Ok(Self {
            state: Mutex::new(state),
            usage: Mutex::default(),
            clock,
            endpoint: endpoint.into().trim_end_matches('/').to_owned(),
            incarnation: u32::from_be_bytes([a, b, c, d]),
        })
    }

    /// Makes a queue. One that exists with the same settings is left as it is.
    ///
    /// # Errors
    /// When a setting is out of range, the dead-letter queue doesn't exist, or a queue of this
    /// name exists with other settings.
    pub fn create_queue(&self, spec: QueueSpec) -> Result<(), SqsError> {
        spec.check()?;
        let now = self.now();
        let mut state = self.state();
        if let Some(existing) = state.queues.get(&spec.name) {
            return existing
                .spec
                .difference(&spec)
                .map_or(Ok(()), |attribute| Err(SqsError::QueueNameExists(attribute)));
        }
        state.put_queue(spec, now)
    }

    /// Makes a queue, or gives an existing one these settings and keeps its messages.
    ///
    /// # Errors
    /// When a setting is out of range or the dead-letter queue doesn't exist.
    pub fn ensure_queue(&self, spec: QueueSpec) -> Result<(), SqsError> {
        spec.check()?;
        self.state().put_queue(spec, self.now())
    }

    /// The names of all queues that begin with `prefix`, in order.
    #[must_use]
    pub fn list_queues(&self, prefix: &str) -> Vec<String> {
        self.state().queues.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    /// The URL of a queue.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn get_queue_url(&self, name: &str) -> Result<String, SqsError> {
        self.state().queue(name)?;
        Ok(self.queue_url(name))
    }

    /// The URL that a queue of this name has.
    #[must_use]
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.endpoint, super::ACCOUNT)
    }

    /// The settings of a queue.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn spec(&self, queue: &str) -> Result<QueueSpec, SqsError> {
        Ok(self.state().queue(queue)?.spec.clone())
    }

    /// All attributes of a queue, by SQS's names for them.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn attributes(&self, queue: &str) -> Result<BTreeMap<&'static str, String>, SqsError> {
        let counts = self.pending(queue)?;
        let state = self.state();
        let queue = state.queue(queue)?;
        let QueueSpec { name: _, visibility_timeout, delay, retention, redrive } = &queue.spec;
        let created = (queue.created_at / 1000).to_string();
        let mut attributes = BTreeMap::from([
            ("QueueArn", queue.spec.arn()),
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
            ("CreatedTimestamp", created.clone()),
            ("LastModifiedTimestamp", created),
            ("VisibilityTimeout", visibility_timeout.as_secs().to_string()),
            ("DelaySeconds", delay.as_secs().to_string()),
            ("MessageRetentionPeriod", retention.as_secs().to_string()),
            ("MaximumMessageSize", MAX_MESSAGE_BYTES.to_string()),
            ("ReceiveMessageWaitTimeSeconds", "0".to_owned()),
            ("SqsManagedSseEnabled", "true".to_owned()),
        ]);
        if let Some(Redrive { dead_letter_queue, max_receive_count }) = redrive {
            let policy = serde_json::json!({
                "deadLetterTargetArn": queue_arn(dead_letter_queue),
                "maxReceiveCount": max_receive_count,
            });
            attributes.insert("RedrivePolicy", policy.to_string());
        }
        Ok(attributes)
    }

    /// Sends one message. It is in the file once this answers.
    ///
    /// # Errors
    /// When the queue doesn't exist or the message is not acceptable.
    pub fn send(&self, queue: &str, message: Outgoing) -> Result<Sent, SqsError> {
        message.check()?;
        let bytes = message.bytes();
        let sent = self.send_checked(queue, vec![message])?;
        self.usage_mut().count(queue, "SendMessage", 1, bytes);
        sent.into_iter().next().ok_or(SqsError::QueueDoesNotExist)
    }

    /// Sends up to ten messages under ids that the caller chose. Messages that are not acceptable
    /// fail by themselves; the others are in the file, all of them, once this answers.
    ///
    /// # Errors
    /// When the queue doesn't exist, or the batch as a whole is not acceptable.
    pub fn send_batch(
        &self,
        queue: &str,
        entries: Vec<(String, Outgoing)>,
    ) -> Result<BatchOutcome<Sent>, SqsError> {
        check_batch("SendMessageBatchRequestEntry", entries.iter().map(|(id, _)| id.as_str()))?;
        let bytes = entries.iter().map(|(_, message)| message.bytes()).sum();
        if bytes > MAX_MESSAGE_BYTES {
            return Err(SqsError::BatchRequestTooLong(bytes));
        }
        let mut accepted = Vec::new();
        let mut messages = Vec::new();
        let mut outcome = BatchOutcome { successful: Vec::new(), failed: Vec::new() };
        for (id, message) in entries {
            match message.check() {
                Ok(()) => {
                    accepted.push(id);
                    messages.push(message);
                }
                Err(error) => outcome.failed.push((id, error)),
            }
        }
        let sent = self.send_checked(queue, messages)?;
        outcome.successful = accepted.into_iter().zip(sent).collect();
        self.usage_mut().count(queue, "SendMessageBatch", outcome.successful.len(), bytes);
        Ok(outcome)
    }

    fn send_checked(&self, queue: &str, messages: Vec<Outgoing>) -> Result<Vec<Sent>, SqsError> {
        let now = self.now();
        // The digests are computed before the lock is taken.
        let contents: Vec<_> = messages
            .into_iter()
            .map(|Outgoing { body, attributes, delay }| {
                let id = Uuid::now_v7().to_string();
                (Content::new(id, body, attributes, now), delay)
            })
            .collect();
        let sent = contents
            .iter()
            .map(|(content, _)| Sent {
                message_id: content.message_id.clone(),
                md5_of_body: content.md5_of_body.clone(),
                md5_of_attributes: md5_of_attributes(&content.attributes),
            })
            .collect();
        let mut state = self.state();
        let default_delay = state.queue(queue)?.spec.delay;
        let added: Vec<_> = contents
            .into_iter()
            .map(|(content, delay)| {
                let visible_at = now.saturating_add(millis(delay.unwrap_or(default_delay)));
                (state.next_sequence(), Held::fresh(content, visible_at))
            })
            .collect();
        let changes: Vec<_> = added
            .iter()
            .map(|(sequence, held)| Change::Add { queue, sequence: *sequence, held })
            .collect();
        state.write(&changes)?;
        let queue = state.queue_mut(queue)?;
        for (sequence, held) in added {
            queue.insert(sequence, held, now);
        }
        Ok(sent)
    }

    /// Deletes a received message. A stale handle (the message was received again since, or is
    /// gone) deletes nothing and is no error, as in SQS.
    ///
    /// # Errors
    /// When the queue doesn't exist or the handle is none.
    pub fn delete(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError> {
        self.usage_mut().count(queue, "DeleteMessage", 1, 0);
        let mut state = self.state();
        state.queue(queue)?;
        let receipt = Receipt::parse(receipt_handle)?;
        state.delete(queue, &[receipt], self.incarnation)
    }

    /// Deletes up to ten received messages.
    ///
    /// # Errors
    /// When the queue doesn't exist, or the batch as a whole is not acceptable.
    pub fn delete_batch(
        &self,
        queue: &str,
        entries: Vec<(String, String)>,
    ) -> Result<BatchOutcome<()>, SqsError> {
        check_batch("DeleteMessageBatchRequestEntry", entries.iter().map(|(id, _)| id.as_str()))?;
        self.usage_mut().count(queue, "DeleteMessageBatch", entries.len(), 0);
        let mut receipts = Vec::new();
        let outcomes = entries
            .into_iter()
            .map(|(id, handle)| (id, Receipt::parse(&handle).map(|receipt| receipts.push(receipt))))
            .collect();
        let mut state = self.state();
        state.queue(queue)?;
        state.delete(queue, &receipts, self.incarnation)?;
        Ok(BatchOutcome::sort(outcomes))
    }

    /// Hides a message in flight for `timeout` from now; zero shows it at once.
    ///
    /// # Errors
    /// When the queue doesn't exist, the handle is none or stale, or the timeout is over 12 h.
    pub fn change_visibility(
        &self,
        queue: &str,
        receipt_handle: &str,
        timeout: Duration,
    ) -> Result<(), SqsError> {
        self.usage_mut().count(queue, "ChangeMessageVisibility", 1, 0);
        self.change_one_visibility(queue, receipt_handle, timeout)
    }

    /// Hides up to ten messages in flight, each for its own time from now.
    ///
    /// # Errors
    /// When the queue doesn't exist, or the batch as a whole is not acceptable.
    pub fn change_visibility_batch(
        &self,
        queue: &str,
        entries: Vec<(String, String, Duration)>,
    ) -> Result<BatchOutcome<()>, SqsError> {
        let kind = "ChangeMessageVisibilityBatchRequestEntry";
        check_batch(kind, entries.iter().map(|(id, _, _)| id.as_str()))?;
        self.usage_mut().count(queue, "ChangeMessageVisibilityBatch", entries.len(), 0);
        self.state().queue(queue)?;
        let change = |(id, handle, timeout): (String, String, Duration)| {
            let outcome = self.change_one_visibility(queue, &handle, timeout);
            (id, outcome)
        };
        Ok(BatchOutcome::sort(entries.into_iter().map(change).collect()))
    }

    fn change_one_visibility(
        &self,
        queue: &str,
        receipt_handle: &str,
        timeout: Duration,
    ) -> Result<(), SqsError> {
        if timeout.as_secs() > 43_200 {
            return Err(SqsError::InvalidParameterValue(format!(
                "Value {} for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout \
                 must be an integer between 0 and 43200.",
                timeout.as_secs()
            )));
        }
        let now = self.now();
        let mut state = self.state();
        state.queue_mut(queue)?.wake(now);
        let receipt = Receipt::parse(receipt_handle)?;
        state.change_visibility(queue, receipt, self.incarnation, timeout, now)
    }

    /// Deletes all messages of a queue.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`], or when the file can't be written.
    pub fn purge(&self, queue: &str) -> Result<(), SqsError> {
        let mut state = self.state();
        state.queue(queue)?;
        if let Some(file) = &state.file {
            file.purge(queue)?;
        }
        let queue = state.queue_mut(queue)?;
        for sequence in queue.sequences() {
            queue.remove(sequence);
        }
        Ok(())
    }

    /// How many messages a queue holds now, by state.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn pending(&self, queue: &str) -> Result<Counts, SqsError> {
        let now = self.now();
        let mut state = self.state();
        state.drop_expired(queue, now)?;
        let queue = state.queue_mut(queue)?;
        queue.wake(now);
        Ok(queue.counts())
    }

    /// When the next message in flight or delayed, in any queue, becomes visible: until then
    /// nothing happens here by itself. `None` when nothing waits. An instant that has passed means
    /// that a message is visible already.
    #[must_use]
    pub fn idle_until(&self) -> Option<DateTime<Utc>> {
        let state = self.state();
        let next = state.queues.values().filter_map(Queue::next_visible).min()?;
        DateTime::from_timestamp_millis(next)
    }

    /// What tells that messages may have become visible in a queue. Ask for it before looking
    /// into the queue, then wait for it: a message that arrives in between is not missed.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn arrivals(&self, queue: &str) -> Result<Arc<Notify>, SqsError> {
        Ok(Arc::clone(&self.state().queue(queue)?.arrivals))
    }

    /// Tells all who wait for messages that the clock has been moved.
    pub fn clock_moved(&self) {
        for queue in self.state().queues.values() {
            queue.arrivals.notify_waiters();
            queue.arrivals.notify_one();
        }
    }

    /// What was asked of the queues since the last reset.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage_mut().clone()
    }

    /// What was asked of the queues since the last reset; counting begins anew.
    #[must_use]
    pub fn take_usage(&self) -> Usage {
        std::mem::take(&mut *self.usage_mut())
    }

    fn now(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }

    // A panic while the lock is held can't leave the maps in a state worth stopping for.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usage_mut(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
