//! The OpenAPI document describes what is served: every attribute that an answer holds stands in it.

use serde_json::{Map, Value};

use crate::{
    embedded::{Stack, call},
    shop::Shop,
};

#[tokio::test]
async fn the_description_needs_no_token() {
    let stack = Stack::start().await;
    let document = stack.send(call("GET", "/api/openapi.json").claims(None)).await.expect(200);
    assert_eq!(document.body, perennial_functions::openapi());
    assert_eq!(document.at("/openapi"), "3.1.0");
    assert!(document.at("/paths/~1api~1orders~1{id}/patch").is_object());
}

#[test]
fn operations_have_ids_of_their_own_and_references_lead_somewhere() {
    let document = perennial_functions::openapi();
    let mut ids = std::collections::BTreeSet::new();
    let paths = document["paths"].as_object().unwrap();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{method} {path}: {id} is taken");
        }
    }
    check_references(&document, &document);
}

fn check_references(document: &Value, at: &Value) {
    match at {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
            members.values().for_each(|value| check_references(document, value));
        }
        Value::Array(items) => items.iter().for_each(|value| check_references(document, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Checks that every attribute and relationship of a resource object is described.
fn check_described(document: &Value, object: &Value) {
    let kind = object["type"].as_str().unwrap();
    let none = Map::new();
    for part in ["attributes", "relationships"] {
        let pointer = format!("/components/schemas/{kind}/properties/{part}/properties");
        let described = document.pointer(&pointer).and_then(Value::as_object).unwrap();
        let answered = object.get(part).and_then(Value::as_object).unwrap_or(&none);
        for name in answered.keys() {
            assert!(described.contains_key(name), "{kind}: {part}: {name} is not described");
        }
        for name in described.keys() {
            let left_out = part == "attributes" && kind == "job_runs" && name == "runs";
            assert!(answered.contains_key(name) || left_out, "{kind}: {name} is never answered");
        }
    }
}

#[tokio::test]
async fn what_is_answered_is_described_and_what_is_described_is_answered() {
    let shop = Shop::open().await;
    let document = perennial_functions::openapi();
    let subscription = shop.subscription("monthly").await;
    shop.draft().await;
    for list in [
        "/api/markets".to_owned(),
        "/api/subscription_models".to_owned(),
        "/api/skus".to_owned(),
        "/api/customers".to_owned(),
        "/api/customer_payment_sources".to_owned(),
        "/api/orders?include=line_items,order_subscriptions.order_subscription_items".to_owned(),
        "/api/order_subscriptions".to_owned(),
        format!("/api/journal_entries?filter[q][subject_eq]={subscription}"),
    ] {
        let page = shop.stack.get(&list).await.expect(200);
        let objects = page.at("/data").as_array().unwrap();
        assert!(!objects.is_empty(), "{list} is empty");
        let included = page.at("/included").as_array().cloned().unwrap_or_default();
        objects.iter().chain(&included).for_each(|object| check_described(&document, object));
    }
}
