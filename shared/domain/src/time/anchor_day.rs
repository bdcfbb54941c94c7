//! A day of the month to anchor dates to.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A day of the month, 1 to 31. In a month too short for it, the month's last day stands in.
/// Serialized as a plain integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u8")]
pub struct AnchorDay(u8);

/// A number that is no day of the month. The text names the field, the value and the rule.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("anchor_day must be between 1 and 31, not {0}")]
pub struct AnchorDayError(i64);

impl AnchorDay {
    /// The given day.
    ///
    /// # Errors
    ///
    /// [`AnchorDayError`] below 1 or above 31.
    pub fn new(day: i64) -> Result<Self, AnchorDayError> {
        u8::try_from(day)
            .ok()
            .filter(|day| (1..=31).contains(day))
            .map(Self)
            .ok_or(AnchorDayError(day))
    }

    /// The day, 1 to 31.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0 as u32
    }

    /// The date that stands for this day in the month of another date.
    #[must_use]
    pub fn in_month_of(self, date: NaiveDate) -> NaiveDate {
        use chrono::Datelike;
        let day = self.get().min(u32::from(date.num_days_in_month()));
        date.with_day(day).unwrap_or(date)
    }
}

impl TryFrom<i64> for AnchorDay {
    type Error = AnchorDayError;

    fn try_from(day: i64) -> Result<Self, Self::Error> {
        Self::new(day)
    }
}

impl From<AnchorDay> for u8 {
    fn from(day: AnchorDay) -> Self {
        day.0
    }
}

impl fmt::Display for AnchorDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
