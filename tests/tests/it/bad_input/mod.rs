//! Whatever is wrong with a request: the status and the place tell what, nothing is written, nothing
//! panics, and the next request works.

mod documents;
mod requests;

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use perennial_tests::{Answer, Shop, TestResult, api::Sending};
use serde_json::Value;

/// What partition keys of tallies have in them: that something was refused is counted, by and by.
const TALLIES: &str = "#HT#";

/// Sends a bad request and checks that it is refused so, without a trace.
async fn refused(
    shop: &Shop,
    sending: Sending,
    status: u16,
    errors: &[&str],
    what: &str,
) -> TestResult<Answer> {
    let before = stored(shop).await?;
    let answer = sending.send().await?;
    assert_eq!(answer.status, status, "{what}: {:#}", answer.body);
    assert_eq!(answer.errors(), errors, "{what}: {:#}", answer.body);
    for error in answer.at("/errors").as_array().into_iter().flatten() {
        let says = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        assert_eq!(says("status"), status.to_string(), "{what}");
        assert!(!says("title").is_empty() && !says("detail").is_empty(), "{what}: {error}");
    }
    assert_eq!(stored(shop).await?, before, "{what}: something was written");
    shop.api.get("orders").await?;
    Ok(answer)
}

/// All that the tables hold but tallies.
async fn stored(shop: &Shop) -> TestResult<Vec<BTreeMap<String, AttributeValue>>> {
    let mut all = Vec::new();
    for table in ["BookTable", "OperationsTable"] {
        let scan = shop.stack.aws().dynamodb.scan().table_name(table);
        let items: Vec<_> = scan.into_paginator().items().send().try_collect().await?;
        let tally = |key: &AttributeValue| key.as_s().is_ok_and(|key| key.contains(TALLIES));
        let ours = items.into_iter().filter(|item| !item.get("pk").is_some_and(tally));
        all.extend(ours.map(|item| item.into_iter().collect::<BTreeMap<_, _>>()));
    }
    Ok(all)
}

/// At the end all still works, and the log of errors is empty.
async fn still_works(shop: &Shop) -> TestResult {
    let failed: Vec<_> =
        shop.stack.host().stats().into_iter().filter(|(_, stats)| stats.errors > 0).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let subscription = shop.subscribe("monthly").await?;
    shop.advance("P1MT5M").await?;
    assert_eq!(shop.runs(&subscription).await?.len(), 1);
    shop.prove_events().await
}
