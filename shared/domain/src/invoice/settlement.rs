//! What of an invoice is to be paid, and what becomes of the customer's credit.

use serde::{Deserialize, Serialize};

use super::CreditPolicy;
use crate::money::{MinorUnits, MoneyError};

/// How an invoice and the customer's credit balance are set off. Nothing is created or lost:
///
/// - `gross + credited - credit_applied = amount_due`
/// - `balance_before + credited - credit_applied - refunded = balance_after`
///
/// Every amount is at least 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// The customer's credit before the invoice.
    pub balance_before: MinorUnits,
    /// What the invoice gives back on balance, where credits outweigh charges. It is moved to the
    /// balance, so that the invoice comes to 0.
    pub credited: MinorUnits,
    /// Credit taken off the invoice.
    pub credit_applied: MinorUnits,
    /// Credit to be paid back.
    pub refunded: MinorUnits,
    /// What remains to be paid.
    pub amount_due: MinorUnits,
    /// The customer's credit after the invoice.
    pub balance_after: MinorUnits,
}

/// Sets an invoice that comes to `gross` (negative when it gives back on balance) off against a
/// balance of at least 0.
pub(super) fn settle(
    gross: MinorUnits,
    balance_before: MinorUnits,
    policy: CreditPolicy,
) -> Result<Settlement, MoneyError> {
    let zero = MinorUnits::ZERO;
    let (to_pay, credited) =
        if gross.is_negative() { (zero, zero.checked_sub(gross)?) } else { (gross, zero) };
    let credit_applied = match policy {
        CreditPolicy::Apply => to_pay.min(balance_before),
        CreditPolicy::Refund => zero,
    };
    let remaining = balance_before.checked_add(credited)?.checked_sub(credit_applied)?;
    let (refunded, balance_after) = match policy {
        CreditPolicy::Apply => (zero, remaining),
        CreditPolicy::Refund => (remaining, zero),
    };
    Ok(Settlement {
        balance_before,
        credited,
        credit_applied,
        refunded,
        amount_due: to_pay.checked_sub(credit_applied)?,
        balance_after,
    })
}
