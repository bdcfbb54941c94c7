//! Changes that come too late for the next run.

use chrono::{DateTime, Utc};

use crate::{subscription::Subscription, time::Occurrence};

/// How many runs ahead it is looked for a time in which changes are possible.
const RUNS_AHEAD: usize = 100;

/// The next run is so near that it is not to be changed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedForChanges {
    /// When the run is due.
    pub run_at: DateTime<Utc>,
    /// The last instant at which it could be changed.
    pub closed_at: DateTime<Utc>,
    /// When changes are possible again: at the run after which there is more time than the cut-off.
    /// `None` where runs are closer together than that.
    pub reopens_at: Option<DateTime<Utc>>,
}

/// Whether a subscription is closed for changes of its next run; `None` while it is open. What rests
/// or has a run due is not closed by its cut-off.
#[must_use]
pub fn closed_for_changes(
    subscription: &Subscription,
    now: DateTime<Utc>,
) -> Option<ClosedForChanges> {
    let next = subscription.next().filter(|next| subscription.status.repeats() && next.at > now)?;
    let closed_at = subscription.cut_off.closes_at(next.at);
    if now <= closed_at {
        return None;
    }
    let schedule = subscription.schedule();
    let runs: Vec<Occurrence> =
        schedule.occurrences_from(next).take(RUNS_AHEAD).map_while(Result::ok).collect();
    let gaps = runs.iter().zip(runs.iter().skip(1));
    let reopens_at = gaps
        .map(|(run, following)| (run.at, subscription.cut_off.closes_at(following.at)))
        .find(|(run_at, closes_at)| run_at < closes_at)
        .map(|(run_at, _)| run_at);
    Some(ClosedForChanges { run_at: next.at, closed_at, reopens_at })
}

#[cfg(test)]
#[path = "cut_off_tests.rs"]
mod tests;
