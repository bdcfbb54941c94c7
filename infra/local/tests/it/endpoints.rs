//! The AWS services and the local endpoints, over HTTP.

use perennial_local::cloud::sqs::Outgoing;
use reqwest::Client;
use serde_json::{Value, json};

use super::{TestResult, fakes::Fakes};

#[tokio::test]
async fn the_aws_services_answer_on_the_same_port() -> TestResult {
    let fakes = Fakes::default();
    let stack = fakes.start(None).await?;
    let client = Client::new();
    let call = async |target: &str, body: Value| {
        let request = client.post(stack.url()).header("x-amz-target", target).json(&body);
        request.send().await?.json::<Value>().await
    };
    let tables = call("DynamoDB_20120810.ListTables", json!({})).await?;
    assert_eq!(tables.pointer("/TableNames/0"), Some(&json!("Table")));
    let url = format!("{}/000000000000/WorkQueue", stack.url());
    let sent =
        call("AmazonSQS.SendMessage", json!({"QueueUrl": url, "MessageBody": "from outside"}));
    assert!(sent.await?.get("MessageId").is_some());
    assert!(stack.settle(std::time::Duration::from_secs(30)).await);
    assert_eq!(fakes.bodies("work"), ["from outside"]);
    stack.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn queues_events_and_counts_can_be_looked_at() -> TestResult {
    let fakes = Fakes::default();
    fakes.answer("work", |_| Err("busy".into()));
    let stack = fakes.start(None).await?;
    stack.cloud().queues.send("WorkQueue", Outgoing::text("x"))?;
    let entry = || perennial_local::cloud::eventbridge::Entry {
        source: "test".to_owned(),
        detail_type: "seen".to_owned(),
        detail: "{}".to_owned(),
        ..Default::default()
    };
    let ids = stack.cloud().buses.put_events(vec![entry(), entry()]).await;
    let first = ids.first().and_then(|id| id.clone().ok()).unwrap_or_default();
    assert!(stack.settle(std::time::Duration::from_secs(30)).await);
    let client = Client::new();
    let get = async |path: &str| -> Result<(u16, Value), reqwest::Error> {
        let response = client.get(format!("{}{path}", stack.url())).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    };
    let (_, queues) = get("/local/queues").await?;
    assert_eq!(queues.pointer("/WorkQueue/in_flight"), Some(&json!(1)));
    let (_, events) = get("/local/events").await?;
    assert_eq!(events.pointer("/events").and_then(Value::as_array).map(Vec::len), Some(2));
    let (_, later) = get(&format!("/local/events?after={first}")).await?;
    assert_eq!(later.pointer("/events").and_then(Value::as_array).map(Vec::len), Some(1));
    assert_eq!(get("/local/events?after=unknown").await?.0, 404);
    let (_, stats) = get("/local/stats").await?;
    assert_eq!(stats.pointer("/functions/WorkFunction/errors"), Some(&json!(1)));
    assert_eq!(get("/local/nothing").await?.0, 404);
    stack.shutdown().await;
    Ok(())
}
