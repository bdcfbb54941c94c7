//! What a write is asked to include never decides, after the fact, whether the write happened.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::{
    documents::update,
    embedded::{call, claims},
    shop::Shop,
};

#[tokio::test]
async fn an_include_that_a_role_may_not_read_is_refused_before_anything_is_written() {
    let shop = Shop::open().await;
    let path = "/api/orders?include=order_subscriptions.recurring_order_copies.job_run";
    let order = shop.order(&json!({"reference": "A-1"}));
    let channel = Some(claims("acme", "sales_channel"));
    let sent = call("POST", path).json(&order).claims(channel.clone());
    let refused = shop.stack.send(sent).await.expect(403);
    assert_eq!(refused.errors()[0].0, "forbidden");
    assert_eq!(shop.stack.get("/api/orders").await.expect(200).at("/data"), &json!([]));
    // On the way to somewhere else counts too, and so does reading.
    shop.stack.send(call("GET", path).claims(channel)).await.expect(403);
    shop.stack.get(path).await.expect(200);
}

#[tokio::test]
async fn a_write_is_answered_even_where_what_it_includes_can_not_be_read() {
    let shop = Shop::open().await;
    let id = shop.subscription("monthly").await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    shop.stack
        .client
        .put_item()
        .table_name("book")
        .item("pk", text(&format!("acme#C#{}", shop.customer)))
        .item("sk", text("#"))
        .item("email", AttributeValue::Bool(true))
        .send()
        .await
        .unwrap();
    let path = format!("/api/order_subscriptions/{id}?include=customer");
    let change = update("order_subscriptions", &id, &json!({"reference": "A-1"}));
    let changed = shop.stack.patch(&path, &change).await.expect(200);
    assert_eq!(changed.attribute("reference"), "A-1");
    assert_eq!(changed.at("/included"), &json!([]));
    shop.stack.get(&path).await.expect(500);
}
