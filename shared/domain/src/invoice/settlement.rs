//! What of an invoice is to be paid, and what becomes of the customer's credit.

use serde::{Deserialize, Serialize};

use super::CreditPolicy;
use crate::money::{MinorUnits, MoneyError};

/// How an invoice and the customer's credit balance are set off. Nothing is created or lost:
///
/// - `gross + credited - credit_applied = amount_due`
/// - `balance_before + credited - credit_applied - refunded = balance_after`
///
/// Every amount is at least 0, and `refunded` is at most what the customer really paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoiceSettlement {
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

/// What a customer brings to an invoice. Both are at least 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    /// In credit.
    pub(super) balance: MinorUnits,
    /// Really paid, and not paid back yet.
    pub(super) paid: MinorUnits,
}

/// Sets an invoice that comes to `gross` (negative when it gives back on balance) off against what
/// the customer brings.
pub(super) fn settle(
    gross: MinorUnits,
    account: Account,
    policy: CreditPolicy,
) -> Result<InvoiceSettlement, MoneyError> {
    let zero = MinorUnits::ZERO;
    let (to_pay, credited) =
        if gross.is_negative() { (zero, zero.checked_sub(gross)?) } else { (gross, zero) };
    let credit = account.balance.checked_add(credited)?;
    let refunded = policy.refunded(credit, account.paid);
    let kept = credit.checked_sub(refunded)?;
    let credit_applied = to_pay.min(kept);
    Ok(InvoiceSettlement {
        balance_before: account.balance,
        credited,
        credit_applied,
        refunded,
        amount_due: to_pay.checked_sub(credit_applied)?,
        balance_after: kept.checked_sub(credit_applied)?,
    })
}
