//! Moving the clock fires what would have fired, in order, and leaves out what has no effect.

use std::time::{Duration, Instant};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use perennial_local::{clock::Target, stack::Stack};
use reqwest::Client;
use serde_json::{Value, json};

use super::{
    TestResult,
    fakes::{Fakes, TEMPLATE},
};

fn put_due(stack: &Stack, id: &str, at: &str) -> TestResult {
    stack.cloud().dynamodb.call(
        "PutItem",
        &json!({
            "TableName": "Table",
            "Item": {
                "pk": {"S": id},
                "sk": {"S": "-"},
                "due_pk": {"S": "due#01"},
                "due_sk": {"S": format!("{at}#run")},
            },
        }),
    )?;
    Ok(())
}

/// The instants of the scheduled events that a function got.
fn times(fakes: &Fakes, binary: &str) -> Vec<String> {
    let events = fakes.events(binary);
    events.iter().filter_map(|(_, e)| Some(e.get("time")?.as_str()?.to_owned())).collect()
}

async fn start_at(
    fakes: &Fakes,
    instant: &str,
) -> Result<Stack, Box<dyn std::error::Error + Send + Sync>> {
    let stack = fakes.start(None).await?;
    stack.move_clock(&Target::Instant(instant.parse()?)).await?;
    Ok(stack)
}

