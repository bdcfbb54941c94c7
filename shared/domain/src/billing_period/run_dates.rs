//! On which run a boundary between two periods is invoiced.

use chrono::{DateTime, Utc};

use crate::time::{Frequency, Schedule, ScheduleError, Slot, WorkingDayRule};

/// Follows the runs of a schedule along the boundaries of its periods, in order.
#[derive(Clone, Debug)]
pub(super) struct RunDates<'a> {
    schedule: &'a Schedule,
    /// A run that is not after the one that the next boundary is invoiced on.
    run: Slot,
    /// The run after it; not yet looked for when `None`.
    following: Option<Following>,
}

/// The run after another; `None` at the end of the schedule.
type Following = Option<Slot>;

impl<'a> RunDates<'a> {
    pub(super) const fn from(run: Slot, schedule: &'a Schedule) -> Self {
        Self { schedule, run, following: None }
    }

    /// When a boundary is invoiced: on its own run or, where that is left out, on the neighbour that
    /// serves it: the next one, but the one before by the working-day rule `previous`. On the
    /// boundary itself where the schedule ends before there is one.
    ///
    /// Boundaries are to be asked for in order.
    pub(super) fn invoiced_at(&mut self, boundary: Slot) -> Result<DateTime<Utc>, ScheduleError> {
        while let Some(next) = self.following()?.filter(|next| self.reaches(boundary, *next)) {
            self.run = next;
            self.following = None;
        }
        if self.is_left_out(boundary) && !self.serves_later() {
            return Ok(self.following()?.map_or(boundary.at, |next| next.at));
        }
        Ok(self.run.at)
    }

    fn following(&mut self) -> Result<Following, ScheduleError> {
        if let Some(known) = self.following {
            return Ok(known);
        }
        let found = match self.schedule.following(self.run) {
            Ok(found) => Some(found.slot()),
            Err(error) if error.is_end() => None,
            Err(error) => return Err(error),
        };
        self.following = Some(found);
        Ok(found)
    }

    /// Whether a run is that of a boundary or of one before it. A number of an interval is the same
    /// for both; firings are counted as they come, so theirs are told by the instant.
    fn reaches(&self, boundary: Slot, run: Slot) -> bool {
        match self.schedule.frequency() {
            Frequency::Named(_) | Frequency::Every(_) => run.number <= boundary.number,
            Frequency::Cron(_) => run.at <= boundary.at,
        }
    }

    /// Whether the run is before a boundary, and the next one after it.
    fn is_left_out(&self, boundary: Slot) -> bool {
        match self.schedule.frequency() {
            Frequency::Named(_) | Frequency::Every(_) => self.run.number < boundary.number,
            Frequency::Cron(_) => self.run.at < boundary.at,
        }
    }

    /// Whether a run serves what is left out after it, not before it.
    fn serves_later(&self) -> bool {
        let days = self.schedule.rules().working_days.as_ref();
        days.is_some_and(|days| days.rule() == WorkingDayRule::Previous)
    }
}

#[cfg(test)]
#[path = "run_dates_tests.rs"]
mod tests;
