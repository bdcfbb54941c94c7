//! What happens to occurrences that elapsed while nobody was looking.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{NumberedTerm, Occurrence, OccurrenceNumber, Schedule, ScheduleError, Slot};

/// How late an occurrence is still on time under [`CatchUpPolicy::Skip`], in minutes, when neither
/// a grace nor a maximum is set.
const DEFAULT_GRACE_MINUTES: u32 = 60;

/// What to do with occurrences that have elapsed unrun, and how late a run may be at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatchUp {
    /// Which of them run.
    pub policy: CatchUpPolicy,
    /// An occurrence later than this many hours is skipped whatever the policy. Unset: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_lateness_hours: Option<u32>,
    /// How many minutes an occurrence may be late and still count as on time, so that
    /// [`CatchUpPolicy::Skip`] runs it; the other policies run late ones anyway. Unset: the maximum
    /// lateness if there is one, else 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_minutes: Option<u32>,
}

/// Which of several elapsed occurrences run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUpPolicy {
    /// The latest one; those before it are recorded as skipped.
    #[default]
    Latest,
    /// Each of them, one after the other.
    Each,
    /// None, but for the latest if it is late by no more than the grace.
    Skip,
}

/// What to do now, and what to expect after that. Every elapsed occurrence is either run, skipped,
/// or still due through `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchUpPlan {
    /// The occurrence to run now.
    pub run: Option<Occurrence>,
    /// The occurrences left out, all before `run` (if any) and before `next`.
    pub skipped: Option<SkippedOccurrences>,
    /// The occurrence to expect next, be it within the term or not. It may be due already, under
    /// [`CatchUpPolicy::Each`]. `None` when the schedule has come to its end: the calendar's or the
    /// numbers'.
    pub next: Option<Occurrence>,
}

/// An unbroken range of skipped occurrences, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SkippedOccurrences {
    /// The first one left out.
    pub first: OccurrenceNumber,
    /// The last one left out.
    pub last: OccurrenceNumber,
}

impl SkippedOccurrences {
    /// How many were left out, at least one.
    #[must_use]
    pub const fn count(self) -> u64 {
        // Widened first, so that the whole range of numbers can be counted.
        (self.last.get() as u64).saturating_sub(self.first.get() as u64) + 1
    }

    fn between(first: OccurrenceNumber, end: OccurrenceNumber) -> Option<Self> {
        end.previous().filter(|last| *last >= first).map(|last| Self { first, last })
    }
}

/// Decides what to do at `now`, when `next` is the earliest occurrence neither run nor skipped.
///
/// Only what is within the term counts as elapsed: [`CatchUpPolicy::Latest`] runs the last occurrence
/// before the end, however many dates would have come since. A `next` that is itself after the end
/// is skipped.
///
/// # Errors
///
/// [`ScheduleError`] when the schedule cannot be followed from `next` to `now`.
pub fn plan_catch_up(
    schedule: &Schedule,
    next: Slot,
    now: DateTime<Utc>,
    catch_up: CatchUp,
    term: NumberedTerm,
) -> Result<CatchUpPlan, ScheduleError> {
    let expected = schedule.explained(next)?;
    if expected.at > now {
        return Ok(CatchUpPlan { run: None, skipped: None, next: Some(expected) });
    }
    let tolerated = catch_up.earliest_tolerated(now);
    let elapsed = Elapsed { schedule, expected, until: term.last_instant(now), term };
    let candidate = match (catch_up.policy, tolerated) {
        (CatchUpPolicy::Latest | CatchUpPolicy::Skip, _) => elapsed.latest()?,
        (CatchUpPolicy::Each, Some(earliest)) if expected.at < earliest => {
            elapsed.first_from(earliest)?
        }
        (CatchUpPolicy::Each, _) => expected,
    };
    let late = tolerated.is_some_and(|earliest| candidate.at < earliest);
    let too_late = late || term.end_at(candidate.slot()).is_some();
    let run = (!too_late).then_some(candidate);
    let following = match schedule.following(candidate.slot()) {
        Ok(following) => Some(following),
        Err(error) if error.is_end() => None,
        Err(error) => return Err(error),
    };
    let skipped = if too_late {
        Some(SkippedOccurrences { first: expected.number, last: candidate.number })
    } else {
        SkippedOccurrences::between(expected.number, candidate.number)
    };
    Ok(CatchUpPlan { run, skipped, next: following })
}

impl CatchUp {
    /// Whether an occurrence at `at` may still run at `now`.
    pub(super) fn tolerates(self, at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.earliest_tolerated(now).is_none_or(|earliest| at >= earliest)
    }

    /// The earliest instant whose occurrence may still run at `now`; `None` for any.
    fn earliest_tolerated(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let maximum = self.maximum_lateness_hours.map(|hours| TimeDelta::hours(i64::from(hours)));
        let latest = match self.policy {
            CatchUpPolicy::Latest | CatchUpPolicy::Each => maximum?,
            CatchUpPolicy::Skip => {
                let grace =
                    self.grace_minutes.map(|minutes| TimeDelta::minutes(i64::from(minutes)));
                let default = TimeDelta::minutes(i64::from(DEFAULT_GRACE_MINUTES));
                [grace, maximum].into_iter().flatten().min().unwrap_or(default)
            }
        };
        now.checked_sub_signed(latest)
    }
}

/// The occurrences that have elapsed unrun, within the term.
#[derive(Clone, Copy, Debug)]
struct Elapsed<'a> {
    schedule: &'a Schedule,
    /// The first of them.
    expected: Occurrence,
    /// The last instant at which there may be one.
    until: DateTime<Utc>,
    term: NumberedTerm,
}

impl Elapsed<'_> {
    /// The latest of them.
    fn latest(&self) -> Result<Occurrence, ScheduleError> {
        self.latest_by(self.until)
    }

    /// The latest of them at or before an instant; the first if all are after it.
    fn latest_by(&self, instant: DateTime<Utc>) -> Result<Occurrence, ScheduleError> {
        let due = self.schedule.latest_due(self.expected.slot(), instant)?;
        let due = due.map_or(self.expected, |due| due.occurrence);
        if self.term.counts(due.number) {
            return Ok(due);
        }
        // More have elapsed than there are to be: the last one that counts is before `due`.
        let mut last = self.expected;
        loop {
            let following = self.schedule.following(last.slot())?;
            if !self.term.counts(following.number) {
                return Ok(last);
            }
            last = following;
        }
    }

    /// The first of them at or after `earliest`, or the latest if all are before it.
    fn first_from(&self, earliest: DateTime<Utc>) -> Result<Occurrence, ScheduleError> {
        let before = earliest.checked_sub_signed(TimeDelta::nanoseconds(1)).unwrap_or(earliest);
        let too_late = self.latest_by(before.min(self.until))?;
        match self.schedule.following(too_late.slot()) {
            Ok(following) if following.at <= self.until && self.term.counts(following.number) => {
                Ok(following)
            }
            Ok(_) => Ok(too_late),
            Err(error) if error.is_end() => Ok(too_late),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
#[path = "catch_up_tests.rs"]
mod tests;
