//! How much of what an order collected went back, or is about to.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    ids::DisputeId,
    money::{MinorUnits, MoneyError},
    order::PaymentStatus,
};

/// What went back of what an order collected, or is about to; in minor units of its currency.
/// Stored with the order from the first refund or dispute on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reversals {
    /// Refunds that succeeded.
    #[serde(default)]
    pub refunded: MinorUnits,
    /// Reserved for refunds whose outcome is not known yet.
    #[serde(default)]
    pub refunding: MinorUnits,
    /// Held back by the bank for as long as disputes are open.
    #[serde(default)]
    pub disputed: MinorUnits,
    /// Taken back for good by disputes that were lost.
    #[serde(default)]
    pub charged_back: MinorUnits,
    /// Refunds that were ever begun: they are numbered from 1.
    #[serde(default)]
    pub refunds: u32,
    /// Disputes there ever were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputes: Vec<DisputeId>,
}

/// Why an amount can't be given back. The text names the amount and the rule.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum NotRefundable {
    /// Nothing was collected for the order.
    #[error("nothing was collected for order {0}: there is nothing to refund")]
    NothingCollected(String),
    /// All of it went back, or is about to.
    #[error(
        "nothing is left to refund of {captured} minor units: {refunded} were refunded, \
         {refunding} are being refunded, {disputed} are disputed or charged back"
    )]
    NothingLeft {
        /// What was collected.
        captured: i64,
        /// What went back.
        refunded: i64,
        /// What is on its way.
        refunding: i64,
        /// What the bank holds or has taken back.
        disputed: i64,
    },
    /// There is less left than was asked for.
    #[error(
        "amount_cents must be at most {left}, which is left to refund of {captured}; it is {asked}"
    )]
    TooMuch {
        /// What was asked for.
        asked: i64,
        /// What is left.
        left: i64,
        /// What was collected.
        captured: i64,
    },
    /// There are as many refunds as an order may have.
    #[error("an order has {0} refunds at most")]
    TooMany(u32),
    /// The amounts are out of range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl Reversals {
    /// How much of `captured` can still be given back. What a bank holds or has taken can't be.
    ///
    /// # Errors
    /// When a sum is out of range.
    pub fn refundable(&self, captured: MinorUnits) -> Result<MinorUnits, MoneyError> {
        let gone = [self.refunded, self.refunding, self.disputed, self.charged_back];
        let left = captured.checked_sub(MinorUnits::checked_total(gone)?)?;
        Ok(left.max(MinorUnits::ZERO))
    }

    /// Where the payment stands, which before anything went back stood as `collected` says.
    #[must_use]
    pub fn status(&self, collected: PaymentStatus, captured: MinorUnits) -> PaymentStatus {
        if self.disputed > MinorUnits::ZERO {
            PaymentStatus::Disputed
        } else if self.charged_back > MinorUnits::ZERO {
            PaymentStatus::ChargedBack
        } else if self.refunded > MinorUnits::ZERO && self.refunded >= captured {
            PaymentStatus::Refunded
        } else if self.refunded > MinorUnits::ZERO {
            PaymentStatus::PartiallyRefunded
        } else {
            collected
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    fn reversals(amounts: [i64; 4]) -> Reversals {
        let [refunded, refunding, disputed, charged_back] = amounts.map(MinorUnits::new);
        Reversals { refunded, refunding, disputed, charged_back, ..Reversals::default() }
    }

    #[test]
    fn what_is_left_is_what_nobody_has_or_awaits() {
        for (amounts, left) in [
            ([0, 0, 0, 0], 1000),
            ([300, 0, 0, 0], 700),
            ([300, 200, 0, 0], 500),
            ([0, 0, 1000, 0], 0),
            ([300, 0, 1000, 0], 0),
            ([0, 0, 0, 400], 600),
            ([1000, 0, 0, 0], 0),
        ] {
            let found = reversals(amounts).refundable(MinorUnits::new(1000)).unwrap();
            assert_eq!(found.get(), left, "{amounts:?}");
        }
    }

    #[test]
    fn the_status_tells_the_worst_that_happened() {
        use PaymentStatus::{ChargedBack, Disputed, Paid, PartiallyRefunded, Refunded};
        for (amounts, status) in [
            ([0, 0, 0, 0], Paid),
            ([0, 500, 0, 0], Paid),
            ([1, 0, 0, 0], PartiallyRefunded),
            ([999, 1, 0, 0], PartiallyRefunded),
            ([1000, 0, 0, 0], Refunded),
            ([1000, 0, 1, 0], Disputed),
            ([1, 0, 0, 1], ChargedBack),
            ([1, 0, 5, 1], Disputed),
        ] {
            let found = reversals(amounts).status(Paid, MinorUnits::new(1000));
            assert_eq!(found, status, "{amounts:?}");
        }
    }
}
