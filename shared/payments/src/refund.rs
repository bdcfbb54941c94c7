//! Giving money back.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    PaymentError,
    charge::{check_amount, check_key, check_organization},
};

/// The provider's idempotency key of one refund. Unique within an organization, and never the key
/// of a charge: derive it from the refund's own id, never from the moment or from chance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RefundKey(String);

impl RefundKey {
    /// Takes a key as it is.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RefundKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One refund to make, of all or a part of one charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// Idempotency key.
    pub key: RefundKey,
    /// The organization whose customer gets the money.
    pub organization: String,
    /// The provider's id of the charge, from [`ChargeOutcome::Paid`](crate::ChargeOutcome::Paid).
    pub charge_id: String,
    /// What to give back, in minor units of `currency`; more than zero. All refunds of a charge
    /// together give back at most what it took, whatever their keys.
    pub amount_minor: i64,
    /// ISO 4217 code, that of the charge.
    pub currency: String,
    /// What it is for, say, the id of our refund; kept for the record.
    pub reference: String,
    /// The caller's time; kept for the record.
    pub requested_at: DateTime<Utc>,
    /// Before this nobody can have sent the key: when the refund was asked for. A provider that may
    /// have forgotten the key since looks it up before it gives anything back.
    pub key_since: DateTime<Utc>,
}

impl RefundRequest {
    /// Checks what every provider would refuse.
    ///
    /// # Errors
    /// [`PaymentError::Refused`], naming the field and the rule.
    pub fn validate(&self) -> Result<(), PaymentError> {
        check_key(self.key.as_str())?;
        check_organization(&self.organization)?;
        if self.charge_id.is_empty() {
            return Err(PaymentError::refused("charge_id must not be empty"));
        }
        if self.reference.is_empty() {
            return Err(PaymentError::refused("reference must not be empty"));
        }
        check_amount(self.amount_minor, &self.currency)
    }
}

/// What became of a refund. `Pending` is not final: look the refund up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum RefundOutcome {
    /// The money is on its way back, and nothing can stop it any more.
    Refunded {
        /// The provider's id of the refund.
        refund_id: String,
    },
    /// The provider has taken it on, and tells later whether it worked.
    Pending {
        /// The provider's id of the refund.
        refund_id: String,
    },
    /// The money was not given back, say, because the account is closed. Another try is a new
    /// refund and takes a new key.
    Failed {
        /// The provider's word for it.
        code: String,
        /// The reason in a sentence that operators may read.
        message: String,
    },
}
