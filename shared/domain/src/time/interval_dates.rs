//! The occurrences of an interval: the grid's dates, moved to working days, read on the clock.

use std::num::NonZeroU32;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};

use super::{
    ClockReading, GapPolicy, MovedDay, Occurrence, OccurrenceNumber, Omission, Reason, Schedule,
    ScheduleError, Source,
    grid::Grid,
    working_date::{Calendar, Direction, WorkingDate},
    zone::{self, Reading},
};

/// How a schedule comes from its anchor to its dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timing {
    /// Elapsed time.
    Hours(NonZeroU32),
    /// Dates on the wall clock.
    Dates(Grid),
    /// A cron expression.
    Cron,
    /// Not at all: the anchor is outside the calendar.
    Never,
}

/// The occurrences of a schedule whose frequency is an interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct IntervalDates<'a> {
    schedule: &'a Schedule,
}

/// An occurrence's own date and time, before a calendar moves it.
#[derive(Clone, Copy, Debug)]
struct Own {
    local: NaiveDateTime,
    reason: Reason,
}

impl<'a> IntervalDates<'a> {
    pub(super) const fn new(schedule: &'a Schedule) -> Self {
        Self { schedule }
    }

    /// The occurrence so many intervals after the anchor, at least one.
    pub(super) fn occurrence(&self, index: u32) -> Result<Occurrence, ScheduleError> {
        let number = self.number(index).ok_or(ScheduleError::NumbersExhausted)?;
        let rules = self.schedule.rules();
        let calendar = Calendar::new(rules.working_days.as_ref(), self.schedule.zone());
        let elapsed = match self.schedule.timing() {
            Timing::Hours(every) => {
                let at = self.elapsed(*every, index).ok_or(ScheduleError::OutOfRange)?;
                let reason = Reason::plain(Source::Interval(index));
                Some(Occurrence { number, at, reason })
            }
            Timing::Dates(_) | Timing::Cron | Timing::Never => None,
        };
        // Elapsed time needs no wall clock, unless it is to keep to working days.
        if let (Some(elapsed), None) = (elapsed, calendar) {
            return Ok(elapsed);
        }
        let own = self.own(index).ok_or(ScheduleError::OutOfRange)?;
        let (date, moved) = match calendar {
            None => (own.local.date(), None),
            Some(calendar) => self.working_date(calendar, number, index, own.local.date())?,
        };
        if let (Some(elapsed), None) = (elapsed, moved) {
            return Ok(elapsed);
        }
        let (at, clock) = self.read(number, date.and_time(own.local.time()))?;
        Ok(Occurrence { number, at, reason: Reason { moved, clock, ..own.reason } })
    }

    /// The latest occurrence at or before an instant with a number above the given one.
    pub(super) fn latest_after(
        &self,
        number: OccurrenceNumber,
        now: DateTime<Utc>,
    ) -> Option<Occurrence> {
        let anchor_number = self.schedule.rules().anchor_number.get();
        let lowest = number.get().saturating_sub(anchor_number);
        // Nothing comes after the end of the calendar, so there is nothing to look at beyond it.
        let now = now.min(zone::last_instant());
        let own = match self.schedule.timing() {
            Timing::Hours(every) => {
                let hours = (now - self.schedule.anchor()).num_hours() / i64::from(every.get());
                u32::try_from(hours.max(0)).unwrap_or(u32::MAX)
            }
            Timing::Dates(grid) => {
                grid.index_at(zone::wall_clock(self.schedule.zone(), now)?.date())
            }
            Timing::Cron | Timing::Never => return None,
        };
        // One more, because a calendar or a clock set back may bring the next one before `now`.
        (lowest.saturating_add(1)..=own.saturating_add(1))
            .rev()
            .filter_map(|index| self.occurrence(index).ok())
            .find(|found| found.at <= now)
    }

