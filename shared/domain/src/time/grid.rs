//! From the anchor to the n-th wall-clock date: nothing drifts, because every date is counted from
//! the anchor and its day is remembered.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime};

use super::{DayRule, MonthEnd, ScheduleRules, Source, interval::Step};

/// The dates of an interval of days or months, before working days and clock changes are looked at.
/// Index 0 is the anchor's date, index 1 the first after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    start: NaiveDateTime,
    /// How the dates are described.
    base: Base,
    counting: Counting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    /// Index 1 is so many days after the start, the others every so many days.
    Days { first: u32, every: u32 },
    /// Index 1 is in this month, counted from January of year 0, the others every so many months.
    Months { first: i64, every: u32, day: u32, month_ends: bool },
}

/// What an index counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Anchor,
    /// A day of the month or the week that the start is on: the intervals count from it.
    On(Source),
    /// The same, first reached after the start: index 1 is that day, no interval has passed.
    After(Source),
}

/// One date of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GridDate {
    pub(super) date: NaiveDate,
    pub(super) day: Option<DayRule>,
}

impl Grid {
    /// The grid from an anchor's wall-clock time on; `None` for hours, which are elapsed time.
    pub(super) fn new(start: NaiveDateTime, step: Step, rules: &ScheduleRules) -> Option<Self> {
        let date = start.date();
        let (base, counting) = match step {
            Step::Hours(_) => return None,
            Step::Days(every) => {
                let every = every.get();
                let (base, first) = match rules.anchor_weekday {
                    None => (Base::Anchor, every),
                    Some(weekday) => {
                        let source = Source::AnchorWeekday(weekday, 0);
                        match weekday.days_since(date.weekday()) {
                            0 => (Base::On(source), every),
                            days => (Base::After(source), days),
                        }
                    }
                };
                (base, Counting::Days { first, every })
            }
            Step::Months(every) => {
                let every = every.get();
                let this = i64::from(date.year()) * 12 + i64::from(date.month0());
                let next = this + i64::from(every);
                let (base, first) = match rules.anchor_day {
                    None => (Base::Anchor, next),
                    Some(anchor_day) => {
                        let source = Source::AnchorDay(anchor_day, 0);
                        match anchor_day.in_month_of(date) {
                            on if on == date => (Base::On(source), next),
                            later if later > date => (Base::After(source), this),
                            _ => (Base::After(source), this + 1),
                        }
                    }
                };
                let day = rules.anchor_day.map_or(date.day(), super::AnchorDay::get);
                let month_ends = rules.anchor_day.is_none()
                    && rules.month_end == MonthEnd::Sticky
                    && date.day() == u32::from(date.num_days_in_month());
                (base, Counting::Months { first, every, day, month_ends })
            }
        };
        Some(Self { start, base, counting })
    }

    /// The wall-clock time of every date.
    pub(super) const fn time(&self) -> NaiveTime {
        self.start.time()
    }

    /// Whether the dates are those of every single day.
    pub(super) const fn is_daily(&self) -> bool {
        matches!(self.counting, Counting::Days { every: 1, .. })
    }

    /// The anchor's date plus so many intervals, or `None` when the calendar ends before that.
    pub(super) fn date(&self, index: u32) -> Option<GridDate> {
        let Some(past_first) = index.checked_sub(1).map(u64::from) else {
            return Some(GridDate { date: self.start.date(), day: None });
        };
        match self.counting {
            Counting::Days { first, every } => {
                let days = u64::from(first) + past_first * u64::from(every);
                let date = self.start.date().checked_add_days(Days::new(days))?;
                Some(GridDate { date, day: None })
            }
            Counting::Months { first, every, day, month_ends } => {
                let month = first + i64::try_from(past_first).ok()? * i64::from(every);
                date_in_month(month, day, month_ends)
            }
        }
    }

    /// The index of the last date at or before a given one; 0 for dates before the anchor.
    pub(super) fn index_at(&self, date: NaiveDate) -> u32 {
        let index = match self.counting {
            Counting::Days { first, every } => {
                let days = (date - self.start.date()).num_days() - i64::from(first);
                days.div_euclid(i64::from(every)) + 1
            }
            Counting::Months { first, every, .. } => {
                let month = i64::from(date.year()) * 12 + i64::from(date.month0());
                (month - first).div_euclid(i64::from(every)) + 1
            }
        };
        let index = u32::try_from(index.max(0)).unwrap_or(u32::MAX);
        // Later in the month than the given date.
        let too_far = self.date(index).is_none_or(|found| found.date > date);
        if too_far { index.saturating_sub(1) } else { index }
    }

    /// Why the date of an index is what it is, without what the month's length did to it.
    pub(super) const fn source(&self, index: u32) -> Source {
        let (base, count) = match self.base {
            Base::Anchor => return Source::Interval(index),
            Base::On(base) => (base, index),
            Base::After(base) => (base, index.saturating_sub(1)),
        };
        match base {
            Source::AnchorDay(day, _) => Source::AnchorDay(day, count),
            Source::AnchorWeekday(weekday, _) => Source::AnchorWeekday(weekday, count),
            other => other,
        }
    }

    /// For a start that is not on the anchor day: the date, one interval before index 1, on which
    /// the period would have begun that the start cuts short.
    pub(super) fn cut_short_from(&self) -> Option<NaiveDate> {
        if !matches!(self.base, Base::After(_)) {
            return None;
        }
        match self.counting {
            Counting::Days { first, every } => self
                .start
                .date()
                .checked_add_days(Days::new(u64::from(first)))?
                .checked_sub_days(Days::new(u64::from(every))),
            Counting::Months { first, every, day, month_ends } => {
                Some(date_in_month(first - i64::from(every), day, month_ends)?.date)
            }
        }
    }
}

/// A day in a month counted from January of year 0: the day itself, or the month's last.
fn date_in_month(month: i64, day: u32, month_ends: bool) -> Option<GridDate> {
    let year = i32::try_from(month.div_euclid(12)).ok()?;
    let month = u32::try_from(month.rem_euclid(12)).ok()? + 1;
    let first = NaiveDate::from_ymd_opt(year, month, 1)?;
    let last = u32::from(first.num_days_in_month());
    let (found, rule) = if day > last {
        (last, Some(DayRule::ClampedFrom(day)))
    } else if month_ends && day < last {
        (last, Some(DayRule::MonthEndKeptFrom(day)))
    } else {
        (day, None)
    };
    Some(GridDate { date: first.with_day(found)?, day: rule })
}

#[cfg(test)]
#[path = "grid_tests.rs"]
mod tests;
