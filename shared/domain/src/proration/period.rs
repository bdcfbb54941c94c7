//! A period as it is counted, and where a cut falls in it.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};

use super::{Denominator, Moment, Policy, ProrationError, Unit};
use crate::{money::Ratio, time};

/// A half-open span, from its start until just before its end, counted by a [`Policy`].
///
/// Every cut has a position from 0 at the start to [`Period::total`] at the end, and later cuts never
/// have smaller ones; so whatever is cut, the pieces' counts add up to the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    policy: Policy,
    start: Mark,
    end: Mark,
}

/// A place in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// When: a local date when days are counted, an instant on a whole second when seconds are.
    pub at: Moment,
    /// How many units of the period lie before it.
    pub position: i64,
    /// Days or seconds since a fixed day: for order, where `fixed_30` counts nothing in between.
    actual: i64,
}

impl Cut {
    /// The day or second, to order cuts by.
    pub(super) const fn rank(self) -> i64 {
        self.actual
    }
}

/// A moment as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    at: Moment,
    /// Days or seconds since a fixed day: for order.
    actual: i64,
    /// The same, or days since a fixed day if every month had 30: for counting.
    counted: i64,
}

impl Period {
    /// The period between two moments.
    ///
    /// With `fixed_30` a boundary in February that is clamped, as 28 February for a period from
    /// 31 January, counts as the day it was clamped from, so that a whole month has 30 days.
    ///
    /// # Errors
    ///
    /// [`ProrationError::SecondsOfFixedMonths`], [`ProrationError::OutOfRange`],
    /// [`ProrationError::EmptyPeriod`] and [`ProrationError::UncountedPeriod`].
    pub fn new(start: Moment, end: Moment, policy: Policy) -> Result<Self, ProrationError> {
        if (policy.unit, policy.denominator) == (Unit::Second, Denominator::Fixed30) {
            return Err(ProrationError::SecondsOfFixedMonths);
        }
        let mut start = mark(&policy, "period_start", start)?;
        let mut end = mark(&policy, "period_end", end)?;
        if end.actual <= start.actual {
            return Err(ProrationError::EmptyPeriod { start: start.at, end: end.at });
        }
        if let (Denominator::Fixed30, Moment::Date(first), Moment::Date(last)) =
            (policy.denominator, start.at, end.at)
        {
            start.counted += clamped_days(first, last);
            end.counted += clamped_days(last, first);
        }
        if end.counted <= start.counted {
            return Err(ProrationError::UncountedPeriod { start: start.at, end: end.at });
        }
        Ok(Self { policy, start, end })
    }

    /// How it is counted.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The cut before the first unit.
    #[must_use]
    pub const fn start(&self) -> Cut {
        Cut { at: self.start.at, position: 0, actual: self.start.actual }
    }

    /// The cut after the last unit.
    #[must_use]
    pub const fn end(&self) -> Cut {
        Cut { at: self.end.at, position: self.total(), actual: self.end.actual }
    }

    /// How many units the whole has; above 0.
    #[must_use]
    pub const fn total(&self) -> i64 {
        self.end.counted - self.start.counted
    }

    /// Where a moment falls: counted in days, at the start of its local day.
    ///
    /// # Errors
    ///
    /// [`ProrationError::OutsidePeriod`]; the end itself is still within. Or
    /// [`ProrationError::OutOfRange`].
    pub fn cut(&self, at: Moment) -> Result<Cut, ProrationError> {
        let mark = mark(&self.policy, "change_at", at)?;
        if (self.start.actual..=self.end.actual).contains(&mark.actual) {
            Ok(self.place(mark))
        } else {
            let (start, end) = (self.start.at, self.end.at);
            Err(ProrationError::OutsidePeriod { at: mark.at, start, end })
        }
    }

    /// The start of the local day after a moment, though never past the end of the period.
    ///
    /// # Errors
    ///
    /// As [`Period::cut`].
    pub(super) fn cut_after_day(&self, at: Moment) -> Result<Cut, ProrationError> {
        let within = self.cut(at)?;
        let next_day = local_date(&self.policy, within.at)
            .succ_opt()
            .and_then(|date| mark(&self.policy, "change_at", Moment::Date(date)).ok());
        // Where the calendar ends, the period has ended too.
        Ok(next_day
            .filter(|next| next.actual < self.end.actual)
            .map_or(self.end(), |next| self.place(next)))
    }

    /// The part of the whole that lies between two cuts, as it is counted: `14/31`.
    ///
    /// # Errors
    ///
    /// None for cuts of this period.
    pub(super) fn fraction(&self, from: Cut, to: Cut) -> Result<Ratio, ProrationError> {
        Ok(Ratio::new(to.position - from.position, self.total())?)
    }

    fn place(&self, mark: Mark) -> Cut {
        // The end as it is counted, which may be clamped; days beside a clamped boundary that would
        // count past it have nothing to themselves.
        if mark.actual == self.end.actual {
            return self.end();
        }
        let position = (mark.counted - self.start.counted).clamp(0, self.total());
        Cut { at: mark.at, position, actual: mark.actual }
    }
}

fn mark(policy: &Policy, field: &'static str, at: Moment) -> Result<Mark, ProrationError> {
    let out_of_range = ProrationError::OutOfRange { field, at };
    let year = match at {
        Moment::Date(date) => date.year(),
        Moment::Instant(at) => at.year(),
    };
    if !(1..=9999).contains(&year) {
        return Err(out_of_range);
    }
    match policy.unit {
        Unit::Day => {
            let date = local_date(policy, at);
            let actual = i64::from(date.num_days_from_ce());
            let counted = match policy.denominator {
                Denominator::Actual => actual,
                Denominator::Fixed30 => days_of_30e_360(date),
            };
            Ok(Mark { at: Moment::Date(date), actual, counted })
        }
        Unit::Second => {
            let second = whole_second(policy, at).ok_or(out_of_range)?;
            let elapsed = second.timestamp();
            Ok(Mark { at: Moment::Instant(second), actual: elapsed, counted: elapsed })
        }
    }
}

/// The local day that a moment lies in.
fn local_date(policy: &Policy, at: Moment) -> NaiveDate {
    match at {
        Moment::Date(date) => date,
        Moment::Instant(at) => at.with_timezone(&policy.time_zone).date_naive(),
    }
}

/// The instant of a moment, fractions of a second left out.
fn whole_second(policy: &Policy, at: Moment) -> Option<DateTime<Utc>> {
    match at {
        Moment::Date(date) => {
            time::first_instant(policy.time_zone, date.and_time(NaiveTime::MIN)).map(|(at, _)| at)
        }
        Moment::Instant(at) => DateTime::from_timestamp(at.timestamp(), 0),
    }
}

/// Days since a fixed day, if every month had 30: D1 and D2 of ISDA 2006, 4.16(g), are 30 at most.
fn days_of_30e_360(date: NaiveDate) -> i64 {
    360 * i64::from(date.year()) + 30 * i64::from(date.month()) + i64::from(date.day().min(30))
}

/// How many days a boundary lost when it was clamped to its month's end; 0 if it was not. It was if
/// the other boundary has a later day of the month than this one's month has.
fn clamped_days(boundary: NaiveDate, other: NaiveDate) -> i64 {
    let ends_month = boundary.succ_opt().is_none_or(|next| next.day() == 1);
    let lost = i64::from(other.day().min(30)) - i64::from(boundary.day());
    if ends_month { lost.max(0) } else { 0 }
}

#[cfg(test)]
#[path = "period_tests.rs"]
mod tests;
