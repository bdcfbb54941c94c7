//! Numbers that go on when a schedule takes the place of another.

use chrono::{DateTime, Utc};

use super::{
    Frequency, Occurrence, OccurrenceNumber, Schedule, ScheduleError, ScheduleRules, Slot,
};

impl Schedule {
    /// The same dates, numbered so that the first one after an instant has a number that no run can
    /// have used; that occurrence with it.
    ///
    /// A number is a licence for one run and one charge. When a weekly subscription that has come to
    /// number 30 becomes a monthly one, the 7th month since the anchor is number 31, and the anchor,
    /// from which its day and time come, stays where it is. Numbers never get smaller: where the new
    /// schedule has passed `first_unused` anyway, nothing changes. A cron expression is anchored
    /// anew right before that occurrence, since its dates do not depend on the anchor.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::OutOfRange`] or [`ScheduleError::NumbersExhausted`] when there is no such
    /// occurrence.
    pub fn going_on(
        &self,
        after: DateTime<Utc>,
        first_unused: OccurrenceNumber,
    ) -> Result<(Self, Occurrence), ScheduleError> {
        let anchor = self.anchor_occurrence()?.slot();
        if let Frequency::Cron(_) = self.frequency() {
            let from = Slot { number: anchor.number, at: anchor.at.max(after) };
            let next = if anchor.at > after { anchor } else { self.following(from)?.slot() };
            let slot = Slot { number: next.number.max(first_unused), at: next.at };
            let schedule = self.anchored_before(self.zone(), slot)?;
            let next = schedule.explained(slot)?;
            return Ok((schedule, next));
        }
        let next = self.first_after(anchor, after)?;
        let Some(short) = first_unused.get().checked_sub(next.number.get()) else {
            return Ok((self.clone(), next));
        };
        let raised = |number: OccurrenceNumber| {
            let number = number.get().checked_add(short).ok_or(ScheduleError::NumbersExhausted)?;
            Ok(OccurrenceNumber::new(number))
        };
        let rules = ScheduleRules { anchor_number: raised(anchor.number)?, ..self.rules().clone() };
        let schedule = Self::assemble(self.frequency().clone(), anchor.at, self.zone(), rules);
        let next = Occurrence { number: raised(next.number)?, ..next };
        Ok((schedule, next))
    }
}

#[cfg(test)]
#[path = "numbering_tests.rs"]
mod tests;
