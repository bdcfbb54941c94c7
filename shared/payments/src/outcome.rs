//! What becomes of charges and authorizations.

use serde::{Deserialize, Serialize};

use crate::TokenDigest;

/// What became of a charge.
///
/// `Paid` and `Declined` are final: the same key answers them for ever. `NeedsAction` is not: look
/// the key up again, or send the same charge again under the **same** key; both answer what has
/// become of it and neither takes money a second time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum ChargeOutcome {
    /// The money was taken.
    Paid {
        /// The provider's id of the charge, by which it is refunded.
        charge_id: String,
    },
    /// The money was not taken, and will not be under this key.
    Declined {
        /// Whether another attempt with the same means of payment can succeed.
        kind: DeclineKind,
        /// The reason, the same word for all providers: see [`decline_code`](crate::decline_code).
        code: String,
        /// The reason in a sentence that operators may read.
        message: String,
        /// The means of payment that was declined, where the provider knows: a key that is sent again
        /// with another one is answered by the decline of the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<TokenDigest>,
    },
    /// The money was not taken yet; somebody else has to act first. A key that is given up in this
    /// state must be [voided](crate::PaymentProvider::void) before the next key is sent: else the
    /// customer could still pay it.
    NeedsAction(Action),
}

/// Who has to act before a payment goes on, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The provider's id of the payment that waits, from which a shop lets its customer go on.
    pub payment_id: String,
    /// Who.
    pub waits_for: WaitsFor,
    /// Where the customer does it, when the provider has a page for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What is asked for, in a sentence that operators may read.
    pub message: String,
}

/// Who has to act before a payment goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// The customer, who has to confirm with the bank (3-D Secure) or in an app.
    Customer,
    /// The provider or a bank, for means of payment that are settled after days (direct debit).
    Provider,
}

impl ChargeOutcome {
    /// Whether the money was taken.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        matches!(self, Self::Paid { .. })
    }
}

/// Where a payment stands that may be collected in two steps: what a
/// [`ChargeOutcome`] can be, or authorized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum PaymentState {
    /// The money is set aside and waits for its capture.
    Authorized {
        /// The provider's id of the payment.
        payment_id: String,
    },
    /// The money was taken.
    Paid {
        /// The provider's id of the charge.
        charge_id: String,
    },
    /// The money was not taken, and will not be under this key. An authorization that was voided,
    /// or ran out, is declined with the code [`voided`](crate::decline_code::VOIDED).
    Declined {
        /// Whether another attempt with the same means of payment can succeed.
        kind: DeclineKind,
        /// The reason, as in [`ChargeOutcome::Declined`].
        code: String,
        /// The reason in a sentence that operators may read.
        message: String,
        /// The means of payment that was declined, as in [`ChargeOutcome::Declined`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<TokenDigest>,
    },
    /// Somebody else has to act first.
    NeedsAction(Action),
}

impl PaymentState {
    /// What became of the charge; `None` while its authorization waits for the capture.
    #[must_use]
    pub fn settled(self) -> Option<ChargeOutcome> {
        match self {
            Self::Authorized { .. } => None,
            Self::Paid { charge_id } => Some(ChargeOutcome::Paid { charge_id }),
            Self::Declined { kind, code, message, token } => {
                Some(ChargeOutcome::Declined { kind, code, message, token })
            }
            Self::NeedsAction(action) => Some(ChargeOutcome::NeedsAction(action)),
        }
    }

    /// Whether the money was taken.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        matches!(self, Self::Paid { .. })
    }

    /// The same, where it is a decline one of this means of payment.
    #[must_use]
    pub fn declined_with(mut self, declined: Option<TokenDigest>) -> Self {
        if let Self::Declined { token, .. } = &mut self {
            *token = declined;
        }
        self
    }
}

impl From<ChargeOutcome> for PaymentState {
    fn from(outcome: ChargeOutcome) -> Self {
        match outcome {
            ChargeOutcome::Paid { charge_id } => Self::Paid { charge_id },
            ChargeOutcome::Declined { kind, code, message, token } => {
                Self::Declined { kind, code, message, token }
            }
            ChargeOutcome::NeedsAction(action) => Self::NeedsAction(action),
        }
    }
}

/// Whether a declined means of payment is worth another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineKind {
    /// Never again: the card is stolen, expired, closed.
    Hard,
    /// Later it may work: no funds today, a limit, a bank that does not answer.
    Soft,
}
