//! What a stack knew, it knows after a restart in the same directory.

use std::time::Duration;

use chrono::TimeDelta;
use perennial_local::{clock::Target, cloud::sqs::Outgoing, identity::Role};
use serde_json::json;

use super::{TestResult, fakes::Fakes, streams::put};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn messages_records_clock_and_tokens_survive() -> TestResult {
    let directory = tempfile::tempdir()?;
    let fakes = Fakes::default();
    fakes.answer("work", |_| Err("not now".into()));
    fakes.answer("web", |_| Ok(json!({"statusCode": 200})));
    let stack = fakes.start(Some(directory.path())).await?;
    let url = stack.url().to_owned();
    let port = url.rsplit(':').next().unwrap_or_default().parse()?;
    let token = stack.token("acme", Role::Operator)?;
    put(&stack, "first")?;
    assert!(stack.settle(PATIENCE).await);
    stack.move_clock(&Target::Duration("P30D".to_owned())).await?;
    stack.cloud().queues.send("WorkQueue", Outgoing::text("kept"))?;
    assert!(stack.settle(PATIENCE).await);
    let now = stack.clock().now();
    let handled = fakes.events("relay").len();
    stack.shutdown().await;

    fakes.answer("work", |_| Ok(json!(null)));
    let again = fakes.start_at(port, Some(directory.path()), super::fakes::TEMPLATE).await?;
    assert!(again.clock().now() >= now);
    assert!(again.clock().now() - now < TimeDelta::minutes(5));
    assert!(again.settle(PATIENCE).await);
    assert_eq!(fakes.bodies("work").last().map(String::as_str), Some("kept"));
    assert!(again.cloud().queues.pending("WorkQueue")?.is_empty());
    assert_eq!(fakes.events("relay").len(), handled, "no record is handed on twice");
    put(&again, "second")?;
    assert!(again.settle(PATIENCE).await);
    assert_eq!(fakes.events("relay").len(), handled + 1);
    let response =
        reqwest::Client::new().get(format!("{url}/api/x")).bearer_auth(token).send().await?;
    assert_eq!(response.status().as_u16(), 200);
    again.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_directory_belongs_to_one_process_and_a_port_to_one_stack() -> TestResult {
    let directory = tempfile::tempdir()?;
    let fakes = Fakes::default();
    let stack = fakes.start(Some(directory.path())).await?;
    let refusal = |error: Option<perennial_local::stack::StartError>| {
        error.map(|error| error.to_string()).unwrap_or_default()
    };
    let second = refusal(fakes.start(Some(directory.path())).await.err());
    assert!(second.contains("is in use by another process"), "{second}");
    let port = stack.url().rsplit(':').next().unwrap_or_default().parse()?;
    let taken = refusal(fakes.start_at(port, None, super::fakes::TEMPLATE).await.err());
    assert!(taken.contains(&format!("port {port}")), "{taken}");
    stack.shutdown().await;
    Ok(())
}
