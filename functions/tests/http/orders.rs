//! Orders of clients: made, changed, placed, once per idempotency key.

use serde_json::{Value, json};

use crate::{
    documents::{create, update},
    embedded::call,
    shop::{Shop, line},
};

#[tokio::test]
async fn an_order_is_placing_although_the_queue_is_out_of_reach_and_then_placed() {
    let shop = Shop::open().await;
    let order = shop.order(&json!({
        "line_items": [line("BEANS", 2, "monthly"), {"sku_code": "TEA", "quantity": 1}],
        "_place": true,
        "_create_subscriptions": true,
        "reference": "web-17",
    }));
    let made = shop.stack.post("/api/orders", &order).await.expect(201);
    assert_eq!(made.attribute("status"), "placing");
    assert_eq!(made.attribute("total_amount_cents"), 3750);
    assert_eq!(made.attribute("formatted_total_amount"), "37.50 EUR");
    let id = made.id();
    shop.stack.validate(&id).await;
    let path = format!("/api/orders/{id}");
    let placed = shop.stack.get(&format!("{path}?include=order_subscriptions")).await;
    assert_eq!(placed.attribute("status"), "placed");
    assert_eq!(placed.attribute("payment_status"), "paid");
    assert_eq!(placed.at("/included/0/attributes/next_run_at"), "2027-02-28T10:00:00Z");
    let made_from = format!("/api/order_subscriptions?filter[q][source_order_id_eq]={id}");
    let made_from = shop.stack.get(&made_from).await.expect(200);
    assert_eq!(made_from.at("/data/0/id"), placed.at("/included/0/id"));

    let again = update("orders", &id, &json!({"_place": true}));
    let refused = shop.stack.patch(&path, &again).await.expect(409);
    assert_eq!(refused.errors()[0].0, "invalid_status");
    assert!(refused.at("/errors/0/detail").as_str().unwrap().contains("placed"));
}

#[tokio::test]
async fn everything_that_is_wrong_with_an_order_is_told_at_once_and_nothing_is_written() {
    let shop = Shop::open().await;
    let attributes = json!({
        "currency_code": "USD",
        "subscriptions_expire_at": "2027-01-30T00:00:00Z",
        "line_items": [
            line("BEANS", 1, "yearly"),
            line("TEA", 1, "monthly"),
            line("US", 1, "monthly"),
            line("NONE", 1, "monthly"),
        ],
    });
    let refused = shop.stack.post("/api/orders", &shop.order(&attributes)).await.expect(422);
    let mut errors = refused.errors();
    errors.sort();
    let expected = [
        ("currency_mismatch", "/data/attributes/currency_code"),
        ("currency_mismatch", "/data/attributes/line_items/2/sku_code"),
        ("frequency_not_allowed", "/data/attributes/line_items/0/frequency"),
        ("frequency_not_allowed", "/data/attributes/line_items/1/frequency"),
        ("out_of_range", "/data/attributes/subscriptions_expire_at"),
        ("related_not_found", "/data/attributes/line_items/3/sku_code"),
    ];
    let errors: Vec<_> = errors.iter().map(|(c, p)| (c.as_str(), p.as_str())).collect();
    assert_eq!(errors, expected);
    assert_eq!(shop.stack.get("/api/orders").await.at("/data"), &json!([]));
}

#[tokio::test]
async fn a_draft_takes_changes_and_loses_lines_until_it_is_sent() {
    let shop = Shop::open().await;
    let id = shop.draft().await;
    let path = format!("/api/orders/{id}");
    let tea = json!({"sku_code": "TEA", "quantity": 1});
    let document = create("line_items", &tea, &[("order", "orders", &id)]);
    let added = shop.stack.post("/api/line_items", &document).await.expect(201);
    let line_path = added.headers["location"].clone();
    let more = update("line_items", &added.id(), &json!({"quantity": 3, "frequency": "weekly"}));
    let more = shop.stack.patch(&line_path, &more).await.expect(200);
    assert_eq!(more.attribute("total_amount_cents"), 3750);
    assert_eq!(shop.stack.get(&line_path).await.body, more.body);
    let order = shop.stack.get(&path).await.expect(200);
    assert_eq!(order.attribute("total_amount_cents"), 2500 + 3750);
    let lines = shop.stack.get(&format!("{path}/line_items")).await.expect(200);
    assert_eq!(lines.at("/data").as_array().unwrap().len(), 2);

    let not_offered = update("line_items", &added.id(), &json!({"frequency": "monthly"}));
    let refused = shop.stack.patch(&line_path, &not_offered).await.expect(422);
    assert_eq!(refused.errors()[0].0, "frequency_not_allowed");
    shop.stack.send(call("DELETE", &line_path)).await.expect(204);
    shop.stack.get(&line_path).await.expect(404);

    let place = update("orders", &id, &json!({"_place": true, "reference": "r"}));
    let placing = shop.stack.patch(&path, &place).await.expect(200);
    assert_eq!(placing.attribute("status"), "placing");
    let refused = shop.stack.post("/api/line_items", &document).await.expect(409);
    assert!(refused.at("/errors/0/detail").as_str().unwrap().contains("placing"));
    shop.stack.send(call("DELETE", &path)).await.expect(409);
}

