//! Catalog, callers, pages, and the shape of requests.

use std::num::NonZeroU32;

use perennial_domain::{
    catalog::{Customer, Market, PaymentSource, Sku, Strategy, SubscriptionModel},
    money::MinorUnits,
};
use serde_json::json;

use crate::{
    documents::{create, relate, update},
    embedded::{JSON_API, Stack, call, claims},
    shop::Shop,
};

#[tokio::test]
async fn a_sku_is_made_read_changed_and_listed() {
    let shop = Shop::open().await;
    let sku = json!({
        "code": "CUP", "name": "Cup", "unit_amount_cents": 900, "currency_code": "EUR",
        "allowed_frequencies": ["monthly", {"every": 2, "unit": "week"}], "stock": 3,
    });
    let made = shop.stack.post("/api/skus", &create("skus", &sku, &[])).await.expect(201);
    assert_eq!(made.headers["content-type"], JSON_API);
    assert_eq!(made.headers["etag"], "\"1\"");
    let path = made.headers["location"].clone();
    assert_eq!(shop.stack.get(&path).await.body, made.body);
    assert_eq!(made.attribute("allowed_frequencies")[1], json!({"every": 2, "unit": "week"}));

    let change = update("skus", &made.id(), &json!({"stock": null, "unit_amount_cents": 950}));
    let changed = shop.stack.patch(&path, &change).await.expect(200);
    assert_eq!(changed.attribute("stock"), &json!(null));
    assert_eq!(changed.attribute("unit_amount_cents"), 950);
    assert_eq!(changed.attribute("name"), "Cup");

    let again = shop.stack.post("/api/skus", &create("skus", &sku, &[])).await.expect(422);
    assert_eq!(again.errors(), [("taken".to_owned(), "/data/attributes/code".to_owned())]);
    let found = shop.stack.get("/api/skus?filter[q][code_eq]=CUP").await.expect(200);
    assert_eq!(found.at("/data/0/id"), &json!(made.id()));
}

/// Everything that can be given, so that a name that the table and its type write otherwise is found.
#[tokio::test]
async fn what_the_tables_store_the_rules_read() {
    let shop = Shop::open().await;
    let organization = "acme".parse().unwrap();
    let (stack, store) = (&shop.stack, &shop.stack.store);
    let make = async |kind: &str, attributes: serde_json::Value, related: &[(&str, &str, &str)]| {
        let made = create(kind, &attributes, related);
        stack.post(&format!("/api/{kind}"), &made).await.expect(201).id()
    };
    let sku = json!({
        "code": "CUP", "name": "Cup", "unit_amount_cents": 900, "currency_code": "EUR",
        "allowed_frequencies": ["every 2 weeks"], "stock": 1_000_000_000, "metadata": {"a": 1},
    });
    let sku: Sku = store.get(&organization, &make("skus", sku, &[]).await).await.unwrap().unwrap();
    assert_eq!((sku.unit_amount.get(), sku.stock), (900, Some(1_000_000_000)));
    assert_eq!((sku.currency.code(), sku.frequencies.len()), ("EUR", 1));

    let customer = json!({"email": "a@b", "name": "A", "credit_limit_cents": 5, "on_hold": true});
    let customer = make("customers", customer, &[]).await;
    let found: Customer = store.get(&organization, &customer).await.unwrap().unwrap();
    assert_eq!((found.credit_limit.map(MinorUnits::get), found.on_hold), (Some(5), true));
    let source = json!({"payment_source_token": "tok", "expires_on": "2031-05-31", "name": "V"});
    let related = [("customer", "customers", customer.as_str())];
    let source = make("customer_payment_sources", source, &related).await;
    let source: PaymentSource = store.get(&organization, &source).await.unwrap().unwrap();
    assert_eq!((source.customer_id.as_str(), source.token.as_str()), (customer.as_str(), "tok"));
    assert_eq!(source.expires_on.map(|day| day.to_string()).as_deref(), Some("2031-05-31"));

    let model = json!({
        "name": "M", "strategy": "by_line_items", "frequencies": ["monthly"],
        "auto_activate": false, "auto_cancel": true, "anchor_day": 15, "month_end": "sticky",
        "max_occurrences": 12, "renewal_alert_period": 48, "cut_off_hours": 24,
        "reactivation_days": 7, "catch_up": {"policy": "each"},
        "retry_policy": {"delays_in_minutes": [60], "maximum": 3, "on_exhausted": "pause"},
    });
    let model = make("subscription_models", model, &[]).await;
    let found: SubscriptionModel = store.get(&organization, &model).await.unwrap().unwrap();
    assert_eq!((found.strategy, found.frequencies.len()), (Strategy::ByLineItems, 1));
    assert_eq!((found.auto_activate, found.auto_cancel), (false, true));
    assert_eq!(found.rules.anchor_day.map(|day| json!(day)), Some(json!(15)));
    assert_eq!(found.max_occurrences.map(NonZeroU32::get), Some(12));
    assert_eq!((json!(found.cut_off), found.reactivation_days), (json!(24), 7));
    assert_eq!(json!(found.renewal_alert_period), json!(48));
    assert_eq!(
        (json!(found.catch_up)["policy"].clone(), json!(found.retry)["maximum"].clone()),
        (json!("each"), json!(3))
    );

    let market = json!({"name": "M", "currency_code": "EUR", "time_zone": "Europe/Berlin"});
    let related = [("subscription_model", "subscription_models", model.as_str())];
    let market = make("markets", market, &related).await;
    let market: Market = store.get(&organization, &market).await.unwrap().unwrap();
    assert_eq!(market.model_id.map(|id| id.to_string()), Some(model));
    assert_eq!((market.time_zone.name(), market.currency.code()), ("Europe/Berlin", "EUR"));
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let shop = Shop::open().await;
    let mut next = Some("/api/skus?page[size]=1&fields[skus]=code&sort=-created_at".to_owned());
    let mut codes = Vec::new();
    while let Some(path) = next {
        let page = shop.stack.get(&path).await.expect(200);
        for object in page.at("/data").as_array().unwrap() {
            let attributes = object["attributes"].as_object().unwrap();
            assert_eq!(attributes.len(), 1, "only the field that was asked for");
            codes.push(attributes["code"].as_str().unwrap().to_owned());
        }
        next = page.at("/links/next").as_str().map(str::to_owned);
    }
    codes.sort();
    assert_eq!(codes, ["BEANS", "TEA", "US"]);
}

