//! Secrets that are told once: a request that died between its writes, and is sent again under its
//! idempotency key, is told the secret that it has made. It makes no other, and nobody else is told.

use aws_sdk_dynamodb::types::AttributeValue;
use perennial_domain::webhook::Webhook;
use perennial_tests::{Answer, Shop, TestResult, documents};
use serde_json::{Value, json};

const NOW: &str = "2027-01-31T10:00:00Z";
const CALCULATOR: &str = "external_tax_calculators";

/// Leaves the key of a request as a process leaves it that dies after its work and before its answer,
/// and waits until the request may be sent again.
async fn die_before_answer(shop: &Shop, key: &str) -> TestResult {
    let key = AttributeValue::S(format!("acme#I#{key}"));
    let update = shop.stack.aws().dynamodb.update_item().table_name("BookTable");
    let update = update.key("pk", key).key("sk", AttributeValue::S("#".to_owned()));
    let update =
        update.update_expression("REMOVE answer").condition_expression("attribute_exists(answer)");
    update.send().await?;
    shop.advance("PT1M").await?;
    Ok(())
}

/// Sends a request that dies before it can answer, and again; both answers.
async fn twice(
    shop: &Shop,
    path: &str,
    document: &Value,
    key: &str,
) -> TestResult<(Answer, Answer)> {
    let send = async || {
        let sending = match document.pointer("/data/id") {
            Some(_) => shop.api.patch(path, document),
            None => shop.api.post(path, document),
        };
        sending.key(key).send().await
    };
    let lost = send().await?;
    die_before_answer(shop, key).await?;
    Ok((lost, send().await?))
}

fn channel(code: &str) -> Value {
    let attributes = json!({
        "code": code, "name": "Web", "webhook_scheme": "body", "webhook_header": "X-Hmac",
    });
    documents::create("channels", attributes, &[])
}

fn webhook() -> Value {
    let attributes = json!({"topic": "orders.*", "callback_url": "https://receiver.example/hooks"});
    documents::create("webhooks", attributes, &[])
}

fn calculator() -> Value {
    let attributes = json!({"name": "Taxes", "tax_calculator_url": "https://taxes.example/ask"});
    documents::create(CALCULATOR, attributes, &[])
}

fn rotate(kind: &str, id: &str, trigger: &str) -> (String, Value) {
    (format!("{kind}/{id}"), documents::update(kind, id, &json!({trigger: true})))
}

#[tokio::test]
async fn who_makes_it_is_told_its_secret_again_and_nobody_else_is() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    for (kind, document, secret) in [
        ("channels", channel("web"), "webhook_secret"),
        ("webhooks", webhook(), "shared_secret"),
        (CALCULATOR, calculator(), "shared_secret"),
    ] {
        let (lost, again) = twice(&shop, kind, &document, kind).await?;
        assert_eq!((lost.status, again.status), (201, 201), "{kind}: {:#}", again.body);
        assert_eq!(again.id()?, lost.id()?, "{kind}");
        let told = again.text(&format!("/data/attributes/{secret}"))?;
        assert!(told.starts_with("whsec_"), "{kind}");
        assert_eq!(lost.attribute(secret), &told, "{kind}");
        // What was answered is kept without it.
        let kept = shop.api.post(kind, &document).key(kind).send().await?.with_status(201)?;
        assert_eq!(kept.header("idempotent-replayed")?, "true", "{kind}");
        assert_eq!(kept.attribute(secret), &Value::Null, "{kind}");
        assert_eq!(shop.api.all(kind).await?.len(), 1, "{kind}");
    }
    // The same document is another request under another key, and without one.
    for key in [Some("another"), None] {
        let sending = shop.api.post("channels", &channel("web"));
        let sending = match key {
            Some(key) => sending.key(key),
            None => sending,
        };
        let refused = sending.send().await?.with_status(422)?;
        assert_eq!(refused.errors(), ["taken /data/attributes/code"]);
        assert!(!refused.body.to_string().contains("whsec_"));
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_is_rotated_once_and_the_one_before_stays_valid() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    for (kind, document, trigger, secret) in [
        ("channels", channel("web"), "_rotate_webhook_secret", "webhook_secret"),
        ("webhooks", webhook(), "_rotate_secret", "shared_secret"),
        (CALCULATOR, calculator(), "_rotate_secret", "shared_secret"),
    ] {
        let made = shop.api.create(kind, &document).await?;
        let (path, rotation) = rotate(kind, &made.id()?, trigger);
        let (lost, again) = twice(&shop, &path, &rotation, kind).await?;
        assert_eq!((lost.status, again.status), (200, 200), "{kind}: {:#}", again.body);
        let second = again.text(&format!("/data/attributes/{secret}"))?;
        assert_eq!(lost.attribute(secret), &second, "{kind}: it is rotated once");
        assert_ne!(made.attribute(secret), &second, "{kind}");
        if kind == "webhooks" {
            let stored = shop.store.get::<Webhook>(&shop.organization, &made.id()?).await?;
            let before =
                stored.and_then(|webhook| webhook.secrets.previous).ok_or("none before")?;
            assert_eq!(made.attribute(secret), &before.secret.expose(), "it signs for a day");
        }
        // Once the key is free again, the same words are another request.
        shop.advance("P1DT1H").await?;
        let next = shop.api.patch(&path, &rotation).key(kind).send().await?.with_status(200)?;
        let third = next.text(&format!("/data/attributes/{secret}"))?;
        assert_ne!(third, second, "{kind}");
    }
    Ok(())
}
