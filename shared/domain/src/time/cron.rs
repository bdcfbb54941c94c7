//! Crontab expressions, by the rules of crontab(5), never more often than hourly.
//!
//! The crate `croner` decides which days match. What an expression may look like, the rules for
//! clock changes and the search are ours, so that cron and interval schedules treat both alike.

use std::{fmt, str::FromStr, sync::Arc};

use chrono::{Datelike, Days, Months, NaiveDate};
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
    time::Weekday,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::{cron_fields::canonical_fields, frequency::cut_short};

/// The longest expression that is read, in bytes.
const MAXIMUM_LENGTH: usize = 256;

/// A crontab expression of five fields (minute, hour, day of month, month, day of week) or one of
/// the macros `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
///
/// - Lists, ranges, steps, names, `?` for `*` in a day field, and `L`, `W`, `#` are understood.
/// - When both day fields are restricted, either one is enough; a day field that begins with `*`
///   does not count as restricted.
/// - More often than hourly is refused: the minute field must name exactly one minute.
/// - An expression that never fires is refused.
/// - A fixed time that clocks jump over fires at the first valid instant and one that happens twice
///   on the first pass, unless the schedule's rules say otherwise. An interval hour field (several
///   hours by `*` or `/`) fires on both passes, if they are an hour apart or more, and not in a gap.
///
/// Equal when the expressions are the same once names and macros are written in numbers.
/// Serialized as it was written.
#[derive(Clone)]
pub struct CronExpression(Arc<Compiled>);

struct Compiled {
    written: String,
    canonical: String,
    cron: Cron,
    minute: u32,
    hours: Vec<u32>,
    interval_hours: bool,
}

/// Why a cron expression is refused. The text names the rule, for clients.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CronError {
    /// Longer than any expression needs to be.
    #[error("a cron expression may have at most {MAXIMUM_LENGTH} characters")]
    TooLong,
    /// Not five fields: seconds and years are not part of crontab.
    #[error(
        "cron expression `{expression}` has {fields} fields: exactly five are needed (minute, \
         hour, day of month, month, day of week)"
    )]
    FieldCount {
        /// What was given, cut short.
        expression: String,
        /// How many fields it has.
        fields: usize,
    },
    /// An unknown macro.
    #[error(
        "`{expression}` is not a cron macro: use @hourly, @daily, @weekly, @monthly or @yearly"
    )]
    UnknownMacro {
        /// What was given, cut short.
        expression: String,
    },
    /// A field cannot be read.
    #[error("cron expression `{expression}` cannot be read: {problem}")]
    Unreadable {
        /// What was given, cut short.
        expression: String,
        /// What is wrong.
        problem: String,
    },
    /// It would fire more than once an hour.
    #[error(
        "cron expression `{expression}` fires more often than hourly: its minute field must name \
         exactly one minute"
    )]
    TooOften {
        /// What was given, cut short.
        expression: String,
    },
    /// No date matches it.
    #[error("cron expression `{expression}` never fires: no date matches its day and month")]
    NeverFires {
        /// What was given, cut short.
        expression: String,
    },
}

