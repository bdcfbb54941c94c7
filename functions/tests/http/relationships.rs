//! What relationships lead to, under paths of their own.

use serde_json::{Value, json};

use crate::{
    embedded::{call, claims},
    shop::Shop,
};

#[tokio::test]
async fn every_link_to_what_is_related_is_answered() {
    let shop = Shop::open().await;
    let id = shop.subscription("monthly").await;
    shop.draft().await;
    let mut seen = std::collections::BTreeMap::new();
    for list in [
        "/api/markets",
        "/api/customer_payment_sources",
        "/api/orders?include=line_items",
        "/api/order_subscriptions?include=order_subscription_items",
    ] {
        let page = shop.stack.get(list).await.expect(200);
        let included = page.at("/included").as_array().cloned().unwrap_or_default();
        for object in page.at("/data").as_array().unwrap().iter().chain(&included) {
            let none = serde_json::Map::new();
            let relationships = object["relationships"].as_object().unwrap_or(&none);
            for (name, relationship) in relationships {
                let Some(link) = relationship["links"]["related"].as_str() else {
                    // What may lead to several types stands under a name for each as well.
                    let unlinked = object["type"] == "order_subscription_items" || name == "item";
                    assert!(unlinked, "{name}");
                    continue;
                };
                let found = shop.stack.get(link).await.expect(200);
                let place = format!("{} {name}", object["type"].as_str().unwrap());
                if let Some(expected) = relationship.get("data") {
                    assert_eq!(&identified(found.at("/data")), expected, "{link}");
                }
                seen.insert(place, link.to_owned());
            }
        }
    }
    for place in [
        "markets subscription_model",
        "customer_payment_sources customer",
        "orders shipping_address",
        "orders tags",
        "orders order_subscriptions",
        "line_items sku",
        "order_subscriptions source_order",
        "order_subscriptions recurring_order_copies",
    ] {
        assert!(seen.contains_key(place), "{place} is not among {seen:#?}");
    }
    let missing = format!("/api/order_subscriptions/{id}/colour");
    shop.stack.get(&missing).await.expect(404);
    shop.stack.get("/api/order_subscriptions/sub_gone/market").await.expect(404);
    shop.stack.get("/api/order_subscriptions/%23/market").await.expect(404);
    let method = call("DELETE", &format!("/api/order_subscriptions/{id}/market"));
    shop.stack.send(method).await.expect(405);
}

/// Data as a relationship has it.
fn identified(data: &Value) -> Value {
    match data {
        Value::Array(objects) => objects.iter().map(identified).collect(),
        Value::Object(_) => json!({"type": data["type"], "id": data["id"]}),
        other => other.clone(),
    }
}

#[tokio::test]
async fn related_lists_are_paged_filtered_and_sorted_and_take_includes_and_fields() {
    let shop = Shop::open().await;
    let lines = json!([
        {"sku_code": "BEANS", "quantity": 3},
        {"sku_code": "TEA", "quantity": 1},
        {"sku_code": "BEANS", "quantity": 2},
    ]);
    let order = shop.order(&json!({"line_items": lines}));
    let order = shop.stack.post("/api/orders", &order).await.expect(201).id();
    let path = format!("/api/orders/{order}/line_items");
    let page = shop.stack.get(&format!("{path}?sort=quantity&page[size]=2&page[number]=2")).await;
    let page = page.expect(200);
    assert_eq!(page.at("/data/0/attributes/quantity"), 3);
    assert_eq!(page.at("/meta/record_count"), 3);
    let beans = format!("{path}?filter[q][sku_code_eq]=BEANS&include=order.market&page[size]=1");
    let beans = shop.stack.get(&format!("{beans}&fields[line_items]=quantity,order")).await;
    let beans = beans.expect(200);
    assert_eq!(beans.at("/meta/record_count"), 2);
    assert_eq!(beans.at("/data/0/attributes"), &json!({"quantity": 3}));
    let link = format!("/api/line_items/{}/order", beans.at("/data/0/id").as_str().unwrap());
    assert_eq!(beans.at("/data/0/relationships/order/links/related"), link.as_str());
    assert_eq!(beans.at("/included").as_array().unwrap().len(), 2);
    let rest = shop.stack.get(beans.at("/links/next").as_str().unwrap()).await.expect(200);
    assert_eq!(rest.at("/data/0/attributes/quantity"), 2);
    let customer = format!("/api/orders/{order}/customer");
    shop.stack.get(&format!("{customer}?fields[customers]=email")).await.expect(200);
    shop.stack.get(&format!("{customer}?page[number]=1")).await.expect(400);
}

#[tokio::test]
async fn nothing_related_is_null_and_what_a_token_may_not_see_is_not_there() {
    let shop = Shop::open().await;
    let order = shop.draft().await;
    let path = format!("/api/orders/{order}/order_subscription");
    let nothing = shop.stack.get(&path).await.expect(200);
    assert_eq!(nothing.at("/data"), &Value::Null);
    assert_eq!(nothing.at("/links/self"), path.as_str());
    let mut elsewhere = claims("acme", "integration");
    elsewhere["market"] = json!("mkt_elsewhere");
    let market = format!("/api/orders/{order}/market");
    shop.stack.send(call("GET", &market).claims(Some(elsewhere))).await.expect(404);
    let other = claims("other", "integration");
    shop.stack.send(call("GET", &market).claims(Some(other))).await.expect(404);
    let id = shop.subscription("monthly").await;
    let channel = Some(claims("acme", "sales_channel"));
    let runs = format!("/api/order_subscriptions/{id}/recurring_order_copies?include=job_run");
    shop.stack.send(call("GET", &runs).claims(channel)).await.expect(403);
}
