//! Where the money of a credit note goes.

use serde::{Deserialize, Serialize};

use super::CreditPolicy;
use crate::money::{MinorUnits, MoneyError};

/// What becomes of a credit note: `off_unpaid + to_balance + refunded` is what it comes to. Every
/// amount is at least 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenBack {
    /// Taken off what is still to be paid of its invoice.
    pub off_unpaid: MinorUnits,
    /// Added to the customer's credit balance.
    pub to_balance: MinorUnits,
    /// Paid back.
    pub refunded: MinorUnits,
}

/// Takes a credit note that comes to `gross` off what is still unpaid of its invoice; the rest goes
/// to the credit balance, or is refunded.
///
/// # Errors
/// [`MoneyError::Overflow`] for amounts that no invoice has. Amounts below 0 count as 0.
pub fn give_back(
    gross: MinorUnits,
    unpaid: MinorUnits,
    policy: CreditPolicy,
) -> Result<GivenBack, MoneyError> {
    let zero = MinorUnits::ZERO;
    let off_unpaid = gross.min(unpaid).max(zero);
    let rest = gross.max(zero).checked_sub(off_unpaid)?;
    let (to_balance, refunded) = match policy {
        CreditPolicy::Apply => (rest, zero),
        CreditPolicy::Refund => (zero, rest),
    };
    Ok(GivenBack { off_unpaid, to_balance, refunded })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpaid_is_reduced_first_and_the_rest_is_kept_or_refunded() {
        use CreditPolicy::{Apply, Refund};
        for (gross, unpaid, policy, expected) in [
            (500, 0, Apply, [0, 500, 0]),
            (500, 0, Refund, [0, 0, 500]),
            (500, 300, Apply, [300, 200, 0]),
            (500, 300, Refund, [300, 0, 200]),
            (500, 900, Refund, [500, 0, 0]),
        ] {
            let [off_unpaid, to_balance, refunded] = expected.map(MinorUnits::new);
            let found = give_back(MinorUnits::new(gross), MinorUnits::new(unpaid), policy);
            assert_eq!(found, Ok(GivenBack { off_unpaid, to_balance, refunded }));
        }
    }
}
