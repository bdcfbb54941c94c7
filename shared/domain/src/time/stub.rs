//! The partial period between a start and its first anchor day.

use chrono::{DateTime, Utc};

use super::{Schedule, ScheduleError, Slot, interval_dates::Timing, zone};

/// The period at the beginning of a schedule that is shorter than its interval, because the start
/// is not on the anchor day. Half-open: the end belongs to the first whole period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stub {
    /// The start itself.
    pub start: Slot,
    /// The first occurrence after it, on the anchor day.
    pub end: Slot,
    /// When the whole period would have begun of which this is the last part: one interval before
    /// the anchor day.
    pub whole_from: DateTime<Utc>,
}

impl Schedule {
    /// The partial period from the start to the first anchor day; `None` when the start is on it,
    /// or the rules name none.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::OutOfRange`] when it reaches beyond the calendar.
    pub fn stub(&self) -> Result<Option<Stub>, ScheduleError> {
        let start = self.anchor_occurrence()?.slot();
        let Timing::Dates(grid) = self.timing() else { return Ok(None) };
        let Some(whole_from) = grid.cut_short_from() else { return Ok(None) };
        let (whole_from, _) = zone::first_instant(self.zone(), whole_from.and_time(grid.time()))
            .ok_or(ScheduleError::OutOfRange)?;
        let end = self.following(start)?.slot();
        Ok(Some(Stub { start, end, whole_from }))
    }
}

#[cfg(test)]
#[path = "stub_tests.rs"]
mod tests;
