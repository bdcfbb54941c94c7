//! How often: named frequencies, every N units, or a cron expression.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
};
use thiserror::Error;

use super::{CronError, CronExpression, Interval, IntervalUnit, NamedFrequency, interval::Step};

/// How often something repeats.
///
/// Two frequencies are equal when they mean the same dates by the same rule: `monthly` equals every
/// 1 month and every 12 months equals `yearly`, but 24 hours (elapsed time) are not a day (on the
/// wall clock). [`Display`](fmt::Display) writes equal frequencies alike; serialization keeps the
/// form they were given in: a string for names and cron, an object `{"every": 2, "unit": "week"}`
/// for intervals.
#[derive(Clone, Debug)]
pub enum Frequency {
    /// One of the nine names.
    Named(NamedFrequency),
    /// Every N hours, days, weeks, months or years.
    Every(Interval),
    /// When a crontab expression fires.
    Cron(CronExpression),
}

/// Which rule a frequency breaks. The text names the value and the rule, for clients.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FrequencyError {
    /// Neither a name, nor `every N unit`, nor a cron expression.
    #[error(
        "`{value}` is not a frequency: use hourly, daily, weekly, monthly, two-month, three-month, \
         four-month, six-month, yearly, {{\"every\": 2, \"unit\": \"week\"}}, or a crontab \
         expression of five fields"
    )]
    Unknown {
        /// What was given, cut short.
        value: String,
    },
    /// The unit of an interval is none of the five.
    #[error("`{value}` is not a frequency unit: use hour, day, week, month or year")]
    UnknownUnit {
        /// What was given, cut short.
        value: String,
    },
    /// The count of an interval is out of range.
    #[error("every must be between 1 and {maximum} for the unit {unit}, not {every}")]
    EveryOutOfRange {
        /// What was given.
        every: i64,
        /// The unit it counts.
        unit: IntervalUnit,
        /// The most that the unit allows.
        maximum: u32,
    },
    /// The cron expression is refused.
    #[error(transparent)]
    Cron(#[from] CronError),
}

impl Frequency {
    /// Every `every` units.
    ///
    /// # Errors
    ///
    /// [`FrequencyError::EveryOutOfRange`] below 1 or above [`IntervalUnit::maximum`].
    pub fn every(every: i64, unit: IntervalUnit) -> Result<Self, FrequencyError> {
        Interval::new(every, unit).map(Self::Every)
    }

    /// What is added to the anchor; `None` for cron.
    pub(super) const fn step(&self) -> Option<Step> {
        match self {
            Self::Named(name) => Some(name.interval().step()),
            Self::Every(interval) => Some(interval.step()),
            Self::Cron(_) => None,
        }
    }

    fn meaning(&self) -> Meaning<'_> {
        match self {
            Self::Named(name) => Meaning::Step(name.interval().step()),
            Self::Every(interval) => Meaning::Step(interval.step()),
            Self::Cron(cron) => Meaning::Cron(cron.canonical()),
        }
    }
}

/// What equality looks at.
#[derive(PartialEq, Eq, Hash)]
enum Meaning<'a> {
    Step(Step),
    Cron(&'a str),
}

impl PartialEq for Frequency {
    fn eq(&self, other: &Self) -> bool {
        self.meaning() == other.meaning()
    }
}

impl Eq for Frequency {}

impl Hash for Frequency {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.meaning().hash(state);
    }
}

impl From<NamedFrequency> for Frequency {
    fn from(name: NamedFrequency) -> Self {
        Self::Named(name)
    }
}

impl From<Interval> for Frequency {
    fn from(interval: Interval) -> Self {
        Self::Every(interval)
    }
}

impl From<CronExpression> for Frequency {
    fn from(cron: CronExpression) -> Self {
        Self::Cron(cron)
    }
}

impl FromStr for Frequency {
    type Err = FrequencyError;

    /// Reads a name, `every 2 weeks`, or a cron expression.
    ///
    /// # Errors
    ///
    /// [`FrequencyError`] names the rule that the value breaks.
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let trimmed = value.trim();
        if let Some(name) = NamedFrequency::ALL.into_iter().find(|name| name.name() == trimmed) {
            return Ok(Self::Named(name));
        }
        let unknown = || FrequencyError::Unknown { value: cut_short(value) };
        let words: Vec<&str> = trimmed.split_whitespace().take(4).collect();
        match words.as_slice() {
            ["every", every, unit] => {
                let every: i64 = every.parse().map_err(|_| unknown())?;
                Self::every(every, unit.strip_suffix('s').unwrap_or(unit).parse()?)
            }
            ["every", ..] | [] => Err(unknown()),
            [macro_name] if !macro_name.starts_with('@') => Err(unknown()),
            _ => Ok(Self::Cron(trimmed.parse()?)),
        }
    }
}

/// The canonical text: a name where one fits, else `every 2 weeks` in the largest unit that fits,
/// else the cron expression in numbers. Reading it gives an equal frequency.
impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.meaning() {
            Meaning::Cron(canonical) => return f.write_str(canonical),
            Meaning::Step(step) => step,
        };
        let named = NamedFrequency::ALL.into_iter().find(|name| name.interval().step() == step);
        if let Some(name) = named {
            return f.write_str(name.name());
        }
        let (every, unit) = match step {
            Step::Hours(hours) => (hours.get(), IntervalUnit::Hour),
            // Longer than the most weeks that are read, it stays days.
            Step::Days(days)
                if days.get() % 7 == 0 && days.get() / 7 <= IntervalUnit::Week.maximum() =>
            {
                (days.get() / 7, IntervalUnit::Week)
            }
            Step::Days(days) => (days.get(), IntervalUnit::Day),
            Step::Months(months) if months.get() % 12 == 0 => {
                (months.get() / 12, IntervalUnit::Year)
            }
            Step::Months(months) => (months.get(), IntervalUnit::Month),
        };
        let plural = if every == 1 { "" } else { "s" };
        write!(f, "every {every} {unit}{plural}")
    }
}

impl Serialize for Frequency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Named(name) => serializer.serialize_str(name.name()),
            Self::Every(interval) => interval.serialize(serializer),
            Self::Cron(cron) => serializer.serialize_str(cron.as_written()),
        }
    }
}

impl<'de> Deserialize<'de> for Frequency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FrequencyVisitor)
    }
}

struct FrequencyVisitor;

impl<'de> Visitor<'de> for FrequencyVisitor {
    type Value = Frequency;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a frequency: a string, or an object with `every` and `unit`")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Frequency, E> {
        value.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Frequency, A::Error> {
        let (mut every, mut unit) = (None::<i64>, None::<String>);
        while let Some(field) = fields.next_key::<String>()? {
            match field.as_str() {
                "every" if every.is_none() => every = Some(fields.next_value()?),
                "unit" if unit.is_none() => unit = Some(fields.next_value()?),
                "every" => return Err(de::Error::duplicate_field("every")),
                "unit" => return Err(de::Error::duplicate_field("unit")),
                _ => return Err(de::Error::unknown_field(&cut_short(&field), &["every", "unit"])),
            }
        }
        let every = every.ok_or_else(|| de::Error::missing_field("every"))?;
        let unit = unit.ok_or_else(|| de::Error::missing_field("unit"))?;
        let unit = unit.parse().map_err(de::Error::custom)?;
        Frequency::every(every, unit).map_err(de::Error::custom)
    }
}

/// Enough of a client's text to recognize it in an error.
pub(super) fn cut_short(value: &str) -> String {
    value.chars().take(64).collect()
}

#[cfg(test)]
#[path = "frequency_tests.rs"]
mod tests;
