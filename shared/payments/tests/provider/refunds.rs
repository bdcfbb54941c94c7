//! Refunds: once per key, never above what was taken, and found again when their answer got lost.
//! And the lists by which all of it is compared with the order book.

use chrono::{DateTime, TimeDelta, Utc};
use perennial_payments::test_provider::TestProvider;
use perennial_payments::{
    ChargeOutcome, ChargeRequest, Cursor, PaymentError, PaymentProvider as _, PaymentState,
    RefundKey, RefundOutcome, RefundRequest, Span, refund_safely,
};

use crate::TestResult;
use crate::embedded::{ORGANIZATION, provider, request};

const START: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

/// A provider with a charge of 19.99 EUR by the token, and the charge's id.
async fn charged(token: &str) -> Result<(TestProvider, String), Box<dyn std::error::Error>> {
    let provider = provider().await?;
    match provider.charge(&request("k", token)).await? {
        ChargeOutcome::Paid { charge_id } => Ok((provider, charge_id)),
        other => Err(format!("{token}: {other:?}").into()),
    }
}

fn refund(key: &str, charge_id: &str, amount_minor: i64) -> RefundRequest {
    RefundRequest {
        key: RefundKey::new(key),
        organization: ORGANIZATION.to_owned(),
        charge_id: charge_id.to_owned(),
        amount_minor,
        currency: "EUR".to_owned(),
        reference: format!("refund_{key}"),
        requested_at: START,
        key_since: START,
    }
}

fn is_refused<T: std::fmt::Debug>(answer: &Result<T, PaymentError>) -> bool {
    matches!(answer, Err(PaymentError::Refused { .. }))
}

#[tokio::test]
async fn parts_are_given_back_up_to_what_was_taken_and_no_cent_more() -> TestResult {
    let (provider, charge) = charged("tok_paid").await?;
    let first = provider.refund(&refund("r1", &charge, 1_000)).await?;
    assert_eq!(provider.refund(&refund("r1", &charge, 1_000)).await?, first);
    assert!(is_refused(&provider.refund(&refund("r2", &charge, 1_000)).await));
    provider.refund(&refund("r3", &charge, 999)).await?;
    assert!(is_refused(&provider.refund(&refund("r4", &charge, 1)).await));
    assert_eq!(provider.lookup_refund(&refund("r1", &charge, 1_000)).await?, Some(first));
    assert_eq!(provider.lookup_refund(&refund("r4", &charge, 1)).await?, None);
    let ledger = provider.ledger(ORGANIZATION, "ord_1").await?;
    assert_eq!(ledger.first().and_then(|entry| entry.refundable_minor), Some(0));
    Ok(())
}

#[tokio::test]
async fn refunds_at_once_under_one_key_are_one_and_under_many_keys_stay_in_bounds() -> TestResult {
    let (provider, charge) = charged("tok_paid").await?;
    let one = refund("r", &charge, 500);
    let answers = futures::future::join_all((0..8).map(|_| provider.refund(&one))).await;
    let first = provider.lookup_refund(&one).await?.ok_or("the refund")?;
    for answer in answers {
        assert_eq!(answer?, first);
    }
    let many: Vec<_> = (0..8).map(|n| refund(&format!("m{n}"), &charge, 500)).collect();
    let answers = futures::future::join_all(many.iter().map(|one| provider.refund(one))).await;
    // 1999 - 500 leaves room for two more of 500.
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2, "{answers:?}");
    Ok(())
}

