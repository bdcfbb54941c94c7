//! ISO 4217 currencies that money can be counted in.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// An ISO 4217 currency with a minor unit, such as `EUR`, `JPY` or `BHD`.
///
/// Codes without a minor unit (gold, the testing code, "no currency") are refused: an amount in them
/// cannot be counted in integers. Serialized as the three-letter code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency(iso_currency::Currency);

/// The text is not the code of a currency that amounts can be counted in.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{value}` is not an ISO 4217 currency code with a minor unit, such as EUR")]
pub struct UnknownCurrency {
    /// What was given, shortened to a few characters.
    pub value: String,
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
    type Err = UnknownCurrency;

    /// Reads a code in capitals.
    ///
    /// # Errors
    ///
    /// [`UnknownCurrency`] for anything but the code of a currency with a minor unit.
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        iso_currency::Currency::from_code(value)
            .filter(|currency| currency.exponent().is_some())
            .map(Self)
            .ok_or_else(|| UnknownCurrency { value: value.chars().take(16).collect() })
    }
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
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
