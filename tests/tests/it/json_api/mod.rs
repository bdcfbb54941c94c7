//! Conformance with JSON:API 1.1 (<https://jsonapi.org/format/1.1/>). Each test names the part of
//! the specification that it proves.

mod compound;
mod errors;
mod negotiation;
mod queries;
mod reading;
mod structure;
mod writing;

use perennial_tests::{Answer, Shop, TestResult, documents::line, shop::BEANS};
use serde_json::Value;

/// A shop with an order that repeats every week and every month, a month and a day later.
async fn running_shop() -> TestResult<(Shop, String)> {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let order = shop.order(&[line(BEANS, 1, "weekly"), line(BEANS, 2, "monthly")]).await?;
    shop.advance("P1M1D").await?;
    Ok((shop, order))
}

/// The answer, if its document is as the specification has it.
fn conforming(what: &str, answer: Answer) -> TestResult<Answer> {
    let content_type = answer.header("content-type")?;
    assert_eq!(content_type, "application/vnd.api+json", "{what}");
    let faults = structure::faults(&answer.body);
    assert!(faults.is_empty(), "{what}: {faults:#?}\n{:#}", answer.body);
    Ok(answer)
}

/// Reads, and checks the document.
async fn read(shop: &Shop, path: &str) -> TestResult<Answer> {
    conforming(path, shop.api.get(path).await?)
}

/// The types and ids of resources, or of what identifies them.
fn names(resources: &Value) -> Vec<(String, String)> {
    let member =
        |resource: &Value, name: &str| resource[name].as_str().unwrap_or_default().to_owned();
    let one = |resource: &Value| (member(resource, "type"), member(resource, "id"));
    match resources {
        Value::Array(resources) => resources.iter().map(one).collect(),
        Value::Null => Vec::new(),
        resource => vec![one(resource)],
    }
}
