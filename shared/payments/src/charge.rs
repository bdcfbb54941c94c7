//! What is asked of a payment provider, and what it answers.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

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

/// A hash of a token, by which it is known again and from which it can't be had.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenDigest(String);

impl TokenDigest {
    /// The digest of a token: 64 bits of SHA-256, as hexadecimal digits.
    #[must_use]
    pub fn of(token: &PaymentToken) -> Self {
        let digest = Sha256::digest(token.as_str().as_bytes());
        Self(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// A digest as a provider has kept it.
    pub fn kept(digest: impl Into<String>) -> Self {
        Self(digest.into())
    }

    /// The digest as it is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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
    /// Before this nobody can have sent the key: when the run fell due, when the order was made.
    /// Providers forget keys after a while (Stripe after a day at the earliest). One that may have
    /// forgotten this key looks it up before it charges.
    pub key_since: DateTime<Utc>,
}

impl ChargeRequest {
    /// The question what became of this request.
    #[must_use]
    pub fn lookup(&self) -> ChargeLookup {
        ChargeLookup::new(&self.organization, self.key.clone())
            .paid_with(self.token.clone())
            .since(self.key_since)
    }

    /// Checks what every provider would refuse.
    ///
    /// # Errors
    /// [`PaymentError::Refused`], naming the field and the rule.
    pub fn validate(&self) -> Result<(), PaymentError> {
        check_key(self.key.as_str())?;
        check_organization(&self.organization)?;
        if self.reference.is_empty() {
            return Err(PaymentError::refused("reference must not be empty"));
        }
        check_amount(self.amount_minor, &self.currency)
    }
}

/// Checks a sum of money that is to move.
pub(crate) fn check_amount(amount_minor: i64, currency: &str) -> Result<(), PaymentError> {
    if amount_minor <= 0 {
        return Err(PaymentError::refused(format!(
            "amount_minor must be more than zero, it is {amount_minor}"
        )));
    }
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(PaymentError::refused(format!(
            "currency must be three capital letters, it is {currency:?}"
        )));
    }
    Ok(())
}

/// Checks an idempotency key.
pub(crate) fn check_key(key: &str) -> Result<(), PaymentError> {
    let length = key.len();
    if length == 0 || length > KEY_BYTES {
        return Err(PaymentError::refused(format!(
            "key must have 1 to {KEY_BYTES} bytes, it has {length}"
        )));
    }
    Ok(())
}

/// Checks the name of an organization.
pub(crate) fn check_organization(organization: &str) -> Result<(), PaymentError> {
    if organization.is_empty() || organization.contains('#') {
        return Err(PaymentError::refused("organization must not be empty, nor contain '#'"));
    }
    Ok(())
}

/// The question what became of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeLookup {
    /// The organization whose customer was to pay.
    pub organization: String,
    /// The key that was sent, or may have been.
    pub key: ChargeKey,
    /// The means of payment that the key was sent with, where it is known. A provider that keeps
    /// charges by customer finds the key by it at once and for sure; without it the answer may take
    /// longer to find.
    pub token: Option<PaymentToken>,
    /// Before this nobody can have sent the key.
    pub since: Option<DateTime<Utc>>,
}

impl ChargeLookup {
    /// Asks for a key.
    pub fn new(organization: impl Into<String>, key: ChargeKey) -> Self {
        Self { organization: organization.into(), key, token: None, since: None }
    }

    /// The same, for a key that was sent with this means of payment.
    #[must_use]
    pub fn paid_with(self, token: PaymentToken) -> Self {
        Self { token: Some(token), ..self }
    }

    /// The same, for a key that was not sent before this time.
    #[must_use]
    pub fn since(self, since: DateTime<Utc>) -> Self {
        Self { since: Some(since), ..self }
    }
}
