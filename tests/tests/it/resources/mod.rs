//! What clients keep in the catalogue and by their orders: made, read, listed, changed, deleted, and
//! refused with a reason.

mod addresses;
mod annotations;
mod catalogue;
mod deletion;
mod inverse;
mod tags;

use perennial_tests::{Answer, Api, Shop, TestResult, documents};
use reqwest::Method;
use serde_json::{Value, json};

/// When the shops of these tests open.
const OPENING: &str = "2027-01-31T10:00:00Z";

async fn make(api: &Api, kind: &str, attributes: Value) -> TestResult<String> {
    api.create(kind, &documents::create(kind, attributes, &[])).await?.id()
}

async fn change(api: &Api, kind: &str, id: &str, attributes: Value) -> TestResult<Answer> {
    let document = documents::update(kind, id, &attributes);
    api.patch(&format!("{kind}/{id}"), &document).send().await
}

async fn delete(api: &Api, kind: &str, id: &str) -> TestResult<Answer> {
    api.request(Method::DELETE, &format!("{kind}/{id}")).send().await
}

/// An address in Berlin, with some attributes changed.
fn berlin(changes: Value) -> Value {
    let address = json!({
        "first_name": "Ada",
        "last_name": "Lovelace",
        "line_1": "Unter den Linden 6",
        "city": "Berlin",
        "zip_code": "10117",
        "country_code": "DE",
        "phone": "+49 30 2093 0",
    });
    documents::with(address, changes)
}

/// Points relationships of a resource elsewhere: triples of name, type and ids.
async fn point(api: &Api, kind: &str, id: &str, related: &[(&str, Value)]) -> TestResult<Answer> {
    let related: serde_json::Map<String, Value> =
        related.iter().map(|(name, data)| ((*name).to_owned(), json!({"data": data}))).collect();
    let document = json!({"data": {"type": kind, "id": id, "relationships": related}});
    api.patch(&format!("{kind}/{id}"), &document).send().await
}

fn to(kind: &str, id: &str) -> Value {
    json!({"type": kind, "id": id})
}

/// The ids of a page.
fn ids(page: &Answer) -> TestResult<Vec<String>> {
    let ids = page.list()?.iter().map(|one| one["id"].as_str().unwrap_or_default().to_owned());
    Ok(ids.collect())
}

/// A draft of the shop with one line.
async fn draft(shop: &Shop) -> TestResult<String> {
    let line = documents::line(perennial_tests::shop::BEANS, 1, "monthly");
    let order = shop.order_document(json!({"line_items": [line]}));
    shop.api.create("orders", &order).await?.id()
}
