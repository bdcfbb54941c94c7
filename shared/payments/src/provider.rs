//! The one interface to whoever moves the money.

use async_trait::async_trait;

use crate::{
    CaptureRequest, ChargeLookup, ChargeOutcome, ChargeRecord, ChargeRequest, Cursor, Page,
    PaymentError, PaymentState, RefundOutcome, RefundRecord, RefundRequest, Span, VoidOutcome,
};

/// A payment provider. Use it through [`charge_safely`](crate::charge_safely),
/// [`capture_safely`](crate::capture_safely) and [`refund_safely`](crate::refund_safely), which
/// handle lost answers.
///
/// # Errors
/// Every method that moves money answers [`PaymentError::Unknown`] when the money may have moved,
/// [`PaymentError::Unavailable`] when it did not, and [`PaymentError::Refused`] when the request is
/// wrong, also when its key was used before for something else. Methods that only read answer
/// `Unknown` when the provider could not be asked: nothing was learned.
#[async_trait]
pub trait PaymentProvider: Send + Sync + 'static {
    /// Charges a customer who is not there: authorizes and captures at once; or answers the outcome
    /// that the key already has. However many calls carry the same key, one after the other or at
    /// once, money is taken at most once, and every call that gets a final outcome gets the same one.
    async fn charge(&self, request: &ChargeRequest) -> Result<ChargeOutcome, PaymentError>;

    /// What became of the key: `None` when the provider has no outcome for it, which includes a
    /// charge that is still on its way and an authorization that was not captured.
    async fn lookup(&self, lookup: &ChargeLookup) -> Result<Option<ChargeOutcome>, PaymentError> {
        Ok(self.lookup_payment(lookup).await?.and_then(PaymentState::settled))
    }

    /// Sets money aside without taking it, or answers where the payment of the key stands by now.
    async fn authorize(&self, request: &ChargeRequest) -> Result<PaymentState, PaymentError>;

    /// Takes what was authorized, or a part of it. Sent again for the same amount, it answers the
    /// same charge; for another amount it is refused. An authorization that was voided or ran out is
    /// answered as declined ([`voided`](crate::decline_code::VOIDED)).
    async fn capture(&self, request: &CaptureRequest) -> Result<ChargeOutcome, PaymentError>;

    /// Ends a payment that was not taken: sets an authorization free, or keeps a customer from
    /// confirming what was given up. May be sent again.
    async fn void(&self, payment: &ChargeLookup) -> Result<VoidOutcome, PaymentError>;

    /// Where the payment of the key stands, authorizations too.
    async fn lookup_payment(
        &self,
        lookup: &ChargeLookup,
    ) -> Result<Option<PaymentState>, PaymentError>;

    /// What is on record under the key, with the amount, as [lists](Self::list_charges) have it;
    /// `None` as [`Self::lookup_payment`].
    async fn find_charge(
        &self,
        lookup: &ChargeLookup,
    ) -> Result<Option<ChargeRecord>, PaymentError>;

    /// Gives money back, or answers what became of the key before. However many calls carry the same
    /// key, money is given back at most once.
    async fn refund(&self, request: &RefundRequest) -> Result<RefundOutcome, PaymentError>;

    /// What became of a refund's key: `None` when the provider has nothing under it, which includes
    /// a request that is still on its way.
    async fn lookup_refund(
        &self,
        request: &RefundRequest,
    ) -> Result<Option<RefundOutcome>, PaymentError>;

    /// The charges and authorizations that were made for an organization in a span of time; the
    /// first page when no cursor is given.
    async fn list_charges(
        &self,
        organization: &str,
        span: Span,
        after: Option<&Cursor>,
    ) -> Result<Page<ChargeRecord>, PaymentError>;

    /// The refunds that were made of an organization's charges in a span of time.
    async fn list_refunds(
        &self,
        organization: &str,
        span: Span,
        after: Option<&Cursor>,
    ) -> Result<Page<RefundRecord>, PaymentError>;
}
