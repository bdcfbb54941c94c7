//! Tax rates: exact decimal percentages.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::money::{MoneyError, Ratio};

/// Decimals that a percentage may have.
const DECIMALS: usize = 6;

/// One percent, in the millionths that rates are kept in.
const ONE_PERCENT: u32 = 1_000_000;

/// One hundred percent, in the same.
const WHOLE: i64 = 100 * ONE_PERCENT as i64;

/// The highest rate, in percent: some excises are above 100.
pub const MAX_PERCENT: u32 = 1_000;

/// A tax rate: 0 to [`MAX_PERCENT`] percent with up to six decimals, exact. Written, read and
/// serialized as text: `19`, `8.875`; `19.0` is the same rate as `19`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaxRate {
    millionths_of_a_percent: u32,
}

/// The text is not a tax rate.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "`{value}` is not a tax rate: write percent as a decimal from 0 to {MAX_PERCENT} with up to \
     {DECIMALS} decimals, such as 19 or 8.875"
)]
pub struct TaxRateError {
    /// What was given, cut short.
    pub value: String,
}

impl TaxRate {
    /// Zero-rated: taxable, at nothing.
    pub const ZERO: Self = Self { millionths_of_a_percent: 0 };

    /// The tax on a net amount, as a share of that amount: 19/100 for 19 percent.
    ///
    /// # Errors
    /// As [`Ratio::new`].
    pub fn share_of_net(self) -> Result<Ratio, MoneyError> {
        Ratio::new(i64::from(self.millionths_of_a_percent), WHOLE)
    }

    /// The tax within a gross amount, as a share of that amount: 19/119 for 19 percent.
    ///
    /// # Errors
    /// As [`Ratio::new`].
    pub fn share_of_gross(self) -> Result<Ratio, MoneyError> {
        let rate = i64::from(self.millionths_of_a_percent);
        Ratio::new(rate, WHOLE + rate)
    }
}

impl FromStr for TaxRate {
    type Err = TaxRateError;

    /// Reads percent: digits, and after a point one to six more.
    ///
    /// # Errors
    /// [`TaxRateError`] for everything else: signs, exponents, `%`, rates out of range.
    fn from_str(value: &str) -> Result<Self, TaxRateError> {
        parse(value).ok_or_else(|| TaxRateError { value: value.chars().take(64).collect() })
    }
}

fn parse(value: &str) -> Option<TaxRate> {
    let (whole, decimals) = match value.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, decimals)) => (whole, decimals),
        None => (value, ""),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    // At most four digits before the point: leading zeros beyond that are a typo.
    if !(1..=4).contains(&whole.len()) || decimals.len() > DECIMALS {
        return None;
    }
    if !digits(whole) || !digits(decimals) {
        return None;
    }
    let percent: u32 = whole.parse().ok().filter(|percent| *percent <= MAX_PERCENT)?;
    let millionths: u32 = format!("{decimals:0<DECIMALS$}").parse().ok()?;
    let rate = percent.checked_mul(ONE_PERCENT)?.checked_add(millionths)?;
    (rate <= MAX_PERCENT * ONE_PERCENT).then_some(TaxRate { millionths_of_a_percent: rate })
}

/// The percentage with no more decimals than it needs: `19`, `8.875`.
impl fmt::Display for TaxRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.millionths_of_a_percent;
        let text = format!("{}.{:0DECIMALS$}", rate / ONE_PERCENT, rate % ONE_PERCENT);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Debug for TaxRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} %")
    }
}

impl Serialize for TaxRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TaxRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    type TestResult = Result<(), Box<dyn Error>>;

    #[test]
    fn a_rate_is_read_exactly_and_written_with_no_more_decimals_than_it_needs() -> TestResult {
        for (given, written) in [
            ("0", "0"),
            ("19", "19"),
            ("19.0", "19"),
            ("7.7", "7.7"),
            ("8.875", "8.875"),
            ("0.000001", "0.000001"),
            ("10.10", "10.1"),
            ("007", "7"),
            ("1000", "1000"),
        ] {
            let rate: TaxRate = given.parse()?;
            assert_eq!(rate.to_string(), written);
            assert_eq!(serde_json::to_string(&rate)?, format!("\"{written}\""));
            assert_eq!(serde_json::from_str::<TaxRate>(&format!("\"{given}\""))?, rate);
        }
        Ok(())
    }

    #[test]
    fn what_is_not_a_plain_percentage_is_refused() {
        for text in [
            "",
            ".",
            "19.",
            ".5",
            "-1",
            "+1",
            "1e1",
            "19%",
            "19,5",
            " 19",
            "1000.000001",
            "1001",
            "0.0000001",
            "00019",
            "NaN",
            "1.2.3",
            "١٩",
        ] {
            let refused = text.parse::<TaxRate>();
            assert!(refused.is_err_and(|error| error.value == text), "{text}");
        }
        assert!(serde_json::from_str::<TaxRate>("19").is_err(), "a number could be a float");
    }
}
