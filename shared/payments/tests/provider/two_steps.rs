//! Authorize, capture, void, and payments that need somebody to act.

use perennial_payments::test_provider::TestProvider;
use perennial_payments::{
    CaptureRequest, ChargeOutcome, ChargeRequest, PaymentError, PaymentProvider as _, PaymentState,
    VoidOutcome, WaitsFor, authorize_safely, capture_safely, decline_code,
};

use crate::TestResult;
use crate::embedded::{ORGANIZATION, provider, request};

fn capture(charge: &ChargeRequest, amount_minor: i64) -> CaptureRequest {
    CaptureRequest {
        authorization: charge.lookup(),
        amount_minor,
        currency: charge.currency.clone(),
    }
}

fn is_voided(outcome: &ChargeOutcome) -> bool {
    matches!(outcome, ChargeOutcome::Declined { code, .. } if code == decline_code::VOIDED)
}

async fn entries(provider: &TestProvider) -> Result<Vec<(i64, bool)>, PaymentError> {
    let ledger = provider.ledger(ORGANIZATION, "ord_1").await?;
    Ok(ledger.iter().map(|entry| (entry.amount_minor, entry.outcome.is_paid())).collect())
}

#[tokio::test]
async fn an_authorization_takes_nothing_until_it_is_captured() -> TestResult {
    let provider = provider().await?;
    let charge = request("k", "tok_paid");
    let first = authorize_safely(&provider, &charge).await?;
    assert!(matches!(first, PaymentState::Authorized { .. }), "{first:?}");
    assert_eq!(provider.authorize(&charge).await?, first);
    assert_eq!(provider.lookup(&charge.lookup()).await?, None);
    assert_eq!(entries(&provider).await?, [(1_999, false)]);
    let taken = capture_safely(&provider, &capture(&charge, 1_500)).await?;
    assert!(taken.is_paid());
    assert_eq!(provider.capture(&capture(&charge, 1_500)).await?, taken);
    assert_eq!(provider.authorize(&charge).await?, taken.clone().into());
    assert_eq!(provider.lookup(&charge.lookup()).await?, Some(taken));
    assert_eq!(entries(&provider).await?, [(1_500, true)]);
    Ok(())
}

#[tokio::test]
async fn a_capture_takes_at_most_what_was_authorized_and_once() -> TestResult {
    let provider = provider().await?;
    let charge = request("k", "tok_paid");
    provider.authorize(&charge).await?;
    let dollars = CaptureRequest { currency: "USD".to_owned(), ..capture(&charge, 1) };
    for wrong in [capture(&charge, 2_000), capture(&charge, 0), dollars] {
        let answer = provider.capture(&wrong).await;
        assert!(matches!(answer, Err(PaymentError::Refused { .. })), "{answer:?}");
    }
    provider.capture(&capture(&charge, 1_999)).await?;
    let again = provider.capture(&capture(&charge, 1_998)).await;
    assert!(matches!(again, Err(PaymentError::Refused { .. })), "{again:?}");
    let nothing = provider.capture(&capture(&request("k2", "tok_paid"), 1)).await;
    assert!(matches!(nothing, Err(PaymentError::Refused { .. })), "{nothing:?}");
    Ok(())
}

#[tokio::test]
async fn a_voided_authorization_can_not_be_captured_and_a_captured_one_not_voided() -> TestResult {
    let provider = provider().await?;
    let (first, second) = (request("k1", "tok_paid"), request("k2", "tok_paid"));
    for charge in [&first, &second] {
        provider.authorize(charge).await?;
    }
    for _ in 0..2 {
        assert_eq!(provider.void(&first.lookup()).await?, VoidOutcome::Voided);
    }
    assert!(is_voided(&provider.capture(&capture(&first, 1_999)).await?));
    let ChargeOutcome::Paid { charge_id } = provider.capture(&capture(&second, 1_999)).await?
    else {
        return Err("the second is captured".into());
    };
    assert_eq!(provider.void(&second.lookup()).await?, VoidOutcome::Paid { charge_id });
    let nobodys = request("k3", "tok_paid");
    assert_eq!(provider.void(&nobodys.lookup()).await?, VoidOutcome::NotFound);
    Ok(())
}

