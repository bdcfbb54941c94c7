//! Crontab expressions, by the rules of crontab(5), never more often than hourly.
//!
//! The crate `croner` parses the fields and decides which days match; names, the DST rules and the
//! search are ours, so that a cron schedule and an interval schedule treat a clock change alike.

use std::{fmt, str::FromStr, sync::Arc};

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
    time::Weekday,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::{
    ClockReading,
    frequency::cut_short,
    zone::{self, Instants},
};

/// The longest expression that is read, in bytes.
const MAXIMUM_LENGTH: usize = 256;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A crontab expression of five fields (minute, hour, day of month, month, day of week) or one of
/// the macros `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
///
/// - Lists, ranges, steps, names, `?` for `*` in a day field, and `L`, `W`, `#` are understood.
/// - When both day fields are restricted, either one is enough; a day field that begins with `*`
///   does not count as restricted.
/// - More often than hourly is refused: the minute field must name exactly one minute.
/// - An expression that never fires is refused.
/// - A fixed time that clocks jump over fires at the first valid instant, one that happens twice
///   fires on the first pass. An interval hour field (several hours by `*` or `/`) fires on both passes, unless
///   they are less than an hour apart, and not in a gap.
///
/// Equal when the expressions are the same once names and macros are written in numbers.
/// Serialized as it was written.
#[derive(Clone, Debug)]
pub struct CronExpression(Arc<Compiled>);

#[derive(Debug)]
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

