//! Where a fraction of a minor unit goes: the one rounding at the end of a computation.

use serde::{Deserialize, Serialize};

/// How an exact result is rounded to whole minor units. Only ties differ: everything else goes to
/// the nearest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Ties go away from zero: 0.5 to 1 and -0.5 to -1, so that a credit mirrors its charge.
    #[default]
    HalfUp,
    /// Ties go to the even neighbour: 0.5 to 0, 1.5 to 2, 2.5 to 2 (banker's rounding).
    HalfEven,
}

impl Rounding {
    /// The rounded quotient. The divisor is at most 64 bits wide and never 0, which
    /// [`Ratio`](super::Ratio) vouches for; so doubling a remainder can't overflow.
    pub(super) fn divide(self, dividend: i128, divisor: i64) -> i128 {
        let divisor = i128::from(divisor);
        let (towards_zero, remainder) = (dividend / divisor, dividend % divisor);
        let twice = 2 * remainder.unsigned_abs();
        let away = match self {
            Self::HalfUp => twice >= divisor.unsigned_abs(),
            Self::HalfEven if twice == divisor.unsigned_abs() => towards_zero % 2 != 0,
            Self::HalfEven => twice > divisor.unsigned_abs(),
        };
        if away { towards_zero + dividend.signum() * divisor.signum() } else { towards_zero }
    }
}

#[cfg(test)]
#[path = "rounding_tests.rs"]
mod tests;
