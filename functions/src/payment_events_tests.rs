#![expect(clippy::indexing_slicing, reason = "a member that is not there fails the test")]

use std::{collections::BTreeMap, error::Error};

use chrono::Utc;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

#[derive(Debug)]
struct At(chrono::DateTime<Utc>);

impl Clock for At {
    fn now(&self) -> chrono::DateTime<Utc> {
        self.0
    }
}

/// 2026-02-01T12:00:00Z.
const NOW: i64 = 1_769_947_200;
/// Signed with `openssl dgst -sha256 -hmac whsec_test` over `1769947200.{"type":"ping"}`.
const PING: (&str, &str) = (
    r#"{"type":"ping"}"#,
    "t=1769947200,v1=61fbd87496bd63402957bcbcfd9908a0022271266166cb23a466b93cb4ee6378",
);

fn function(provider: &str, secret: &str) -> Result<PaymentEvents, Box<dyn Error>> {
    let environment = Environment::from_map(BTreeMap::from(
        [
            ("PAYMENT_PROVIDER", provider),
            ("STRIPE_SECRET_NAME", secret),
            ("STRIPE_WEBHOOK_SECRET_NAME", secret),
            ("PAYMENTS_QUEUE_URL", "http://127.0.0.1:9/000000000000/payments"),
            ("AWS_REGION", "us-east-1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    ));
    let aws = Aws::from_environment(&environment)?;
    let now = chrono::DateTime::from_timestamp(NOW, 0).ok_or("an instant")?;
    let clock: Arc<dyn Clock> = Arc::new(At(now));
    Ok(PaymentEvents::build(&environment, &aws, &clock)?)
}

fn request(path: &str, body: &str, signature: Option<&str>) -> Value {
    let mut headers = json!({"content-type": "application/json"});
    if let (Some(signature), Some(headers)) = (signature, headers.as_object_mut()) {
        headers.insert("stripe-signature".to_owned(), json!(signature));
    }
    json!({
        "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": headers, "body": body,
        "isBase64Encoded": false,
        "requestContext": {"stage": "$default", "http": {"method": "POST", "path": path}},
    })
}

async fn answered(
    function: &PaymentEvents,
    event: Value,
) -> Result<(Value, Value), Box<dyn Error>> {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    let invocation = Invocation { request_id: "test".to_owned(), deadline };
    let answer = function.invoke(event, invocation).await.map_err(|e| e.to_string())?;
    let body: Value = serde_json::from_str(answer["body"].as_str().ok_or("a body")?)?;
    Ok((answer["statusCode"].clone(), body))
}

const PATH: &str = "/api/payment_events/stripe";

#[tokio::test]
async fn a_signed_event_of_no_concern_is_answered_well_and_one_that_is_not_signed_is_not()
-> TestResult {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("secret");
    std::fs::write(&path, "whsec_test\n")?;
    let function = function("stripe", &format!("file:{}", path.display()))?;
    let (body, signature) = PING;
    let (status, answer) = answered(&function, request(PATH, body, Some(signature))).await?;
    assert_eq!((status, answer), (json!(200), json!({"status": "ignored"})));
    // The same again, as Stripe may send it.
    assert_eq!(answered(&function, request(PATH, body, Some(signature))).await?.0, json!(200));
    let old = signature.replace("t=1769947200", "t=1769946000");
    let huge = "x".repeat(MAX_BODY + 1);
    for (path, body, signature, status, code) in [
        (PATH, r#"{"type":"pong"}"#, Some(signature), 400, "signature_invalid"),
        (PATH, body, Some(old.as_str()), 400, "signature_invalid"),
        (PATH, body, Some("v1=00"), 400, "signature_invalid"),
        (PATH, body, None, 400, "signature_invalid"),
        (PATH, huge.as_str(), Some(signature), 413, "body_too_large"),
        (PATH, "", Some(signature), 400, "malformed_event"),
        ("/api/payment_events/other", body, Some(signature), 404, "not_found"),
    ] {
        let (told, answer) = answered(&function, request(path, body, signature)).await?;
        assert_eq!(told, json!(status), "{answer}");
        assert_eq!(answer["errors"][0]["code"], json!(code), "{answer}");
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_taken_where_no_provider_tells_anything_or_its_secret_is_not_there() -> TestResult
{
    let (body, signature) = PING;
    let test = function("test", "")?;
    assert_eq!(answered(&test, request(PATH, body, Some(signature))).await?.0, json!(404));
    let missing = function("stripe", "file:/nowhere/at/all")?;
    let (status, answer) = answered(&missing, request(PATH, body, Some(signature))).await?;
    assert_eq!(status, json!(503));
    assert_eq!(answer["errors"][0]["detail"], json!("try again later"));
    Ok(())
}

#[test]
fn what_a_customer_confirms_within_the_minute_is_handed_on_when_it_is_over() {
    for (after, expected) in [(0, 60), (1, 59), (59, 1), (60, 0), (61, 0), (86_400, 0)] {
        let after = TimeDelta::seconds(after);
        assert_eq!(wait(&Notice::Payment { subject: None, after }), expected, "{after}");
    }
    assert_eq!(wait(&Notice::Refund { organization: None, reference: None }), 0);
}

#[test]
fn a_dispute_is_told_in_our_words() {
    for (theirs, ours) in [
        ("needs_response", DisputeStatus::Open),
        ("under_review", DisputeStatus::Open),
        ("warning_needs_response", DisputeStatus::Open),
        ("warning_closed", DisputeStatus::Won),
        ("won", DisputeStatus::Won),
        ("lost", DisputeStatus::Lost),
    ] {
        let dispute = DisputeNotice {
            dispute_id: "du_1".to_owned(),
            payment_id: "pi_1".to_owned(),
            amount_minor: 500,
            currency: "EUR".to_owned(),
            reason: String::new(),
            status: theirs.to_owned(),
            at: chrono::DateTime::<Utc>::UNIX_EPOCH,
        };
        let told = told(dispute);
        assert_eq!((told.status, told.amount, told.reason), (ours, MinorUnits::new(500), None));
        assert_eq!(told.currency.as_deref(), Some("EUR"));
    }
}

#[test]
fn a_card_ends_with_the_last_day_of_its_month() {
    for (month_and_year, day) in [
        ((8, 2030), NaiveDate::from_ymd_opt(2030, 8, 31)),
        ((2, 2028), NaiveDate::from_ymd_opt(2028, 2, 29)),
        ((12, 2029), NaiveDate::from_ymd_opt(2029, 12, 31)),
        ((13, 2029), None),
        ((0, 2029), None),
    ] {
        assert_eq!(last_day(month_and_year), day, "{month_and_year:?}");
    }
}
