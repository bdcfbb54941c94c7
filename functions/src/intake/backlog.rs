//! Overload: more orders come than validation gets through. They are refused at the door, with the
//! time to come back at, before those that were let in have to wait long.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use perennial_messages::Queue;
use perennial_runtime::{Environment, SettingError, telemetry};

use crate::{
    Aws,
    http::error::{ApiError, Code, Outcome, Problem},
    work_queues::WorkQueue,
};

/// Orders that may wait for validation before more are refused, unless set. At the start validation
/// has 50 orders in hand at once (five pollers, batches of ten), some hundreds a second: this many
/// wait a second or two.
const LIMIT: u64 = 500;
/// How long a count is taken for true. One request a second and instance asks for it.
const FRESH: Duration = Duration::from_secs(1);
/// How long an old count still lets nobody in or keeps nobody out without asking again.
const STALE: Duration = Duration::from_secs(5);
/// The longest that a client is asked to stay away, in seconds.
const LONGEST_WAIT: u64 = 30;

/// How many orders wait for validation, as last seen.
#[derive(Debug)]
pub(crate) struct Backlog {
    queue: Queue,
    limit: u64,
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Instant,
    waiting: u64,
}

impl Backlog {
    /// The backlog of the validation queue; `INTAKE_BACKLOG_LIMIT` orders may wait in it.
    pub(crate) fn from_environment(
        environment: &Environment,
        aws: &Aws,
    ) -> Result<Self, SettingError> {
        Ok(Self {
            queue: WorkQueue::Validation.open(environment, aws)?,
            limit: environment.parse_or("INTAKE_BACKLOG_LIMIT", "number of orders", LIMIT)?,
            seen: Mutex::new(None),
        })
    }

    /// Lets one more order in to be placed, or refuses it while too many wait.
    ///
    /// Whoever would be refused by an old count is let the queue be asked again first, so that the
    /// door opens as soon as the queue is short. Nobody else waits for the queue: see
    /// [`Self::look`].
    ///
    /// # Errors
    /// [`Code::Overloaded`] (429) with `Retry-After`.
    pub(crate) async fn admit(&self) -> Outcome<()> {
        let crowded = |seen: &Seen| seen.waiting > self.limit;
        let Some(seen) = self.last().filter(crowded) else { return Ok(()) };
        if seen.at.elapsed() > FRESH {
            self.ask().await;
        }
        let Some(seen) = self.last().filter(crowded) else { return Ok(()) };
        if seen.at.elapsed() > STALE {
            // The queue can't be asked: what was seen long ago is no reason.
            return Ok(());
        }
        metrics::counter!(telemetry::ORDERS_SHED).increment(1);
        Err(self.refusal(seen.waiting))
    }

    /// Looks again how many wait, unless that was done a moment ago. Goes on beside the sending of
    /// an order's message, which takes as long.
    pub(crate) async fn look(&self) {
        if self.last().is_none_or(|seen| seen.at.elapsed() > FRESH) {
            self.ask().await;
        }
    }

    /// A failure leaves what was seen before: to count is no reason to refuse orders.
    async fn ask(&self) {
        match self.queue.waiting().await {
            Ok(waiting) => {
                let seen = Seen { at: Instant::now(), waiting };
                *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
            }
            Err(error) => tracing::warn!(%error, "the backlog of validation is not known"),
        }
    }

    fn last(&self) -> Option<Seen> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refusal(&self, waiting: u64) -> ApiError {
        let limit = self.limit;
        let seconds = retry_after(waiting, limit);
        let detail = format!(
            "{waiting} orders wait to be placed, at most {limit} may; nothing was changed: send the \
             same request again in {seconds} s"
        );
        let problem = Problem::new(Code::Overloaded, detail);
        let mut error = ApiError::from(problem.with("value", waiting).with("maximum", limit));
        error.headers.push(("retry-after", seconds.to_string()));
        error
    }
}

/// A second for each limit's worth of orders that wait.
fn retry_after(waiting: u64, limit: u64) -> u64 {
    waiting.div_ceil(limit.max(1)).clamp(1, LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::retry_after;

    #[test]
    fn clients_stay_away_a_second_for_each_limit_that_waits() {
        for (waiting, limit, seconds) in
            [(1, 0, 1), (501, 500, 2), (1_000, 500, 2), (1_001, 500, 3), (1_000_000, 500, 30)]
        {
            assert_eq!(retry_after(waiting, limit), seconds, "{waiting} over {limit}");
        }
    }
}
