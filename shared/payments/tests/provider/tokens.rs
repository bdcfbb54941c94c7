//! Each magic token does what its documentation says.

use std::time::{Duration, Instant};

use perennial_payments::{
    ChargeOutcome, DeclineKind, PaymentError, PaymentProvider as _, TokenDigest, decline_code,
};

use crate::TestResult;
use crate::embedded::{
    ORGANIZATION, TABLE, asked, attempt, provider, provider_and_client, request,
};

fn is_declined(outcome: &ChargeOutcome, expected: DeclineKind, expected_code: &str) -> bool {
    matches!(
        outcome,
        ChargeOutcome::Declined { kind, code, .. } if *kind == expected && code == expected_code
    )
}

#[tokio::test]
async fn tok_paid_is_paid_and_the_ledger_tells_what_for() -> TestResult {
    let provider = provider().await?;
    let request = attempt(3, "tok_paid");
    let outcome = provider.charge(&request).await?;
    assert!(outcome.is_paid());
    let ledger = provider.ledger(ORGANIZATION, "ord_1").await?;
    let [entry] = ledger.as_slice() else {
        return Err(format!("one entry expected: {ledger:?}").into());
    };
    assert_eq!(entry.key, request.key);
    assert_eq!((entry.amount_minor, entry.currency.as_str()), (1_999, "EUR"));
    assert_eq!((entry.attempt, entry.requested_at), (3, request.requested_at));
    assert_eq!(entry.outcome, outcome.into());
    Ok(())
}

#[tokio::test]
async fn tok_declines_declines_softly_n_attempts_and_then_pays() -> TestResult {
    let provider = provider().await?;
    for n in 1..=2 {
        let outcome = provider.charge(&attempt(n, "tok_declines_2")).await?;
        assert!(
            is_declined(&outcome, DeclineKind::Soft, decline_code::INSUFFICIENT_FUNDS),
            "{outcome:?}"
        );
    }
    assert!(provider.charge(&attempt(3, "tok_declines_2")).await?.is_paid());
    assert!(provider.charge(&attempt(4, "tok_declines_2")).await?.is_paid());
    Ok(())
}

#[tokio::test]
async fn a_key_that_comes_back_with_another_token_tells_which_one_was_declined() -> TestResult {
    let provider = provider().await?;
    let first = request("ord_1:a1", "tok_hard_decline");
    let outcome = provider.charge(&first).await?;
    let ChargeOutcome::Declined { token, .. } = &outcome else {
        return Err(format!("{outcome:?}").into());
    };
    assert_eq!(token.as_ref(), Some(&TokenDigest::of(&first.token)));
    assert_eq!(provider.charge(&request("ord_1:a1", "tok_paid")).await?, outcome);
    assert_eq!(provider.lookup(&first.lookup()).await?, Some(outcome));
    Ok(())
}

