//! Intervals: the nine named ones, and every N hours, days, weeks, months or years.

use std::{fmt, num::NonZeroU32, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{FrequencyError, frequency::cut_short};

/// The nine frequencies with names of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NamedFrequency {
    /// `hourly`: every 3,600 seconds.
    Hourly,
    /// `daily`
    Daily,
    /// `weekly`
    Weekly,
    /// `monthly`
    Monthly,
    /// `two-month`
    TwoMonth,
    /// `three-month`
    ThreeMonth,
    /// `four-month`
    FourMonth,
    /// `six-month`
    SixMonth,
    /// `yearly`
    Yearly,
}

/// Every N units, N at least 1 and at most about a hundred years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Interval {
    every: NonZeroU32,
    unit: IntervalUnit,
}

/// What an interval counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalUnit {
    /// 3,600 elapsed seconds, whatever the wall clock shows.
    Hour,
    /// The same wall-clock time on another day.
    Day,
    /// Seven days.
    Week,
    /// The anchor's day of the month, or the last of a month too short for it.
    Month,
    /// Twelve months.
    Year,
}

/// What a frequency adds to its anchor, reduced to the three ways of counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Hours(NonZeroU32),
    Days(NonZeroU32),
    Months(NonZeroU32),
}

impl NamedFrequency {
    /// All of them, from the most to the least frequent.
    pub const ALL: [Self; 9] = [
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::TwoMonth,
        Self::ThreeMonth,
        Self::FourMonth,
        Self::SixMonth,
        Self::Yearly,
    ];

    /// The name, as clients write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::TwoMonth => "two-month",
            Self::ThreeMonth => "three-month",
            Self::FourMonth => "four-month",
            Self::SixMonth => "six-month",
            Self::Yearly => "yearly",
        }
    }

    pub(super) const fn interval(self) -> Interval {
        let (every, unit) = match self {
            Self::Hourly => (1, IntervalUnit::Hour),
            Self::Daily => (1, IntervalUnit::Day),
            Self::Weekly => (1, IntervalUnit::Week),
            Self::Monthly => (1, IntervalUnit::Month),
            Self::TwoMonth => (2, IntervalUnit::Month),
            Self::ThreeMonth => (3, IntervalUnit::Month),
            Self::FourMonth => (4, IntervalUnit::Month),
            Self::SixMonth => (6, IntervalUnit::Month),
            Self::Yearly => (1, IntervalUnit::Year),
        };
        Interval { every: NonZeroU32::MIN.saturating_add(every - 1), unit }
    }
}

impl IntervalUnit {
    /// The unit's name, singular.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The largest N: about a hundred years.
    #[must_use]
    pub const fn maximum(self) -> u32 {
        match self {
            Self::Hour => 876_000,
            Self::Day => 36_500,
            Self::Week => 5_200,
            Self::Month => 1_200,
            Self::Year => 100,
        }
    }
}

impl Interval {
    /// Every `every` units.
    ///
    /// # Errors
    ///
    /// [`FrequencyError::EveryOutOfRange`] below 1 or above [`IntervalUnit::maximum`].
    pub fn new(every: i64, unit: IntervalUnit) -> Result<Self, FrequencyError> {
        let maximum = unit.maximum();
        u32::try_from(every)
            .ok()
            .and_then(NonZeroU32::new)
            .filter(|every| every.get() <= maximum)
            .map(|every| Self { every, unit })
            .ok_or(FrequencyError::EveryOutOfRange { every, unit, maximum })
    }

    /// How many units, at least 1.
    #[must_use]
    pub const fn every(self) -> NonZeroU32 {
        self.every
    }

    /// What is counted.
    #[must_use]
    pub const fn unit(self) -> IntervalUnit {
        self.unit
    }

    pub(super) const fn step(self) -> Step {
        // The maximum of each unit keeps the products far from the limits of 32 bits.
        const fn times(every: NonZeroU32, factor: u32) -> NonZeroU32 {
            match NonZeroU32::new(factor) {
                Some(factor) => every.saturating_mul(factor),
                None => every,
            }
        }
        match self.unit {
            IntervalUnit::Hour => Step::Hours(self.every),
            IntervalUnit::Day => Step::Days(self.every),
            IntervalUnit::Week => Step::Days(times(self.every, 7)),
            IntervalUnit::Month => Step::Months(self.every),
            IntervalUnit::Year => Step::Months(times(self.every, 12)),
        }
    }
}

impl FromStr for IntervalUnit {
    type Err = FrequencyError;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year]
            .into_iter()
            .find(|unit| unit.name() == value)
            .ok_or_else(|| FrequencyError::UnknownUnit { value: cut_short(value) })
    }
}

impl fmt::Display for IntervalUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
