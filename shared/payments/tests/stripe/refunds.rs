//! Refunds: once per key, never above what was taken.

use chrono::{TimeDelta, Utc};
use perennial_payments::{
    ChargeOutcome, PaymentError, PaymentProvider as _, RefundKey, RefundOutcome, RefundRequest,
    Span, refund_safely,
};
use uuid::Uuid;

use crate::{
    TestResult, cards,
    stand_in::{ORGANIZATION, StandIn, charge},
};

/// A charge of 19.99 EUR on the stand-in.
async fn charged(stripe: &StandIn) -> Result<String, Box<dyn std::error::Error>> {
    let token = stripe.token(cards::GOOD).await?;
    match stripe.provider.charge(&charge(&token)).await? {
        ChargeOutcome::Paid { charge_id } => Ok(charge_id),
        other => Err(format!("{other:?}").into()),
    }
}

fn refund(charge_id: &str, amount_minor: i64) -> RefundRequest {
    let id = format!("rfd_{}", Uuid::new_v4().simple());
    RefundRequest {
        key: RefundKey::new(&id),
        organization: ORGANIZATION.to_owned(),
        charge_id: charge_id.to_owned(),
        amount_minor,
        currency: "EUR".to_owned(),
        reference: id,
        requested_at: Utc::now(),
        key_since: Utc::now(),
    }
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn parts_are_given_back_once_per_key_and_not_above_what_was_taken() -> TestResult {
    let stripe = StandIn::open()?;
    let charge_id = charged(&stripe).await?;
    let first = refund(&charge_id, 1_500);
    assert_eq!(stripe.provider.lookup_refund(&first).await?, None);
    let outcome = stripe.provider.refund(&first).await?;
    assert!(matches!(outcome, RefundOutcome::Refunded { .. }), "{outcome:?}");
    assert_eq!(stripe.provider.refund(&first).await?, outcome);
    assert_eq!(stripe.provider.lookup_refund(&first).await?, Some(outcome.clone()));
    let too_much = stripe.provider.refund(&refund(&charge_id, 500)).await;
    assert!(matches!(too_much, Err(PaymentError::Refused { .. })), "{too_much:?}");
    let reused = stripe.provider.refund(&RefundRequest { amount_minor: 1, ..first.clone() }).await;
    assert!(matches!(reused, Err(PaymentError::Refused { .. })), "{reused:?}");
    // A day later Stripe has forgotten the key.
    stripe.post("/_config/forget", "").await?;
    let late = RefundRequest { requested_at: first.requested_at + TimeDelta::days(2), ..first };
    assert_eq!(stripe.provider.refund(&late).await?, outcome);
    stripe.provider.refund(&refund(&charge_id, 499)).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_refund_whose_answer_got_lost_is_found_and_not_made_twice() -> TestResult {
    let stripe = StandIn::open()?;
    let charge_id = charged(&stripe).await?;
    let one = refund(&charge_id, 1_500);
    stripe.fault("drop", 1).await?;
    let outcome = refund_safely(&stripe.provider, &one).await?;
    assert_eq!(refund_safely(&stripe.provider, &one).await?, outcome);
    let list = stripe.get(&format!("/v1/refunds?payment_intent={charge_id}")).await?;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn refunds_are_listed_also_those_that_were_made_past_us() -> TestResult {
    let stripe = StandIn::open()?;
    let charge_id = charged(&stripe).await?;
    let ours = refund(&charge_id, 500);
    stripe.provider.refund(&ours).await?;
    stripe.post("/v1/refunds", &format!("payment_intent={charge_id}&amount=200")).await?;
    let now = Utc::now();
    let span = Span { from: now - TimeDelta::minutes(1), to: now + TimeDelta::minutes(1) };
    let page = stripe.provider.list_refunds(ORGANIZATION, span, None).await?;
    let mut found: Vec<_> = page
        .records
        .into_iter()
        .filter(|one| one.charge_id == charge_id)
        .map(|one| (one.amount_minor, one.key))
        .collect();
    found.sort();
    assert_eq!(found, [(200, None), (500, Some(ours.key))]);
    assert_eq!(stripe.provider.list_refunds("org_other", span, None).await?.records, []);
    Ok(())
}