#[tokio::test]
async fn a_draft_can_be_cancelled_or_deleted_and_its_journal_stays() {
    let shop = Shop::open().await;
    let id = shop.draft().await;
    let path = format!("/api/orders/{id}");
    let both = update("orders", &id, &json!({"_cancel": true, "_place": true}));
    shop.stack.patch(&path, &both).await.expect(422);
    let cancel = update("orders", &id, &json!({"_cancel": true}));
    let cancelled = shop.stack.patch(&path, &cancel).await.expect(200);
    assert_eq!(cancelled.attribute("status"), "cancelled");
    shop.stack.patch(&path, &cancel).await.expect(409);

    let id = shop.draft().await;
    shop.stack.send(call("DELETE", &format!("/api/orders/{id}"))).await.expect(204);
    shop.stack.get(&format!("/api/orders/{id}")).await.expect(404);
    let journal = format!("/api/journal_entries?filter[q][subject_eq]={id}");
    let journal = shop.stack.get(&journal).await.expect(200);
    assert_eq!(journal.at("/data/1/attributes/event"), "orders.delete");
    assert_eq!(journal.at("/meta/verified"), &json!(true));
}

#[tokio::test]
async fn a_repeat_under_a_key_gets_the_stored_answer_and_another_body_is_refused() {
    let shop = Shop::open().await;
    let order = shop.order(&json!({"line_items": [line("BEANS", 1, "monthly")]}));
    let post = |body: &Value| call("POST", "/api/orders").json(body).key("k-1");
    let first = shop.stack.send(post(&order)).await.expect(201);
    let again = shop.stack.send(post(&order)).await.expect(201);
    assert_eq!(again.body, first.body);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.headers["location"], first.headers["location"]);
    assert_eq!(again.headers["etag"], first.headers["etag"]);
    let other = shop.order(&json!({"reference": "other"}));
    let refused = shop.stack.send(post(&other)).await.expect(422);
    assert_eq!(refused.errors()[0].0, "idempotency_key_reused");
    for key in ["", " ", "a b", "ü", &"k".repeat(256)] {
        let refused = shop.stack.send(post(&order).key(key)).await.expect(400);
        assert_eq!(refused.errors()[0].0, "invalid_idempotency_key", "{key:?}");
    }
    let count = shop.stack.get("/api/orders").await;
    assert_eq!(count.at("/data").as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_crash_between_commit_and_stored_answer_makes_no_second_order() {
    let shop = Shop::open().await;
    let order = shop.order(&json!({"line_items": [line("BEANS", 1, "monthly")], "_place": true}));
    let post = || call("POST", "/api/orders").json(&order).key("k-1");
    let first = shop.stack.send(post()).await.expect(201);
    // Once its answer is forgotten, the request is in the place of one whose answer was never kept.
    shop.stack.clock.advance(chrono::TimeDelta::hours(25));
    let again = shop.stack.send(post()).await.expect(201);
    assert_eq!(again.id(), first.id());
    assert!(!again.headers.contains_key("idempotent-replayed"));
    let count = shop.stack.get("/api/orders").await;
    assert_eq!(count.at("/data").as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_that_is_free_again_makes_what_the_new_request_says() {
    let shop = Shop::open().await;
    let lines = "/api/line_items";
    let order = shop.draft().await;
    let of_order = [("order", "orders", order.as_str())];
    let requests = [
        ("/api/orders", shop.order(&json!({"reference": "a"}))),
        ("/api/orders", shop.order(&json!({"reference": "b"}))),
        ("/api/customers", create("customers", &json!({"email": "a@example.com"}), &[])),
        ("/api/customers", create("customers", &json!({"email": "b@example.com"}), &[])),
        (lines, create("line_items", &line("BEANS", 1, "monthly"), &of_order)),
        (lines, create("line_items", &line("BEANS", 2, "monthly"), &of_order)),
    ];
    let mut made = std::collections::BTreeSet::new();
    for (path, document) in &requests {
        let post = || call("POST", path).json(document).key("k-1");
        let first = shop.stack.send(post()).await.expect(201);
        let sent = document["data"]["attributes"].as_object().unwrap();
        for (name, value) in sent.iter().filter(|(name, _)| *name != "frequency") {
            assert_eq!(first.attribute(name), value, "{path} {name}");
        }
        shop.stack.clock.advance(chrono::TimeDelta::hours(25));
        let again = shop.stack.send(post()).await.expect(201);
        assert_eq!(again.id(), first.id(), "a true repeat finds what it made, a day later too");
        shop.stack.clock.advance(chrono::TimeDelta::hours(25));
        made.insert(first.id());
    }
    assert_eq!(made.len(), requests.len());
}
