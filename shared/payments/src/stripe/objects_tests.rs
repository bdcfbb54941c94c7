//! Bodies written by hand from Stripe's API reference, with the members that matter to us and some
//! that don't.

use std::error::Error as StdError;

use serde_json::{Value, json};

use super::*;
use crate::DeclineKind;

type TestResult = Result<(), Box<dyn StdError>>;

/// An intent over 19.99 EUR with some members replaced.
fn intent(members: &Value) -> Result<Intent, Box<dyn StdError>> {
    let mut intent = json!({
        "id": "pi_1", "object": "payment_intent", "amount": 1999, "amount_capturable": 0,
        "amount_received": 0, "canceled_at": null, "cancellation_reason": null,
        "capture_method": "automatic", "client_secret": "pi_1_secret_x", "created": 1_769_947_200,
        "currency": "eur", "customer": "cus_1", "last_payment_error": null, "latest_charge": null,
        "livemode": false, "next_action": null, "payment_method": "pm_1", "status": "succeeded",
        "metadata": {
            "perennial_key": "org_1:ord_1:1", "perennial_organization": "org_1",
            "perennial_reference": "ord_1", "perennial_attempt": "1",
        },
    });
    let replaced = members.as_object().cloned().unwrap_or_default();
    if let Some(intent) = intent.as_object_mut() {
        intent.extend(replaced);
    }
    Ok(serde_json::from_value(intent)?)
}

fn code_of(state: &PaymentState) -> Option<(DeclineKind, &str)> {
    match state {
        PaymentState::Declined { kind, code, .. } => Some((*kind, code)),
        _ => None,
    }
}

#[test]
fn a_decline_names_the_token_that_its_intent_was_made_with() -> TestResult {
    let error = json!({"code": "card_declined", "decline_code": "stolen_card"});
    let declined = json!({"status": "requires_payment_method", "last_payment_error": &error});
    let token = |members: &Value| match intent(members)?.state()? {
        PaymentState::Declined { token, .. } => Ok::<_, Box<dyn StdError>>(token),
        other => Err(format!("{other:?}").into()),
    };
    assert_eq!(token(&declined)?, None, "one that was made before there was such a note");
    let noted = json!({
        "status": "requires_payment_method",
        "last_payment_error": error,
        "metadata": {"perennial_token": "0123456789abcdef"},
    });
    assert_eq!(token(&noted)?, Some(TokenDigest::kept("0123456789abcdef")));
    Ok(())
}

#[test]
fn a_status_says_where_the_payment_stands() -> TestResult {
    let state = |members: &Value| Ok::<_, Box<dyn StdError>>(intent(members)?.state()?);
    assert_eq!(
        state(&json!({"status": "succeeded", "amount_received": 1999}))?,
        PaymentState::Paid { charge_id: "pi_1".to_owned() }
    );
    assert_eq!(
        state(&json!({"status": "requires_capture"}))?,
        PaymentState::Authorized { payment_id: "pi_1".to_owned() }
    );
    let voided = state(&json!({"status": "canceled", "cancellation_reason": "abandoned"}))?;
    assert_eq!(code_of(&voided), Some((DeclineKind::Soft, "voided")));
    for status in ["requires_confirmation", "requires_payment_method", "of_tomorrow"] {
        let unknown = intent(&json!({"status": status}))?.state();
        assert!(matches!(unknown, Err(PaymentError::Unknown { .. })), "{status}: {unknown:?}");
    }
    Ok(())
}

#[test]
fn a_payment_that_waits_tells_for_whom_and_where() -> TestResult {
    let redirect = json!({
        "status": "requires_action",
        "next_action": {
            "type": "redirect_to_url",
            "redirect_to_url": {"url": "https://hooks.stripe.com/3d", "return_url": "https://x.example"},
        },
    });
    let sdk = json!({
        "status": "requires_action",
        "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}},
    });
    let refused = json!({
        "status": "requires_payment_method",
        "last_payment_error": {
            "type": "card_error", "code": "authentication_required",
            "decline_code": "authentication_required", "message": "Your card was declined.",
        },
    });
    for (members, waits_for, url) in [
        (redirect, WaitsFor::Customer, Some("https://hooks.stripe.com/3d")),
        (sdk, WaitsFor::Customer, None),
        (refused, WaitsFor::Customer, None),
        (json!({"status": "processing"}), WaitsFor::Provider, None),
    ] {
        let PaymentState::NeedsAction(action) = intent(&members)?.state()? else {
            return Err(format!("{members} waits").into());
        };
        assert_eq!((action.waits_for, action.url.as_deref()), (waits_for, url), "{members}");
        assert_eq!(action.payment_id, "pi_1");
    }
    Ok(())
}

