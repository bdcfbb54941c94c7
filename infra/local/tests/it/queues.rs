//! Batches from queues: what fails is tried again, and in the end buried.

use std::time::Duration;

use perennial_local::{clock::Target, cloud::sqs::Outgoing};
use serde_json::{Value, json};

use super::{
    TestResult,
    fakes::{Fakes, bodies, fail_body},
};

const PATIENCE: Duration = Duration::from_secs(30);

fn minutes(count: u32) -> Target {
    Target::Duration(format!("PT{count}M"))
}

#[tokio::test]
async fn only_what_failed_is_tried_again_and_buried_after_five_receives() -> TestResult {
    let fakes = Fakes::default();
    fakes.answer("work", |event| Ok(fail_body(event, "poison")));
    let stack = fakes.start(None).await?;
    let queues = &stack.cloud().queues;
    let batch = ["good 1", "poison", "good 2"];
    let entries = batch.iter().enumerate();
    queues.send_batch(
        "WorkQueue",
        entries.map(|(n, body)| (n.to_string(), Outgoing::text(*body))).collect(),
    )?;
    assert!(stack.settle(PATIENCE).await);
    assert_eq!(queues.pending("WorkQueue")?.in_flight, 1, "the poison waits for its timeout");
    assert!(fakes.events("bury").is_empty());

    let summary = stack.move_clock(&minutes(10)).await?;
    let received = |body: &str| fakes.bodies("work").iter().filter(|b| *b == body).count();
    assert_eq!((received("good 1"), received("good 2"), received("poison")), (1, 1, 5));
    assert_eq!(fakes.bodies("bury"), ["poison"]);
    assert!(queues.pending("WorkQueue")?.is_empty());
    assert!(queues.pending("WorkDeadLetterQueue")?.is_empty());
    assert_eq!(summary.invocations.get("WorkFunction"), Some(&4));

    let tries = fakes.events("work");
    for (one, next) in tries.iter().zip(tries.iter().skip(1)) {
        let apart = next.0 - one.0;
        // The function is called a moment after the message was received.
        assert!(apart > chrono::TimeDelta::seconds(59), "tried again after {apart}");
    }
    let (_, buried) = fakes.events("bury").into_iter().next().unwrap_or_default();
    let at = |pointer: &str| buried.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(at("/Records/0/eventSource"), "aws:sqs");
    assert_eq!(
        at("/Records/0/eventSourceARN"),
        "arn:aws:sqs:us-east-1:000000000000:WorkDeadLetterQueue"
    );
    assert_eq!(
        at("/Records/0/attributes/DeadLetterQueueSourceArn"),
        "arn:aws:sqs:us-east-1:000000000000:WorkQueue"
    );
    stack.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn an_unclear_answer_or_an_error_fails_the_whole_batch() -> TestResult {
    for answer in [
        json!({"batchItemFailures": [{"itemIdentifier": ""}]}),
        json!({"batchItemFailures": [{"itemIdentifier": "unknown"}]}),
        json!("error"),
    ] {
        let fakes = Fakes::default();
        let first = answer.clone();
        fakes.answer(
            "work",
            move |_| {
                if first == "error" { Err("no".into()) } else { Ok(first.clone()) }
            },
        );
        let stack = fakes.start(None).await?;
        let queues = &stack.cloud().queues;
        queues.send("WorkQueue", Outgoing::text("a"))?;
        assert!(stack.settle(PATIENCE).await);
        assert_eq!(queues.pending("WorkQueue")?.in_flight, 1, "{answer}");
        fakes.answer("work", |_| Ok(Value::Null));
        stack.move_clock(&minutes(2)).await?;
        assert!(queues.pending("WorkQueue")?.is_empty(), "{answer}");
        assert_eq!(fakes.bodies("work"), ["a", "a"], "{answer}");
        stack.shutdown().await;
    }
    Ok(())
}

#[tokio::test]
async fn a_message_with_a_delay_comes_at_its_time() -> TestResult {
    let fakes = Fakes::default();
    let stack = fakes.start(None).await?;
    let before = stack.clock().now();
    let delayed = Outgoing { delay: Some(Duration::from_secs(600)), ..Outgoing::text("later") };
    stack.cloud().queues.send("WorkQueue", delayed)?;
    stack.move_clock(&minutes(9)).await?;
    assert!(fakes.bodies("work").is_empty());
    stack.move_clock(&minutes(9)).await?;
    let events = fakes.events("work");
    let (at, event) = events.first().cloned().unwrap_or_default();
    assert_eq!(bodies(&event), ["later"]);
    let waited = at - before;
    assert!(waited >= chrono::TimeDelta::seconds(600), "it waited {waited}");
    assert!(waited < chrono::TimeDelta::seconds(605), "it waited {waited}");
    stack.shutdown().await;
    Ok(())
}
