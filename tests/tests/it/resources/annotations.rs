//! What clients keep with orders and lines: reference, its origin, metadata, and when they changed.

use perennial_tests::{Shop, TestResult, documents, shop::BEANS};
use serde_json::{Value, json};

use super::{OPENING, change, ids};

fn kept() -> Value {
    json!({"reference": "R-1", "reference_origin": "ERP", "metadata": {"box": {"no": 4.5}}})
}

#[tokio::test]
async fn orders_keep_them_in_every_status_but_while_they_are_being_placed() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let api = &shop.api;
    let line = json!({"sku_code": BEANS, "quantity": 1});
    let given = documents::with(json!({"line_items": [line]}), kept());
    let made = api.create("orders", &shop.order_document(given)).await?;
    let order = made.id()?;
    for (name, value) in kept().as_object().into_iter().flatten() {
        assert_eq!(made.attribute(name), value, "{name}");
    }
    let found = api.get("orders?filter[q][reference_eq]=R-1").await?;
    assert_eq!(ids(&found)?, [order.as_str()]);

    change(api, "orders", &order, json!({"_place": true})).await?.with_status(200)?;
    shop.settle().await?;
    let placed = json!({"metadata": {"packed": true}, "reference": "R-2"});
    let placed = change(api, "orders", &order, placed).await?.with_status(200)?;
    assert_eq!(placed.attribute("status"), "placed");
    assert_eq!(placed.attribute("metadata"), &json!({"packed": true}));
    assert_eq!(placed.attribute("reference"), "R-2");
    let late = json!({"subscriptions_expire_at": "2030-01-01T00:00:00Z"});
    assert_eq!(change(api, "orders", &order, late).await?.status, 409);
    let journal = shop.journal("O", &order).await?;
    let told = journal.last().map(|entry| (entry.event.clone(), entry.after["metadata"].clone()));
    assert_eq!(told, Some(("orders.update".to_owned(), json!({"packed": true}))));
    let cleared =
        change(api, "orders", &order, json!({"metadata": null})).await?.with_status(200)?;
    assert_eq!(cleared.attribute("metadata"), &Value::Null);
    Ok(())
}

#[tokio::test]
async fn metadata_is_an_object_of_16_kilobytes() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    for (metadata, error) in [
        (json!("text"), "wrong_type"),
        (json!([1]), "wrong_type"),
        (json!({"long": "x".repeat(17_000)}), "out_of_range"),
    ] {
        let document = shop.order_document(json!({"metadata": metadata}));
        let refused = shop.api.post("orders", &document).send().await?.with_status(422)?;
        assert_eq!(refused.errors(), [format!("{error} /data/attributes/metadata")]);
    }
    let document = shop.order_document(json!({"metadata": {"long": "x".repeat(16_000)}}));
    shop.api.create("orders", &document).await?;
    Ok(())
}

#[tokio::test]
async fn lines_keep_them_and_say_when_they_were_made_and_changed() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let api = &shop.api;
    let first = documents::with(json!({"sku_code": BEANS, "quantity": 1}), kept());
    let document = shop.order_document(json!({"line_items": [first]}));
    let order = api.create("orders", &document).await?;
    let line = order.text("/data/relationships/line_items/data/0/id")?;
    let made = api.get(&format!("line_items/{line}")).await?;
    for (name, value) in kept().as_object().into_iter().flatten() {
        assert_eq!(made.attribute(name), value, "{name}");
    }
    assert_eq!(made.attribute("created_at"), order.attribute("created_at"));
    assert_eq!(made.attribute("updated_at"), order.attribute("created_at"));

    shop.advance("PT1H").await?;
    let changed = change(api, "line_items", &line, json!({"reference": "L-2"})).await?;
    let changed = changed.with_status(200)?;
    assert_eq!(changed.attribute("reference"), "L-2");
    assert_eq!(changed.attribute("reference_origin"), "ERP");
    assert_eq!(changed.attribute("created_at"), order.attribute("created_at"));
    assert!(changed.text("/data/attributes/updated_at")?.starts_with("2027-01-31T11:"));
    let second = documents::create(
        "line_items",
        json!({"sku_code": BEANS, "quantity": 2, "metadata": {"row": 2}}),
        &[("order", "orders", &order.id()?)],
    );
    let second = api.create("line_items", &second).await?;
    assert!(second.text("/data/attributes/created_at")?.starts_with("2027-01-31T11:"));
    let path = format!("orders/{}/line_items", order.id()?);
    let filter = "filter[q][created_at_gt]=2027-01-31T10:30:00Z";
    let later = api.get(&format!("{path}?{filter}")).await?;
    assert_eq!(ids(&later)?, [second.id()?]);
    let by_reference = api.get(&format!("{path}?filter[q][reference_eq]=L-2")).await?;
    assert_eq!(ids(&by_reference)?, [line]);
    Ok(())
}