/// The error objects of the API reference: `card_error` with code and decline code, `card_error`
/// with a code only, and an error after the customer has tried.
#[test]
fn an_error_is_declined_in_our_words() -> TestResult {
    for (error, expected) in [
        (
            json!({"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
                   "message": "Your card has insufficient funds.", "charge": "ch_1",
                   "doc_url": "https://stripe.com/docs/error-codes/card-declined"}),
            (DeclineKind::Soft, "insufficient_funds"),
        ),
        (
            json!({"type": "card_error", "code": "card_declined", "decline_code": "lost_card"}),
            (DeclineKind::Hard, "lost_card"),
        ),
        (
            json!({"type": "card_error", "code": "card_declined", "decline_code": "generic_decline"}),
            (DeclineKind::Soft, "card_declined"),
        ),
        (
            json!({"type": "card_error", "code": "expired_card"}),
            (DeclineKind::Hard, "expired_card"),
        ),
        (
            json!({"type": "card_error", "code": "processing_error"}),
            (DeclineKind::Soft, "processing_error"),
        ),
        (
            json!({"type": "invalid_request_error", "code": "payment_intent_authentication_failure"}),
            (DeclineKind::Soft, "authentication_failed"),
        ),
        (json!({}), (DeclineKind::Soft, "card_declined")),
    ] {
        let read: Error = serde_json::from_value(error.clone())?;
        assert_eq!(code_of(&read.state("pi_1")), Some(expected), "{error}");
        let state =
            intent(&json!({"status": "requires_payment_method", "last_payment_error": error}))?
                .state()?;
        assert_eq!(code_of(&state), Some(expected));
    }
    Ok(())
}

#[test]
fn a_record_is_that_of_an_intent_of_ours() -> TestResult {
    let whole = intent(&json!({"amount_received": 1999}))?.record().ok_or("a record")?;
    assert_eq!((whole.amount_minor, whole.currency.as_str()), (1_999, "EUR"));
    assert_eq!((whole.key.as_str(), whole.reference.as_str()), ("org_1:ord_1:1", "ord_1"));
    let part = intent(&json!({"amount_received": 1500}))?.record().ok_or("a record")?;
    assert_eq!(part.amount_minor, 1_500);
    let waits = intent(&json!({"status": "requires_capture"}))?.record().ok_or("a record")?;
    assert_eq!(waits.amount_minor, 1_999);
    assert_eq!(intent(&json!({"metadata": {}}))?.record(), None);
    assert!(!intent(&json!({}))?.is_under("org_2", &ChargeKey::new("org_1:ord_1:1")));
    Ok(())
}

#[test]
fn a_refund_is_over_when_its_status_says_so() -> TestResult {
    for (status, expected) in [
        ("succeeded", RefundOutcome::Refunded { refund_id: "re_1".to_owned() }),
        ("pending", RefundOutcome::Pending { refund_id: "re_1".to_owned() }),
        ("requires_action", RefundOutcome::Pending { refund_id: "re_1".to_owned() }),
        (
            "failed",
            RefundOutcome::Failed {
                code: "expired_or_canceled_card".to_owned(),
                message: "Refund re_1 failed.".to_owned(),
            },
        ),
    ] {
        let refund: Refund = serde_json::from_value(json!({
            "id": "re_1", "object": "refund", "amount": 100, "currency": "eur", "status": status,
            "charge": "ch_1", "created": 1_769_947_200, "payment_intent": "pi_1", "metadata": {},
            "failure_reason": if status == "failed" { json!("expired_or_canceled_card") } else { json!(null) },
        }))?;
        assert_eq!(refund.outcome(), expected, "{status}");
    }
    Ok(())
}

#[test]
fn a_refund_made_past_us_is_told_from_ours() -> TestResult {
    let refund = |metadata: Value| {
        serde_json::from_value::<Refund>(json!({
            "id": "re_1", "amount": 100, "currency": "eur", "status": "succeeded",
            "created": 1_769_947_200, "metadata": metadata,
            "payment_intent": {
                "id": "pi_1", "status": "succeeded", "amount": 1999, "currency": "eur",
                "created": 1_769_947_200, "metadata": {"perennial_organization": "org_1"},
            },
        }))
    };
    let ours = json!({"perennial_key": "rfd_1", "perennial_reference": "rfd_1"});
    let record = refund(ours)?.record("org_1").ok_or("a record")?;
    assert_eq!(record.key, Some(RefundKey::new("rfd_1")));
    let theirs = refund(json!({}))?.record("org_1").ok_or("a record")?;
    assert_eq!((theirs.key, theirs.charge_id.as_str()), (None, "pi_1"));
    assert_eq!(refund(json!({}))?.record("org_2"), None);
    Ok(())
}

#[test]
fn a_refund_in_another_currency_than_was_asked_for_is_no_answer() -> TestResult {
    let refund: Refund = serde_json::from_value(json!({
        "id": "re_1", "object": "refund", "amount": 500, "currency": "eur", "status": "succeeded",
        "created": 1_769_947_200,
    }))?;
    assert_eq!(refund.outcome_in("EUR")?, refund.outcome());
    for other in ["USD", "eur", ""] {
        let answer = refund.outcome_in(other);
        assert!(matches!(answer, Err(PaymentError::Unknown { .. })), "{other:?}: {answer:?}");
    }
    Ok(())
}
