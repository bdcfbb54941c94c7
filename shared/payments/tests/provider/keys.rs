//! A key has one outcome, and a request that contradicts it is refused.

use perennial_payments::{
    ChargeKey, ChargeOutcome, ChargeRequest, PaymentError, PaymentProvider as _, PaymentState,
};

use crate::TestResult;
use crate::embedded::{ORGANIZATION, asked, attempt, provider, request};

#[tokio::test]
async fn a_repeated_key_answers_the_stored_charge() -> TestResult {
    let provider = provider().await?;
    let first = provider.charge(&request("k", "tok_paid")).await?;
    assert_eq!(provider.charge(&request("k", "tok_paid")).await?, first);
    assert_eq!(provider.lookup(&asked(&ChargeKey::new("k"))).await?, Some(first));
    assert_eq!(provider.ledger(ORGANIZATION, "ord_1").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_repeated_key_answers_the_stored_decline_even_after_the_next_attempt_paid() -> TestResult
{
    let provider = provider().await?;
    let declined = provider.charge(&attempt(1, "tok_declines_1")).await?;
    assert!(provider.charge(&attempt(2, "tok_declines_1")).await?.is_paid());
    assert_eq!(provider.charge(&attempt(1, "tok_declines_1")).await?, declined);
    assert_eq!(provider.ledger(ORGANIZATION, "ord_1").await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn the_outcome_of_a_key_stands_when_the_customer_has_changed_cards() -> TestResult {
    let provider = provider().await?;
    let declined = provider.charge(&attempt(1, "tok_hard_decline")).await?;
    assert_eq!(provider.charge(&attempt(1, "tok_paid")).await?, declined);
    assert!(provider.charge(&attempt(2, "tok_paid")).await?.is_paid());
    Ok(())
}

#[tokio::test]
async fn a_key_reused_for_another_amount_currency_or_order_is_refused() -> TestResult {
    let provider = provider().await?;
    let first = request("k", "tok_paid");
    provider.charge(&first).await?;
    for other in [
        ChargeRequest { amount_minor: 2_000, ..first.clone() },
        ChargeRequest { currency: "USD".to_owned(), ..first.clone() },
        ChargeRequest { reference: "ord_2".to_owned(), ..first.clone() },
    ] {
        let answer = provider.charge(&other).await;
        assert!(matches!(answer, Err(PaymentError::Refused { .. })), "{answer:?}");
    }
    assert_eq!(provider.ledger_of_organization(ORGANIZATION).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn calls_at_once_under_one_key_make_one_charge() -> TestResult {
    let provider = provider().await?;
    let request = request("k", "tok_paid");
    let answers = futures::future::join_all((0..16).map(|_| provider.charge(&request))).await;
    let outcomes = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let ledger = provider.ledger(ORGANIZATION, "ord_1").await?;
    let [entry] = ledger.as_slice() else {
        return Err(format!("one entry expected: {ledger:?}").into());
    };
    assert!(entry.outcome.is_paid());
    assert!(outcomes.into_iter().all(|outcome| PaymentState::from(outcome) == entry.outcome));
    Ok(())
}

#[tokio::test]
async fn two_organizations_may_use_the_same_key() -> TestResult {
    let provider = provider().await?;
    let first = provider.charge(&request("k", "tok_paid")).await?;
    let theirs =
        ChargeRequest { organization: "org_2".to_owned(), ..request("k", "tok_hard_decline") };
    assert!(!provider.charge(&theirs).await?.is_paid());
    assert_eq!(provider.charge(&request("k", "tok_paid")).await?, first);
    assert_eq!(provider.ledger("org_2", "ord_1").await?.len(), 1);
    Ok(())
}

/// The ledger must betray a caller that pays an order twice, not hide it.
#[tokio::test]
async fn the_ledger_shows_an_order_that_was_charged_under_two_keys() -> TestResult {
    let provider = provider().await?;
    provider.charge(&request("k1", "tok_paid")).await?;
    provider.charge(&request("k2", "tok_paid")).await?;
    let ledger = provider.ledger(ORGANIZATION, "ord_1").await?;
    assert_eq!(ledger.iter().filter(|entry| entry.outcome.is_paid()).count(), 2);
    Ok(())
}

#[tokio::test]
async fn the_ledger_is_whole_beyond_one_page_of_the_scan() -> TestResult {
    let provider = provider().await?;
    // Long references push twelve hundred entries over the megabyte that one page holds.
    let reference = "o".repeat(1_200);
    for n in 0..1_200 {
        let charge = ChargeRequest {
            reference: reference.clone(),
            attempt: n,
            ..request(&format!("k{n}"), "tok_paid")
        };
        provider.charge(&charge).await?;
    }
    let ledger = provider.ledger(ORGANIZATION, &reference).await?;
    assert_eq!(ledger.len(), 1_200);
    assert!(ledger.iter().map(|entry| entry.attempt).eq(0..1_200));
    Ok(())
}

#[tokio::test]
async fn a_malformed_request_is_refused_before_anything_is_written() -> TestResult {
    let provider = provider().await?;
    let good = request("k", "tok_paid");
    for (field, bad) in [
        ("key", ChargeRequest { key: ChargeKey::new(""), ..good.clone() }),
        ("key", ChargeRequest { key: ChargeKey::new("k".repeat(256)), ..good.clone() }),
        ("organization", ChargeRequest { organization: String::new(), ..good.clone() }),
        ("organization", ChargeRequest { organization: "a#b".to_owned(), ..good.clone() }),
        ("reference", ChargeRequest { reference: String::new(), ..good.clone() }),
        ("amount_minor", ChargeRequest { amount_minor: 0, ..good.clone() }),
        ("amount_minor", ChargeRequest { amount_minor: -1, ..good.clone() }),
        ("currency", ChargeRequest { currency: "eur".to_owned(), ..good.clone() }),
        ("currency", ChargeRequest { currency: "EURO".to_owned(), ..good.clone() }),
    ] {
        match provider.charge(&bad).await {
            Err(PaymentError::Refused { reason }) => {
                assert!(reason.starts_with(field), "{field}: {reason}");
            }
            other => return Err(format!("{field}: refusal expected: {other:?}").into()),
        }
    }
    assert_eq!(provider.ledger_of_organization(ORGANIZATION).await?, []);
    Ok(())
}

#[test]
fn a_token_does_not_show_in_debug_output() {
    let shown = format!("{:?}", request("k", "tok_secret"));
    assert!(!shown.contains("tok_secret"), "{shown}");
}

/// Orders keep outcomes, so their form must not change unnoticed.
#[test]
fn an_outcome_keeps_its_written_form() -> TestResult {
    let paid = ChargeOutcome::Paid { charge_id: "ch_1".to_owned() };
    let item: std::collections::BTreeMap<String, String> =
        serde_dynamo::from_item(serde_dynamo::to_item::<_, serde_dynamo::Item>(&paid)?)?;
    let pairs: Vec<_> = item.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(pairs, [("charge_id", "ch_1"), ("result", "paid")]);
    Ok(())
}
