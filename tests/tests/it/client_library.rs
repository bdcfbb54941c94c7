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

/// What the document says of what is ordered: each relationship with type and id.
fn item(subscription: &str, ordered: &[(&str, &str, &str)]) -> Value {
    let mut related = vec![("order_subscription", "order_subscriptions", subscription)];
    related.extend_from_slice(ordered);
    documents::create("order_subscription_items", json!({"quantity": 3}), &related)
}

#[tokio::test]
async fn an_item_is_given_by_the_relationship_of_its_own_type_too() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let tea =
        shop.api.create("skus", &documents::create("skus", documents::sku("TEA"), &[])).await?;
    let tea = tea.id()?;
    let subscription = shop.subscribe("monthly").await?;
    let id = subscription.as_str();
    let made =
        shop.api.create("order_subscription_items", &item(id, &[("sku", "skus", &tea)])).await?;
    // Three at 12.50 each.
    for (name, expected) in [
        ("sku_code", json!("TEA")),
        ("currency_code", json!("EUR")),
        ("unit_amount_float", json!(12.5)),
        ("total_amount_cents", json!(3750)),
        ("total_amount_float", json!(37.5)),
    ] {
        assert_eq!(made.attribute(name), &expected, "{name}");
    }
    for (ordered, error) in [
        (
            vec![("sku", "skus", "sku_none")],
            "related_not_found /data/relationships/sku/data/id".to_owned(),
        ),
        (vec![("sku", "bundles", &tea)], "wrong_type /data/relationships/sku/data".to_owned()),
        (
            vec![("item", "skus", &tea), ("bundle", "bundles", "bdl_none")],
            "invalid_value /data/relationships/bundle/data/id".to_owned(),
        ),
    ] {
        let document = item(id, &ordered);
        let refused = shop.api.post("order_subscription_items", &document).send().await?;
        assert!(refused.errors().contains(&error), "{:#}", refused.body);
    }
    Ok(())
}

