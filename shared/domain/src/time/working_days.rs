//! The working days of a business: its weekend and its holidays.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::weekday_name::{WEEK, WeekdayName};

/// The most holidays that one calendar may list.
const MAXIMUM_HOLIDAYS: usize = 1_000;

const SATURDAY_AND_SUNDAY: [Weekday; 2] = [Weekday::Sat, Weekday::Sun];

/// Which days are worked on, and where an occurrence goes that falls on another. Cheap to clone.
///
/// Dates are those of the schedule's own zone. Serialized as
/// `{"rule": "next", "weekend": ["saturday", "sunday"], "holidays": ["2027-12-25"]}`; `weekend` is
/// Saturday and Sunday unless given (an empty list works all week), `holidays` are none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct WorkingDays {
    rule: WorkingDayRule,
    /// One bit for each day off, Monday the lowest.
    weekend: u8,
    /// In order, each once.
    holidays: Arc<[NaiveDate]>,
}

/// Where an occurrence goes that does not fall on a working day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkingDayRule {
    /// To the next working day.
    Next,
    /// To the working day before.
    Previous,
    /// Nowhere: it stays.
    None,
}

/// Why a day is no working day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayOff {
    /// It is in the list of holidays.
    Holiday,
    /// It is a day of the weekend.
    Weekend,
    /// The zone's clocks left the whole date out, as Samoa's did on 30 December 2011.
    NoSuchDate,
}

/// Why a calendar is refused. The text names the field, the value and the rule.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WorkingDaysError {
    /// Every day of the week is in the weekend.
    #[error("working_days.weekend has all seven days of the week: leave at least one to work on")]
    NoWorkingDay,
    /// The list is too long.
    #[error("working_days.holidays may have at most {MAXIMUM_HOLIDAYS} dates, not {0}")]
    TooManyHolidays(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    rule: WorkingDayRule,
    #[serde(default = "default_weekend", skip_serializing_if = "is_default_weekend")]
    weekend: Vec<WeekdayName>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    holidays: Vec<NaiveDate>,
}

fn default_weekend() -> Vec<WeekdayName> {
    SATURDAY_AND_SUNDAY.map(WeekdayName).to_vec()
}

fn is_default_weekend(weekend: &Vec<WeekdayName>) -> bool {
    *weekend == default_weekend()
}

impl WorkingDays {
    /// A calendar with these days off.
    ///
    /// # Errors
    ///
    /// [`WorkingDaysError`] when no day of the week is left or the holidays are more than 1,000.
    pub fn new(
        rule: WorkingDayRule,
        weekend: impl IntoIterator<Item = Weekday>,
        holidays: impl IntoIterator<Item = NaiveDate>,
    ) -> Result<Self, WorkingDaysError> {
        let weekend = weekend.into_iter().fold(0, |bits, day| bits | bit(day));
        if WEEK.iter().all(|day| weekend & bit(*day) != 0) {
            return Err(WorkingDaysError::NoWorkingDay);
        }
        let mut holidays: Vec<NaiveDate> = holidays.into_iter().collect();
        holidays.sort_unstable();
        holidays.dedup();
        if holidays.len() > MAXIMUM_HOLIDAYS {
            return Err(WorkingDaysError::TooManyHolidays(holidays.len()));
        }
        Ok(Self { rule, weekend, holidays: holidays.into() })
    }

    /// A calendar whose weekend is Saturday and Sunday.
    ///
    /// # Errors
    ///
    /// [`WorkingDaysError::TooManyHolidays`] above 1,000.
    pub fn with_holidays(
        rule: WorkingDayRule,
        holidays: impl IntoIterator<Item = NaiveDate>,
    ) -> Result<Self, WorkingDaysError> {
        Self::new(rule, SATURDAY_AND_SUNDAY, holidays)
    }

    /// Where an occurrence goes that does not fall on a working day.
    #[must_use]
    pub const fn rule(&self) -> WorkingDayRule {
        self.rule
    }

    /// The days of the week that are not worked on, from Monday on.
    pub fn weekend(&self) -> impl Iterator<Item = Weekday> + '_ {
        WEEK.into_iter().filter(|day| self.weekend & bit(*day) != 0)
    }

    /// The holidays, in order.
    #[must_use]
    pub fn holidays(&self) -> &[NaiveDate] {
        &self.holidays
    }

    /// Why a date is no working day; `None` for a working day. A holiday at the weekend is said to
    /// be a holiday.
    #[must_use]
    pub fn day_off(&self, date: NaiveDate) -> Option<DayOff> {
        if self.holidays.binary_search(&date).is_ok() {
            return Some(DayOff::Holiday);
        }
        (self.weekend & bit(date.weekday()) != 0).then_some(DayOff::Weekend)
    }
}

fn bit(day: Weekday) -> u8 {
    1 << day.num_days_from_monday()
}

impl TryFrom<Record> for WorkingDays {
    type Error = WorkingDaysError;

    fn try_from(record: Record) -> Result<Self, Self::Error> {
        let Record { rule, weekend, holidays } = record;
        Self::new(rule, weekend.into_iter().map(|name| name.0), holidays)
    }
}

impl From<WorkingDays> for Record {
    fn from(days: WorkingDays) -> Self {
        Self {
            rule: days.rule,
            weekend: days.weekend().map(WeekdayName).collect(),
            holidays: days.holidays.to_vec(),
        }
    }
}

#[cfg(test)]
#[path = "working_days_tests.rs"]
mod tests;
