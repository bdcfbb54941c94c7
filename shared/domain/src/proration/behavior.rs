//! What becomes of a ledger: nothing, a place on the next invoice, or an invoice of its own.

use serde::{Deserialize, Serialize};

use super::Ledger;
use crate::money::{MinorUnits, MoneyError};

/// How a change within a period is settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behavior {
    /// Not at all: the new terms cost from the next period on, and what was charged for this one
    /// stays. The change is not entered in the period's [`Book`](super::Book), so that a later one
    /// is measured against what was really charged.
    None,
    /// The lines go on the next regular invoice.
    #[default]
    NextInvoice,
    /// At once, on an invoice or a credit note of its own.
    Immediate,
}

/// What is to be done with a ledger. Amounts are above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerSettlement {
    /// Nothing is owed by anybody, or nothing is to be settled.
    Nothing,
    /// The lines wait for the next invoice; what they come to may be below 0.
    NextInvoice {
        /// What is to be paid; below 0, what the invoice is reduced by.
        net: MinorUnits,
    },
    /// An invoice is to be made now.
    Invoice {
        /// What is to be paid.
        amount: MinorUnits,
    },
    /// A credit note is to be made now.
    CreditNote {
        /// What is given back.
        amount: MinorUnits,
    },
}

impl Ledger {
    /// What is to be done with this ledger.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] for a net amount that no change comes to.
    pub fn settle(&self, behavior: Behavior) -> Result<LedgerSettlement, MoneyError> {
        let net = self.net;
        Ok(match behavior {
            Behavior::None => LedgerSettlement::Nothing,
            Behavior::NextInvoice | Behavior::Immediate if net.is_zero() => {
                LedgerSettlement::Nothing
            }
            Behavior::NextInvoice => LedgerSettlement::NextInvoice { net },
            Behavior::Immediate if net.is_negative() => {
                LedgerSettlement::CreditNote { amount: MinorUnits::ZERO.checked_sub(net)? }
            }
            Behavior::Immediate => LedgerSettlement::Invoice { amount: net },
        })
    }
}

#[cfg(test)]
#[path = "behavior_tests.rs"]
mod tests;
