//! Collecting in two steps: capture or void what was authorized.

use crate::{ChargeLookup, PaymentError, charge::check_amount};

/// The second step of a payment that was authorized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureRequest {
    /// The authorization, by the key that it was made under. An authorization is captured once, so
    /// this is the key of its capture too.
    pub authorization: ChargeLookup,
    /// What to take, in minor units of `currency`: at most what was authorized. The rest is set
    /// free.
    pub amount_minor: i64,
    /// ISO 4217 code, that of the authorization.
    pub currency: String,
}

impl CaptureRequest {
    /// Checks what every provider would refuse.
    ///
    /// # Errors
    /// [`PaymentError::Refused`], naming the field and the rule.
    pub fn validate(&self) -> Result<(), PaymentError> {
        check_amount(self.amount_minor, &self.currency)
    }
}

/// What became of a payment that was to be voided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoidOutcome {
    /// Nothing was taken under the key and nothing will be: it was voided by this call or an earlier
    /// one, or was declined before.
    Voided,
    /// Too late: the money was taken. Give it back by a refund if that is what is wanted.
    Paid {
        /// The provider's id of the charge.
        charge_id: String,
    },
    /// The provider has nothing under the key. A request that is still on its way can land later.
    NotFound,
}
