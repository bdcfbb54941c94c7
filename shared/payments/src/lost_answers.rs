//! Operations that survive a lost answer: what is unknown is looked up before anything is tried
//! again.

use std::fmt::Display;

use crate::{
    CaptureRequest, ChargeOutcome, ChargeRequest, PaymentError, PaymentProvider, PaymentState,
    RefundOutcome, RefundRequest,
};

/// Charges, and when the answer got lost asks the provider what became of the key.
///
/// A lookup that finds nothing answers [`PaymentError::Unavailable`]: nothing was charged as far as
/// the provider knows. A request that is still on its way can land after the lookup, so the caller
/// must come back with the **same key** (the message returns to its queue, the lease runs out); then
/// the late charge and the repeated one are the same charge. The attempt number must not move on.
///
/// # Errors
/// As [`PaymentProvider::charge`]. [`PaymentError::Unknown`] remains only when the lookup failed too.
pub async fn charge_safely(
    provider: &dyn PaymentProvider,
    request: &ChargeRequest,
) -> Result<ChargeOutcome, PaymentError> {
    let reason = match provider.charge(request).await {
        Err(PaymentError::Unknown { reason }) => reason,
        answer => return answer,
    };
    warn("charge", &request.organization, &request.reference, &request.key, &reason);
    found(&reason, provider.lookup(&request.lookup()).await)
}

/// Authorizes, and when the answer got lost asks the provider where the payment stands. The rules
/// are those of [`charge_safely`].
///
/// # Errors
/// As [`PaymentProvider::authorize`].
pub async fn authorize_safely(
    provider: &dyn PaymentProvider,
    request: &ChargeRequest,
) -> Result<PaymentState, PaymentError> {
    let reason = match provider.authorize(request).await {
        Err(PaymentError::Unknown { reason }) => reason,
        answer => return answer,
    };
    warn("authorization", &request.organization, &request.reference, &request.key, &reason);
    found(&reason, provider.lookup_payment(&request.lookup()).await)
}

/// Captures, and when the answer got lost asks the provider where the payment stands. An
/// authorization that still waits answers [`PaymentError::Unavailable`]: send the same capture again.
///
/// # Errors
/// As [`PaymentProvider::capture`].
pub async fn capture_safely(
    provider: &dyn PaymentProvider,
    request: &CaptureRequest,
) -> Result<ChargeOutcome, PaymentError> {
    let reason = match provider.capture(request).await {
        Err(PaymentError::Unknown { reason }) => reason,
        answer => return answer,
    };
    let authorization = &request.authorization;
    warn("capture", &authorization.organization, "", &authorization.key, &reason);
    found(&reason, provider.lookup(authorization).await)
}

/// Refunds, and when the answer got lost asks the provider what became of the key. The rules are
/// those of [`charge_safely`]: the caller comes back with the same key.
///
/// # Errors
/// As [`PaymentProvider::refund`].
pub async fn refund_safely(
    provider: &dyn PaymentProvider,
    request: &RefundRequest,
) -> Result<RefundOutcome, PaymentError> {
    let reason = match provider.refund(request).await {
        Err(PaymentError::Unknown { reason }) => reason,
        answer => return answer,
    };
    warn("refund", &request.organization, &request.reference, &request.key, &reason);
    found(&reason, provider.lookup_refund(request).await)
}

fn warn(what: &str, organization: &str, reference: &str, key: &dyn Display, reason: &str) {
    tracing::warn!(what, organization, reference, %key, reason, "an answer got lost; looking it up");
}

fn found<T>(reason: &str, answer: Result<Option<T>, PaymentError>) -> Result<T, PaymentError> {
    match answer {
        Ok(Some(outcome)) => Ok(outcome),
        Ok(None) => Err(PaymentError::unavailable(format!(
            "the answer got lost ({reason}) and the provider has no outcome for the key"
        ))),
        Err(error) => Err(PaymentError::unknown(format!(
            "the answer got lost ({reason}) and the lookup failed ({error})"
        ))),
    }
}
