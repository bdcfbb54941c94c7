//! What an invoice is drawn up by: taxes, rounding, terms of payment, the minimum, the credit.

use serde::{Deserialize, Serialize};

use crate::{
    money::{MinorUnits, Rounding},
    tax::{TaxBehavior, TaxRate, TaxRounding},
};

/// How a subscription's invoices are drawn up. Every field has a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InvoiceTerms {
    /// Whether prices have their tax in them.
    pub tax_behavior: TaxBehavior,
    /// What is rounded: the tax of each line, or each rate's tax on the whole invoice.
    pub tax_rounding: TaxRounding,
    /// How prorated amounts and taxes are rounded to minor units.
    pub rounding: Rounding,
    /// Days from the invoice's local date to the date it is due; 0 is due at once.
    pub net_days: u32,
    /// The least that a period costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_commitment: Option<MinimumCommitment>,
    /// What is done with credit.
    pub credit_policy: CreditPolicy,
}

/// What is done with the credit balance, and with what an invoice gives back on balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditPolicy {
    /// Kept in the balance, and taken off this invoice and those that follow.
    #[default]
    Apply,
    /// Paid back, as far as the customer has really paid. Money that nobody paid, such as a setup
    /// credit above the fees, is never paid out: it is kept and taken off invoices.
    Refund,
}

impl CreditPolicy {
    /// What of a customer's credit is paid back; both amounts are at least 0.
    pub(super) fn refunded(self, credit: MinorUnits, paid: MinorUnits) -> MinorUnits {
        match self {
            Self::Apply => MinorUnits::ZERO,
            Self::Refund => credit.min(paid),
        }
    }
}

/// The least that a whole period costs; a stub's is prorated by the stub's fraction. Where the
/// recurring lines of a period come to less, a true-up line makes up the difference. Setup fees,
/// setup credits and adjustments don't count towards it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MinimumCommitment {
    /// For a whole period, in minor units; in the same terms as prices, net or gross.
    pub amount: MinorUnits,
    /// The rate of the true-up line; none is outside of tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_rate: Option<TaxRate>,
}