/// An instant at which an expression fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Firing {
    pub(super) at: DateTime<Utc>,
    pub(super) clock: ClockReading,
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

    /// The first firing strictly after an instant, on the wall clock of a zone; `None` when there
    /// is none before the year 10000.
    pub(super) fn next_after(&self, zone: Tz, after: DateTime<Utc>) -> Option<Firing> {
        // Wall-clock dates before the current one can only hold the second pass of an overlap.
        let from = zone::wall_clock(zone, after)?.date();
        let mut date = self.first_day_between(from.pred_opt().unwrap_or(from), 9999)?;
        loop {
            let following = date.succ_opt();
            let found = self.first_firing_on(date, zone, after);
            if let Some(found) = found {
                // Clocks set back by hours across midnight put a day's firings after the next day's.
                let other = following
                    .filter(|following| self.fires_on(*following))
                    .and_then(|following| self.first_firing_on(following, zone, after));
                return Some(other.filter(|other| other.at < found.at).unwrap_or(found));
            }
            date = self.first_day_between(following?, 9999)?;
        }
    }

    /// The first firing after an instant among those of one wall-clock date.
    fn first_firing_on(&self, date: NaiveDate, zone: Tz, after: DateTime<Utc>) -> Option<Firing> {
        let mut first: Option<Firing> = None;
        let mut offer = |at: DateTime<Utc>, clock| {
            if at > after && first.is_none_or(|first| at < first.at) {
                first = Some(Firing { at, clock });
            }
        };
        for hour in &self.0.hours {
            let local = date.and_time(NaiveTime::from_hms_opt(*hour, self.0.minute, 0)?);
            match zone::instants(zone, local) {
                None => {}
                Some(Instants::Once(at)) => offer(at, ClockReading::Plain),
                Some(Instants::Twice(one, other)) => {
                    offer(one, ClockReading::FirstPass);
                    if self.0.interval_hours && (other - one).num_minutes() >= 60 {
                        offer(other, ClockReading::SecondPass);
                    }
                }
                // An interval hour field has no firing in a gap: the elapsed hours are the rule.
                Some(Instants::JumpedOver(_)) if self.0.interval_hours => {}
                Some(Instants::JumpedOver(at)) => {
                    offer(at, ClockReading::GapMoved { from: local });
                }
            }
        }
        first
    }

    /// The first date, from the given one to the end of a year, whose day and month match. An
    /// expression that fires at all does so within 40 years (29 February on a given weekday,
    /// across 2100).
    fn first_day_between(&self, from: NaiveDate, last_year: i32) -> Option<NaiveDate> {
        let mut date = from;
        while date.year() <= last_year {
            if !self.0.cron.pattern.month_match(date.month()).unwrap_or(false) {
                let next_month = date.with_day(1)?.checked_add_months(chrono::Months::new(1));
                date = next_month?;
            } else if self.fires_on(date) {
                return Some(date);
            } else {
                date = date.checked_add_days(Days::new(1))?;
            }
        }
        None
    }

    fn fires_on(&self, date: NaiveDate) -> bool {
        let pattern = &self.0.cron.pattern;
        let weekday = Weekday::from_days_from_sunday(date.weekday().num_days_from_sunday());
        pattern.month_match(date.month()).unwrap_or(false)
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

/// Five fields in capitals, names as numbers, macros spelled out, `?` as `*`.
fn canonical_fields(written: &str) -> Result<String, CronError> {
    let upper = written.to_ascii_uppercase();
    if upper.starts_with('@') {
        let fields = match upper.as_str() {
            "@HOURLY" => "0 * * * *",
            "@DAILY" | "@MIDNIGHT" => "0 0 * * *",
            "@WEEKLY" => "0 0 * * 0",
            "@MONTHLY" => "0 0 1 * *",
            "@YEARLY" | "@ANNUALLY" => "0 0 1 1 *",
            _ => return Err(CronError::UnknownMacro { expression: cut_short(written) }),
        };
        return Ok(fields.to_owned());
    }
    let fields: Vec<&str> = upper.split_ascii_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else {
        let expression = cut_short(written);
        return Err(CronError::FieldCount { expression, fields: fields.len() });
    };
    let star = |field: &str| if field == "?" { "*".to_owned() } else { field.to_owned() };
    let canonical = [
        (*minute).to_owned(),
        (*hour).to_owned(),
        star(day),
        numbers_for_names(month, &MONTHS, 1),
        numbers_for_names(&star(weekday), &WEEKDAYS, 0),
    ];
    let allowed = |symbol: char| symbol.is_ascii_digit() || "*/,-LW#".contains(symbol);
    if let Some(symbol) = canonical.iter().flat_map(|field| field.chars()).find(|c| !allowed(*c)) {
        return Err(CronError::Unreadable {
            expression: cut_short(written),
            problem: format!("`{symbol}` does not belong here"),
        });
    }
    if canonical.iter().any(|field| field.split(',').any(str::is_empty)) {
        return Err(CronError::Unreadable {
            expression: cut_short(written),
            problem: "a list has an empty place".to_owned(),
        });
    }
    let [.., weekdays] = &canonical;
    if weekdays.split(',').any(|weekday| weekday == "L") {
        return Err(CronError::Unreadable {
            expression: cut_short(written),
            problem: "`L` needs a weekday before it, such as `5L`".to_owned(),
        });
    }
    Ok(canonical.join(" "))
}

/// Replaces each name in a field by its number; Sunday at the end of a range is 7.
fn numbers_for_names(field: &str, names: &[&str], first: usize) -> String {
    let mut numbers = String::with_capacity(field.len());
    let mut rest = field;
    while let Some(symbol) = rest.chars().next() {
        if let Some(place) = names.iter().position(|name| rest.starts_with(name)) {
            let ends_range_on_sunday = place + first == 0 && numbers.ends_with('-');
            let number = if ends_range_on_sunday { 7 } else { place + first };
            numbers.push_str(&number.to_string());
            rest = rest.get(3..).unwrap_or_default();
        } else {
            numbers.push(symbol);
            rest = rest.get(symbol.len_utf8()..).unwrap_or_default();
        }
    }
    numbers
}

impl PartialEq for CronExpression {
    fn eq(&self, other: &Self) -> bool {
        self.0.canonical == other.0.canonical
    }
}

impl Eq for CronExpression {}

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