#[tokio::test]
async fn includes_follow_relationships_and_hold_each_resource_once() {
    let shop = Shop::open().await;
    shop.draft().await;
    shop.draft().await;
    let path = "/api/orders?include=market.subscription_model,customer_payment_source.customer,\
                line_items";
    let page = shop.stack.get(path).await.expect(200);
    let mut kinds: Vec<&str> = page
        .at("/included")
        .as_array()
        .unwrap()
        .iter()
        .map(|object| object["type"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    let expected = [
        "customer_payment_sources",
        "customers",
        "line_items",
        "line_items",
        "markets",
        "subscription_models",
    ];
    assert_eq!(kinds, expected);
    let deep = "/api/orders?include=order_subscriptions.source_order.market.subscription_model";
    shop.stack.get(deep).await.expect(400);
}

#[tokio::test]
async fn tokens_are_answered_for_the_payment_source_only_masked() {
    let shop = Shop::open().await;
    let source = json!({"payment_source_token": "tok_very_secret_4242"});
    let related = [("customer", "customers", shop.customer.as_str())];
    let source = create("customer_payment_sources", &source, &related);
    let made = shop.stack.post("/api/customer_payment_sources", &source).await.expect(201);
    assert_eq!(made.attribute("payment_source_token"), "****4242");
    assert!(!made.body.to_string().contains("secret"));
}

#[tokio::test]
async fn a_request_without_usable_claims_is_not_authorized() {
    let stack = Stack::start().await;
    for claims in [
        None,
        Some(json!({})),
        Some(json!({"organization": "acme"})),
        Some(json!({"organization": "Not An Id", "role": "integration"})),
        Some(json!({"organization": "acme", "role": "emperor"})),
        Some(json!({"organization": "acme", "role": "integration", "market": "x"})),
    ] {
        let refused = stack.send(call("GET", "/api/orders").claims(claims)).await.expect(401);
        assert_eq!(refused.headers["content-type"], JSON_API);
        assert_eq!(refused.errors()[0].0, "unauthorized");
    }
}

#[tokio::test]
async fn a_channel_takes_orders_but_makes_no_prices_limits_or_jobs() {
    let shop = Shop::open().await;
    let channel = Some(claims("acme", "sales_channel"));
    let send = async |method, path: &str, body: &serde_json::Value| {
        shop.stack.send(call(method, path).json(body).claims(channel.clone())).await
    };
    let order = shop.order(&json!({"line_items": [{"sku_code": "BEANS", "quantity": 1}]}));
    send("POST", "/api/orders", &order).await.expect(201);
    let priced = json!({"line_items": [
        {"sku_code": "BEANS", "quantity": 1, "unit_amount_cents": 1},
    ]});
    let refused = send("POST", "/api/orders", &shop.order(&priced)).await.expect(403);
    let place = "/data/attributes/line_items/0/unit_amount_cents";
    assert_eq!(refused.errors(), [("forbidden".to_owned(), place.to_owned())]);
    let lifted = update("customers", &shop.customer, &json!({"credit_limit_cents": null}));
    let path = format!("/api/customers/{}", shop.customer);
    send("PATCH", &path, &lifted).await.expect(403);
    send("POST", "/api/job_runs", &create("job_runs", &json!({}), &[])).await.expect(403);
    for path in ["/api/dead_letters", "/api/job_runs", "/api/journal_entries"] {
        shop.stack.send(call("GET", path).claims(channel.clone())).await.expect(403);
    }
}

#[tokio::test]
async fn a_token_for_one_market_sees_and_makes_nothing_of_another() {
    let shop = Shop::open().await;
    let other = create("markets", &json!({"name": "US", "currency_code": "USD"}), &[]);
    let other = shop.stack.post("/api/markets", &other).await.expect(201).id();
    let order = shop.draft().await;
    let mut confined = claims("acme", "integration");
    confined["market"] = json!(other);
    let confined = Some(confined);
    let get = async |path: &str| shop.stack.send(call("GET", path).claims(confined.clone())).await;
    get(&format!("/api/orders/{order}")).await.expect(404);
    assert_eq!(get("/api/orders").await.expect(200).at("/data"), &json!([]));
    get("/api/job_runs").await.expect(403);
    let document = shop.order(&json!({"reference": "x"}));
    let sent = call("POST", "/api/orders").json(&document).claims(confined.clone());
    let refused = shop.stack.send(sent).await.expect(404);
    assert_eq!(refused.errors()[0].1, "/data/relationships/market/data/id");
    let patch = update("orders", &order, &json!({"reference": "x"}));
    let sent = call("PATCH", &format!("/api/orders/{order}")).json(&patch).claims(confined.clone());
    shop.stack.send(sent).await.expect(404);
}

#[tokio::test]
async fn odd_paths_and_methods_are_answered_and_never_panic() {
    let stack = Stack::start().await;
    for path in [
        "",
        "/",
        "/api",
        "/api/",
        "/api/nothing",
        "/api/orders/",
        "/api/orders/%00",
        "/api/orders/\u{0}",
        "/api/orders/ord_1%2F..",
        "/api/orders/../skus",
        "/api/orders/ord_ä",
        "/api/orders/ord_1#x",
        "/api/line_items/lin_x",
        "/api/recurring_order_copies/roc_",
        "/api/recurring_order_copies/roc_a_99999999999999",
        "/api/orders/ord_💥",
        "//api//orders",
        "/api/orders/ord_1/relationships/market",
    ] {
        let answer = stack.get(path).await.expect(404);
        assert_eq!(answer.errors()[0].0, "not_found", "{path}");
    }
    let long = format!("/api/orders/{}", "a".repeat(100_000));
    stack.get(&long).await.expect(404);
    let refused = stack.send(call("PUT", "/api/skus")).await.expect(405);
    assert_eq!(refused.headers["allow"], "GET, POST");
    stack.send(call("DELETE", "/api/orders/ord_1")).await.expect(404);
}

#[tokio::test]
async fn bodies_that_are_no_documents_are_refused_with_the_place() {
    let stack = Stack::start().await;
    let post = |body: &str| call("POST", "/api/skus").text(body);
    for (body, status, code, place) in [
        ("{\"data\": ", 400, "malformed_json", ""),
        ("\u{feff}{}", 400, "malformed_json", ""),
        ("[]", 400, "malformed_document", ""),
        ("{\"data\": []}", 400, "malformed_document", "/data"),
        ("{\"data\": {\"type\": 1}}", 400, "malformed_document", "/data/type"),
        ("{\"data\": {\"type\": \"orders\"}}", 409, "type_mismatch", "/data/type"),
        ("{\"data\": {\"type\": \"skus\", \"id\": \"1\"}}", 403, "client_generated_id", "/data/id"),
        ("{\"data\": {\"type\": \"skus\", \"code\": \"A\"}}", 400, "malformed_document", "/data"),
    ] {
        let refused = stack.send(post(body)).await.expect(status);
        assert_eq!(refused.errors(), [(code.to_owned(), place.to_owned())], "{body}");
    }
    let malformed = stack.send(post("{\n \"data\": x}")).await;
    assert_eq!(malformed.at("/errors/0/meta"), &json!({"line": 2, "column": 10}));
    let damaged = stack.send(post("%%%").base64()).await.expect(400);
    assert_eq!(damaged.errors()[0].0, "malformed_json");
    stack.send(post(&"x".repeat(1024 * 1024 + 1))).await.expect(413);
    stack.send(post("{}").header("content-type", "application/json")).await.expect(415);
    stack.send(call("POST", "/api/skus")).await.expect(415);
    stack.send(call("GET", "/api/skus").header("accept", "text/html")).await.expect(406);
    assert_eq!(stack.get("/api/skus").await.expect(200).at("/data"), &json!([]));
}

#[tokio::test]
async fn parameters_that_mean_nothing_are_refused() {
    let shop = Shop::open().await;
    let page = shop.stack.get("/api/skus?page[size]=1").await;
    let cursor = page.at("/meta/page/next_cursor").as_str().unwrap().to_owned();
    for (path, code, place) in [
        ("/api/skus?colour=1", "unknown_parameter", "colour"),
        ("/api/skus?page[size]=0", "invalid_parameter", "page[size]"),
        ("/api/skus?page[size]=101", "invalid_parameter", "page[size]"),
        ("/api/skus?sort=colour", "invalid_parameter", "sort"),
        ("/api/skus?include=market", "invalid_parameter", "include"),
        ("/api/skus?fields[skus]=secret", "invalid_parameter", "fields[skus]"),
        ("/api/skus?fields[nothing]=a", "invalid_parameter", "fields[nothing]"),
        ("/api/skus?page[cursor]=junk", "invalid_cursor", "page[cursor]"),
        ("/api/recurring_order_copies", "invalid_parameter", "filter[q][order_subscription_id_eq]"),
        ("/api/dead_letters?filter[q][status_eq]=x", "invalid_parameter", "filter[q][status_eq]"),
    ] {
        let refused = shop.stack.get(path).await.expect(400);
        assert_eq!(refused.errors(), [(code.to_owned(), place.to_owned())], "{path}");
    }
    for path in [
        format!("/api/orders?page[cursor]={cursor}"),
        format!("/api/skus?sort=-created_at&page[after]={cursor}"),
    ] {
        let refused = shop.stack.get(&path).await.expect(400);
        assert_eq!(refused.errors()[0].0, "invalid_cursor", "{path}");
    }
}

#[tokio::test]
async fn a_stale_or_overtaken_change_is_refused() {
    let shop = Shop::open().await;
    let path = format!("/api/markets/{}", shop.market);
    let change = update("markets", &shop.market, &json!({"name": "EU"}));
    let patch = |tag: &str| call("PATCH", &path).json(&change).header("if-match", tag);
    let changed = shop.stack.send(patch("\"1\"")).await.expect(200);
    assert_eq!(changed.headers["etag"], "\"2\"");
    for tag in ["\"1\"", "W/\"2\"", "2"] {
        let stale = shop.stack.send(patch(tag)).await.expect(412);
        assert_eq!(stale.errors()[0], ("precondition_failed".to_owned(), "If-Match".to_owned()));
    }
    shop.stack.send(patch("*")).await.expect(200);
    let elsewhere = update("markets", "mkt_1", &json!({"name": "EU"}));
    shop.stack.patch(&path, &elsewhere).await.expect(409);
    let away =
        relate("markets", &shop.market, &[("subscription_model", "subscription_models", "mdl_1")]);
    let refused = shop.stack.patch(&path, &away).await.expect(404);
    assert_eq!(refused.errors()[0].0, "related_not_found");
}
