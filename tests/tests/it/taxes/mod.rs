//! Tax calculators: tables of rules and services, as clients keep them and as orders are taxed by
//! them. Every amount was worked out by hand.

mod calculators;
mod failures;
mod found;
mod previews;
mod services;

use perennial_tests::{Answer, Shop, TestResult, documents};
use reqwest::Method;
use serde_json::{Value, json};

const OPENED: &str = "2027-01-31T10:00:00Z";
const MANUAL: &str = "manual_tax_calculators";
const EXTERNAL: &str = "external_tax_calculators";

/// Asks for a rule of a table.
async fn rule(shop: &Shop, table: &str, attributes: Value) -> TestResult<Answer> {
    let base = json!({"name": "Rule", "tax_rate": 0.19});
    let related = [("manual_tax_calculator", MANUAL, table)];
    let document = documents::create("tax_rules", documents::with(base, attributes), &related);
    shop.api.post("tax_rules", &document).send().await
}

async fn change(shop: &Shop, path: &str, attributes: Value) -> TestResult<Answer> {
    let (kind, id) = path.split_once('/').unwrap_or_default();
    shop.api.patch(path, &documents::update(kind, id, &attributes)).send().await
}

async fn delete(shop: &Shop, path: &str) -> TestResult<Answer> {
    shop.api.request(Method::DELETE, path).send().await
}

/// Asks for the market to be taxed by a calculator of this type and id.
async fn tax_by(shop: &Shop, kind: &str, id: &str) -> TestResult<Answer> {
    let market = &shop.goods.market;
    let document = json!({"data": {"type": "markets", "id": market, "relationships": {
        "tax_calculator": {"data": {"type": kind, "id": id}},
    }}});
    shop.api.patch(&format!("markets/{market}"), &document).send().await
}
