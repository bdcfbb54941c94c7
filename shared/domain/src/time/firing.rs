//! When a cron expression fires in a zone, by a schedule's rules for clocks and working days.

use crate::time::Zone;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::{
    ClockReading, CronExpression, GapPolicy, MovedDay, OverlapPolicy, Reason, ScheduleRules,
    Source,
    working_date::{Calendar, Direction, WorkingDate},
    zone::{self, Instants},
};

/// An expression with all that decides about its instants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Firings<'a> {
    cron: &'a CronExpression,
    zone: Zone,
    gap: GapPolicy,
    overlap: OverlapPolicy,
    calendar: Option<Calendar<'a>>,
}

/// An instant at which an expression fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Firing {
    pub(super) at: DateTime<Utc>,
    pub(super) clock: ClockReading,
    pub(super) moved: Option<MovedDay>,
}

/// A date on which the expression fires, where the calendar put it.
#[derive(Clone, Copy, Debug)]
struct FiringDate {
    own: NaiveDate,
    date: NaiveDate,
    moved: Option<MovedDay>,
}

impl Firing {
    /// The firing's reason.
    pub(super) const fn reason(&self) -> Reason {
        Reason { moved: self.moved, clock: self.clock, ..Reason::plain(Source::Cron) }
    }
}

impl<'a> Firings<'a> {
    pub(super) fn new(cron: &'a CronExpression, zone: Zone, rules: &'a ScheduleRules) -> Self {
        let calendar = Calendar::new(rules.working_days.as_ref(), zone);
        Self { cron, zone, gap: rules.dst_gap, overlap: rules.dst_overlap, calendar }
    }

    /// The first firing strictly after an instant, on the wall clock of the zone; `None` when there
    /// is none before the year 10000.
    pub(super) fn next_after(&self, after: DateTime<Utc>) -> Option<Firing> {
        let today = zone::wall_clock(self.zone, after)?.date();
        let mut next = self.date_from(self.first_own_date(today));
        while let Some(date) = next {
            let steady = zone::steady_offset(self.zone, date.date);
            let found = self.first_on(date, steady, after);
            if found.is_some() && steady.is_some() {
                return found;
            }
            next = date.own.succ_opt().and_then(|following| self.date_from(following));
            if let Some(found) = found {
                // Clocks set back by hours across midnight put a day's firings after the next's, and
                // a date left out puts its own on the next's, which then count.
                let other = next.and_then(|date| {
                    self.first_on(date, zone::steady_offset(self.zone, date.date), after)
                });
                return Some(other.filter(|other| other.at <= found.at).unwrap_or(found));
            }
        }
        None
    }

    /// The earliest date whose firings may come after an instant on `today`.
    fn first_own_date(&self, today: NaiveDate) -> NaiveDate {
        // Dates before the current one only hold the second pass of an overlap, or what a gap put
        // off beyond midnight.
        let steady = |date| zone::steady_offset(self.zone, date).is_some();
        let yesterday = today.pred_opt().unwrap_or(today);
        let shifts = self.gap == GapPolicy::Shift && !steady(yesterday);
        let mut first = if shifts || !steady(today) { yesterday } else { today };
        // Days off right before it are moved to it, or to a later date.
        if let Some(calendar) = self.calendar.filter(|found| found.direction() == Direction::Next) {
            while let Some(before) = first.pred_opt().filter(|day| calendar.day_off(*day).is_some())
            {
                first = before;
            }
        }
        first
    }

    /// The first date from the given one on that matches and that its neighbour does not serve.
    fn date_from(&self, from: NaiveDate) -> Option<FiringDate> {
        let mut own = self.cron.first_date_from(from)?;
        let Some(calendar) = self.calendar else {
            return Some(FiringDate { own, date: own, moved: None });
        };
        loop {
            match calendar.place(own, |date| date != own && self.cron.fires_on(date))? {
                WorkingDate::On(date, moved) => return Some(FiringDate { own, date, moved }),
                WorkingDate::Served => own = self.cron.first_date_from(own.succ_opt()?)?,
            }
        }
    }

    /// The first firing after an instant among those of one wall-clock date, whose offset from UTC
    /// is given where it is the same all day.
    fn first_on(
        &self,
        date: FiringDate,
        steady: Option<TimeDelta>,
        after: DateTime<Utc>,
    ) -> Option<Firing> {
        let FiringDate { date, moved, .. } = date;
        let local =
            |hour: u32| Some(date.and_time(NaiveTime::from_hms_opt(hour, self.cron.minute(), 0)?));
        if let Some(offset) = steady {
            let instants = self
                .cron
                .hours()
                .iter()
                .filter_map(|hour| Some(local(*hour)?.checked_sub_signed(offset)?.and_utc()));
            let at = instants.filter(|at| zone::in_range(*at)).find(|at| *at > after)?;
            return Some(Firing { at, clock: ClockReading::Plain, moved });
        }
        let mut first: Option<Firing> = None;
        let mut offer = |at: DateTime<Utc>, clock| {
            if at > after && first.is_none_or(|first| at < first.at) {
                first = Some(Firing { at, clock, moved });
            }
        };
        for hour in self.cron.hours() {
            let local = local(*hour)?;
            match zone::instants(self.zone, local) {
                None => {}
                Some(Instants::Once(at)) => offer(at, ClockReading::Plain),
                Some(Instants::Twice(one, other)) => {
                    offer(one, ClockReading::FirstPass);
                    if self.fires_on_both(other - one) {
                        offer(other, ClockReading::SecondPass);
                    }
                }
                Some(Instants::JumpedOver { first_valid, shifted }) => {
                    // An interval hour field has no firing in a gap: elapsed hours are its rule.
                    match self.gap {
                        _ if self.cron.counts_hours() => {}
                        GapPolicy::FirstValid => {
                            offer(first_valid, ClockReading::GapMoved { from: local });
                        }
                        GapPolicy::Shift => {
                            offer(shifted, ClockReading::GapShifted { from: local });
                        }
                        GapPolicy::Skip => {}
                    }
                }
            }
        }
        first
    }

    /// Whether a wall-clock time that happens twice, so far apart, fires twice.
    fn fires_on_both(&self, apart: TimeDelta) -> bool {
        let hours_apart = apart >= TimeDelta::hours(1);
        self.overlap == OverlapPolicy::Both || (self.cron.counts_hours() && hours_apart)
    }
}

#[cfg(test)]
#[path = "firing_tests.rs"]
mod tests;
