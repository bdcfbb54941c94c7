//! Answers that get lost, and calls that Stripe puts off.

use perennial_payments::{
    ChargeOutcome, PaymentError, PaymentProvider as _, authorize_safely, charge_safely,
};

use crate::{
    TestResult, cards,
    stand_in::{StandIn, charge},
};

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_charge_whose_answer_got_lost_is_found_and_not_made_twice() -> TestResult {
    let stripe = StandIn::open()?;
    let token = stripe.token(cards::GOOD).await?;
    let one = charge(&token);
    stripe.fault("drop", 1).await?;
    let answer = stripe.provider.charge(&one).await;
    assert!(matches!(answer, Err(PaymentError::Unknown { .. })), "{answer:?}");
    assert!(charge_safely(&stripe.provider, &one).await?.is_paid());
    let other = charge(&token);
    stripe.fault("drop", 1).await?;
    assert!(charge_safely(&stripe.provider, &other).await?.is_paid());
    let held = charge(&token);
    stripe.fault("drop", 1).await?;
    authorize_safely(&stripe.provider, &held).await?;
    assert_eq!(stripe.intents(&token).await?.len(), 3);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn calls_that_are_put_off_are_made_again_within_bounds() -> TestResult {
    let stripe = StandIn::open()?;
    let token = stripe.token(cards::GOOD).await?;
    for mode in ["429", "500"] {
        stripe.fault(mode, 2).await?;
        assert!(stripe.provider.charge(&charge(&token)).await?.is_paid(), "{mode}");
    }
    stripe.fault("429", 3).await?;
    let answer = stripe.provider.charge(&charge(&token)).await;
    assert!(matches!(answer, Err(PaymentError::Unavailable { .. })), "{answer:?}");
    stripe.fault("500", 3).await?;
    let lost = charge(&token);
    let answer = stripe.provider.charge(&lost).await;
    assert!(matches!(answer, Err(PaymentError::Unknown { .. })), "{answer:?}");
    // Looked up, it turns out that nothing was charged; the same key charges then.
    stripe.fault("500", 3).await?;
    let answer = charge_safely(&stripe.provider, &lost).await;
    assert!(matches!(answer, Err(PaymentError::Unavailable { .. })), "{answer:?}");
    assert!(matches!(charge_safely(&stripe.provider, &lost).await?, ChargeOutcome::Paid { .. }));
    assert_eq!(stripe.intents(&token).await?.len(), 3);
    Ok(())
}
