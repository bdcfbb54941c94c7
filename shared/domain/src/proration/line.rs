//! How a line is computed: a fraction of the whole period's price, from a cut to the period's end.

use super::{Against, Cause, Cut, Line, Period, Policy, ProrationError};
use crate::money::{MinorUnits, Ratio};

impl Line {
    /// Takes `basis`, the price of a whole period, for what is left of the period after a cut.
    ///
    /// What is left, and not what has passed, is what is rounded, of charges and of credits alike:
    /// so a charge from one cut and a credit from a later one differ by just the time between, and
    /// at the same cut they cancel.
    pub(super) fn charge(
        period: &Period,
        cut: Cut,
        cause: Cause,
        number: u32,
        basis: MinorUnits,
    ) -> Result<Self, ProrationError> {
        let fraction = period.fraction(cut, period.end())?;
        let amount = basis.checked_scale(fraction, period.policy().rounding)?;
        Ok(Self {
            kind: cause.kind(),
            charge: number,
            from: cut.at,
            to: period.end().at,
            basis,
            fraction,
            amount,
            cause,
            against: None,
        })
    }

    /// Gives `basis`, the price of a whole period, back for what is left of the period after a cut,
    /// though never more than is left of what was charged.
    pub(super) fn credit(
        period: &Period,
        cut: Cut,
        cause: Cause,
        number: u32,
        basis: MinorUnits,
        against: Against,
    ) -> Result<Self, ProrationError> {
        let line = Self::charge(period, cut, cause, number, basis)?;
        let amount = credited(basis, line.fraction, against, period.policy())?;
        Ok(Self { amount, against: Some(against), ..line })
    }
}

/// The amount of a credit, 0 or below.
pub(super) fn credited(
    basis: MinorUnits,
    fraction: Ratio,
    against: Against,
    policy: &Policy,
) -> Result<MinorUnits, ProrationError> {
    let wanted = basis.checked_scale(fraction, policy.rounding)?;
    Ok(MinorUnits::ZERO.checked_sub(wanted.min(against.limit()?))?)
}
