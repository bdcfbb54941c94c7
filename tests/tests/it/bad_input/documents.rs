//! Bodies that are no documents, and documents that say what can't be.

use perennial_tests::{
    Plan, Shop, TestResult,
    api::JSON_API,
    documents::{self, line},
    shop::BEANS,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{refused, still_works};

#[tokio::test]
async fn a_body_that_is_no_document_is_refused() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let good = shop.subscribing(&[line(BEANS, 1, "monthly")]).to_string();
    let post = |kind: &str, body: &str| shop.api.request(Method::POST, "orders").body(kind, body);
    for (what, body, status, error) in [
        ("half of it", &good[..good.len() / 2], 400, "malformed_json"),
        ("nothing", "", 400, "malformed_document"),
        ("text", "order beans!", 400, "malformed_json"),
        ("a list", "[]", 400, "malformed_document"),
        ("null", "null", 400, "malformed_document"),
        ("no data", "{}", 400, "malformed_document"),
        ("data as a list", r#"{"data": []}"#, 400, "malformed_document /data"),
        ("no type", r#"{"data": {}}"#, 400, "malformed_document /data"),
        ("another type", r#"{"data": {"type": "skus"}}"#, 409, "type_mismatch /data/type"),
        (
            "an id of the client's",
            r#"{"data": {"type": "orders", "id": "ord_1"}}"#,
            403,
            "client_generated_id /data/id",
        ),
        (
            "attributes as text",
            r#"{"data": {"type": "orders", "attributes": "all"}}"#,
            400,
            "malformed_document /data/attributes",
        ),
    ] {
        refused(&shop, post(JSON_API, body), status, &[error], what).await?;
    }
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    refused(&shop, post(JSON_API, &deep), 400, &["malformed_json"], "a deep body").await?;

    for kind in ["application/json", "text/plain", "application/vnd.api+json; charset=utf-8"] {
        let error = ["unsupported_media_type Content-Type"];
        refused(&shop, post(kind, &good), 415, &error, kind).await?;
    }
    let picky = post(JSON_API, &good).header("accept", "text/html");
    refused(&shop, picky, 406, &["not_acceptable Accept"], "a client that wants HTML").await?;
    assert!(shop.client_orders().await?.is_empty());
    still_works(&shop).await
}

#[tokio::test]
async fn attributes_that_are_unknown_or_of_another_type_are_named_all_at_once() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let document = shop.order_document(json!({
        "line_items": [
            {"sku_code": BEANS, "quantity": "two"},
            {"sku_code": 7, "quantity": 1},
            {"sku_code": BEANS, "quantity": 1, "colour": "green"},
            {"sku_code": BEANS},
            "beans",
        ],
        "colour": "green",
        "status": "placed",
        "subscriptions_expire_at": "tomorrow",
        "_place": "yes",
    }));
    let answer = shop.api.post("orders", &document).send().await?.with_status(422)?;
    let mut errors = answer.errors();
    errors.sort_unstable();
    for expected in [
        "unknown_attribute /data/attributes/colour",
        "read_only_attribute /data/attributes/status",
        "invalid_value /data/attributes/subscriptions_expire_at",
        "wrong_type /data/attributes/_place",
        "wrong_type /data/attributes/line_items/0/quantity",
        "wrong_type /data/attributes/line_items/1/sku_code",
        "unknown_attribute /data/attributes/line_items/2/colour",
        "wrong_type /data/attributes/line_items/4",
    ] {
        assert!(errors.iter().any(|error| error == expected), "{expected} is not in {errors:#?}");
    }
    assert!(shop.client_orders().await?.is_empty());
    still_works(&shop).await
}

#[tokio::test]
async fn members_that_no_document_has_are_refused_where_they_stand() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let good = shop.order_document(json!({}));
    for (place, name) in [
        ("", "attributes"),
        ("", "included"),
        ("/data/relationships/market", "id"),
        ("/data/relationships/market/data", "attributes"),
    ] {
        let mut document = good.clone();
        let object = document.pointer_mut(place).ok_or("no such place")?;
        object[name] = json!({"name": "x"});
        let error = format!("unknown_attribute {place}/{name}");
        refused(&shop, shop.api.post("orders", &document), 422, &[&error], &error).await?;
    }

    let market = good["data"]["relationships"]["market"]["data"].clone();
    let mut document = good;
    document["meta"] = json!({"sent_by": "a test"});
    document["jsonapi"] = json!({"version": "1.1"});
    document["data"]["relationships"]["market"] = json!({
        "data": documents::with(market, json!({"name": "Europe", "meta": {}})), "meta": {},
    });
    shop.api.create("orders", &document).await?;
    still_works(&shop).await
}

#[tokio::test]
async fn a_quantity_is_a_whole_number_from_one_to_a_million() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let place = "/data/attributes/line_items/0/quantity";
    for (quantity, error) in [
        (json!(0), "out_of_range"),
        (json!(-1), "out_of_range"),
        (json!(1_000_000_000_000_i64), "out_of_range"),
        (json!(1_000_001), "out_of_range"),
        (json!(u64::MAX), "out_of_range"),
        (json!(i64::MIN), "out_of_range"),
        (json!(1.5), "wrong_type"),
        (json!(1e300), "wrong_type"),
        (json!("1"), "wrong_type"),
        (json!(true), "wrong_type"),
        (json!(null), "required"),
    ] {
        let lines = [json!({"sku_code": BEANS, "quantity": quantity, "frequency": "monthly"})];
        let sending = shop.api.post("orders", &shop.subscribing(&lines));
        let error = format!("{error} {place}");
        refused(&shop, sending, 422, &[&error], &quantity.to_string()).await?;
    }
    still_works(&shop).await
}