impl CronExpression {
    /// The expression as it was given, trimmed.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.0.written
    }

    /// The expression as five fields in numbers, single spaces between them.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.0.canonical
    }

    /// The minute of every hour in which it fires.
    pub(super) fn minute(&self) -> u32 {
        self.0.minute
    }

    /// The hours in which it fires, in order.
    pub(super) fn hours(&self) -> &[u32] {
        &self.0.hours
    }

    /// Whether it counts hours (several by `*` or `/`) rather than naming fixed times.
    pub(super) fn counts_hours(&self) -> bool {
        self.0.interval_hours
    }

    /// The first date from the given one on, in the years up to 9999, that matches.
    pub(super) fn first_date_from(&self, from: NaiveDate) -> Option<NaiveDate> {
        self.first_day_between(from, 9999)
    }

    /// The first date, from the given one to the end of a year, whose day and month match. An
    /// expression that fires at all does so within 40 years (29 February on a given weekday,
    /// across 2100).
    fn first_day_between(&self, from: NaiveDate, last_year: i32) -> Option<NaiveDate> {
        let mut date = from;
        while date.year() <= last_year {
            if !self.in_month(date) {
                date = date.with_day(1)?.checked_add_months(Months::new(1))?;
            } else if self.fires_on(date) {
                return Some(date);
            } else {
                date = date.checked_add_days(Days::new(1))?;
            }
        }
        None
    }

    fn in_month(&self, date: NaiveDate) -> bool {
        self.0.cron.pattern.month_match(date.month()).unwrap_or(false)
    }

    /// Whether the date matches the day and month fields.
    pub(super) fn fires_on(&self, date: NaiveDate) -> bool {
        let pattern = &self.0.cron.pattern;
        let weekday = Weekday::from_days_from_sunday(date.weekday().num_days_from_sunday());
        self.in_month(date)
            && pattern.day_match(date.year(), date.month(), date.day(), weekday).unwrap_or(false)
    }

    /// Whether any date matches. Twenty-eight years without a skipped leap year hold every
    /// combination of month length and weekday.
    fn ever_fires(&self) -> bool {
        NaiveDate::from_ymd_opt(2001, 1, 1)
            .is_some_and(|start| self.first_day_between(start, 2028).is_some())
    }
}

impl FromStr for CronExpression {
    type Err = CronError;

    /// Reads an expression or a macro.
    ///
    /// # Errors
    ///
    /// [`CronError`] names the rule that the expression breaks.
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        if value.len() > MAXIMUM_LENGTH {
            return Err(CronError::TooLong);
        }
        let written = value.trim();
        let expression = || cut_short(written);
        let canonical = canonical_fields(written)?;
        let unreadable =
            |problem: String| CronError::Unreadable { expression: expression(), problem };
        // crontab(5): a day field that begins with a star leaves the decision to the other one.
        let starred = [2, 4].iter().any(|day_field| {
            canonical.split(' ').nth(*day_field).is_some_and(|field| field.starts_with('*'))
        });
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Optional)
            .dom_and_dow(starred)
            .build()
            .parse(&canonical)
            .map_err(|error| unreadable(error.to_string()))?;
        let pattern = &cron.pattern;
        let minutes: Vec<u32> =
            (0..60).filter(|minute| pattern.minute_match(*minute).unwrap_or(false)).collect();
        let hours: Vec<u32> =
            (0..24).filter(|hour| pattern.hour_match(*hour).unwrap_or(false)).collect();
        let minute = match minutes.as_slice() {
            [minute] => *minute,
            [] => return Err(unreadable("the minute field is empty".to_owned())),
            _ => return Err(CronError::TooOften { expression: expression() }),
        };
        if hours.is_empty() {
            return Err(unreadable("the hour field is empty".to_owned()));
        }
        // One hour is a fixed time, however it is spelled.
        let interval_hours = hours.len() > 1
            && canonical.split(' ').nth(1).is_some_and(|field| field.contains(['*', '/']));
        let compiled = Compiled {
            written: written.to_owned(),
            canonical,
            cron,
            minute,
            hours,
            interval_hours,
        };
        let cron = Self(Arc::new(compiled));
        if cron.ever_fires() {
            Ok(cron)
        } else {
            Err(CronError::NeverFires { expression: expression() })
        }
    }
}

impl PartialEq for CronExpression {
    fn eq(&self, other: &Self) -> bool {
        self.0.canonical == other.0.canonical
    }
}

impl Eq for CronExpression {}

/// As it was written; what it was compiled to is a page of bits.
impl fmt::Debug for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CronExpression").field(&self.as_written()).finish()
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.canonical())
    }
}

impl Serialize for CronExpression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_written())
    }
}

impl<'de> Deserialize<'de> for CronExpression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[path = "cron_tests.rs"]
mod tests;
