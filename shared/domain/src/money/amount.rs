//! Amounts: a count of minor units and the currency they are counted in.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Currency, Ratio, Rounding};

/// A count of minor units (cents, yen, fils), without its currency.
///
/// Records keep one currency and many of these; serialized as a plain integer. Negative counts are
/// credits.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MinorUnits(i64);

/// Why an amount could not be computed. Trying again cannot help.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum MoneyError {
    /// The result does not fit into 64 bits.
    #[error("the amount is too large to be counted")]
    Overflow,
    /// Two amounts in different currencies met.
    #[error("amounts in {left} and {right} cannot be combined")]
    CurrencyMismatch {
        /// The currency of the first amount.
        left: Currency,
        /// The currency of the second amount.
        right: Currency,
    },
    /// A ratio was to be made with nothing, or less, as the whole.
    #[error("a ratio needs a denominator above 0, not {denominator}")]
    Denominator {
        /// The denominator that was given.
        denominator: i64,
    },
    /// An amount was to be shared out among nobody.
    #[error("an amount cannot be shared out by weights that add up to 0")]
    NoWeights,
}

impl MinorUnits {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A count of minor units.
    #[must_use]
    pub const fn new(units: i64) -> Self {
        Self(units)
    }

    /// The count, to be stored or sent.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Whether nothing is to be paid or given back.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether the count is below zero: a credit.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Adds two counts of the same currency.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] when the sum does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// Takes another count of the same currency away.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] when the difference does not fit.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_sub(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// Multiplies a unit price by a quantity.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] when the product does not fit.
    pub fn checked_mul(self, quantity: u32) -> Result<Self, MoneyError> {
        self.0.checked_mul(i64::from(quantity)).map(Self).ok_or(MoneyError::Overflow)
    }

    /// Takes a fraction of the count, exactly, and rounds once.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] when the rounded result does not fit.
    pub fn checked_scale(self, ratio: Ratio, rounding: Rounding) -> Result<Self, MoneyError> {
        let product = i128::from(self.0) * i128::from(ratio.numerator());
        let rounded = rounding.divide(product, ratio.denominator());
        i64::try_from(rounded).map(Self).map_err(|_| MoneyError::Overflow)
    }

    /// Adds up counts of the same currency; nothing adds up to zero.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] when the total, in whatever order, does not fit.
    pub fn checked_total(counts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        // Summed in 128 bits, so that the answer does not depend on the order of the counts.
        let total = counts
            .into_iter()
            .try_fold(0_i128, |total, count| total.checked_add(i128::from(count.0)))
            .ok_or(MoneyError::Overflow)?;
        i64::try_from(total).map(Self).map_err(|_| MoneyError::Overflow)
    }
}

impl From<i64> for MinorUnits {
    fn from(units: i64) -> Self {
        Self(units)
    }
}

impl fmt::Display for MinorUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An amount of money: minor units and their currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    minor: MinorUnits,
    currency: Currency,
}

impl Amount {
    /// So many minor units of a currency.
    #[must_use]
    pub const fn new(minor: MinorUnits, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in a currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::new(MinorUnits::ZERO, currency)
    }

    /// The count of minor units.
    #[must_use]
    pub const fn minor(self) -> MinorUnits {
        self.minor
    }

    /// The currency they are counted in.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Adds an amount of the same currency.
    ///
    /// # Errors
    ///
    /// [`MoneyError::CurrencyMismatch`] or [`MoneyError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        let currency = self.common_currency(other)?;
        Ok(Self::new(self.minor.checked_add(other.minor)?, currency))
    }

    /// Takes an amount of the same currency away.
    ///
    /// # Errors
    ///
    /// [`MoneyError::CurrencyMismatch`] or [`MoneyError::Overflow`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        let currency = self.common_currency(other)?;
        Ok(Self::new(self.minor.checked_sub(other.minor)?, currency))
    }

    /// Multiplies a unit price by a quantity.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] when the product does not fit.
    pub fn checked_mul(self, quantity: u32) -> Result<Self, MoneyError> {
        Ok(Self::new(self.minor.checked_mul(quantity)?, self.currency))
    }

    fn common_currency(self, other: Self) -> Result<Currency, MoneyError> {
        if self.currency == other.currency {
            Ok(self.currency)
        } else {
            Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
        }
    }
}

/// For people: `12.50 EUR`, `-0.05 EUR`, `1250 JPY`, `1.250 BHD`. Programs get the minor units.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor.is_negative() { "-" } else { "" };
        let units = self.minor.get().unsigned_abs();
        let exponent = self.currency.exponent();
        // ISO 4217 knows no exponent above 4; one that would not fit is shown unscaled.
        match 10_u64.checked_pow(exponent).filter(|scale| *scale > 1) {
            None => write!(f, "{sign}{units} {}", self.currency),
            Some(scale) => write!(
                f,
                "{sign}{}.{:0width$} {}",
                units / scale,
                units % scale,
                self.currency,
                width = exponent as usize
            ),
        }
    }
}

#[cfg(test)]
#[path = "amount_tests.rs"]
mod tests;
