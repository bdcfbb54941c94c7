//! The clock moves forward only; on the way everything happens that would have happened, in order,
//! and the answer tells what.

use perennial_tests::{Shop, TestResult};
use serde_json::json;

#[tokio::test]
async fn advancing_runs_every_tick_that_finds_work_in_order_and_sums_it_up() -> TestResult {
    let shop = Shop::open_at("2027-01-01T10:00:00Z").await?;
    shop.subscribe("weekly").await?;
    shop.subscribe("monthly").await?;
    let summary = shop.api.move_clock(&json!({"advance": "P1MT5M"})).await?.with_status(200)?;
    let from: chrono::DateTime<chrono::Utc> = summary.text("/from")?.parse()?;
    let to: chrono::DateTime<chrono::Utc> = summary.text("/to")?.parse()?;
    assert_eq!((to - from).num_days(), 31, "a month and five minutes from 1 January");
    assert_eq!(summary.at("/events/order_subscriptions.last_run_succeeded"), 5);
    assert_eq!(summary.at("/invocations/OrderCopyFunction"), 5);
    assert_eq!(summary.at("/failures"), &json!({}));
    let run = summary.at("/firings_run").as_i64().unwrap_or_default();
    let skipped = summary.at("/firings_skipped").as_i64().unwrap_or_default();
    assert!(run >= 5, "{:#}", summary.body);
    assert!(
        (run + skipped - (31 * 24 * 60 + 5)).abs() <= 1,
        "one tick a minute: {:#}",
        summary.body
    );

    let due: Vec<_> = shop
        .job_runs()
        .await?
        .into_iter()
        .map(|(job, _)| job.started_at.format("%d").to_string())
        .collect();
    assert_eq!(due, ["08", "15", "22", "29", "01"]);
    shop.prove_events().await
}

#[tokio::test]
async fn setting_the_clock_goes_to_the_very_instant() -> TestResult {
    let shop = Shop::open_at("2027-01-01T10:00:00Z").await?;
    let set = json!({"set": "2028-02-29T23:59:59Z"});
    let summary = shop.api.move_clock(&set).await?.with_status(200)?;
    assert_eq!(summary.text("/to")?, "2028-02-29T23:59:59Z");
    let now: chrono::DateTime<chrono::Utc> =
        shop.api.local("clock").await?["now"].as_str().unwrap_or_default().parse()?;
    let after = now - "2028-02-29T23:59:59Z".parse::<chrono::DateTime<chrono::Utc>>()?;
    assert!((0..60).contains(&after.num_seconds()), "{now}");
    Ok(())
}

#[tokio::test]
async fn the_clock_never_goes_back_and_what_is_no_time_is_refused() -> TestResult {
    let shop = Shop::open_at("2027-01-01T10:00:00Z").await?;
    for bad in [
        json!({"set": "2026-12-31T00:00:00Z"}),
        json!({"advance": "-P1M"}),
        json!({"advance": "1 month"}),
        json!({"advance": "P99999999999Y"}),
        json!({"set": "2090-01-01T00:00:00Z"}),
        json!({"advance": "P1D", "set": "2027-02-01T00:00:00Z"}),
        json!({"set": "yesterday"}),
        json!({"rewind": "P1D"}),
        json!({}),
        json!([]),
        json!(null),
    ] {
        let refused = shop.api.move_clock(&bad).await?;
        assert_eq!(refused.status, 400, "{bad}: {:#}", refused.body);
        assert!(refused.at("/message").is_string(), "{bad}");
        let now = shop.stack.clock().now();
        assert_eq!(now.date_naive().to_string(), "2027-01-01", "{bad}");
    }
    shop.subscribe("daily").await?;
    shop.advance("P1DT5M").await?;
    assert_eq!(shop.charges().await?.len(), 2, "and the clock still works");
    Ok(())
}

#[tokio::test]
async fn a_frequency_waits_for_the_run_that_is_due() -> TestResult {
    let shop = Shop::open_at("2027-01-01T10:00:00Z").await?;
    shop.advance("PT10S").await?;
    let id = shop.subscribe("monthly").await?;
    let due = shop.subscription(&id).await?.next_run_at.ok_or("it has a next run")?;
    // Due for five seconds, and the tick of the next full minute is still to come.
    shop.advance_to(&(due + chrono::TimeDelta::seconds(5)).to_rfc3339()).await?;
    let path = format!("order_subscriptions/{id}");
    let yearly = json!({"data": {
        "type": "order_subscriptions", "id": id, "attributes": {"frequency": "yearly"},
    }});
    shop.api.patch(&path, &yearly).send().await?.with_status(409)?;
    shop.advance("PT2M").await?;
    shop.api.patch(&path, &yearly).send().await?.with_status(200)?;
    assert_eq!(shop.charges().await?.len(), 2, "the run that was due was made");
    Ok(())
}
