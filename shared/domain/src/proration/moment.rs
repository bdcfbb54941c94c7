//! When something begins, changes or ends, as people give it: a local date or an instant.

use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// A local date, or an instant. Serialized as `2027-01-18` or `2027-01-18T09:30:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// A day on the calendar of the policy's time zone; counted in seconds, the start of that day.
    Date(NaiveDate),
    /// A point in time; counted in days, the local day that it lies in.
    Instant(DateTime<Utc>),
}

/// The text is neither a date nor an instant.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{value}` is neither a date like 2027-01-18 nor an instant like 2027-01-18T09:30:00Z")]
pub struct InvalidMoment {
    /// What was given, shortened to a few characters.
    pub value: String,
}

impl FromStr for Moment {
    type Err = InvalidMoment;

    /// Reads a date of ISO 8601 or an instant of RFC 3339.
    ///
    /// # Errors
    ///
    /// [`InvalidMoment`] for anything else.
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        value
            .parse()
            .map(Self::Date)
            .or_else(|_| DateTime::parse_from_rfc3339(value).map(|at| Self::Instant(at.to_utc())))
            .map_err(|_| InvalidMoment { value: value.chars().take(48).collect() })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => date.fmt(f),
            Self::Instant(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
