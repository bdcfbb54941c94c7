//! Webhooks, told by a real HTTP receiver: what it hears, how often, and what becomes of receivers
//! that fail, hang, answer too much or are not where they may be.

mod batches;
mod breaker;
mod job_runs;
mod large_job_runs;
mod lost;
mod messages;
mod poison;
mod receivers;
mod retries;

use perennial_domain::{
    ids::WebhookId,
    webhook::{EventCallback, Secret, Secrets, Webhook},
};
use perennial_tests::{Plan, Shop, TestResult, receiver::Receiver};
use serde_json::{Value, json};

/// The instant at which the shops of these tests open.
const OPENED: &str = "2027-01-31T10:00:00Z";

/// A webhook of the shop that sends to a receiver, as it is stored.
async fn listening(shop: &Shop, topic: &str, receiver: &Receiver) -> TestResult<Webhook> {
    webhook(shop, topic, receiver.url(), &[]).await
}

async fn webhook(shop: &Shop, topic: &str, url: &str, include: &[&str]) -> TestResult<Webhook> {
    let now = shop.stack.clock().now();
    let webhook = Webhook {
        id: WebhookId::derived(&[topic, url]),
        name: None,
        topic: topic.parse()?,
        callback_url: url.parse()?,
        include_resources: include.iter().map(ToString::to_string).collect(),
        secrets: Secrets::of(Secret::new([7; 32])),
        disabled_at: None,
        circuit: perennial_domain::webhook::Circuit::default(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    shop.store.create(&shop.organization, &webhook).await?;
    Ok(webhook)
}

/// The webhook as it is stored by now.
async fn stored(shop: &Shop, webhook: &Webhook) -> TestResult<Webhook> {
    let found = shop.store.get::<Webhook>(&shop.organization, webhook.id.as_str()).await?;
    found.ok_or_else(|| "the webhook is gone".into())
}

/// The deliveries to a webhook, those of the latest events first.
async fn deliveries(shop: &Shop, webhook: &Webhook) -> TestResult<Vec<EventCallback>> {
    let store = &shop.store;
    let page = store.event_callbacks_of(&shop.organization, &webhook.id, 1_000, None).await?;
    Ok(page?.items)
}

/// The one delivery to a webhook.
async fn delivery(shop: &Shop, webhook: &Webhook) -> TestResult<EventCallback> {
    let mut found = deliveries(shop, webhook).await?;
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one),
        (one, other) => Err(format!("not one delivery: {one:?}, {other:?}").into()),
    }
}

/// A draft order, which is one event: `orders.create`.
async fn draft(shop: &Shop) -> TestResult<String> {
    let order = shop.api.create("orders", &shop.order_document(json!({}))).await?.id()?;
    shop.settle().await?;
    Ok(order)
}

/// A shop with a webhook for `orders.create` that sends to a receiver.
async fn told_of_orders(receiver: &Receiver) -> TestResult<(Shop, Webhook)> {
    let shop = Plan::at(OPENED)?.open().await?;
    let webhook = listening(&shop, "orders.create", receiver).await?;
    Ok((shop, webhook))
}

/// The status codes of a delivery's attempts; 0 where no answer came.
fn codes(delivery: &EventCallback) -> Vec<u16> {
    delivery.log.iter().map(|attempt| attempt.response_code.unwrap_or_default()).collect()
}

/// The text at a JSON pointer.
fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
