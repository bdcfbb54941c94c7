//! The one interface to whoever moves the money.

use async_trait::async_trait;

use crate::{ChargeKey, ChargeOutcome, ChargeRequest, PaymentError};

/// A payment provider. Use it through [`charge_safely`](crate::charge_safely), which handles lost
/// answers.
#[async_trait]
pub trait PaymentProvider: Send + Sync + 'static {
    /// Makes the charge, or answers the outcome that its key already has. However many calls carry
    /// the same key, one after the other or at once, money is taken at most once, and every call that
    /// gets an outcome gets the same one.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] when the charge may have happened, [`PaymentError::Unavailable`]
    /// when it did not, [`PaymentError::Refused`] when the request is wrong, also when the key was
    /// used before for another amount, currency or reference.
    async fn charge(&self, request: &ChargeRequest) -> Result<ChargeOutcome, PaymentError>;

    /// What became of the key: `None` when the provider has no outcome for it, which includes a
    /// charge that is still on its way.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] when the provider could not be asked: nothing was learned.
    async fn lookup(
        &self,
        organization: &str,
        key: &ChargeKey,
    ) -> Result<Option<ChargeOutcome>, PaymentError>;
}
