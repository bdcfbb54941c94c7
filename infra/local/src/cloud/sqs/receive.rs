//! Receiving: what is visible is hidden for a while and handed out; what was received too often
//! becomes a dead letter instead.

use std::{sync::Arc, time::Duration};

use chrono::DateTime;
use tokio::time::{Instant, timeout_at};

use super::{
    Queues, Received, Redrive, SqsError,
    file::Change,
    queue::{Sequence, millis},
    queue_arn,
    receipt::Receipt,
    state::State,
    usage::EMPTY_RECEIVE,
};

impl Queues {
    /// Receives up to `most` (1 to 10) visible messages, without waiting for any. They stay hidden
    /// for `visibility`, or the queue's own visibility timeout where this is `None`.
    ///
    /// # Errors
    /// When the queue doesn't exist or a parameter is out of range.
    pub fn receive(
        &self,
        queue: &str,
        most: usize,
        visibility: Option<Duration>,
    ) -> Result<Vec<Received>, SqsError> {
        let received = self.take(queue, most, visibility)?;
        self.count_receive(queue, &received);
        Ok(received)
    }

    /// Receives like [`receive`](Self::receive), but waits up to `wait` of real time for a message
    /// to become visible. Counts as one request, however long it waits.
    ///
    /// # Errors
    /// When the queue doesn't exist or a parameter is out of range.
    pub async fn receive_wait(
        &self,
        queue: &str,
        most: usize,
        visibility: Option<Duration>,
        wait: Duration,
    ) -> Result<Vec<Received>, SqsError> {
        let arrivals = self.arrivals(queue)?;
        let deadline = Instant::now() + wait;
        loop {
            let mut arrival = std::pin::pin!(arrivals.notified());
            // From here on, an arrival is not missed.
            arrival.as_mut().enable();
            let received = self.take(queue, most, visibility)?;
            if !received.is_empty() || Instant::now() >= deadline {
                self.count_receive(queue, &received);
                return Ok(received);
            }
            let until = self.next_visible_at(queue)?.map_or(deadline, |at| at.min(deadline));
            // Either way the queue is looked into again.
            let _ = timeout_at(until, arrival).await;
        }
    }

    /// When the next hidden message becomes visible, if the clock is not moved meanwhile.
    fn next_visible_at(&self, queue: &str) -> Result<Option<Instant>, SqsError> {
        let now = self.now();
        let next = self.state().queue(queue)?.next_visible();
        Ok(next.map(|at| {
            let wait = u64::try_from(at.saturating_sub(now)).unwrap_or(0);
            Instant::now() + Duration::from_millis(wait)
        }))
    }

    fn take(
        &self,
        queue: &str,
        most: usize,
        visibility: Option<Duration>,
    ) -> Result<Vec<Received>, SqsError> {
        if !(1..=10).contains(&most) {
            return Err(SqsError::InvalidParameterValue(format!(
                "Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be \
                 between 1 and 10, if provided."
            )));
        }
        if visibility.is_some_and(|timeout| timeout.as_secs() > 43_200) {
            return Err(SqsError::InvalidParameterValue(
                "Value for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and \
                 43200."
                    .to_owned(),
            ));
        }
        let now = self.now();
        let mut state = self.state();
        state.queue_mut(queue)?.wake(now);
        state.drop_expired(queue, now)?;
        state.bury(queue, most, now)?;
        let taken = state.hand_out(queue, most, visibility, now)?;
        let from = state.queue(queue)?;
        if from.has_visible() {
            from.arrivals.notify_one();
        }
        Ok(taken
            .into_iter()
            .filter_map(|sequence| {
                let held = from.get(sequence)?;
                let receipt = Receipt {
                    incarnation: self.incarnation,
                    sequence,
                    receive_count: held.receive_count,
                };
                Some(Received {
                    content: Arc::clone(&held.content),
                    receipt_handle: receipt.handle(),
                    receive_count: held.receive_count,
                    first_received_at: held
                        .first_received_at
                        .and_then(DateTime::from_timestamp_millis)
                        .unwrap_or_default(),
                    dead_letter_source: held.dead_letter_source.as_deref().map(queue_arn),
                })
            })
            .collect())
    }

    fn count_receive(&self, queue: &str, received: &[Received]) {
        let action = if received.is_empty() { EMPTY_RECEIVE } else { "ReceiveMessage" };
        let bytes = received.iter().map(|message| message.content.bytes()).sum();
        self.usage_mut().count(queue, action, received.len(), bytes);
    }
}

impl State {
    /// Moves the messages to the dead-letter queue that would be received next and have been
    /// received as often as they may be.
    fn bury(&mut self, queue: &str, most: usize, now: i64) -> Result<(), SqsError> {
        let from = self.queue(queue)?;
        let Some(Redrive { dead_letter_queue, max_receive_count }) = from.spec.redrive.clone()
        else {
            return Ok(());
        };
        let worn_out: Vec<Sequence> = {
            let mut alive = 0;
            from.visible_in_order()
                .take_while(|sequence| {
                    let worn =
                        from.get(*sequence).is_some_and(|h| h.receive_count >= max_receive_count);
                    alive += usize::from(!worn);
                    alive <= most
                })
                .filter(|sequence| {
                    from.get(*sequence).is_some_and(|h| h.receive_count >= max_receive_count)
                })
                .collect()
        };
        if worn_out.is_empty() {
            return Ok(());
        }
        let moved: Vec<_> = worn_out
            .iter()
            .filter_map(|sequence| {
                let mut held = from.get(*sequence)?.clone();
                held.visible_at = now;
                held.dead_letter_source = Some(queue.to_owned());
                Some((*sequence, held))
            })
            .collect();
        let changes: Vec<_> = moved
            .iter()
            .map(|(sequence, held)| Change::Move {
                sequence: *sequence,
                queue: &dead_letter_queue,
                held,
            })
            .collect();
        self.write(&changes)?;
        for (sequence, held) in moved {
            self.queue_mut(queue)?.remove(sequence);
            self.queue_mut(&dead_letter_queue)?.insert(sequence, held, now);
        }
        Ok(())
    }

    /// Hides the messages that were sent first, and counts this receive.
    fn hand_out(
        &mut self,
        queue: &str,
        most: usize,
        visibility: Option<Duration>,
        now: i64,
    ) -> Result<Vec<Sequence>, SqsError> {
        let Self { queues, file, .. } = self;
        let queue = queues.get_mut(queue).ok_or(SqsError::QueueDoesNotExist)?;
        let taken = queue.oldest_visible(most);
        let visible_at =
            now.saturating_add(millis(visibility.unwrap_or(queue.spec.visibility_timeout)));
        for &sequence in &taken {
            if let Some(held) = queue.get_mut(sequence) {
                held.receive_count = held.receive_count.saturating_add(1);
                held.first_received_at.get_or_insert(now);
            }
            queue.hide_until(sequence, visible_at, now);
        }
        if let Some(file) = file {
            let changes: Vec<_> = taken
                .iter()
                .filter_map(|&sequence| {
                    Some(Change::Touch { sequence, held: queue.get(sequence)? })
                })
                .collect();
            file.write(&changes)?;
        }
        Ok(taken)
    }
}
