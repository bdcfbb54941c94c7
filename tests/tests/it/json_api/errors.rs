//! Chapter 10, "Errors".

use perennial_tests::{
    Shop, TestResult,
    documents::{self, line},
};
use serde_json::{Value, json};

use super::conforming;

/// 10.1: everything that is wrong is told at once. 10.2: each error has the status, and a pointer to
/// the value that caused it.
#[tokio::test]
async fn every_error_is_told_with_its_place_and_its_status() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let sku = json!({
        "code": "TEA", "name": 1, "unit_amount_cents": -1, "currency_code": "EURO", "colour": "red",
    });
    let document = documents::create("skus", sku, &[]);
    let answer = shop.api.post("skus", &document).send().await?.with_status(422)?;
    let answer = conforming("four errors", answer)?;
    let mut errors = answer.errors();
    errors.sort();
    let at = |name: &str| format!("/data/attributes/{name}");
    assert_eq!(
        errors,
        [
            format!("invalid_value {}", at("currency_code")),
            format!("out_of_range {}", at("unit_amount_cents")),
            format!("unknown_attribute {}", at("colour")),
            format!("wrong_type {}", at("name")),
        ]
    );
    for error in answer.at("/errors").as_array().into_iter().flatten() {
        assert_eq!(error["status"], "422");
        let pointer = error["source"]["pointer"].as_str().unwrap_or_default();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        assert_eq!(document.pointer(pointer), Some(&error["meta"]["value"]), "{pointer}");
    }
    Ok(())
}

/// 10.1: errors of different status are answered by the most general one, and keep their own.
#[tokio::test]
async fn errors_of_different_status_are_answered_400() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let mut document = shop.subscribing(&[line("NO-SUCH", 1, "monthly")]);
    document["data"]["relationships"]["customer"]["data"]["id"] = json!("cus_0");
    let answer = shop.api.post("orders", &document).send().await?.with_status(400)?;
    let answer = conforming("400", answer)?;
    let errors = answer.at("/errors").as_array().cloned().unwrap_or_default();
    let mut statuses: Vec<&str> =
        errors.iter().filter_map(|error| error["status"].as_str()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    assert_eq!(statuses, ["404", "422"], "{:#}", answer.body);
    assert!(errors.iter().all(|error| error["source"]["pointer"].is_string()));
    assert_ne!(answer.at("/meta/request_id"), &Value::Null);
    Ok(())
}
