//! A charge that survives a lost answer.

use crate::{ChargeOutcome, ChargeRequest, PaymentError, PaymentProvider};

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
        Ok(outcome) => return Ok(outcome),
        Err(PaymentError::Unknown { reason }) => reason,
        Err(error @ (PaymentError::Unavailable { .. } | PaymentError::Refused { .. })) => {
            return Err(error);
        }
    };
    tracing::warn!(
        organization = request.organization,
        reference = request.reference,
        key = %request.key,
        reason,
        "the answer to a charge got lost; looking it up"
    );
    match provider.lookup(&request.organization, &request.key).await {
        Ok(Some(outcome)) => Ok(outcome),
        Ok(None) => Err(PaymentError::unavailable(format!(
            "the answer got lost ({reason}) and the provider has no outcome for the key"
        ))),
        Err(error) => Err(PaymentError::unknown(format!(
            "the answer got lost ({reason}) and the lookup failed ({error})"
        ))),
    }
}
