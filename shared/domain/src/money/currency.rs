//! ISO 4217 currencies that money can be counted in.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// An ISO 4217 currency with a minor unit, such as `EUR`, `JPY` or `BHD`.
///
/// Codes without a minor unit (gold, the testing code, "no currency") are refused: an amount in them
/// cannot be counted in integers. Codes that ISO 4217 has withdrawn are refused too, but still read
/// from records. Serialized as the three-letter code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency(iso_currency::Currency);

/// Codes that the list of currencies still has and ISO 4217 has withdrawn, with the year of the
/// withdrawal (its list three, of historic denominations) and the code that took their place.
const WITHDRAWN: [(iso_currency::Currency, u16, iso_currency::Currency); 5] = {
    use iso_currency::Currency as Iso;
    [
        (Iso::BGN, 2026, Iso::EUR),
        (Iso::CUC, 2021, Iso::CUP),
        (Iso::HRK, 2023, Iso::EUR),
        (Iso::SLL, 2023, Iso::SLE),
        (Iso::ZWL, 2024, Iso::ZWG),
    ]
};

/// Why a text is not a currency that amounts can be counted in.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CurrencyError {
    /// No such code, or one without a minor unit.
    #[error("`{value}` is not an ISO 4217 currency code with a minor unit, such as EUR")]
    Unknown {
        /// What was given, shortened to a few characters.
        value: String,
    },
    /// The currency is history.
    #[error("{code} was withdrawn in {year}: use {successor}")]
    Withdrawn {
        /// What was given.
        code: Currency,
        /// The year of its withdrawal.
        year: u16,
        /// What took its place.
        successor: Currency,
    },
}

impl Currency {
    /// The euro.
    pub const EUR: Self = Self(iso_currency::Currency::EUR);
    /// The United States dollar.
    pub const USD: Self = Self(iso_currency::Currency::USD);

    /// The three-letter code, in capitals.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals the minor unit has: JPY 0, EUR 2, BHD 3.
    #[must_use]
    pub fn exponent(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    /// Reads a code in capitals, as clients give it.
    ///
    /// # Errors
    ///
    /// [`CurrencyError`] for anything but the code of a current currency with a minor unit.
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let currency = listed(value)?;
        match WITHDRAWN.iter().find(|(withdrawn, ..)| *withdrawn == currency.0) {
            Some((_, year, successor)) => Err(CurrencyError::Withdrawn {
                code: currency,
                year: *year,
                successor: Self(*successor),
            }),
            None => Ok(currency),
        }
    }
}

/// A currency with a minor unit, withdrawn or not.
fn listed(code: &str) -> Result<Currency, CurrencyError> {
    iso_currency::Currency::from_code(code)
        .filter(|currency| currency.exponent().is_some())
        .map(Currency)
        .ok_or_else(|| CurrencyError::Unknown { value: code.chars().take(16).collect() })
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    /// Reads withdrawn codes too: records outlive currencies.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        listed(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[path = "currency_tests.rs"]
mod tests;