#[tokio::test]
async fn schedules_fire_in_order_each_at_its_own_instant() -> TestResult {
    let fakes = Fakes::default();
    let hourly = TEMPLATE.replace("Enabled: false", "Enabled: true");
    let stack = fakes.start_at(0, None, &hourly).await?;
    let midnight = (stack.clock().now() + TimeDelta::days(1)).duration_trunc(TimeDelta::days(1))?;
    stack.move_clock(&Target::Instant(midnight + TimeDelta::minutes(30))).await?;
    let before = fakes.events("hourly").len();
    let summary = stack.move_clock(&Target::Instant(midnight + TimeDelta::hours(3))).await?;
    let all = fakes.events("hourly");
    let fired = all.get(before..).unwrap_or_default();
    assert_eq!(fired.len(), 3);
    for ((at, event), hour) in fired.iter().zip(1..) {
        let expected = midnight + TimeDelta::hours(hour);
        assert_eq!(*at, expected, "the clock stands still at a firing");
        let time = event.get("time").and_then(Value::as_str).unwrap_or_default();
        assert_eq!(time.parse::<DateTime<Utc>>()?, expected);
    }
    assert_eq!(summary.firings_run, 3);
    assert!((149..=150).contains(&summary.firings_skipped), "{summary:?}");
    stack.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_tick_fires_when_something_becomes_due_and_a_lease_holds_it_back() -> TestResult {
    let fakes = Fakes::default();
    let stack = start_at(&fakes, "2031-01-31T00:00:30Z").await?;
    let before = times(&fakes, "renewal-tick").len();
    put_due(&stack, "a", "2031-01-31T10:00:00Z")?;
    put_due(&stack, "b", "2031-01-31T10:07:01Z")?;
    stack.move_clock(&Target::Instant("2031-01-31T10:40:00Z".parse()?)).await?;
    let fired = times(&fakes, "renewal-tick");
    // The fake tick leaves the entries where they are, as if their runs were under way.
    assert_eq!(
        fired.get(before..).unwrap_or_default(),
        [
            "2031-01-31T10:00:00Z",
            "2031-01-31T10:08:00Z",
            "2031-01-31T10:23:00Z",
            "2031-01-31T10:38:00Z"
        ]
    );
    stack.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn what_is_held_is_taken_up_by_the_first_tick_after_its_lease() -> TestResult {
    let fakes = Fakes::default();
    let stack = start_at(&fakes, "2031-01-31T00:00:30Z").await?;
    let before = times(&fakes, "renewal-tick").len();
    put_due(&stack, "held", "2031-01-31T10:00:00Z")?;
    stack.cloud().dynamodb.call(
        "UpdateItem",
        &json!({
            "TableName": "Table",
            "Key": {"pk": {"S": "held"}, "sk": {"S": "-"}},
            "UpdateExpression": "SET lease_until = :until",
            "ExpressionAttributeValues": {":until": {"S": "2031-01-31T10:05:01Z"}},
        }),
    )?;
    stack.move_clock(&Target::Instant("2031-01-31T10:10:00Z".parse()?)).await?;
    let fired = times(&fakes, "renewal-tick");
    let fired = fired.get(before..).unwrap_or_default();
    assert_eq!(fired.last().map(String::as_str), Some("2031-01-31T10:06:00Z"), "{fired:?}");
    stack.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn what_is_due_already_is_found_by_the_next_tick() -> TestResult {
    let fakes = Fakes::default();
    let stack = start_at(&fakes, "2031-01-31T00:00:30Z").await?;
    let before = times(&fakes, "renewal-tick").len();
    put_due(&stack, "late", "2030-12-01T00:00:00Z")?;
    stack.move_clock(&Target::Duration("PT5M".to_owned())).await?;
    let fired = times(&fakes, "renewal-tick");
    assert_eq!(fired.get(before..).unwrap_or_default(), ["2031-01-31T00:01:00Z"]);
    stack.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_year_of_idle_ticks_passes_quickly() -> TestResult {
    let fakes = Fakes::default();
    let stack = start_at(&fakes, "2031-01-31T00:00:30Z").await?;
    let begun = Instant::now();
    let summary = stack.move_clock(&Target::Duration("P1Y".to_owned())).await?;
    assert_eq!(summary.invocations.get("TickFunction"), None);
    assert!(summary.firings_skipped >= 525_600);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    stack.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn the_clock_is_moved_over_http_and_never_back() -> TestResult {
    let stack = Fakes::default().start(None).await?;
    let url = format!("{}/local/clock", stack.url());
    let client = Client::new();
    let start = stack.clock().now();
    let moved = client.post(&url).json(&json!({"advance": "P1D"})).send().await?;
    assert_eq!(moved.status().as_u16(), 200);
    let summary: Value = moved.json().await?;
    assert!(summary.get("took_ms").is_some_and(Value::is_u64), "{summary}");
    let answer: Value = client.get(&url).send().await?.json().await?;
    let now: DateTime<Utc> =
        answer.get("now").and_then(Value::as_str).unwrap_or_default().parse()?;
    assert!(now - start >= TimeDelta::days(1));
    let shape = r#"give {"advance": "P1M"} or {"set": "2027-01-31T00:00:00Z"}"#;
    for (body, reason) in [
        (json!({"set": "2020-01-01T00:00:00Z"}), ""),
        (json!({"advance": "soon"}), ""),
        (json!({"advance": "P1D", "set": "2040-01-01T00:00:00Z"}), shape),
        (json!({}), shape),
        (
            json!({"forward": "P1D"}),
            "there is no member \"forward\"; there are: advance, set; give {\"advance\"",
        ),
        (json!({"advance": 3}), "advance must be text, not 3"),
        (
            json!({"set": "tomorrow"}),
            "set must be an instant such as 2027-01-31T00:00:00Z, not \"tomorrow\"",
        ),
        (json!([]), "the body must be an object, not []; give {\"advance\""),
        // An object's members in the order of a list are no object.
        (json!(["P1D", null]), "the body must be an object, not [\"P1D\",null]"),
    ] {
        let answer = client.post(&url).json(&body).send().await?;
        assert_eq!(answer.status().as_u16(), 400, "{body}");
        let told: Value = answer.json().await?;
        let message = told.get("message").and_then(Value::as_str).unwrap_or_default();
        assert!(message.starts_with(reason), "{body}: {message}");
    }
    let disputes = format!("{}/local/disputes", stack.url());
    let refused = client.post(&disputes).json(&json!({"organization": "acme", "order_id": 3}));
    let told: Value = refused.send().await?.json().await?;
    let message = told.get("message").and_then(Value::as_str).unwrap_or_default();
    assert!(message.starts_with("order_id must be text, not 3; give {"), "{message}");
    let dispute = json!({
        "organization": "acme", "order_id": "order 3", "status": "open", "amount_cents": 1,
    });
    let told: Value = client.post(&disputes).json(&dispute).send().await?.json().await?;
    let message = told.get("message").and_then(Value::as_str).unwrap_or_default();
    assert!(
        message.starts_with("order_id: \"order 3\" is no id of this kind; give {"),
        "{message}"
    );
    assert!(stack.clock().now() - now < TimeDelta::hours(1), "a refusal moves nothing");
    stack.shutdown().await;
    Ok(())
}
