//! Another anchor for a schedule: from a wall-clock time, or just before a firing.

use crate::time::Zone;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::{Occurrence, OccurrenceNumber, Schedule, ScheduleError, ScheduleRules, Slot, zone};

impl Schedule {
    /// The wall-clock time that an occurrence stands for, before a calendar or the clocks moved it.
    pub(super) fn nominal(&self, slot: Slot) -> Result<NaiveDateTime, ScheduleError> {
        let Occurrence { at, reason, .. } = self.explained(slot)?;
        let shown = zone::wall_clock(self.zone(), at).ok_or(ScheduleError::OutOfRange)?;
        let asked = reason.clock.gap().unwrap_or(shown);
        Ok(reason.moved.map_or(asked, |moved| moved.from.and_time(asked.time())))
    }

    /// The wall-clock time from which its dates are counted.
    pub(super) fn anchor_local(&self) -> Result<NaiveDateTime, ScheduleError> {
        let shown = || zone::wall_clock(self.zone(), self.anchor());
        self.rules().anchor_local.or_else(shown).ok_or(ScheduleError::OutOfRange)
    }

    /// The same frequency from a wall-clock time on, even if clocks jump over it there. `at` is
    /// taken where it is one of two instants that show the time.
    pub(super) fn anchored(
        &self,
        zone: Zone,
        local: NaiveDateTime,
        at: DateTime<Utc>,
        rules: ScheduleRules,
    ) -> Result<Self, ScheduleError> {
        let (first, clock) = zone::first_instant(zone, local).ok_or(ScheduleError::OutOfRange)?;
        let anchor = if zone::wall_clock(zone, at) == Some(local) { at } else { first };
        let rules = ScheduleRules { anchor_local: clock.gap(), ..rules };
        Ok(Self::assemble(self.frequency().clone(), anchor, zone, rules))
    }

    /// The same cron expression, anchored so that counting from the anchor comes to `next`: right
    /// before it, or at it when it has the lowest of all numbers.
    pub(super) fn anchored_before(&self, zone: Zone, next: Slot) -> Result<Self, ScheduleError> {
        let (anchor_number, anchor) = match next.number.previous() {
            Some(previous) => (previous, next.at.checked_sub_signed(TimeDelta::seconds(1))),
            None => (OccurrenceNumber::ANCHOR, Some(next.at)),
        };
        let anchor = anchor.ok_or(ScheduleError::OutOfRange)?;
        let rules = ScheduleRules { anchor_number, anchor_local: None, ..self.rules().clone() };
        Ok(Self::assemble(self.frequency().clone(), anchor, zone, rules))
    }
}