#[tokio::test]
async fn an_authorization_that_ran_out_is_declined_at_its_capture() -> TestResult {
    let provider = provider().await?;
    let charge = request("k", "tok_authorization_expires");
    provider.authorize(&charge).await?;
    assert!(is_voided(&provider.capture(&capture(&charge, 1_999)).await?));
    Ok(())
}

#[tokio::test]
async fn a_key_that_authorized_does_not_charge() -> TestResult {
    let provider = provider().await?;
    provider.authorize(&request("k", "tok_paid")).await?;
    let answer = provider.charge(&request("k", "tok_paid")).await;
    assert!(matches!(answer, Err(PaymentError::Refused { .. })), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn a_payment_that_needs_action_waits_under_its_key_until_somebody_acts() -> TestResult {
    let provider = provider().await?;
    for (key, token, waits, approved) in [
        ("k1", "tok_needs_action", WaitsFor::Customer, true),
        ("k2", "tok_needs_action", WaitsFor::Customer, false),
        ("k3", "tok_processing", WaitsFor::Provider, true),
    ] {
        let charge = request(key, token);
        let first = provider.charge(&charge).await?;
        let ChargeOutcome::NeedsAction(action) = &first else {
            return Err(format!("{key}: action expected: {first:?}").into());
        };
        assert_eq!((action.waits_for, action.url.is_some()), (waits, waits == WaitsFor::Customer));
        assert_eq!(provider.charge(&charge).await?, first, "{key}");
        assert_eq!(provider.lookup(&charge.lookup()).await?.as_ref(), Some(&first), "{key}");
        provider.act(ORGANIZATION, &charge.key, approved).await?;
        let after = provider.charge(&charge).await?;
        match &after {
            ChargeOutcome::Paid { .. } => assert!(approved, "{key}"),
            ChargeOutcome::Declined { code, .. } => {
                assert!(!approved, "{key}");
                assert_eq!(code, decline_code::AUTHENTICATION_FAILED);
            }
            ChargeOutcome::NeedsAction(_) => return Err(format!("{key} still waits").into()),
        }
        // Settled once and for all.
        provider.act(ORGANIZATION, &charge.key, !approved).await?;
        assert_eq!(provider.lookup(&charge.lookup()).await?, Some(after), "{key}");
    }
    Ok(())
}

#[tokio::test]
async fn a_payment_given_up_while_it_waits_can_not_be_confirmed_any_more() -> TestResult {
    let provider = provider().await?;
    let charge = request("k", "tok_needs_action");
    provider.charge(&charge).await?;
    assert_eq!(provider.void(&charge.lookup()).await?, VoidOutcome::Voided);
    provider.act(ORGANIZATION, &charge.key, true).await?;
    assert!(is_voided(&provider.charge(&charge).await?));
    Ok(())
}

#[tokio::test]
async fn tok_needs_action_with_a_number_is_confirmed_after_as_many_calls() -> TestResult {
    let provider = provider().await?;
    let charge = request("k", "tok_needs_action_2");
    for _ in 0..2 {
        assert!(!provider.charge(&charge).await?.is_paid());
    }
    assert!(provider.charge(&charge).await?.is_paid());
    assert_eq!(entries(&provider).await?, [(1_999, true)]);
    Ok(())
}

#[tokio::test]
async fn every_decline_code_has_a_token_of_its_kind() -> TestResult {
    let provider = provider().await?;
    for (code, kind, _) in perennial_payments::DECLINES {
        let outcome = provider.charge(&request(code, &format!("tok_decline_{code}"))).await?;
        let ChargeOutcome::Declined { kind: told, code: word, .. } = &outcome else {
            return Err(format!("{code}: {outcome:?}").into());
        };
        assert_eq!((told, word.as_str()), (kind, *code));
        assert_eq!(perennial_payments::decline_kind(code), *kind);
    }
    Ok(())
}
