//! Where the money of a credit note goes.

use serde::{Deserialize, Serialize};

use super::CreditPolicy;
use crate::money::{MinorUnits, MoneyError};

/// What has become of an invoice's total so far. The rest of it was settled with credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoicePayment {
    /// Still to be paid.
    pub unpaid: MinorUnits,
    /// Really paid, and not paid back yet: no more than this is refunded.
    pub paid: MinorUnits,
}

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

/// Takes a credit note that comes to `gross` off what is still unpaid of its invoice. The rest goes
/// to the credit balance, or is refunded as far as the invoice was really paid.
///
/// # Errors
/// [`MoneyError::Overflow`] for amounts that no invoice has. Amounts below 0 count as 0.
pub fn give_back(
    gross: MinorUnits,
    payment: InvoicePayment,
    policy: CreditPolicy,
) -> Result<GivenBack, MoneyError> {
    let zero = MinorUnits::ZERO;
    let off_unpaid = gross.min(payment.unpaid).max(zero);
    let rest = gross.max(zero).checked_sub(off_unpaid)?;
    let refunded = policy.refunded(rest, payment.paid.max(zero));
    Ok(GivenBack { off_unpaid, to_balance: rest.checked_sub(refunded)?, refunded })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpaid_is_reduced_first_and_only_what_was_paid_is_refunded() {
        use CreditPolicy::{Apply, Refund};
        for (gross, unpaid, paid, policy, expected) in [
            (500, 0, 500, Apply, [0, 500, 0]),
            (500, 0, 500, Refund, [0, 0, 500]),
            (500, 300, 200, Apply, [300, 200, 0]),
            (500, 300, 200, Refund, [300, 0, 200]),
            (500, 900, 100, Refund, [500, 0, 0]),
            // An invoice of 5.00 of which 3.00 were settled with credit.
            (500, 0, 200, Refund, [0, 300, 200]),
            (500, 0, 0, Refund, [0, 500, 0]),
            (-5, -1, -1, Refund, [0, 0, 0]),
        ] {
            let [off_unpaid, to_balance, refunded] = expected.map(MinorUnits::new);
            let [gross, unpaid, paid] = [gross, unpaid, paid].map(MinorUnits::new);
            let found = give_back(gross, InvoicePayment { unpaid, paid }, policy);
            assert_eq!(found, Ok(GivenBack { off_unpaid, to_balance, refunded }));
        }
    }
}
