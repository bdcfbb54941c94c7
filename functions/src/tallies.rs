//! Tallies of sources: how many messages came from each, what became of them, and how late they were.
//! Channels are counted at once; the plain API, where each write would cost every order, is counted in
//! memory and written every few seconds: what an instance has not written when it is stopped is lost.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::ids::OrganizationId;
use perennial_store::{Store, Tally};

use crate::http::error::ApiError;

/// How long the plain API counts in memory.
const EVERY: TimeDelta = TimeDelta::seconds(10);
/// Most organizations that are counted in memory at once; more are written at once.
const MOST: usize = 1_000;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It became an order.
    Accepted,
    /// It changed an order.
    Updated,
    /// It said what was known.
    Repeated,
}

/// The tally of one message.
pub(crate) fn tally_of(
    fate: Result<Fate, &ApiError>,
    occurred_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Tally {
    let mut tally = Tally { last_at: Some(now), ..Tally::default() };
    match fate {
        Ok(Fate::Accepted) => tally.accepted = 1,
        Ok(Fate::Updated) => tally.updated = 1,
        Ok(Fate::Repeated) => tally.repeated = 1,
        Err(error) if error.status() == 429 || error.status() >= 500 => tally.failed = 1,
        Err(_) => tally.rejected = 1,
    }
    match fate {
        Ok(_) => tally.last_accepted_at = Some(now),
        Err(error) => {
            tally.last_rejected_at = Some(now);
            tally.last_problem = error.problems.first().map(|problem| problem.detail.clone());
        }
    }
    if let Some(at) = occurred_at {
        tally.dated = 1;
        tally.lag_ms = u64::try_from((now - at).num_milliseconds()).unwrap_or_default();
    }
    tally
}

/// Counts of this instance that are not written yet.
#[derive(Debug)]
pub(crate) struct Tallies {
    every: TimeDelta,
    waiting: Mutex<HashMap<OrganizationId, (Tally, DateTime<Utc>)>>,
}

impl Tallies {
    /// Writes every message at once.
    pub(crate) fn at_once() -> Self {
        Self { every: TimeDelta::zero(), waiting: Mutex::default() }
    }

    /// Writes every few seconds.
    pub(crate) fn in_memory() -> Self {
        Self { every: EVERY, ..Self::at_once() }
    }

    /// Counts a message of a source; all that one instance counts in memory is of one source. The
    /// answer doesn't depend on it: what can't be written is logged and lost.
    pub(crate) async fn count(
        &self,
        store: &Store,
        organization: &OrganizationId,
        source: &str,
        tally: Tally,
        now: DateTime<Utc>,
    ) {
        let Some(tally) = self.due(organization, tally, now) else { return };
        let shard = uuid::Uuid::new_v4().as_bytes().first().copied().unwrap_or_default();
        let added = store.add_to_tally(organization, source, shard.into(), now, &tally).await;
        if let Err(error) = added {
            tracing::warn!(%error, source, "messages are missing from the tally of their source");
        }
    }

    /// What is to be written now: all that was counted since the last time, where that is long ago.
    fn due(&self, organization: &OrganizationId, more: Tally, now: DateTime<Utc>) -> Option<Tally> {
        if self.every.is_zero() {
            return Some(more);
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST && !waiting.contains_key(organization) {
            return Some(more);
        }
        let (tally, written) = waiting
            .entry(organization.clone())
            .or_insert_with(|| (Tally::default(), now - self.every));
        *tally = std::mem::take(tally).and(&more);
        if now - *written < self.every && now >= *written {
            return None;
        }
        *written = now;
        Some(std::mem::take(tally))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn the_first_message_is_written_and_the_next_ones_together() {
        let organization: OrganizationId = "acme".parse().unwrap();
        let tallies = Tallies::in_memory();
        let start: DateTime<Utc> = "2027-01-01T00:00:00Z".parse().unwrap();
        let written: Vec<Option<u64>> = [0, 1, 9, 10, 11, 40]
            .into_iter()
            .map(|second| {
                let now = start + TimeDelta::seconds(second);
                let tally = tally_of(Ok(Fate::Accepted), None, now);
                tallies.due(&organization, tally, now).map(|tally| tally.accepted)
            })
            .collect();
        assert_eq!(written, [Some(1), None, None, Some(3), None, Some(2)]);
    }

    #[test]
    fn lag_is_counted_from_the_senders_time_and_never_below_zero() {
        let now: DateTime<Utc> = "2027-01-01T00:00:10Z".parse().unwrap();
        for (occurred, lag_ms) in [("2027-01-01T00:00:00Z", 10_000), ("2027-01-01T00:01:00Z", 0)] {
            let tally = tally_of(Ok(Fate::Repeated), occurred.parse().ok(), now);
            assert_eq!((tally.dated, tally.lag_ms, tally.repeated), (1, lag_ms, 1));
        }
    }
}
