//! Moves the clock from instant to instant, to wherever something happens next, and lets the stack
//! come to rest at each before it goes on.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use perennial_runtime::Clock;
use serde::Serialize;
use thiserror::Error;
use tokio::sync::Mutex;

use super::{
    due::{DueIndex, Tried},
    movable::{ClockError, MOST_YEARS, MovableClock},
};
use crate::{
    activity::Activity,
    cloud::{Cloud, dynamodb::DynamoError},
    invoke::Host,
    sources::{Firing, Schedules, StreamRelay},
};

/// How long one instant may keep the stack busy.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where the clock is to be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To an instant.
    Instant(DateTime<Utc>),
    /// By an ISO 8601 duration from where it stands.
    Duration(String),
}

/// Why the clock did not arrive.
#[derive(Debug, Error)]
pub enum AdvanceError {
    /// The clock can't be moved so.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The duration can't be understood.
    #[error("{0}")]
    Duration(String),
    /// The due index can't be read.
    #[error("the due index can't be read: {0}")]
    DueIndex(#[from] DynamoError),
    /// The stack does not come to rest.
    #[error("the stack did not come to rest at {at} within ten minutes: {busy}")]
    Restless {
        /// Where the clock stands.
        at: DateTime<Utc>,
        /// What is still to be done.
        busy: String,
    },
}

/// What happened while the clock was moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Where the clock stood.
    pub from: DateTime<Utc>,
    /// Where it stands now.
    pub to: DateTime<Utc>,
    /// Firings of schedules that were run.
    pub firings_run: i64,
    /// Firings that were left out because they would have found nothing due.
    pub firings_skipped: i64,
    /// Invocations by function.
    pub invocations: BTreeMap<String, u64>,
    /// Invocations that failed, by function; functions without any are left out.
    pub failures: BTreeMap<String, u64>,
    /// Messages sent to queues.
    pub messages: u64,
    /// Events published, by detail-type.
    pub events: BTreeMap<String, u64>,
    /// Items whose time to live ran out.
    pub items_expired: usize,
    /// Real time that it took, in milliseconds.
    pub took_ms: u64,
}

/// Moves the clock of one stack.
#[derive(Debug)]
pub struct Advance {
    /// The clock.
    pub clock: Arc<MovableClock>,
    /// Tables, queues and buses.
    pub cloud: Arc<Cloud>,
    /// The functions.
    pub host: Arc<Host>,
    /// Where work is counted.
    pub activity: Arc<Activity>,
    /// What fires.
    pub schedules: Arc<Schedules>,
    /// For each schedule the index that tells whether firing it has an effect.
    pub due: Vec<Option<DueIndex>>,
    /// The relays whose streams must be drained.
    pub relays: Vec<Arc<StreamRelay>>,
    /// The queues that functions consume.
    pub queues: Vec<String>,
    /// One move at a time.
    pub turn: Mutex<()>,
}

/// The next instant at which something happens, and the schedules that fire then.
#[derive(Debug)]
struct Next {
    at: DateTime<Utc>,
    firings: Vec<usize>,
}

impl Advance {
    /// Moves the clock. Everything that happens on the way has happened when this
    /// answers. Where it fails, the clock stays at the instant that it reached.
    ///
    /// # Errors
    /// [`AdvanceError`].
    pub async fn to(&self, target: &Target) -> Result<Summary, AdvanceError> {
        let _turn = self.turn.lock().await;
        let from = self.clock.hold();
        let target = match target {
            Target::Instant(instant) => Ok(*instant),
            Target::Duration(text) => {
                super::duration::after(from, text).map_err(AdvanceError::Duration)
            }
        };
        let outcome = match target {
            Ok(target) => self.held(from, target).await,
            Err(error) => Err(error),
        };
        self.clock.release()?;
        self.cloud.queues.clock_moved();
        outcome
    }

    /// Waits until the stack is at rest, where the clock runs. `false` when that takes longer than
    /// `patience`.
    pub async fn settle(&self, patience: Duration) -> bool {
        self.activity.rest(patience, || self.is_pending()).await
    }

