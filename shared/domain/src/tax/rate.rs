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

/// Decimals that a fraction may have: two more than a percentage.
const FRACTION_DECIMALS: usize = DECIMALS + 2;

impl TaxRate {
    /// Reads a fraction of 1: `0.19` for 19 percent.
    ///
    /// # Errors
    /// [`TaxRateError`] as with percent, with two decimals more.
    pub fn from_fraction(value: &str) -> Result<Self, TaxRateError> {
        let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
        // A fraction is a percentage whose point stands two places further to the left.
        let (hundredths, rest) = decimals.split_at_checked(2).unwrap_or((decimals, ""));
        let point = if rest.is_empty() { "" } else { "." };
        let percent = format!("{whole}{hundredths:0<2}{point}{rest}");
        let plain = !whole.is_empty() && whole.len() <= 2 && !value.ends_with('.');
        let rate = plain.then(|| parse(&percent)).flatten();
        rate.ok_or_else(|| TaxRateError { value: value.chars().take(64).collect() })
    }

    /// The rate as a fraction of 1 with no more decimals than it needs: `0.19` for 19 percent.
    #[must_use]
    pub fn to_fraction(self) -> String {
        let (rate, whole) = (self.millionths_of_a_percent, 100 * ONE_PERCENT);
        let text = format!("{}.{:0FRACTION_DECIMALS$}", rate / whole, rate % whole);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// A rate as a JSON number, a fraction of 1, which is how the public API writes rates. Readers of
/// JSON take numbers for binary fractions; of these the shortest decimal that means the same is the
/// one that was written, for rates have ten digits at most and 15 are safe. Nothing is computed with
/// them.
pub mod fraction {
    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    use super::TaxRate;

    /// Writes a rate as a number.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(rate: &TaxRate, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(rate.to_fraction().parse().map_err(ser::Error::custom)?)
    }

    /// Reads one.
    ///
    /// # Errors
    /// Where the number is out of range, or has too many decimals.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TaxRate, D::Error> {
        read(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }

    /// The rate that a number means.
    ///
    /// # Errors
    /// As [`deserialize`].
    pub fn read(number: f64) -> Result<TaxRate, super::TaxRateError> {
        // Written without an exponent, and with the fewest digits that tell it from its neighbours.
        TaxRate::from_fraction(&number.to_string())
    }

    /// The rate next to a number that somebody has computed: `0.1 + 0.2` is not `0.3` in binary
    /// fractions.
    ///
    /// # Errors
    /// As [`deserialize`], but for decimals that are too many: those are rounded.
    pub fn nearest(number: f64) -> Result<TaxRate, super::TaxRateError> {
        TaxRate::from_fraction(&format!("{number:.decimals$}", decimals = super::FRACTION_DECIMALS))
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

    /// A fraction is the percentage over a hundred, by hand.
    #[test]
    fn a_fraction_of_one_is_the_same_rate_digit_for_digit() -> TestResult {
        for (fraction, percent) in [
            ("0", "0"),
            ("0.19", "19"),
            ("0.07", "7"),
            ("0.077", "7.7"),
            ("0.08875", "8.875"),
            ("0.1", "10"),
            ("1", "100"),
            ("2.5", "250"),
            ("10", "1000"),
            ("0.00000001", "0.000001"),
            ("0.33333333", "33.333333"),
        ] {
            let rate: TaxRate = percent.parse()?;
            assert_eq!(TaxRate::from_fraction(fraction)?, rate, "{fraction}");
            assert_eq!(rate.to_fraction(), fraction);
            // And as a number of JSON, there and back.
            let number: f64 = serde_json::from_str(fraction)?;
            assert_eq!(fraction::read(number)?, rate, "{number}");
        }
        for refused in ["", ".1", "1.", "-0.1", "10.1", "11", "0.000000001", "1e-3", "0,19", "001"]
        {
            assert!(TaxRate::from_fraction(refused).is_err(), "{refused:?}");
        }
        for refused in [f64::NAN, f64::INFINITY, -0.19, 10.5, 0.123_456_789] {
            assert!(fraction::read(refused).is_err(), "{refused}");
        }
        for (computed, percent) in [
            (0.300_000_000_000_000_04, "30"),
            (0.123_456_789, "12.345679"),
            (0.098_75, "9.875"),
            (10.0, "1000"),
            (0.0, "0"),
        ] {
            assert_eq!(fraction::nearest(computed)?, percent.parse()?, "{computed}");
        }
        for refused in [f64::NAN, f64::INFINITY, -0.19, 10.5] {
            assert!(fraction::nearest(refused).is_err(), "{refused}");
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
