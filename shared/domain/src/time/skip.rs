//! Leaving the next run out because somebody asked for it.

use super::{Occurrence, Schedule, ScheduleError, Slot};

/// What skipping the next run comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedNext {
    /// The run that is left out, with its reason. Its number is used up.
    pub skipped: Occurrence,
    /// The one to expect instead; `None` when the schedule has come to its end.
    pub next: Option<Occurrence>,
}

/// Leaves the next occurrence out. Those after it keep their dates and numbers.
///
/// # Errors
///
/// [`ScheduleError`] when the dates cannot be computed.
pub fn skip_next(schedule: &Schedule, next: Slot) -> Result<SkippedNext, ScheduleError> {
    let mut skipped = schedule.explained(next)?;
    skipped.reason.skipped_by_request = true;
    let next = match schedule.following(next) {
        Ok(next) => Some(next),
        Err(error) if error.is_end() => None,
        Err(error) => return Err(error),
    };
    Ok(SkippedNext { skipped, next })
}

#[cfg(test)]
#[path = "skip_tests.rs"]
mod tests;
