//! Exact fractions, such as 14 of 31 days or a tax rate of 19 in 100.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::{MoneyError, Rounding};

/// An exact fraction, kept as the two counts it was made of: 14 of 28 days stays `14/28`.
///
/// Comparing goes by value, so `14/28` equals `1/2`. Both counts have 64 bits: their products, and
/// those with an amount, are computed in 128 bits and can't overflow. Serialized as `"14/28"`.
#[derive(Clone, Copy)]
pub struct Ratio {
    numerator: i64,
    /// Above 0.
    denominator: i64,
}

/// The text is not a fraction of two counts.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{value}` is not a ratio of two whole numbers with a denominator above 0, such as 14/31")]
pub struct InvalidRatio {
    /// What was given, shortened to a few characters.
    pub value: String,
}

impl Ratio {
    /// Nothing of the whole.
    pub const ZERO: Self = Self { numerator: 0, denominator: 1 };
    /// The whole.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// So many out of so many; not reduced.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Denominator`] when the denominator is 0 or below.
    pub const fn new(numerator: i64, denominator: i64) -> Result<Self, MoneyError> {
        if denominator > 0 {
            Ok(Self { numerator, denominator })
        } else {
            Err(MoneyError::Denominator { denominator })
        }
    }

    /// The part, as it was counted.
    #[must_use]
    pub const fn numerator(self) -> i64 {
        self.numerator
    }

    /// The whole, as it was counted; above 0.
    #[must_use]
    pub const fn denominator(self) -> i64 {
        self.denominator
    }

    /// The fraction in decimal notation, rounded half up to nine places: 14/31 is `0.451612903`.
    #[must_use]
    pub fn to_nine_decimals(self) -> String {
        const BILLION: u128 = 1_000_000_000;
        let billionths = i128::from(self.numerator) * 1_000_000_000;
        let rounded = Rounding::HalfUp.divide(billionths, self.denominator);
        let sign = if rounded < 0 { "-" } else { "" };
        let rounded = rounded.unsigned_abs();
        format!("{sign}{}.{:09}", rounded / BILLION, rounded % BILLION)
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ratio {}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By value.
impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let cross =
            |left: Self, right: Self| i128::from(left.numerator) * i128::from(right.denominator);
        cross(*self, *other).cmp(&cross(*other, *self))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Ratio {
    type Err = InvalidRatio;

    /// Reads `14/31`.
    ///
    /// # Errors
    ///
    /// [`InvalidRatio`] for anything else, and for a denominator of 0 or below.
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        value
            .split_once('/')
            .and_then(|(numerator, denominator)| {
                Self::new(numerator.parse().ok()?, denominator.parse().ok()?).ok()
            })
            .ok_or_else(|| InvalidRatio { value: value.chars().take(48).collect() })
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[path = "ratio_tests.rs"]
mod tests;
