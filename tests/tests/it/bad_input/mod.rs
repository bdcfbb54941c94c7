//! Whatever is wrong with a request: the status and the place tell what, nothing is written, nothing
//! panics, and the next request works.

mod documents;
mod requests;

use perennial_tests::{Answer, Shop, TestResult, api::Sending};
use serde_json::Value;

/// Sends a bad request and checks that it is refused so, without a trace.
async fn refused(
    shop: &Shop,
    sending: Sending,
    status: u16,
    errors: &[&str],
    what: &str,
) -> TestResult<Answer> {
    let tables = &shop.stack.cloud().dynamodb;
    let before = tables.writes();
    let answer = sending.send().await?;
    assert_eq!(answer.status, status, "{what}: {:#}", answer.body);
    assert_eq!(answer.errors(), errors, "{what}: {:#}", answer.body);
    for error in answer.at("/errors").as_array().into_iter().flatten() {
        let says = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        assert_eq!(says("status"), status.to_string(), "{what}");
        assert!(!says("title").is_empty() && !says("detail").is_empty(), "{what}: {error}");
    }
    assert_eq!(tables.writes(), before, "{what}: something was written");
    shop.api.get("orders").await?;
    Ok(answer)
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