#[tokio::test]
async fn what_was_not_taken_is_not_given_back() -> TestResult {
    let (provider, charge) = charged("tok_paid").await?;
    provider.charge(&request("declined", "tok_hard_decline")).await?;
    let state = provider.authorize(&request("authorized", "tok_paid")).await?;
    let PaymentState::Authorized { payment_id } = state else {
        return Err(format!("{state:?}").into());
    };
    let yen = RefundRequest { currency: "JPY".to_owned(), ..refund("r", &charge, 1) };
    let theirs = RefundRequest { organization: "org_2".to_owned(), ..refund("r", &charge, 1) };
    for wrong in [
        refund("r", "ch_unheard_of", 1),
        refund("r", &payment_id, 1),
        refund("r", &charge, 0),
        refund("", &charge, 1),
        yen,
        theirs,
    ] {
        let answer = provider.refund(&wrong).await;
        assert!(is_refused(&answer), "{wrong:?}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_refund_key_reused_for_something_else_is_refused() -> TestResult {
    let (provider, charge) = charged("tok_paid").await?;
    provider.refund(&refund("r", &charge, 100)).await?;
    assert!(is_refused(&provider.refund(&refund("r", &charge, 200)).await));
    Ok(())
}

#[tokio::test]
async fn a_refund_whose_answer_got_lost_is_found_again() -> TestResult {
    let (provider, charge) = charged("tok_timeout_after_refund").await?;
    let one = refund("r", &charge, 1_999);
    let outcome = refund_safely(&provider, &one).await?;
    assert!(matches!(outcome, RefundOutcome::Refunded { .. }), "{outcome:?}");
    assert_eq!(refund_safely(&provider, &one).await?, outcome);
    Ok(())
}

#[tokio::test]
async fn a_refund_that_never_arrived_may_be_tried_again_under_its_key() -> TestResult {
    for token in ["tok_timeout_before_refund", "tok_refund_unavailable_1"] {
        let (provider, charge) = charged(token).await?;
        let one = refund("r", &charge, 1_999);
        let answer = refund_safely(&provider, &one).await;
        assert!(matches!(answer, Err(PaymentError::Unavailable { .. })), "{token}: {answer:?}");
        let outcome = refund_safely(&provider, &one).await?;
        assert!(matches!(outcome, RefundOutcome::Refunded { .. }), "{token}: {outcome:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_failed_refund_leaves_the_money_to_be_given_back_again() -> TestResult {
    let (provider, charge) = charged("tok_refund_fails").await?;
    let outcome = provider.refund(&refund("r", &charge, 1_999)).await?;
    assert!(matches!(outcome, RefundOutcome::Failed { .. }), "{outcome:?}");
    let (provider, charge) = charged("tok_refund_pending").await?;
    let one = refund("r1", &charge, 1_999);
    let outcome = provider.refund(&one).await?;
    assert!(matches!(outcome, RefundOutcome::Pending { .. }), "{outcome:?}");
    // While it is pending the money is spoken for.
    assert!(is_refused(&provider.refund(&refund("r2", &charge, 1)).await));
    provider.settle_refund(ORGANIZATION, &one.key, false).await?;
    let outcome = provider.lookup_refund(&one).await?;
    assert!(matches!(outcome, Some(RefundOutcome::Failed { .. })), "{outcome:?}");
    let again = refund("r3", &charge, 1_999);
    provider.refund(&again).await?;
    provider.settle_refund(ORGANIZATION, &again.key, true).await?;
    let outcome = provider.lookup_refund(&again).await?;
    assert!(matches!(outcome, Some(RefundOutcome::Refunded { .. })), "{outcome:?}");
    Ok(())
}

#[tokio::test]
async fn lists_hold_what_was_made_in_a_span_of_time_for_one_organization() -> TestResult {
    let provider = provider().await?;
    let minute = |n: i64| START + TimeDelta::minutes(n);
    for n in 0..1_200_i32 {
        let n = i64::from(n);
        let charge = ChargeRequest {
            // Some have a fraction of a second, which makes their text sort before the whole one.
            requested_at: minute(n) + TimeDelta::milliseconds(if n % 3 == 0 { 250 } else { 0 }),
            organization: if n % 100 == 99 { "org_2".to_owned() } else { ORGANIZATION.to_owned() },
            ..request(&format!("k{n}"), "tok_paid")
        };
        if let ChargeOutcome::Paid { charge_id } = provider.charge(&charge).await?
            && n % 100 == 0
        {
            let one = RefundRequest {
                requested_at: minute(n),
                ..refund(&format!("r{n}"), &charge_id, 100)
            };
            provider.refund(&one).await?;
        }
    }
    let quarter = TimeDelta::milliseconds(250);
    // The first has the fraction and is within; the last has none and is within, too.
    let span = Span { from: minute(102) + quarter, to: minute(1_102) + quarter };
    let (mut charges, mut refunds, mut pages) = (Vec::new(), Vec::new(), 0);
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = provider.list_charges(ORGANIZATION, span, cursor.as_ref()).await?;
        charges.extend(page.records);
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    loop {
        let page = provider.list_refunds(ORGANIZATION, span, cursor.as_ref()).await?;
        refunds.extend(page.records);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    // 1,001 minutes, ten of them those of the other organization.
    assert_eq!((charges.len(), refunds.len()), (991, 10));
    assert!(pages > 1);
    assert!(charges.iter().all(|one| span.contains(one.created_at) && one.state.is_paid()));
    assert!(refunds.iter().all(|one| one.amount_minor == 100 && one.key.is_some()));
    Ok(())
}
