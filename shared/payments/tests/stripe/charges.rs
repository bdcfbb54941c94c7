//! Charges: once per key, whatever card the customer has by then.

use chrono::{TimeDelta, Utc};
use perennial_payments::{
    ChargeKey, ChargeLookup, ChargeOutcome, ChargeRequest, Cursor, DeclineKind, PaymentError,
    PaymentProvider as _, PaymentToken, Span, WaitsFor, decline_code,
};

use crate::{
    TestResult, cards,
    stand_in::{Changed, ORGANIZATION, StandIn, charge},
};

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_charge_is_made_once_and_found_by_its_key() -> TestResult {
    let stripe = StandIn::open()?;
    let token = stripe.token(cards::GOOD).await?;
    let one = charge(&token);
    assert_eq!(stripe.provider.lookup(&one.lookup()).await?, None);
    let outcome = stripe.provider.charge(&one).await?;
    assert!(matches!(&outcome, ChargeOutcome::Paid { charge_id } if charge_id.starts_with("pi_")));
    assert_eq!(stripe.provider.charge(&one).await?, outcome);
    assert_eq!(stripe.provider.lookup(&one.lookup()).await?, Some(outcome.clone()));
    // Without its token, while the search is behind.
    let bare = ChargeLookup::new(ORGANIZATION, one.key.clone());
    assert_eq!(stripe.provider.lookup(&bare).await?, Some(outcome));
    let found = stripe.provider.find_charge(&bare).await?.ok_or("it is not found")?;
    assert_eq!((found.amount_minor, found.currency.as_str()), (1_999, "EUR"));
    assert!(found.key == one.key && found.state.is_paid(), "{found:?}");
    let theirs = ChargeLookup::new("org_other", one.key.clone());
    assert_eq!(stripe.provider.lookup(&theirs).await?, None);
    assert_eq!(stripe.provider.find_charge(&theirs).await?, None);
    let intents = stripe.intents(&token).await?;
    assert_eq!(intents.len(), 1);
    let told = &intents[0];
    assert_eq!((told["amount"].as_i64(), told["currency"].as_str()), (Some(1_999), Some("eur")));
    assert_eq!(told["metadata"]["perennial_reference"], one.reference);
    Ok(())
}

/// Whoever has paid may be another customer of Stripe's than the one who is to pay by now, a day after
/// which nothing else keeps the key from being charged again.
#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_key_is_not_charged_again_with_a_card_of_another_customer() -> TestResult {
    let stripe = StandIn::open()?;
    let (first, second) = (stripe.token(cards::GOOD).await?, stripe.token(cards::GOOD).await?);
    let one = charge(&first);
    let paid = stripe.provider.charge(&one).await?;
    stripe.post("/_config/forget", "").await?;
    stripe.post("/_config/search", "knows=1").await?;
    let key_since = one.requested_at - TimeDelta::days(2);
    let again = ChargeRequest { token: PaymentToken::new(&second), key_since, ..one };
    assert_eq!(stripe.provider.lookup(&again.lookup()).await?, Some(paid.clone()));
    assert_eq!(stripe.provider.charge(&again).await?, paid);
    assert!(stripe.intents(&second).await?.is_empty());
    stripe.post("/_config/search", "knows=0").await.map(drop)
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_payment_method_alone_is_charged_with_its_customer() -> TestResult {
    let stripe = StandIn::open()?;
    let token = stripe.token(cards::GOOD).await?;
    let (_, method) = token.split_once('|').ok_or("a method")?;
    let one = charge(method);
    assert!(stripe.provider.charge(&one).await?.is_paid());
    assert!(stripe.provider.lookup(&one.lookup()).await?.is_some());
    for nobodys in ["pm_card_visa", "pm_unheard_of"] {
        assert!(is_removed(&stripe.provider.charge(&charge(nobodys)).await?), "{nobodys}");
    }
    Ok(())
}

