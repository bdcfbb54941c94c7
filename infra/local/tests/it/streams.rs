//! Records of a table's stream reach their function in order, and none is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use perennial_local::{clock::Target, stack::Stack};
use serde_json::{Value, json};

use super::{
    TestResult,
    fakes::{Fakes, TEMPLATE, records},
};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn put(stack: &Stack, id: &str) -> TestResult {
    let item = json!({"pk": {"S": id}, "sk": {"S": "-"}});
    stack.cloud().dynamodb.call("PutItem", &json!({"TableName": "Table", "Item": item}))?;
    Ok(())
}

fn ids(event: &Value) -> Vec<String> {
    records(event)
        .filter_map(|record| Some(record.pointer("/dynamodb/Keys/pk/S")?.as_str()?.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_record_that_no_filter_wants_costs_no_invocation() -> TestResult {
    let fakes = Fakes::default();
    let stack = fakes.start(None).await?;
    let entry = json!({"M": {"n": {"N": "7"}}});
    for item in [
        json!({"pk": {"S": "plain"}, "sk": {"S": "+"}}),
        json!({"pk": {"S": "no entry"}, "sk": {"S": "+"}, "entry": {"S": "n"}}),
    ] {
        let put = json!({"TableName": "Table", "Item": item});
        stack.cloud().dynamodb.call("PutItem", &put)?;
    }
    assert!(stack.settle(PATIENCE).await);
    assert!(fakes.events("relay").is_empty());
    let item = json!({"pk": {"S": "an entry"}, "sk": {"S": "+"}, "entry": entry});
    stack.cloud().dynamodb.call("PutItem", &json!({"TableName": "Table", "Item": item}))?;
    put(&stack, "the other filter")?;
    assert!(stack.settle(PATIENCE).await);
    let told: Vec<String> =
        fakes.events("relay").iter().flat_map(|(_, event)| ids(event)).collect();
    assert_eq!(told, ["an entry", "the other filter"]);
    stack.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn records_gather_while_the_clock_is_moved_and_others_are_at_work() -> TestResult {
    let fakes = Fakes::default();
    let hourly = TEMPLATE.replace("Enabled: false", "Enabled: true");
    let stack = fakes.start_at(0, None, &hourly).await?;
    let cloud = Arc::clone(stack.cloud());
    fakes.answer("hourly", move |_| {
        // Else what a write wakes would wait for this thread.
        tokio::task::block_in_place(|| {
            for number in 0..80 {
                let item = json!({"pk": {"S": format!("{number:02}")}, "sk": {"S": "-"}});
                cloud.dynamodb.call("PutItem", &json!({"TableName": "Table", "Item": item}))?;
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(Value::Null)
        })
    });
    stack.move_clock(&Target::Duration("PT1H".to_owned())).await?;
    let events = fakes.events("relay");
    let told: Vec<String> = events.iter().flat_map(|(_, event)| ids(event)).collect();
    let written: Vec<String> = (0..80).map(|number| format!("{number:02}")).collect();
    assert_eq!(told, written);
    assert!(events.len() <= 40, "{} invocations for 80 records", events.len());
    stack.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_failed_batch_is_tried_again_until_it_succeeds() -> TestResult {
    let fakes = Fakes::default();
    let tries = AtomicUsize::new(0);
    fakes.answer("relay", move |_| {
        if tries.fetch_add(1, Ordering::SeqCst) < 3 { Err("not yet".into()) } else { Ok(json!({})) }
    });
    let stack = fakes.start(None).await?;
    for id in ["a", "b", "c", "d"] {
        put(&stack, id)?;
    }
    assert!(stack.settle(PATIENCE).await);
    let events = fakes.events("relay");
    let handled: Vec<String> = events.iter().skip(3).flat_map(|(_, event)| ids(event)).collect();
    assert_eq!(handled, ["a", "b", "c", "d"]);
    assert!(stack.cloud().queues.pending("RelayDeadLetterQueue")?.is_empty());
    stack.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_record_that_never_succeeds_is_noted_and_the_others_pass() -> TestResult {
    let fakes = Fakes::default();
    fakes.answer("relay", |event| {
        if ids(event).iter().any(|id| id == "poison") { Err("never".into()) } else { Ok(json!({})) }
    });
    let stack = fakes.start(None).await?;
    for id in ["a", "poison", "b"] {
        put(&stack, id)?;
    }
    assert!(stack.settle(PATIENCE).await);
    let events = fakes.events("relay");
    let good = |id: &str| {
        events.iter().any(|(_, event)| {
            let ids = ids(event);
            ids.iter().any(|i| i == id) && !ids.iter().any(|i| i == "poison")
        })
    };
    assert!(good("a") && good("b"));
    let notes = stack.cloud().queues.receive("RelayDeadLetterQueue", 10, None)?;
    let note: Value = match notes.as_slice() {
        [note] => serde_json::from_str(note.body())?,
        other => return Err(format!("{} notes", other.len()).into()),
    };
    assert_eq!(note.pointer("/DDBStreamBatchInfo/batchSize"), Some(&json!(1)));
    assert_eq!(note.pointer("/requestContext/condition"), Some(&json!("RetryAttemptsExhausted")));
    stack.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_reported_record_is_tried_again_with_all_after_it() -> TestResult {
    let fakes = Fakes::default();
    let failed = AtomicUsize::new(0);
    fakes.answer("relay", move |event| {
        let poison = records(event)
            .find(|record| record.pointer("/dynamodb/Keys/pk/S") == Some(&json!("b")))
            .and_then(|record| record.pointer("/dynamodb/SequenceNumber"));
        match poison {
            Some(number) if failed.fetch_add(1, Ordering::SeqCst) == 0 => {
                Ok(json!({"batchItemFailures": [{"itemIdentifier": number}]}))
            }
            _ => Ok(json!({})),
        }
    });
    let stack = fakes.start(None).await?;
    for id in ["a", "b", "c"] {
        put(&stack, id)?;
    }
    assert!(stack.settle(PATIENCE).await);
    let events = fakes.events("relay");
    let count = |id: &str| {
        events.iter().flat_map(|(_, event)| ids(event)).filter(|other| other == id).count()
    };
    assert_eq!(count("a"), 1, "what came before the failure is done");
    assert_eq!(count("b"), 2);
    assert!(count("c") >= 1);
    stack.shutdown().await;
    Ok(())
}
