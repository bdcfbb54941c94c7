//! Requests that are wrong around their documents: size, versions, queries, keys, paths, methods.

use perennial_local::identity::Role;
use perennial_tests::{
    Shop, TestResult,
    documents::{self, line},
    shop::BEANS,
};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{refused, still_works};

#[tokio::test]
async fn a_body_over_the_limit_is_refused() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    for megabytes in [2, 11] {
        let mut document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
        document["data"]["attributes"]["reference"] = json!("x".repeat(megabytes << 20));
        let tables = &shop.stack.cloud().dynamodb;
        let before = tables.writes();
        match shop.api.post("orders", &document).send().await {
            Ok(answer) => assert_eq!(answer.status, 413, "{megabytes} MB: {:#}", answer.body),
            // Who sends far too much may be cut off before the end.
            Err(error) => assert!(megabytes > 10, "{error}"),
        }
        assert_eq!(tables.writes(), before);
        // On a connection of its own: the one before may have been cut.
        shop.api_as(Role::Integration)?.get("orders").await?;
    }
    still_works(&shop).await
}

#[tokio::test]
async fn a_change_based_on_an_old_version_is_refused() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let draft = shop.order_document(json!({"line_items": [line(BEANS, 1, "monthly")]}));
    let draft = shop.api.create("orders", &draft).await?;
    let (id, seen) = (draft.id()?, draft.header("etag")?.to_owned());
    let path = format!("orders/{id}");
    let change = |reference: &str| {
        let change = documents::update("orders", &id, &json!({"reference": reference}));
        shop.api.patch(&path, &change)
    };
    change("first").header("if-match", &seen).send().await?.with_status(200)?;
    for tag in [seen.as_str(), "\"999\"", "W/\"1\"", "latest"] {
        let stale = change("second").header("if-match", tag);
        refused(&shop, stale, 412, &["precondition_failed If-Match"], tag).await?;
    }
    let now = shop.api.get(&path).await?;
    assert_eq!(now.attribute("reference"), "first");
    let current = now.header("etag")?.to_owned();
    change("second").header("if-match", &current).send().await?.with_status(200)?;
    change("third").header("if-match", "*").send().await?.with_status(200)?;

    let subscription = shop.subscribe("monthly").await?;
    let path = format!("order_subscriptions/{subscription}");
    let cancel =
        documents::update("order_subscriptions", subscription.as_str(), &json!({"_cancel": true}));
    let stale = shop.api.patch(&path, &cancel).header("if-match", "\"77\"");
    refused(&shop, stale, 412, &["precondition_failed If-Match"], "a subscription").await?;
    Ok(())
}

#[tokio::test]
async fn query_parameters_that_mean_nothing_are_refused_and_not_ignored() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    for frequency in ["weekly", "monthly", "yearly"] {
        shop.subscribe(frequency).await?;
    }
    let first = shop.api.get("orders?page[size]=1").await?;
    let cursor = first.text("/meta/page/next_cursor")?;
    let second = shop.api.get(&format!("orders?page[size]=1&page[cursor]={cursor}")).await?;
    assert_ne!(second.id().unwrap_or_default(), first.text("/data/0/id")?);
    for (path, errors) in [
        (format!("skus?page[cursor]={cursor}"), "invalid_cursor page[cursor]"),
        (format!("orders?sort=-created_at&page[cursor]={cursor}"), "invalid_cursor page[cursor]"),
        ("orders?page[cursor]=made-up".to_owned(), "invalid_cursor page[cursor]"),
        ("orders?page[size]=0".to_owned(), "invalid_parameter page[size]"),
        ("orders?page[size]=many".to_owned(), "invalid_parameter page[size]"),
        ("orders?page[size]=1000000".to_owned(), "invalid_parameter page[size]"),
        ("orders?colour=green".to_owned(), "unknown_parameter colour"),
        ("orders?filter[q][colour_eq]=green".to_owned(), "unknown_parameter filter[q][colour_eq]"),
        ("orders?sort=colour".to_owned(), "invalid_parameter sort"),
        ("orders?include=secrets".to_owned(), "invalid_parameter include"),
        ("orders?fields[orders]=secrets".to_owned(), "invalid_parameter fields[orders]"),
        ("orders?page[size]=1&page[size]=2".to_owned(), "invalid_parameter page[size]"),
    ] {
        let sending = shop.api.request(Method::GET, &path);
        refused(&shop, sending, 400, &[errors], &path).await?;
    }
    let without = shop.api.request(Method::GET, "recurring_order_copies").send().await?;
    assert_eq!(without.status, 400, "{:#}", without.body);
    still_works(&shop).await
}

#[tokio::test]
async fn idempotency_keys_of_an_odd_form_are_refused() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    for key in ["", "a b", &"k".repeat(256)] {
        let sending = shop.api.post("orders", &document).key(key);
        let error = ["invalid_idempotency_key Idempotency-Key"];
        refused(&shop, sending, 400, &error, &format!("{key:?}")).await?;
    }
    still_works(&shop).await
}

/// Sends bytes as they are, since clients tidy paths up.
async fn raw(shop: &Shop, target: &str, token: &str) -> TestResult<(u16, String)> {
    let address = shop.stack.url().trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await?;
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(|| format!("{target}: no status in {answer:?}"))?, answer))
}

#[tokio::test]
async fn odd_paths_find_nothing_and_break_nothing() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    shop.subscribe("monthly").await?;
    let token = shop.stack.token("acme", Role::Integration)?;
    let writes = shop.stack.cloud().dynamodb.writes();
    for target in [
        "/api/orders/ord_%00",
        "/api/orders/%2e%2e%2fskus",
        "/api/orders/../skus",
        "/api/orders/..%2f..%2fetc%2fpasswd",
        "/api/orders/acme%23O%23ord_1",
        "/api/orders/ord_1%23",
        "/api/orders/%",
        "/api/orders/%zz",
        "/api/orders/%ff%fe",
        "/api/orders/ord_%F0%9F%92%A9",
        "/api/orders/'%20OR%201=1",
        "/api/orders//",
        "/api//orders",
        "/api/orders/ord_1/",
        "/api/orders/ord_1/secrets",
        "/api/",
        "/api",
        "/",
        "/api/Orders",
        "/api/order_subscriptions/sub_1%0d%0ax:1",
        &format!("/api/orders/ord_{}", "a".repeat(6_000)),
    ] {
        let (status, answer) = raw(&shop, target, &token).await?;
        assert!(matches!(status, 400 | 404 | 414 | 431), "{target}: {answer}");
        shop.api.get("orders").await?;
    }
    for target in
        ["/api/orders?%", "/api/orders?=&&=", "/api/orders?filter[q]=1", "/api/orders?\"<>"]
    {
        let (status, answer) = raw(&shop, target, &token).await?;
        assert!(matches!(status, 200 | 400), "{target}: {answer}");
    }
    for method in [Method::PUT, Method::HEAD, Method::TRACE] {
        let answer = shop.api.request(method.clone(), "orders").send().await?;
        assert!(matches!(answer.status, 404 | 405), "{method}: {}", answer.status);
    }
    assert_eq!(shop.stack.cloud().dynamodb.writes(), writes, "nothing was written");
    still_works(&shop).await
}