fn is_removed(outcome: &ChargeOutcome) -> bool {
    let code = decline_code::PAYMENT_METHOD_REMOVED;
    matches!(outcome, ChargeOutcome::Declined { kind: DeclineKind::Hard, code: told, token: Some(_), .. }
        if told == code)
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_card_that_was_removed_is_declined_for_good_and_what_it_paid_before_stands() -> TestResult
{
    let stripe = StandIn::open()?;
    let token = stripe.token(cards::GOOD).await?;
    let (_, method) = token.split_once('|').ok_or("a method")?;
    let before = charge(&token);
    let paid = stripe.provider.charge(&before).await?;
    assert!(paid.is_paid());
    stripe.post(&format!("/v1/payment_methods/{method}/detach"), "").await?;
    stripe.post("/_config/forget", "").await?;

    assert_eq!(stripe.provider.charge(&before).await?, paid, "the answer was lost, say");
    for gone in [token.as_str(), method, "cus_unheard_of|pm_unheard_of"] {
        assert!(is_removed(&stripe.provider.charge(&charge(gone)).await?), "{gone}");
    }
    assert_eq!(stripe.intents(&token).await?.len(), 1);
    // What else is wrong with a request is not taken for that.
    let there = stripe.token(cards::GOOD).await?;
    let (_, method) = there.split_once('|').ok_or("a method")?;
    for token in [there.as_str(), method] {
        stripe.fault("400", 1).await?;
        let answer = stripe.provider.charge(&charge(token)).await;
        assert!(matches!(answer, Err(PaymentError::Refused { .. })), "{token}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_decline_stands_and_the_next_attempt_is_another_charge() -> TestResult {
    let stripe = StandIn::open()?;
    let token = stripe.token(cards::DECLINED).await?;
    let one = charge(&token);
    let outcome = stripe.provider.charge(&one).await?;
    let ChargeOutcome::Declined { kind, code, .. } = &outcome else {
        return Err(format!("{outcome:?}").into());
    };
    assert_eq!((*kind, code.as_str()), (DeclineKind::Soft, "card_declined"));
    let again = stripe.provider.charge(&one).await?;
    assert!(matches!(again, ChargeOutcome::Declined { .. }), "{again:?}");
    let next = ChargeRequest {
        key: ChargeKey::for_attempt(&one.reference, 2),
        token: PaymentToken::new(stripe.token(cards::GOOD).await?),
        attempt: 2,
        ..one
    };
    assert!(stripe.provider.charge(&next).await?.is_paid());
    Ok(())
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_key_used_for_something_else_is_refused_and_with_another_card_it_stands() -> TestResult {
    let stripe = StandIn::open()?;
    let token = stripe.token(cards::GOOD).await?;
    let one = charge(&token);
    let outcome = stripe.provider.charge(&one).await?;
    for other in [
        ChargeRequest { amount_minor: 2_000, ..one.clone() },
        ChargeRequest { currency: "USD".to_owned(), ..one.clone() },
        ChargeRequest { reference: "ord_other".to_owned(), ..one.clone() },
    ] {
        let answer = stripe.provider.charge(&other).await;
        assert!(matches!(answer, Err(PaymentError::Refused { .. })), "{answer:?}");
    }
    let (customer, _) = token.split_once('|').ok_or("a customer")?;
    let new_card = stripe.token(cards::GOOD).await?;
    let (_, method) = new_card.split_once('|').ok_or("a method")?;
    let other_card = PaymentToken::new(format!("{customer}|{method}"));
    let again = stripe.provider.charge(&ChargeRequest { token: other_card, ..one }).await?;
    assert_eq!(again, outcome);
    assert_eq!(stripe.intents(&token).await?.len(), 1);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_key_that_stripe_has_forgotten_charges_nobody_twice() -> TestResult {
    let stripe = StandIn::open()?;
    let token = stripe.token(cards::GOOD).await?;
    let one = charge(&token);
    let outcome = stripe.provider.charge(&one).await?;
    stripe.post("/_config/forget", "").await?;
    // Two days later, by a message that was among the dead letters.
    let late = ChargeRequest { requested_at: one.requested_at + TimeDelta::days(2), ..one };
    assert_eq!(stripe.provider.charge(&late).await?, outcome);
    assert_eq!(stripe.intents(&token).await?.len(), 1);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_direct_debit_waits_for_its_bank_and_what_that_says_stands() -> TestResult {
    let stripe = StandIn::open()?;
    // The stand-in lets this account's bank say no after half a second.
    let token = stripe.token_of("type=sepa_debit&sepa_debit[iban]=DE62370400440532013001").await?;
    let one = charge(&token);
    let outcome = stripe.provider.charge(&one).await?;
    let ChargeOutcome::NeedsAction(action) = &outcome else {
        return Err(format!("{outcome:?}").into());
    };
    assert_eq!(action.waits_for, WaitsFor::Provider);
    let given_up = stripe.provider.void(&one.lookup()).await;
    assert!(matches!(given_up, Err(PaymentError::Unavailable { .. })), "{given_up:?}");
    tokio::time::sleep(std::time::Duration::from_millis(900)).await;
    let outcome = stripe.provider.charge(&one).await?;
    assert!(matches!(outcome, ChargeOutcome::Declined { .. }), "{outcome:?}");
    assert_eq!(stripe.intents(&token).await?[0]["status"], "canceled");
    Ok(())
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn a_key_that_was_changed_is_read_anew_once() -> TestResult {
    let secret = Changed::from("not_a_key");
    let stripe = StandIn::with(secret.clone())?;
    let token = stripe.token(cards::GOOD).await?;
    assert!(stripe.provider.charge(&charge(&token)).await?.is_paid());
    assert!(stripe.provider.charge(&charge(&token)).await?.is_paid());
    assert_eq!(secret.reads.load(std::sync::atomic::Ordering::Relaxed), 1);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a stand-in for Stripe: .ci/try-stripe"]
async fn what_was_charged_is_listed_by_span_of_time_in_pages() -> TestResult {
    let stripe = StandIn::open()?;
    let token = stripe.token(cards::GOOD).await?;
    let from = Utc::now() - TimeDelta::seconds(2);
    let organization = format!("org_{}", uuid::Uuid::new_v4().simple());
    for n in 0..105 {
        let mine = if n % 21 == 0 { "org_other" } else { organization.as_str() };
        let one = ChargeRequest { organization: mine.to_owned(), ..charge(&token) };
        stripe.provider.charge(&one).await?;
    }
    let span = Span { from, to: Utc::now() + TimeDelta::seconds(2) };
    let (mut records, mut cursor, mut pages) = (Vec::new(), None::<Cursor>, 0);
    loop {
        let page = stripe.provider.list_charges(&organization, span, cursor.as_ref()).await?;
        records.extend(page.records);
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(records.len(), 100);
    assert!(pages >= 2, "{pages}");
    assert!(records.iter().all(|one| one.state.is_paid() && one.amount_minor == 1_999));
    let before = Span { from: from - TimeDelta::hours(2), to: from - TimeDelta::hours(1) };
    assert_eq!(stripe.provider.list_charges(&organization, before, None).await?.records, []);
    Ok(())
}
