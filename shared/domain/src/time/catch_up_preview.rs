//! What a restart would do about the occurrences that elapsed meanwhile, one by one.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    CatchUp, CatchUpPlan, NumberedTerm, Occurrence, Schedule, ScheduleError, Slot, plan_catch_up,
};

/// What a restart does, up to a number of occurrences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatchUpPreview {
    /// The elapsed occurrences in order, each run or skipped.
    pub elapsed: Vec<CaughtUp>,
    /// Whether these are all that have elapsed.
    pub complete: bool,
    /// The occurrence to expect after those listed; `None` at the end of the schedule or its term.
    pub next: Option<Occurrence>,
}

/// One elapsed occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaughtUp {
    /// Which one, when, and why then.
    pub occurrence: Occurrence,
    /// What becomes of it.
    pub outcome: CatchUpOutcome,
}

/// What becomes of an elapsed occurrence. Displayed in words, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUpOutcome {
    /// It runs.
    Run,
    /// It is skipped, because a later one runs in its place.
    SkippedForLater,
    /// It is skipped, because it is later than the policy allows.
    SkippedTooLate,
}

impl CatchUpOutcome {
    /// Whether it runs.
    #[must_use]
    pub const fn runs(self) -> bool {
        matches!(self, Self::Run)
    }
}

impl fmt::Display for CatchUpOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run => "run",
            Self::SkippedForLater => "skipped: only the latest runs",
            Self::SkippedTooLate => "skipped: later than the policy allows",
        })
    }
}

/// Lists what a restart at `now` would do, by the very plan that the restart follows. What is after
/// the end of the term is not listed, and at most `limit` occurrences are.
///
/// # Errors
///
/// [`ScheduleError`] when the schedule cannot be followed from `next` to `now`.
pub fn preview_catch_up(
    schedule: &Schedule,
    next: Slot,
    now: DateTime<Utc>,
    catch_up: CatchUp,
    term: NumberedTerm,
    limit: usize,
) -> Result<CatchUpPreview, ScheduleError> {
    let mut elapsed = Vec::new();
    let within = |found: &Occurrence| term.end_at(found.slot()).is_none();
    let mut expected = Some(schedule.explained(next)?).filter(within);
    while let Some(due) = expected.filter(|expected| expected.at <= now) {
        let CatchUpPlan { run, skipped, next } =
            plan_catch_up(schedule, due.slot(), now, catch_up, term)?;
        let last_skipped = skipped.map(|skipped| skipped.last);
        for found in schedule.occurrences_from(due.slot()) {
            let occurrence = found?;
            if last_skipped.is_none_or(|last| occurrence.number > last) {
                break;
            }
            if elapsed.len() >= limit {
                return Ok(CatchUpPreview { elapsed, complete: false, next: Some(occurrence) });
            }
            let outcome = if catch_up.tolerates(occurrence.at, now) {
                CatchUpOutcome::SkippedForLater
            } else {
                CatchUpOutcome::SkippedTooLate
            };
            elapsed.push(CaughtUp { occurrence, outcome });
        }
        if let Some(occurrence) = run {
            if elapsed.len() >= limit {
                return Ok(CatchUpPreview { elapsed, complete: false, next: Some(occurrence) });
            }
            elapsed.push(CaughtUp { occurrence, outcome: CatchUpOutcome::Run });
        }
        expected = next.filter(within);
    }
    Ok(CatchUpPreview { elapsed, complete: true, next: expected })
}

#[cfg(test)]
#[path = "catch_up_preview_tests.rs"]
mod tests;
