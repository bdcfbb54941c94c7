//! One occurrence of a schedule: its number and its instant.

use std::{fmt, num::ParseIntError, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Reason, Source};

/// Which occurrence of a schedule: 0 is the anchor itself. With the subscription's id it is the
/// identity of a run. Serialized as a plain integer.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct OccurrenceNumber(u32);

impl OccurrenceNumber {
    /// The anchor itself.
    pub const ANCHOR: Self = Self(0);
    /// The first occurrence after the anchor.
    pub const FIRST: Self = Self(1);

    /// Occurrence number n.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number, to be stored or shown.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number after this one, or `None` after the last of 2^32.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number before this one, or `None` before the anchor.
    #[must_use]
    pub const fn previous(self) -> Option<Self> {
        match self.0.checked_sub(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

impl FromStr for OccurrenceNumber {
    type Err = ParseIntError;

    /// Reads the plain number.
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        value.parse().map(Self)
    }
}

impl fmt::Display for OccurrenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of an occurrence in its schedule, as a record keeps it: number and instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// Which occurrence.
    pub number: OccurrenceNumber,
    /// When, in UTC.
    pub at: DateTime<Utc>,
}

/// An occurrence of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// Which occurrence.
    pub number: OccurrenceNumber,
    /// When, in UTC.
    pub at: DateTime<Utc>,
    /// Why then.
    pub reason: Reason,
}

impl Occurrence {
    /// The anchor itself: occurrence 0.
    #[must_use]
    pub const fn anchor(at: DateTime<Utc>) -> Self {
        let reason = Reason::plain(Source::Anchor);
        Self { number: OccurrenceNumber::ANCHOR, at, reason }
    }

    /// Number and instant, without the reason.
    #[must_use]
    pub const fn slot(self) -> Slot {
        Slot { number: self.number, at: self.at }
    }
}

impl From<Occurrence> for Slot {
    fn from(occurrence: Occurrence) -> Self {
        occurrence.slot()
    }
}
