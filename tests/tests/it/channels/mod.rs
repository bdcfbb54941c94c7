//! Channels end to end: what a shop system, a commerce API and a service desk send becomes orders,
//! once; what can't be mapped is kept, and taken again once the mapping was mended.

mod health;
mod policies;
mod quotes;
mod samples;
mod webhooks;

use perennial_tests::{Answer, Shop, TestResult, documents};
use serde_json::{Value, json};

pub(crate) const NOW: &str = "2027-01-31T10:00:00Z";

/// A file of the mappings that are shipped.
fn shipped(path: &str) -> TestResult<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/mappings");
    Ok(std::fs::read_to_string(format!("{folder}/{path}"))?)
}

/// A channel of the shop's market; the answer's id is the channel's.
async fn channel(shop: &Shop, code: &str, mut attributes: Value) -> TestResult<String> {
    attributes["code"] = json!(code);
    attributes["name"] = json!(code);
    let market = [("market", "markets", shop.goods.market.as_str())];
    let document = documents::create("channels", attributes, &market);
    shop.api.create("channels", &document).await?.id()
}

fn mapping_document(channel: &str, mut attributes: Value) -> Value {
    attributes["_activate"] = json!(true);
    documents::create("channel_mappings", attributes, &[("channel", "channels", channel)])
}

/// A version of a channel's mapping, by which it reads from now on.
async fn mapping(shop: &Shop, channel: &str, attributes: Value) -> TestResult<Answer> {
    shop.api.create("channel_mappings", &mapping_document(channel, attributes)).await
}

/// What a channel sends.
async fn send(shop: &Shop, code: &str, media_type: &str, payload: &str) -> TestResult<Answer> {
    let path = format!("channels/{code}/orders");
    shop.api.request(reqwest::Method::POST, &path).body(media_type, payload).send().await
}

/// A mapping of the smallest payloads: `{"id": ..., "beans": ...}`.
const SMALL: &str = "{external_id: .id, occurred_at: .at, order: {line_items: [{sku_code: \"BEANS\", \
    quantity: .beans}]}} | compact";

/// A channel with that mapping.
async fn small(shop: &Shop, code: &str, attributes: Value) -> TestResult<String> {
    let channel = channel(shop, code, attributes).await?;
    mapping(shop, &channel, json!({"program": SMALL})).await?;
    Ok(channel)
}

async fn send_small(shop: &Shop, code: &str, payload: Value) -> TestResult<Answer> {
    send(shop, code, "application/json", &payload.to_string()).await
}

/// The first error's code, and what it names.
fn refusal(answer: &Answer) -> (u16, String, String) {
    let text = |pointer: &str| answer.at(pointer).as_str().unwrap_or_default().to_owned();
    (answer.status, text("/errors/0/code"), text("/errors/0/detail"))
}
