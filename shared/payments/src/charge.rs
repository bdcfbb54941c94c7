//! What is asked of a payment provider, and what it answers.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::PaymentError;

/// The longest key that providers take (Stripe's limit), in bytes.
const KEY_BYTES: usize = 255;

/// The provider's idempotency key of one charge. Unique within an organization.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChargeKey(String);

impl ChargeKey {
    /// Takes a key as it is: for one charge that has no later attempts.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key `<run>:a<attempt>` of one attempt to pay `run` (a subscription's occurrence, or an
    /// order). The next attempt's key is right only after this one was **declined**: its outcome is
    /// kept, so the same key would answer the same decline for ever.
    #[must_use]
    pub fn for_attempt(run: &str, attempt: u32) -> Self {
        Self(format!("{run}:a{attempt}"))
    }

    /// The key as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChargeKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The provider's name for a means of payment: never a card number. Its `Debug` hides it, since
/// whoever holds a token and an account can charge it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaymentToken(String);

impl PaymentToken {
    /// Takes a token as the provider gave it.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PaymentToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PaymentToken(..)")
    }
}

/// One charge to make: authorize and capture at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeRequest {
    /// Idempotency key, derived from what is paid for and the attempt.
    pub key: ChargeKey,
    /// The organization whose customer pays; without `#`, which parts keys in ledgers.
    pub organization: String,
    /// What to charge, in minor units of `currency` (cents); more than zero.
    pub amount_minor: i64,
    /// ISO 4217 code, three capital letters.
    pub currency: String,
    /// The means of payment.
    pub token: PaymentToken,
    /// The id of the order that is paid.
    pub reference: String,
    /// Which attempt at this payment it is, as the caller counts; kept for the record.
    pub attempt: u32,
    /// The caller's time; kept for the record.
    pub requested_at: DateTime<Utc>,
}

impl ChargeRequest {
    /// Checks what every provider would refuse.
    ///
    /// # Errors
    /// [`PaymentError::Refused`], naming the field and the rule.
    pub fn validate(&self) -> Result<(), PaymentError> {
        let key_length = self.key.as_str().len();
        if key_length == 0 || key_length > KEY_BYTES {
            return Err(PaymentError::refused(format!(
                "key must have 1 to {KEY_BYTES} bytes, it has {key_length}"
            )));
        }
        if self.organization.is_empty() || self.organization.contains('#') {
            return Err(PaymentError::refused("organization must not be empty, nor contain '#'"));
        }
        if self.reference.is_empty() {
            return Err(PaymentError::refused("reference must not be empty"));
        }
        if self.amount_minor <= 0 {
            return Err(PaymentError::refused(format!(
                "amount_minor must be more than zero, it is {}",
                self.amount_minor
            )));
        }
        if self.currency.len() != 3 || !self.currency.bytes().all(|byte| byte.is_ascii_uppercase())
        {
            return Err(PaymentError::refused(format!(
                "currency must be three capital letters, it is {:?}",
                self.currency
            )));
        }
        Ok(())
    }
}

/// What became of a charge. Final: the same key answers it for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum ChargeOutcome {
    /// The money was taken.
    Paid {
        /// The provider's id of the charge.
        charge_id: String,
    },
    /// The money was not taken.
    Declined {
        /// Whether another attempt with the same means of payment can succeed.
        kind: DeclineKind,
        /// The reason, the same word for all providers: see [`decline_code`].
        code: String,
        /// The reason in a sentence that operators may read.
        message: String,
    },
}

impl ChargeOutcome {
    /// Whether the money was taken.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        matches!(self, Self::Paid { .. })
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

/// The words that [`ChargeOutcome::Declined`] uses for its reason, whatever the provider says.
pub mod decline_code {
    /// Soft: the account has too little money.
    pub const INSUFFICIENT_FUNDS: &str = "insufficient_funds";
    /// Soft: the bank said no and gave no reason.
    pub const CARD_DECLINED: &str = "card_declined";
    /// Hard: the card is past its date.
    pub const EXPIRED_CARD: &str = "expired_card";
    /// Hard: the card was reported stolen.
    pub const STOLEN_CARD: &str = "stolen_card";
}
