//! What the public API's client library sends, and wouldn't be sent otherwise. That it drives a whole
//! stack is shown by examples/typescript, which CI runs.

use perennial_tests::{
    Shop, TestResult,
    documents::{self, line},
    shop::BEANS,
};
use serde_json::{Value, json};

#[tokio::test]
async fn relationships_that_the_library_requires_are_taken_and_left_alone() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let required =
        [("merchant", "merchants", "none"), ("inventory_model", "inventory_models", "none")];
    let market = documents::create("markets", documents::market(), &required);
    let made = shop.api.create("markets", &market).await?;
    for (name, ..) in required {
        assert_eq!(made.at(&format!("/data/relationships/{name}")), &Value::Null, "{name}");
    }
    let category = [("shipping_category", "shipping_categories", "none")];
    shop.api.create("skus", &documents::create("skus", documents::sku("TEA"), &category)).await?;

    for (kind, document, name) in [
        ("markets", documents::create("markets", documents::market(), &category), category[0].0),
        (
            "markets",
            documents::create("markets", documents::market(), &[("geocoder", "geocoders", "none")]),
            "geocoder",
        ),
    ] {
        let refused = shop.api.post(kind, &document).send().await?.with_status(422)?;
        let expected = format!("unknown_relationship /data/relationships/{name}");
        assert_eq!(refused.errors(), [expected], "{:#}", refused.body);
    }
    Ok(())
}

#[tokio::test]
async fn an_order_is_paid_by_the_trigger_as_by_the_relationship() -> TestResult {
    const TRIGGER: &str = "_customer_payment_source_id";
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let mut order = shop.order_document(json!({"line_items": [line(BEANS, 1, "monthly")]}));
    if let Some(related) = order["data"]["relationships"].as_object_mut() {
        related.remove("customer_payment_source");
    }
    let made = shop.api.create("orders", &order).await?;
    let (id, source) = (made.id()?, shop.goods.source.clone());
    let path = format!("orders/{id}");
    let place = "/data/relationships/customer_payment_source/data";
    assert_eq!(made.at(place), &Value::Null);

    let mut both = documents::update("orders", &id, &json!({TRIGGER: source}));
    both["data"]["relationships"] = json!({"customer_payment_source": {"data": null}});
    let missing = documents::update("orders", &id, &json!({TRIGGER: "none"}));
    let at = format!("/data/attributes/{TRIGGER}");
    for (document, error) in
        [(both, format!("invalid_value {at}")), (missing, format!("related_not_found {at}"))]
    {
        let refused = shop.api.patch(&path, &document).send().await?.with_status(422)?;
        assert_eq!(refused.errors(), [error], "{:#}", refused.body);
    }

    let change = documents::update("orders", &id, &json!({TRIGGER: source}));
    let changed = shop.api.patch(&path, &change).send().await?.with_status(200)?;
    assert_eq!(changed.at(&format!("{place}/id")), &json!(source));
    let place = documents::update("orders", &id, &json!({"_place": true}));
    shop.api.patch(&path, &place).send().await?.with_status(200)?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&id).await?, "placed");
    Ok(())
}