    fn number(&self, index: u32) -> Option<OccurrenceNumber> {
        self.schedule.rules().anchor_number.get().checked_add(index).map(OccurrenceNumber::new)
    }

    fn elapsed(&self, every: NonZeroU32, index: u32) -> Option<DateTime<Utc>> {
        let hours = u64::from(every.get()) * u64::from(index);
        let elapsed = TimeDelta::try_hours(i64::try_from(hours).ok()?)?;
        self.schedule.anchor().checked_add_signed(elapsed).filter(|at| zone::in_range(*at))
    }

    fn own(&self, index: u32) -> Option<Own> {
        match self.schedule.timing() {
            Timing::Hours(every) => {
                let local = zone::wall_clock(self.schedule.zone(), self.elapsed(*every, index)?)?;
                Some(Own { local, reason: Reason::plain(Source::Interval(index)) })
            }
            Timing::Dates(grid) => {
                let found = grid.date(index)?;
                let reason = Reason { day: found.day, ..Reason::plain(grid.source(index)) };
                Some(Own { local: found.date.and_time(grid.time()), reason })
            }
            Timing::Cron | Timing::Never => None,
        }
    }

    fn working_date(
        &self,
        calendar: Calendar<'_>,
        number: OccurrenceNumber,
        index: u32,
        own: NaiveDate,
    ) -> Result<(NaiveDate, Option<MovedDay>), ScheduleError> {
        if calendar.day_off(own).is_none() {
            return Ok((own, None));
        }
        let own_date = |index| Some(self.own(index)?.local.date());
        let placed = match calendar.direction() {
            Direction::Next => {
                let neighbour = index.checked_add(1).and_then(own_date);
                calendar.place(own, |date| neighbour.is_some_and(|neighbour| date >= neighbour))
            }
            Direction::Previous => {
                let neighbour = index.checked_sub(1).and_then(own_date);
                calendar.place(own, |date| neighbour.is_some_and(|neighbour| date <= neighbour))
            }
        };
        match placed {
            None => Err(ScheduleError::OutOfRange),
            Some(WorkingDate::On(date, moved)) => Ok((date, moved)),
            Some(WorkingDate::Served) => {
                let omission = Omission::ServedByNeighbour;
                Err(ScheduleError::LeftOut { number, omission })
            }
        }
    }

    fn read(
        &self,
        number: OccurrenceNumber,
        local: NaiveDateTime,
    ) -> Result<(DateTime<Utc>, ClockReading), ScheduleError> {
        let (zone, gap) = (self.schedule.zone(), self.schedule.rules().dst_gap);
        let left_out = || ScheduleError::LeftOut { number, omission: Omission::Gap(local) };
        let (at, clock) = match zone::read(zone, local, gap).ok_or(ScheduleError::OutOfRange)? {
            Reading::At(at, clock) => (at, clock),
            Reading::Skipped => return Err(left_out()),
        };
        let daily = matches!(self.schedule.timing(), Timing::Dates(grid) if grid.is_daily());
        if !daily || clock.gap().is_none() {
            return Ok((at, clock));
        }
        // A zone that leaves out a whole day (Samoa, 30 December 2011) would put this day's
        // occurrence on the next one's instant.
        let tomorrow = local
            .checked_add_signed(TimeDelta::days(1))
            .and_then(|tomorrow| zone::first_instant(zone, tomorrow));
        match (gap, tomorrow) {
            (_, None) => Ok((at, clock)),
            (_, Some((tomorrow, _))) if at < tomorrow => Ok((at, clock)),
            // It ends just before the jump.
            (GapPolicy::FirstValid, Some((tomorrow, _))) => tomorrow
                .checked_sub_signed(TimeDelta::seconds(1))
                .map(|at| (at, clock))
                .ok_or(ScheduleError::OutOfRange),
            (GapPolicy::Shift | GapPolicy::Skip, Some(_)) => Err(left_out()),
        }
    }
}

#[cfg(test)]
#[path = "interval_dates_tests.rs"]
mod tests;