#[tokio::test]
async fn tok_declines_counts_for_each_reference_apart() -> TestResult {
    let provider = provider().await?;
    for order in ["ord_1", "ord_2"] {
        for (n, paid) in [(1, false), (2, true)] {
            let mut charge = request(&format!("{order}:a{n}"), "tok_declines_1");
            charge.reference = order.to_owned();
            assert_eq!(provider.charge(&charge).await?.is_paid(), paid, "{order} {n}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn tok_declines_declines_exactly_n_of_the_keys_that_come_at_once() -> TestResult {
    let provider = provider().await?;
    let requests: Vec<_> = (1..=8).map(|n| attempt(n, "tok_declines_3")).collect();
    let outcomes =
        futures::future::join_all(requests.iter().map(|request| provider.charge(request))).await;
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    assert_eq!(outcomes.iter().filter(|outcome| !outcome.is_paid()).count(), 3);
    Ok(())
}

#[tokio::test]
async fn tok_declines_declines_one_key_to_all_calls_that_come_at_once() -> TestResult {
    let provider = provider().await?;
    let request = attempt(1, "tok_declines_1");
    let answers = futures::future::join_all((0..16).map(|_| provider.charge(&request))).await;
    for answer in answers {
        assert!(!answer?.is_paid());
    }
    Ok(())
}

#[tokio::test]
async fn tok_declines_declines_again_after_a_crash_before_the_outcome_was_written() -> TestResult {
    let (provider, client) = provider_and_client().await?;
    let request = attempt(1, "tok_declines_1");
    assert!(!provider.charge(&request).await?.is_paid());
    // What such a crash leaves behind: the key is counted, and has no outcome.
    let kept = client.scan().table_name(TABLE).send().await?.items.unwrap_or_default();
    let outcome = kept.iter().find(|item| item.contains_key("outcome")).ok_or("an outcome")?;
    let part = |name: &str| outcome.get(name).cloned().ok_or("a key");
    let (pk, sk) = (part("pk")?, part("sk")?);
    client.delete_item().table_name(TABLE).key("pk", pk).key("sk", sk).send().await?;
    assert_eq!(provider.lookup(&asked(&request.key)).await?, None);
    assert!(!provider.charge(&request).await?.is_paid());
    assert!(provider.charge(&attempt(2, "tok_declines_1")).await?.is_paid());
    Ok(())
}

#[tokio::test]
async fn tok_hard_decline_is_declined_hard_at_every_attempt() -> TestResult {
    let provider = provider().await?;
    for n in 1..=3 {
        let outcome = provider.charge(&attempt(n, "tok_hard_decline")).await?;
        assert!(is_declined(&outcome, DeclineKind::Hard, decline_code::STOLEN_CARD), "{outcome:?}");
    }
    Ok(())
}

#[tokio::test]
async fn tok_slow_takes_its_time_and_pays() -> TestResult {
    let provider = provider().await?;
    let start = Instant::now();
    assert!(provider.charge(&request("k", "tok_slow_30")).await?.is_paid());
    assert!(start.elapsed() >= Duration::from_millis(30));
    Ok(())
}

#[tokio::test]
async fn tok_timeout_after_charge_charges_and_loses_the_first_answer() -> TestResult {
    let provider = provider().await?;
    let request = request("k", "tok_timeout_after_charge");
    let answer = provider.charge(&request).await;
    assert!(matches!(answer, Err(PaymentError::Unknown { .. })), "{answer:?}");
    let found = provider.lookup(&asked(&request.key)).await?;
    assert!(found.as_ref().is_some_and(ChargeOutcome::is_paid), "{found:?}");
    assert_eq!(Some(provider.charge(&request).await?), found);
    assert_eq!(provider.ledger(ORGANIZATION, "ord_1").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn tok_timeout_before_charge_charges_at_the_second_call_only() -> TestResult {
    let provider = provider().await?;
    let request = request("k", "tok_timeout_before_charge");
    let answer = provider.charge(&request).await;
    assert!(matches!(answer, Err(PaymentError::Unknown { .. })), "{answer:?}");
    assert_eq!(provider.lookup(&asked(&request.key)).await?, None);
    assert_eq!(provider.ledger(ORGANIZATION, "ord_1").await?, []);
    let outcome = provider.charge(&request).await?;
    assert!(outcome.is_paid());
    assert_eq!(provider.charge(&request).await?, outcome);
    assert_eq!(provider.ledger(ORGANIZATION, "ord_1").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn tok_unavailable_charges_after_n_calls_under_the_key() -> TestResult {
    let provider = provider().await?;
    let request = request("k", "tok_unavailable_2");
    for _ in 0..2 {
        let answer = provider.charge(&request).await;
        assert!(matches!(answer, Err(PaymentError::Unavailable { .. })), "{answer:?}");
        assert_eq!(provider.ledger(ORGANIZATION, "ord_1").await?, []);
    }
    assert!(provider.charge(&request).await?.is_paid());
    Ok(())
}

#[tokio::test]
async fn another_token_is_refused_by_name_and_leaves_no_trace() -> TestResult {
    let provider = provider().await?;
    let answer = provider.charge(&request("k", "tok_visa")).await;
    let Err(error @ PaymentError::Refused { .. }) = answer else {
        return Err(format!("refusal expected: {answer:?}").into());
    };
    assert!(error.to_string().contains("tok_visa"), "{error}");
    assert!(!error.is_transient());
    assert_eq!(provider.ledger_of_organization(ORGANIZATION).await?, []);
    Ok(())
}
