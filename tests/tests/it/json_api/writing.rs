//! Chapter 9, "Creating, Updating, and Deleting Resources".

use perennial_tests::{
    Shop, TestResult,
    documents::{self, line},
    shop::BEANS,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{conforming, names, read};

/// 9.1.2.1: 201 with the resource, and a Location that is its own link.
#[tokio::test]
async fn what_is_made_is_answered_with_its_place() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let document = shop.order_document(json!({"line_items": [line(BEANS, 1, "monthly")]}));
    let made = conforming("201", shop.api.create("orders", &document).await?)?;
    let location = made.header("location")?.to_owned();
    assert_eq!(made.text("/data/links/self")?, location);
    let path = location.strip_prefix("/api/").ok_or("another location")?;
    assert_eq!(read(&shop, path).await?.at("/data"), made.at("/data"));
    Ok(())
}

/// 9.1.1 and 9.1.2: 403 for ids of clients, 409 for another type, 404 for a relationship to nothing.
#[tokio::test]
async fn what_can_not_be_made_is_refused_by_the_status_that_tells_why() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let sound = shop.order_document(json!({}));
    let changed = |pointer: &str, value: Value| {
        let mut document = sound.clone();
        match document.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => document["data"]["id"] = value,
        }
        document
    };
    for (document, status, error) in [
        (changed("/data/id", json!("ord_1")), 403, "client_generated_id /data/id"),
        (changed("/data/type", json!("markets")), 409, "type_mismatch /data/type"),
        (
            changed("/data/relationships/market/data/id", json!("mkt_0")),
            404,
            "related_not_found /data/relationships/market/data/id",
        ),
    ] {
        let answer = shop.api.post("orders", &document).send().await?.with_status(status)?;
        assert_eq!(conforming(error, answer)?.errors(), [error]);
    }
    Ok(())
}

/// 9.1: a document without primary data, or whose data is no resource object, is no request.
#[tokio::test]
async fn a_body_that_is_no_document_is_refused() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    for (document, error) in [
        (json!({}), "malformed_document"),
        (json!([]), "malformed_document"),
        (json!({"data": []}), "malformed_document /data"),
        (json!({"data": null}), "malformed_document /data"),
        (json!({"data": {"attributes": {}}}), "malformed_document /data"),
        (json!({"data": {"type": 1}}), "malformed_document /data/type"),
        (
            json!({"data": {"type": "orders", "attributes": []}}),
            "malformed_document /data/attributes",
        ),
    ] {
        let answer = shop.api.post("orders", &document).send().await?.with_status(400)?;
        assert_eq!(conforming("400", answer)?.errors(), [error], "{document}");
    }
    let body = shop.api.request(Method::POST, "orders").body(perennial_tests::api::JSON_API, "{");
    let answer = conforming("no JSON", body.send().await?.with_status(400)?)?;
    assert_eq!(answer.errors(), ["malformed_json"]);
    Ok(())
}

/// 9.2.1 Updating attributes: what isn't given keeps its value. 9.2.2: a relationship is replaced, or
/// removed by null.
#[tokio::test]
async fn an_update_changes_what_it_names_only() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let document = shop.order_document(json!({"reference": "first", "reference_origin": "shop"}));
    let id = shop.api.create("orders", &document).await?.id()?;
    let path = format!("orders/{id}");
    let change = documents::update("orders", &id, &json!({"reference": "second"}));
    let changed = shop.api.patch(&path, &change).send().await?.with_status(200)?;
    let changed = conforming("200", changed)?;
    assert_eq!(changed.attribute("reference"), "second");
    assert_eq!(changed.attribute("reference_origin"), "shop");
    assert!(!names(changed.at("/data/relationships/customer_payment_source/data")).is_empty());

    let mut change = documents::update("orders", &id, &json!({}));
    change["data"]["relationships"] = json!({"customer_payment_source": {"data": null}});
    let changed = shop.api.patch(&path, &change).send().await?.with_status(200)?;
    let changed = conforming("200", changed)?;
    assert_eq!(changed.at("/data/relationships/customer_payment_source/data"), &Value::Null);
    assert_eq!(changed.attribute("reference"), "second");
    Ok(())
}

/// 9.2.3: 409 where type or id are not those of the endpoint, 404 for what isn't there.
#[tokio::test]
async fn an_update_of_something_else_is_refused() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.api.create("orders", &shop.order_document(json!({}))).await?.id()?;
    let path = format!("orders/{id}");
    for (path, document, status, error) in [
        (&path, documents::update("orders", "ord_2", &json!({})), 409, "id_mismatch /data/id"),
        (&path, documents::update("markets", &id, &json!({})), 409, "type_mismatch /data/type"),
        (&path, json!({"data": {"type": "orders"}}), 400, "malformed_document /data"),
        (
            &"orders/ord_2".to_owned(),
            documents::update("orders", "ord_2", &json!({})),
            404,
            "not_found",
        ),
    ] {
        let answer = shop.api.patch(path, &document).send().await?.with_status(status)?;
        assert_eq!(conforming(error, answer)?.errors(), [error]);
    }
    Ok(())
}

/// 9.4 Deleting: 204 without a body; then it is gone, and 404 is answered.
#[tokio::test]
async fn what_is_deleted_is_gone() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.api.create("orders", &shop.order_document(json!({}))).await?.id()?;
    let path = format!("orders/{id}");
    let gone = shop.api.request(Method::DELETE, &path).send().await?.with_status(204)?;
    assert_eq!(gone.body, Value::Null);
    for method in [Method::GET, Method::DELETE] {
        let answer = shop.api.request(method, &path).send().await?.with_status(404)?;
        conforming("404", answer)?;
    }
    Ok(())
}
