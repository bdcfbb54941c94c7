//! How long before a run a change still counts for it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Occurrence, Schedule, ScheduleError, Slot};

/// The time before a run, in hours, from which on changes only count for the run after it. Zero
/// lets a change count up to the run itself. Serialized as a plain integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CutOff {
    /// Elapsed hours.
    pub hours: u32,
}

impl CutOff {
    /// Whether changes count up to the run itself.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.hours == 0
    }

    /// The last instant at which a change counts for a run.
    #[must_use]
    pub fn closes_at(self, run_at: DateTime<Utc>) -> DateTime<Utc> {
        let hours = TimeDelta::hours(i64::from(self.hours));
        run_at.checked_sub_signed(hours).unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    /// The first run for which a change made at `now` counts. Where runs are closer together than
    /// the cut-off, that may be several runs ahead.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] when there is no such run.
    pub fn first_affected(
        self,
        schedule: &Schedule,
        next: Slot,
        now: DateTime<Utc>,
    ) -> Result<Occurrence, ScheduleError> {
        let hours = TimeDelta::hours(i64::from(self.hours));
        let closed = now
            .checked_add_signed(hours)
            .and_then(|open| open.checked_sub_signed(TimeDelta::nanoseconds(1)))
            .ok_or(ScheduleError::OutOfRange)?;
        schedule.first_after(next, closed)
    }
}

#[cfg(test)]
#[path = "cut_off_tests.rs"]
mod tests;
