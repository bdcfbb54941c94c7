use std::error::Error;

use serde_json::json;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

const SECRET: &str = "whsec_test";
const BODY: &[u8] = br#"{"type":"ping"}"#;
/// 2026-02-01T12:00:00Z.
const NOW: i64 = 1_769_947_200;

fn now() -> DateTime<Utc> {
    super::super::objects::instant(NOW)
}

/// As Stripe's page on webhooks says to make it.
fn signature(at: &str, body: &[u8], secret: &str) -> Result<String, Box<dyn Error>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(body);
    Ok(mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn verified(header: &str) -> Result<(), Untrusted> {
    verify(header, BODY, &Secret::new(SECRET), now())
}

/// Computed with `openssl dgst -sha256 -hmac whsec_test` over `1769947200.{"type":"ping"}`.
#[test]
fn a_signature_of_another_implementation_is_taken() {
    let known = "61fbd87496bd63402957bcbcfd9908a0022271266166cb23a466b93cb4ee6378";
    assert_eq!(verified(&format!("t={NOW},v1={known}")), Ok(()));
}

#[test]
fn a_fresh_notice_with_one_good_signature_is_taken() -> TestResult {
    let good = signature(&NOW.to_string(), BODY, SECRET)?;
    let other = signature(&NOW.to_string(), BODY, "whsec_old")?;
    for header in [
        format!("t={NOW},v1={good}"),
        format!("t={NOW}, v1={other}, v1={good}"),
        format!("v1={good},t={NOW},v0=abc"),
        format!("t={NOW},v1={}", good.to_ascii_uppercase()),
    ] {
        assert_eq!(verified(&header), Ok(()), "{header}");
    }
    Ok(())
}

#[test]
fn a_notice_is_taken_for_five_minutes_to_either_side() -> TestResult {
    for (seconds, expected) in [
        (-300, Ok(())),
        (300, Ok(())),
        (-301, Err(Untrusted::NotNow)),
        (301, Err(Untrusted::NotNow)),
    ] {
        let at = (NOW + seconds).to_string();
        let header = format!("t={at},v1={}", signature(&at, BODY, SECRET)?);
        assert_eq!(verified(&header), expected, "{seconds}");
    }
    Ok(())
}

#[test]
fn another_body_time_or_secret_is_forged() -> TestResult {
    let at = NOW.to_string();
    for signature in [
        signature(&at, b"{}", SECRET)?,
        signature(&(NOW - 1).to_string(), BODY, SECRET)?,
        signature(&at, BODY, "whsec_other")?,
        signature(&at, BODY, "")?,
        "00".repeat(32),
    ] {
        assert_eq!(verified(&format!("t={at},v1={signature}")), Err(Untrusted::Forged));
    }
    Ok(())
}

#[test]
fn a_header_of_another_form_is_refused() -> TestResult {
    let good = signature(&NOW.to_string(), BODY, SECRET)?;
    for header in [
        String::new(),
        "t".to_owned(),
        format!("t={NOW}"),
        format!("v1={good}"),
        format!("t=,v1={good}"),
        format!("t=+{NOW},v1={good}"),
        format!("t=99999999999999999999,v1={good}"),
        format!("t={NOW},t={NOW},v1={good}"),
        format!("t={NOW},v1={}", &good[..62]),
        format!("t={NOW},v1={}zz", &good[..62]),
        format!("t={NOW},v1={}é", &good[..62]),
        format!("t={NOW}{}", format!(",v1={good}").repeat(9)),
    ] {
        assert_eq!(verified(&header), Err(Untrusted::Malformed), "{header}");
    }
    Ok(())
}

fn event(kind: &str, object: &serde_json::Value) -> Result<Notice, serde_json::Error> {
    let event = json!({
        "id": "evt_1", "object": "event", "api_version": "2024-06-20", "created": NOW,
        "type": kind, "data": {"object": object}, "livemode": false, "pending_webhooks": 1,
    });
    read(event.to_string().as_bytes())
}

#[test]
fn events_about_payments_tell_what_they_were_made_for() -> TestResult {
    let metadata = json!({
        "perennial_key": "k", "perennial_organization": "org_1", "perennial_reference": "ord_1",
        "perennial_attempt": "2",
    });
    let subject =
        Subject { organization: "org_1".to_owned(), reference: "ord_1".to_owned(), attempt: 2 };
    for kind in ["succeeded", "payment_failed", "canceled"] {
        let notice = event(
            &format!("payment_intent.{kind}"),
            &json!({"id": "pi_1", "object": "payment_intent", "amount": 1999, "status": kind,
                   "created": NOW - 90, "metadata": metadata}),
        )?;
        let after = TimeDelta::seconds(90);
        assert_eq!(notice, Notice::Payment { subject: Some(subject.clone()), after }, "{kind}");
    }
    Ok(())
}

#[test]
fn a_dispute_tells_what_is_disputed_and_how_it_stands() -> TestResult {
    let notice = event(
        "charge.dispute.created",
        &json!({
            "id": "du_1", "object": "dispute", "amount": 500, "charge": "ch_1", "currency": "isk",
            "payment_intent": "pi_1", "reason": "fraudulent", "status": "needs_response",
            "evidence": {}, "is_charge_refundable": false, "metadata": {},
        }),
    )?;
    let expected = DisputeNotice {
        dispute_id: "du_1".to_owned(),
        payment_id: "pi_1".to_owned(),
        amount_minor: 5,
        currency: "ISK".to_owned(),
        reason: "fraudulent".to_owned(),
        status: "needs_response".to_owned(),
        at: now(),
    };
    assert_eq!(notice, Notice::Dispute(expected));
    Ok(())
}

#[test]
fn a_card_that_was_renewed_tells_its_new_date() -> TestResult {
    let notice = event(
        "payment_method.automatically_updated",
        &json!({
            "id": "pm_1", "object": "payment_method", "customer": "cus_1", "type": "card",
            "card": {"brand": "visa", "exp_month": 8, "exp_year": 2030, "last4": "4242"},
        }),
    )?;
    let expected = Notice::MethodUpdated {
        payment_method: "pm_1".to_owned(),
        customer: Some("cus_1".to_owned()),
        expires: Some((8, 2030)),
    };
    assert_eq!(notice, expected);
    Ok(())
}

#[test]
fn a_refund_that_was_settled_tells_what_it_is_for() -> TestResult {
    let notice = event(
        "charge.refund.updated",
        &json!({
            "id": "re_1", "object": "refund", "amount": 100, "currency": "eur", "status": "failed",
            "metadata": {"perennial_organization": "org_1", "perennial_reference": "rfd_1"},
        }),
    )?;
    let expected = Notice::Refund {
        organization: Some("org_1".to_owned()),
        reference: Some("rfd_1".to_owned()),
    };
    assert_eq!(notice, expected);
    Ok(())
}

#[test]
fn other_events_are_ignored_whatever_they_hold() -> TestResult {
    for (kind, object) in [
        ("customer.created", json!({"id": 7, "metadata": "none"})),
        ("invoice.paid", json!([])),
        ("payment_intent.created", json!({"id": "pi_1"})),
        ("payment_method.attached", json!({"id": "pm_1"})),
        ("charge.dispute.created", json!({"id": "du_1"})),
        ("a.kind.of.tomorrow", json!(null)),
    ] {
        assert_eq!(event(kind, &object)?, Notice::Ignored, "{kind}");
    }
    Ok(())
}

#[test]
fn what_is_no_event_is_an_error() {
    for body in ["", "{}", "[]", "null", "{\"type\": 1}", "{\"type\":\"payment_intent.succeeded\"}"]
    {
        assert!(read(body.as_bytes()).is_err(), "{body}");
    }
}