#[tokio::test]
async fn what_an_order_refers_to_must_be_there_and_fit() -> TestResult {
    let plan = Plan::at("2027-01-31T10:00:00Z")?;
    let shop = plan.model(json!({"frequencies": ["weekly", "monthly"]})).open().await?;
    let dollars = documents::with(documents::sku("USD"), json!({"currency_code": "USD"}));
    shop.api.create("skus", &documents::create("skus", dollars, &[])).await?;
    let yearly = json!({"allowed_frequencies": ["monthly", "yearly"]});
    let yearly = documents::with(documents::sku("YEARLY"), yearly);
    shop.api.create("skus", &documents::create("skus", yearly, &[])).await?;

    let at = |name: &str| format!("/data/attributes/line_items/0/{name}");
    for (what, item, errors) in [
        (
            "an unknown sku",
            line("TEA", 1, "monthly"),
            vec![format!("related_not_found {}", at("sku_code"))],
        ),
        (
            "another currency",
            line("USD", 1, "monthly"),
            vec![format!("currency_mismatch {}", at("sku_code"))],
        ),
        (
            "a frequency that the product does not allow",
            line("YEARLY", 1, "weekly"),
            vec![format!("frequency_not_allowed {}", at("frequency"))],
        ),
        (
            "a frequency that the model does not offer",
            line(BEANS, 1, "daily"),
            vec![format!("frequency_not_allowed {}", at("frequency"))],
        ),
        (
            "no frequency",
            line(BEANS, 1, "now and then"),
            vec![format!("invalid_value {}", at("frequency"))],
        ),
        (
            "a cron expression that fires too often",
            line(BEANS, 1, "* * * * *"),
            vec![format!("invalid_value {}", at("frequency"))],
        ),
    ] {
        let errors: Vec<&str> = errors.iter().map(String::as_str).collect();
        let sending = shop.api.post("orders", &shop.subscribing(&[item]));
        refused(&shop, sending, 422, &errors, what).await?;
    }

    let mut document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    document["data"]["attributes"]["subscriptions_expire_at"] = json!("2027-01-30T00:00:00Z");
    let answer = shop.api.post("orders", &document).send().await?.with_status(422)?;
    assert!(
        answer.errors().iter().all(|e| e.ends_with(" /data/attributes/subscriptions_expire_at")),
        "the end before the start: {:?}",
        answer.errors()
    );

    let mut document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    document["data"]["attributes"]["currency_code"] = json!("USD");
    let answer = shop.api.post("orders", &document).send().await?.with_status(422)?;
    let errors = answer.errors();
    let expected = "currency_mismatch /data/attributes/currency_code".to_owned();
    assert!(errors.contains(&expected), "{errors:?}");

    for (name, kind) in [
        ("market", "markets"),
        ("customer", "customers"),
        ("customer_payment_source", "customer_payment_sources"),
    ] {
        let place = format!("/data/relationships/{name}");
        let mut document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
        for (id, error) in
            [("mkt_00", "related_not_found"), ("no id at all #", "related_not_found")]
        {
            document["data"]["relationships"][name]["data"] = json!({"type": kind, "id": id});
            let answer = shop.api.post("orders", &document).send().await?.with_status(404)?;
            let expected = format!("{error} {place}/data/id");
            assert!(answer.errors().contains(&expected), "{name}: {:?}", answer.errors());
        }
        document["data"]["relationships"][name] = json!({"data": {"type": "skus", "id": "sku_1"}});
        let answer = shop.api.post("orders", &document).send().await?.with_status(422)?;
        let expected = format!("wrong_type {place}/data/type");
        assert!(answer.errors().contains(&expected), "{name}: {:?}", answer.errors());
    }
    let mut document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    document["data"]["relationships"]["market"] = json!(null);
    let answer = shop.api.post("orders", &document).send().await?.with_status(422)?;
    assert!(answer.errors().iter().any(|e| e.ends_with(" /data/relationships/market")));
    assert!(shop.client_orders().await?.is_empty());
    still_works(&shop).await
}

#[tokio::test]
async fn catalog_data_is_checked_like_orders_are() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let sku = |changes: Value| {
        documents::create("skus", documents::with(documents::sku("NEW"), changes), &[])
    };
    let model = |changes: Value| {
        let attributes = documents::with(documents::model(), changes);
        documents::create("subscription_models", attributes, &[])
    };
    let market = |changes: Value| {
        documents::create("markets", documents::with(documents::market(), changes), &[])
    };
    for (path, document, error) in [
        ("skus", sku(json!({"unit_amount_cents": -1})), "out_of_range /unit_amount_cents"),
        ("skus", sku(json!({"unit_amount_cents": 12.5})), "wrong_type /unit_amount_cents"),
        ("skus", sku(json!({"currency_code": "EURO"})), "invalid_value /currency_code"),
        ("skus", sku(json!({"stock": -5})), "out_of_range /stock"),
        ("skus", sku(json!({"code": BEANS})), "taken /code"),
        ("skus", sku(json!({"code": "a\u{0}b"})), "invalid_value /code"),
        ("markets", market(json!({"time_zone": "Mars/Olympus"})), "invalid_value /time_zone"),
        ("subscription_models", model(json!({"strategy": "by_mood"})), "invalid_value /strategy"),
        (
            "subscription_models",
            model(json!({"retry_policy": {"maximum": 1_000_000}})),
            "out_of_range /retry_policy/maximum",
        ),
        (
            "subscription_models",
            model(json!({"catch_up": {"policy": "latest", "never": 1}})),
            "unknown_attribute /catch_up/never",
        ),
    ] {
        let error = error.replace(" /", " /data/attributes/");
        refused(&shop, shop.api.post(path, &document), 422, &[&error], &error).await?;
    }
    still_works(&shop).await
}