#[tokio::test]
async fn a_run_that_is_asked_for_may_say_what_its_subscription_says() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let subscription = shop.subscribe("monthly").await?;
    let related = [("order_subscription", "order_subscriptions", subscription.as_str())];
    let asking = |options: Value| documents::create("recurring_order_copies", options, &related);
    for name in ["place_target_order", "reuse_wallet"] {
        let document = asking(json!({name: false}));
        let refused = shop.api.post("recurring_order_copies", &document).send().await?;
        assert_eq!(refused.errors(), [format!("invalid_value /data/attributes/{name}")]);
    }
    let document = asking(json!({"place_target_order": true, "reuse_wallet": true}));
    let run = shop.api.create("recurring_order_copies", &document).await?.id()?;
    shop.settle().await?;
    // A factory tells of itself what the copy that it is tells.
    for name in ["events", "versions"] {
        let of_run = shop.api.all(&format!("recurring_order_copies/{run}/{name}")).await?;
        let of_factory = shop.api.all(&format!("order_factories/{run}/{name}")).await?;
        assert_eq!(of_factory, of_run, "{name}");
        assert!(!of_run.is_empty(), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn an_order_has_a_number_its_skus_counted_and_the_time_of_its_cancellation() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let fee = json!({"name": "Gift wrap", "amount_cents": 250, "currency_code": "EUR"});
    let fee =
        shop.api.create("adjustments", &documents::create("adjustments", fee, &[])).await?.id()?;
    let lines = [
        line(BEANS, 2, "monthly"),
        line(BEANS, 3, "weekly"),
        json!({"adjustment_id": fee, "quantity": 1}),
    ];
    let order = shop.order(&lines).await?;
    let path = format!("orders/{order}");
    let placed = shop.api.get(&path).await?;
    assert_eq!(placed.attribute("skus_count"), &json!(5));
    assert_eq!(placed.attribute("cancelled_at"), &Value::Null);
    let number = placed.text("/data/attributes/number")?;
    assert!(number.len() == 16 && number.chars().all(|digit| digit.is_ascii_digit()), "{number}");
    let cancel = documents::update("orders", &order, &json!({"_cancel": true}));
    let cancelled = shop.api.patch(&path, &cancel).send().await?.with_status(200)?;
    let at = cancelled.text("/data/attributes/cancelled_at")?;
    assert!(at.starts_with("2027-01-31T10:0"), "{at}");
    assert_eq!(cancelled.attribute("number"), &json!(number));
    let noted = documents::update("orders", &order, &json!({"reference": "later"}));
    let noted = shop.api.patch(&path, &noted).send().await?.with_status(200)?;
    assert_eq!(noted.attribute("cancelled_at"), &json!(at), "what is noted later leaves it");
    Ok(())
}

#[tokio::test]
async fn a_draft_takes_back_that_it_asked_for_subscriptions() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let asking = json!({"line_items": [line(BEANS, 1, "monthly")], "_create_subscriptions": true});
    let order = shop.api.create("orders", &shop.order_document(asking)).await?.id()?;
    let change = async |attributes: Value| {
        let document = documents::update("orders", &order, &attributes);
        shop.api.patch(&format!("orders/{order}"), &document).send().await?.with_status(200)
    };
    change(json!({"_create_subscriptions": false})).await?;
    change(json!({"_place": true})).await?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    assert!(shop.subscriptions_of(&order).await?.is_empty());
    // What is made is not unmade by it.
    change(json!({"_create_subscriptions": true})).await?;
    change(json!({"_create_subscriptions": false})).await?;
    assert_eq!(shop.subscriptions_of(&order).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn prices_are_listed_by_sku_and_by_list_and_in_the_order_of_their_ids() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let sku = documents::with(
        documents::sku("TEA"),
        json!({"description": "Green", "image_url": "https://example.com/tea.png"}),
    );
    let sku = shop.api.create("skus", &documents::create("skus", sku, &[])).await?;
    assert_eq!(sku.attribute("description"), &json!("Green"));
    let sku = sku.id()?;
    let mut lists = Vec::new();
    for (name, amount) in [("a", 100), ("b", 200)] {
        let list =
            documents::create("price_lists", json!({"name": name, "currency_code": "EUR"}), &[]);
        let list = shop.api.create("price_lists", &list).await?.id()?;
        for code in ["TEA", BEANS] {
            let price = json!({"sku_code": code, "amount_cents": amount});
            let price = documents::create("prices", price, &[("price_list", "price_lists", &list)]);
            shop.api.create("prices", &price).await?;
        }
        lists.push(list);
    }
    let amounts = async |path: String| {
        let all = shop.api.all(&path).await?;
        let amounts = all.iter().map(|price| price["attributes"]["amount_cents"].clone());
        TestResult::Ok(amounts.collect::<Vec<Value>>())
    };
    assert_eq!(amounts(format!("skus/{sku}/prices")).await?, [json!(100), json!(200)]);
    for (list, amount) in lists.iter().zip([100, 200]) {
        let found = amounts(format!("price_lists/{list}/prices")).await?;
        assert_eq!(found, [json!(amount), json!(amount)]);
    }
    let ids = async |order: &str| {
        let all = shop.api.all(&format!("prices?sort={order}&page[size]=3")).await?;
        let ids = all.iter().filter_map(|price| price["id"].as_str().map(str::to_owned));
        TestResult::Ok(ids.collect::<Vec<String>>())
    };
    let (ascending, descending) = (ids("id").await?, ids("-id").await?);
    assert!(ascending.len() == 4 && ascending.is_sorted(), "{ascending:?}");
    assert!(descending.iter().rev().eq(&ascending), "{descending:?}");
    let included = shop.api.get(&format!("skus/{sku}?include=prices")).await?;
    assert_eq!(included.at("/included").as_array().map(Vec::len), Some(2));
    Ok(())
}
