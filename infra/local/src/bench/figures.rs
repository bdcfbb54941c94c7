//! Numbers for people and for JSON, without floating point: thousandths, and dollars.

use std::fmt;

use serde::{Serialize, Serializer};

/// A number in thousandths: `1500` is 1.5.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Thousandths(pub(super) u64);

impl Thousandths {
    /// `dividend / divisor`, rounded down; nothing for nothing.
    pub(super) fn ratio(dividend: u64, divisor: u64) -> Self {
        let thousandths = u128::from(dividend) * 1_000 / u128::from(divisor.max(1));
        Self(u64::try_from(thousandths).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` honours the width that a table asks for.
        f.pad(&format!("{}.{:03}", self.0 / 1_000, self.0 % 1_000))
    }
}

impl Serialize for Thousandths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number: f64 = self.to_string().parse().map_err(serde::ser::Error::custom)?;
        serializer.serialize_f64(number)
    }
}

/// Dollars in millionths, which is also picodollars for one out of a million.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(super) struct MicroDollars(pub(super) u64);

impl fmt::Display for MicroDollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.0.saturating_add(5_000) / 10_000;
        f.pad(&format!("${}.{:02}", cents / 100, cents % 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_are_written_as_decimals() -> Result<(), serde_json::Error> {
        assert_eq!(Thousandths::ratio(2, 3).to_string(), "0.666");
        assert_eq!(format!("{:>8}", Thousandths(12_005)), "  12.005");
        assert_eq!(serde_json::to_string(&Thousandths(12_500))?, "12.5");
        assert_eq!(Thousandths::ratio(5, 0), Thousandths(5_000));
        Ok(())
    }

    #[test]
    fn dollars_are_rounded_to_the_cent() {
        assert_eq!(MicroDollars(5_274_999).to_string(), "$5.27");
        assert_eq!(MicroDollars(5_275_000).to_string(), "$5.28");
        assert_eq!(MicroDollars(0).to_string(), "$0.00");
    }
}
