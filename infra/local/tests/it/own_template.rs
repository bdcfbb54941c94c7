//! Perennial's own template with its own functions.

use std::time::{Duration, Instant};

use perennial_local::{
    clock::Target,
    stack::{Stack, StackOptions},
};

use super::TestResult;

#[tokio::test]
async fn it_starts_and_a_year_without_orders_passes_quickly() -> TestResult {
    let stack = Stack::start(StackOptions::in_memory()).await?;
    let begun = Instant::now();
    let summary = stack.move_clock(&Target::Duration("P12M".to_owned())).await?;
    assert!(summary.failures.is_empty(), "{summary:?}");
    assert_eq!(summary.firings_run, 0);
    assert!(summary.firings_skipped >= 525_000);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let health = reqwest::get(format!("{}/health", stack.api_url())).await?;
    assert_eq!(health.status().as_u16(), 200);
    stack.shutdown().await;
    Ok(())
}