    async fn held(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Summary, AdvanceError> {
        let begun = Instant::now();
        if to < from {
            return Err(ClockError::Backwards { now: from, to }.into());
        }
        if to - from > TimeDelta::days(365 * MOST_YEARS) {
            return Err(ClockError::TooFar { now: from, to }.into());
        }
        let before = self.tally();
        let mut events = self.cloud.buses.subscribe();
        let mut by_type = BTreeMap::new();
        let mut firings_run = 0;
        let mut tried: Vec<Option<Tried>> = self.due.iter().map(|_| None).collect();
        let first = self.schedules.fired_until();
        self.rest().await?;
        while let Some(next) = self.next(&tried)?.filter(|next| next.at <= to) {
            self.move_to(next.at.max(self.clock.now()))?;
            for (schedule, (due, tried)) in self.due.iter().zip(&mut tried).enumerate() {
                if next.firings.contains(&schedule) {
                    firings_run += 1;
                    *tried = due.as_ref().map(|due| due.meet(next.at)).transpose()?;
                    // A failure is logged and counted by the host; the next firing is the retry.
                    let _ = self.schedules.fire(&Firing { at: next.at, schedule }).await;
                }
            }
            self.schedules.pass(next.at);
            self.rest().await?;
            while let Ok(event) = events.try_recv() {
                *by_type.entry(event.detail_type.clone()).or_insert(0) += 1;
            }
        }
        self.move_to(to)?;
        self.schedules.pass(to);
        let items_expired = self.cloud.dynamodb.sweep_ttl()?;
        self.rest().await?;
        while let Ok(event) = events.try_recv() {
            *by_type.entry(event.detail_type.clone()).or_insert(0) += 1;
        }
        let after = self.tally();
        Ok(Summary {
            from,
            to,
            firings_run,
            firings_skipped: self.schedules.count(first, to).saturating_sub(firings_run),
            invocations: difference(&before.invocations, &after.invocations),
            failures: difference(&before.failures, &after.failures),
            messages: after.messages.saturating_sub(before.messages),
            events: by_type,
            items_expired,
            took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn move_to(&self, instant: DateTime<Utc>) -> Result<(), ClockError> {
        self.clock.jump(instant)?;
        self.cloud.queues.clock_moved();
        Ok(())
    }

    async fn rest(&self) -> Result<(), AdvanceError> {
        if self.activity.rest(PATIENCE, || self.is_pending()).await {
            return Ok(());
        }
        let visible = self.queues.iter().filter(|queue| self.has_visible(queue));
        let streams = self.relays.iter().filter(|relay| !relay.drained());
        let busy: Vec<String> = visible
            .map(|queue| format!("queue {queue} has messages"))
            .chain(streams.map(|relay| format!("stream of {} is behind", relay.source.table)))
            .collect();
        Err(AdvanceError::Restless { at: self.clock.now(), busy: busy.join(", ") })
    }

    fn is_pending(&self) -> bool {
        self.queues.iter().any(|queue| self.has_visible(queue))
            || self.relays.iter().any(|relay| !relay.drained())
    }

    fn has_visible(&self, queue: &str) -> bool {
        self.cloud.queues.pending(queue).is_ok_and(|counts| counts.visible > 0)
    }

    /// What happens next by itself.
    fn next(&self, tried: &[Option<Tried>]) -> Result<Option<Next>, AdvanceError> {
        let messages = self
            .queues
            .iter()
            .filter_map(|queue| self.cloud.queues.pending(queue).ok()?.next_visible)
            .min();
        let fired = self.schedules.fired_until();
        let mut firings = Vec::with_capacity(self.due.len());
        for (schedule, (due, tried)) in self.due.iter().zip(tried).enumerate() {
            firings.push(match due {
                None => self.schedules.next(schedule, fired),
                Some(index) => self.next_effective(schedule, index, tried.as_ref())?,
            });
        }
        let at = firings.iter().flatten().copied().chain(messages).min();
        Ok(at.map(|at| {
            let fires =
                |(schedule, firing): (usize, &Option<_>)| (*firing == Some(at)).then_some(schedule);
            Next { at, firings: firings.iter().enumerate().filter_map(fires).collect() }
        }))
    }

    /// The next firing that finds something in the due index.
    fn next_effective(
        &self,
        schedule: usize,
        index: &DueIndex,
        tried: Option<&Tried>,
    ) -> Result<Option<DateTime<Utc>>, AdvanceError> {
        let fired = self.schedules.fired_until();
        let state = index.look(fired, tried)?;
        let fresh = state.to_come.and_then(|due| self.schedules.at_or_after(schedule, due));
        let free = state.free_from.and_then(|free| {
            if free > fired {
                self.schedules.at_or_after(schedule, free)
            } else {
                self.schedules.next(schedule, fired)
            }
        });
        Ok(fresh.into_iter().chain(free).min())
    }

    fn tally(&self) -> Tally {
        let stats = self.host.stats();
        let actions = self.cloud.queues.usage().actions();
        Tally {
            invocations: stats.iter().map(|(name, s)| (name.clone(), s.invocations)).collect(),
            failures: stats.iter().map(|(name, s)| (name.clone(), s.errors)).collect(),
            messages: ["SendMessage", "SendMessageBatch"]
                .iter()
                .filter_map(|action| actions.get(*action))
                .map(|usage| usage.messages)
                .sum(),
        }
    }
}

#[derive(Debug)]
struct Tally {
    invocations: BTreeMap<String, u64>,
    failures: BTreeMap<String, u64>,
    messages: u64,
}

fn difference(
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    after
        .iter()
        .map(|(name, after)| {
            (name.clone(), after.saturating_sub(before.get(name).copied().unwrap_or(0)))
        })
        .filter(|(_, count)| *count > 0)
        .collect()
}
