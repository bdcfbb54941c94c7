//! Authorize, capture, void, and payments whose customer has to act.

use perennial_payments::{
    CaptureRequest, ChargeOutcome, ChargeRequest, PaymentError, PaymentProvider as _, PaymentState,
    VoidOutcome, WaitsFor, decline_code,
};

use crate::{
    TestResult, cards,
    stand_in::{StandIn, charge},
};

fn capture(charge: &ChargeRequest, amount_minor: i64) -> CaptureRequest {
    let currency = charge.currency.clone();
    CaptureRequest { authorization: charge.lookup(), amount_minor, currency }
}

/// The only intent of a charge's customer, its id and its client secret.
async fn intent(
    stripe: &StandIn,
    token: &str,
) -> Result<(String, String, String), Box<dyn std::error::Error>> {
    let intents = stripe.intents(token).await?;
    let [one] = intents.as_slice() else { return Err(format!("one intent: {intents:?}").into()) };
    let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
    Ok((text("id"), text("client_secret"), text("status")))
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn what_was_authorized_is_captured_once() -> TestResult {
    let stripe = StandIn::open()?;
    let one = charge(&stripe.token(cards::GOOD).await?);
    let state = stripe.provider.authorize(&one).await?;
    assert!(matches!(state, PaymentState::Authorized { .. }), "{state:?}");
    assert_eq!(stripe.provider.authorize(&one).await?, state);
    assert_eq!(stripe.provider.lookup(&one.lookup()).await?, None);
    let outcome = stripe.provider.capture(&capture(&one, 1_999)).await?;
    assert!(outcome.is_paid());
    assert_eq!(stripe.provider.capture(&capture(&one, 1_999)).await?, outcome);
    let other = stripe.provider.capture(&capture(&one, 1_000)).await;
    assert!(matches!(other, Err(PaymentError::Refused { .. })), "{other:?}");
    assert!(matches!(stripe.provider.void(&one.lookup()).await?, VoidOutcome::Paid { .. }));
    Ok(())
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn what_was_voided_is_not_captured() -> TestResult {
    let stripe = StandIn::open()?;
    let token = stripe.token(cards::GOOD).await?;
    let one = charge(&token);
    assert_eq!(stripe.provider.void(&one.lookup()).await?, VoidOutcome::NotFound);
    stripe.provider.authorize(&one).await?;
    for _ in 0..2 {
        assert_eq!(stripe.provider.void(&one.lookup()).await?, VoidOutcome::Voided);
    }
    let outcome = stripe.provider.capture(&capture(&one, 1_999)).await?;
    assert!(
        matches!(&outcome, ChargeOutcome::Declined { code, .. } if code == decline_code::VOIDED),
        "{outcome:?}"
    );
    assert_eq!(intent(&stripe, &token).await?.2, "canceled");
    Ok(())
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_payment_that_its_customer_confirms_is_paid_under_the_same_key() -> TestResult {
    let stripe = StandIn::open()?;
    let token = stripe.token(cards::WANTS_ITS_CUSTOMER).await?;
    let one = charge(&token);
    for _ in 0..2 {
        let outcome = stripe.provider.charge(&one).await?;
        let ChargeOutcome::NeedsAction(action) = outcome else {
            return Err(format!("{outcome:?}").into());
        };
        assert_eq!(action.waits_for, WaitsFor::Customer);
    }
    let (id, secret, _) = intent(&stripe, &token).await?;
    let path = format!("/v1/payment_intents/{id}/_authenticate");
    stripe.post(&path, &format!("client_secret={secret}&success=true")).await?;
    assert_eq!(stripe.provider.charge(&one).await?, ChargeOutcome::Paid { charge_id: id });
    assert_eq!(stripe.intents(&token).await?.len(), 1);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_payment_whose_customer_failed_to_confirm_is_declined_for_good() -> TestResult {
    let stripe = StandIn::open()?;
    let token = stripe.token(cards::WANTS_ITS_CUSTOMER).await?;
    let one = charge(&token);
    stripe.provider.charge(&one).await?;
    let (id, secret, _) = intent(&stripe, &token).await?;
    let path = format!("/v1/payment_intents/{id}/_authenticate");
    stripe.post(&path, &format!("client_secret={secret}&success=false")).await?;
    let outcome = stripe.provider.charge(&one).await?;
    let ChargeOutcome::Declined { code, .. } = &outcome else {
        return Err(format!("{outcome:?}").into());
    };
    assert_eq!(code, decline_code::AUTHENTICATION_FAILED);
    // Else its customer could pay it beside the next attempt.
    assert_eq!(intent(&stripe, &token).await?.2, "canceled");
    Ok(())
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_payment_given_up_while_it_waits_is_canceled() -> TestResult {
    let stripe = StandIn::open()?;
    let token = stripe.token(cards::WANTS_ITS_CUSTOMER).await?;
    let one = charge(&token);
    stripe.provider.charge(&one).await?;
    assert_eq!(stripe.provider.void(&one.lookup()).await?, VoidOutcome::Voided);
    assert_eq!(intent(&stripe, &token).await?.2, "canceled");
    let outcome = stripe.provider.charge(&one).await?;
    assert!(matches!(outcome, ChargeOutcome::Declined { .. }), "{outcome:?}");
    Ok(())
}
