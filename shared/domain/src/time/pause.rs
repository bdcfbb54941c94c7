//! A rest, with or without a date on which it ends.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Occurrence, OccurrenceNumber, Schedule, ScheduleError, SkippedOccurrences, Slot};

/// A pause. Nothing runs while it lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pause {
    /// When it ends by itself; without it, when somebody ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumes_at: Option<DateTime<Utc>>,
}

/// How a schedule goes on after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumption {
    /// The numbers that were due during the pause: they are not caught up on.
    pub passed: Option<SkippedOccurrences>,
    /// The first occurrence at or after the resumption; `None` when the schedule has come to its
    /// end.
    pub next: Option<Occurrence>,
}

impl Pause {
    /// Whether the pause has ended by itself.
    #[must_use]
    pub fn is_over(self, now: DateTime<Utc>) -> bool {
        self.resumes_at.is_some_and(|resumes_at| resumes_at <= now)
    }
}

/// Goes on with a schedule at an instant: dates and numbers are those that they would have been
/// without the pause. `next` is the earliest occurrence that neither ran nor was skipped.
///
/// # Errors
///
/// [`ScheduleError`] when the dates cannot be computed.
pub fn resume(
    schedule: &Schedule,
    next: Slot,
    at: DateTime<Utc>,
) -> Result<Resumption, ScheduleError> {
    // What is due at the very instant of the resumption runs.
    let before = at.checked_sub_signed(TimeDelta::nanoseconds(1)).unwrap_or(at);
    let Some(latest) = schedule.latest_due(next, before)? else {
        return Ok(Resumption { passed: None, next: Some(schedule.explained(next)?) });
    };
    let last = latest.occurrence;
    let following = match schedule.following(last.slot()) {
        Ok(following) => Some(following),
        Err(error) if error.is_end() => None,
        Err(error) => return Err(error),
    };
    // Numbers that rules leave out right after it are passed too.
    let last = following.map_or(Some(last.number), |following| following.number.previous());
    let passed = last.map(|last: OccurrenceNumber| SkippedOccurrences { first: next.number, last });
    Ok(Resumption { passed, next: following })
}

#[cfg(test)]
#[path = "pause_tests.rs"]
mod tests;
