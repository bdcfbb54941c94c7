//! Where a date goes that is no working day, unless its neighbour serves it.

use crate::time::Zone;
use chrono::NaiveDate;

use super::{DayOff, MovedDay, WorkingDayRule, WorkingDays, zone};

/// A calendar that moves dates, in a zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar<'a> {
    days: &'a WorkingDays,
    zone: Zone,
    direction: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Next,
    Previous,
}

/// Where a date ends up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkingDate {
    /// On a working day, its own or the one it was moved to.
    On(NaiveDate, Option<MovedDay>),
    /// Nowhere: it would come to its neighbour's own date or past it.
    Served,
}

impl<'a> Calendar<'a> {
    /// The calendar of these days; `None` when it moves nothing.
    pub(super) fn new(days: Option<&'a WorkingDays>, zone: Zone) -> Option<Self> {
        let days = days?;
        let direction = match days.rule() {
            WorkingDayRule::Next => Direction::Next,
            WorkingDayRule::Previous => Direction::Previous,
            WorkingDayRule::None => return None,
        };
        Some(Self { days, zone, direction })
    }

    pub(super) const fn direction(&self) -> Direction {
        self.direction
    }

    /// Why a date is no working day; `None` for a working day.
    pub(super) fn day_off(&self, date: NaiveDate) -> Option<DayOff> {
        let no_such_date = || (!zone::shows_date(self.zone, date)).then_some(DayOff::NoSuchDate);
        self.days.day_off(date).or_else(no_such_date)
    }

    /// Where a date ends up. `is_neighbours` tells whether a date is the own date of the neighbour
    /// in the direction of the move, or past it; it is asked for one date after the other.
    ///
    /// `None` when the calendar ends before a working day is found.
    pub(super) fn place(
        &self,
        own: NaiveDate,
        is_neighbours: impl Fn(NaiveDate) -> bool,
    ) -> Option<WorkingDate> {
        let Some(day_off) = self.day_off(own) else {
            return Some(WorkingDate::On(own, None));
        };
        let mut date = own;
        loop {
            // The neighbour of an hour may be on the very same day.
            if is_neighbours(date) {
                return Some(WorkingDate::Served);
            }
            if date != own && self.day_off(date).is_none() {
                return Some(WorkingDate::On(date, Some(MovedDay { from: own, day_off })));
            }
            date = match self.direction {
                Direction::Next => date.succ_opt()?,
                Direction::Previous => date.pred_opt()?,
            };
        }
    }
}
