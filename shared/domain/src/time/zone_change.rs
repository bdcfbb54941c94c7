//! Another time zone for a schedule that runs: same wall-clock times, same numbers.

use crate::time::Zone;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    CronExpression, Frequency, Occurrence, Reason, Schedule, ScheduleError, Slot, Source,
    interval_dates::Timing, zone,
};

impl Schedule {
    /// The schedule in another zone, and its next occurrence there.
    ///
    /// Every occurrence keeps its number and its wall-clock time, so nothing runs twice and none is
    /// skipped: what was to run at 09:00 in Berlin runs at 09:00 in New York, six hours later. What
    /// counts elapsed hours (an interval of hours, a cron expression with an interval hour field)
    /// keeps its instants as far as the expression allows, and never gets earlier. A next
    /// occurrence that the new zone would put at or before the last run is due right after it.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] when the next occurrence cannot be computed in the new zone.
    pub fn in_zone(
        &self,
        new_zone: Zone,
        next: Slot,
        last_run: Option<DateTime<Utc>>,
    ) -> Result<(Self, Occurrence), ScheduleError> {
        let recorded = self.explained(next)?.reason.source == Source::Recorded;
        let (schedule, found) = match (self.timing(), self.frequency()) {
            (Timing::Hours(_), _) => {
                let frequency = self.frequency().clone();
                let rules = self.rules().clone();
                let schedule = Self::assemble(frequency, self.anchor(), new_zone, rules);
                let found = schedule.explained(next)?;
                (schedule, found)
            }
            (_, Frequency::Cron(cron)) => self.cron_in_zone(cron, new_zone, next, recorded)?,
            (_, Frequency::Named(_) | Frequency::Every(_)) => {
                let rules = self.rules().clone();
                let local = self.anchor_local()?;
                let schedule = self.anchored(new_zone, local, self.anchor(), rules)?;
                let found = if recorded {
                    self.shown_in(new_zone, next)?
                } else {
                    match schedule.occurrence(next.number) {
                        // Left out there by a rule: its neighbour serves it.
                        Err(ScheduleError::LeftOut { .. }) => schedule.following(next)?,
                        found => found?,
                    }
                };
                (schedule, found)
            }
        };
        Ok((schedule, not_before(found, last_run)?))
    }

    fn cron_in_zone(
        &self,
        cron: &CronExpression,
        new_zone: Zone,
        next: Slot,
        recorded: bool,
    ) -> Result<(Self, Occurrence), ScheduleError> {
        let number = next.number;
        if recorded || number == self.rules().anchor_number {
            let found = self.shown_in(new_zone, next)?;
            let schedule = self.anchored_before(new_zone, found.slot())?;
            let found = schedule.explained(found.slot())?;
            return Ok((schedule, found));
        }
        let earliest = if cron.counts_hours() {
            next.at
        } else {
            let nominal = self.nominal(next)?;
            zone::first_instant(new_zone, nominal).ok_or(ScheduleError::OutOfRange)?.0
        };
        let before = earliest.checked_sub_signed(TimeDelta::nanoseconds(1)).unwrap_or(earliest);
        let rules = self.rules().clone();
        let there = Self::assemble(self.frequency().clone(), before, new_zone, rules);
        let at = there.following(Slot { number, at: before })?.at;
        let schedule = self.anchored_before(new_zone, Slot { number, at })?;
        let found = schedule.explained(Slot { number, at })?;
        Ok((schedule, found))
    }

    /// A recorded occurrence at the same wall-clock time in another zone.
    fn shown_in(&self, new_zone: Zone, slot: Slot) -> Result<Occurrence, ScheduleError> {
        let local = zone::wall_clock(self.zone(), slot.at).ok_or(ScheduleError::OutOfRange)?;
        let (at, clock) = zone::first_instant(new_zone, local).ok_or(ScheduleError::OutOfRange)?;
        let reason = Reason { clock, ..Reason::plain(Source::Recorded) };
        Ok(Occurrence { number: slot.number, at, reason })
    }
}

/// The occurrence, right after the last run where it would not be later than that.
fn not_before(
    found: Occurrence,
    last_run: Option<DateTime<Utc>>,
) -> Result<Occurrence, ScheduleError> {
    match last_run.filter(|last_run| found.at <= *last_run) {
        None => Ok(found),
        Some(last_run) => {
            let at = last_run.checked_add_signed(TimeDelta::seconds(1));
            let at = at.filter(|at| zone::in_range(*at)).ok_or(ScheduleError::OutOfRange)?;
            Ok(Occurrence { number: found.number, at, reason: Reason::plain(Source::Recorded) })
        }
    }
}

#[cfg(test)]
#[path = "zone_change_tests.rs"]
mod tests;
