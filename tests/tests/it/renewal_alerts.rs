//! Runs are announced before they are made: each once for each date that it is given, with what it
//! will cost, by events that come like all others.

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{ids::SubscriptionId, journal::Entry};
use perennial_tests::{
    Answer, Plan, Shop, TestResult, documents,
    gate::{Gate, Mode},
};
use serde_json::{Value, json};

const KIND: &str = "order_subscriptions";

/// A shop whose subscriptions announce their runs so many hours before.
fn announcing(hours: u16) -> TestResult<Plan> {
    Ok(Plan::at("2027-01-31T10:00:00Z")?.model(json!({"renewal_alert_period": hours})))
}

async fn send(shop: &Shop, id: &SubscriptionId, attributes: Value) -> TestResult<Answer> {
    let document = documents::update(KIND, id.as_str(), &attributes);
    shop.api.patch(&format!("{KIND}/{id}"), &document).send().await
}

async fn edit(shop: &Shop, id: &SubscriptionId, attributes: Value) -> TestResult<Answer> {
    send(shop, id, attributes).await?.with_status(200)
}

async fn alerts(shop: &Shop, id: &SubscriptionId) -> TestResult<Vec<Entry>> {
    let journal = shop.journal("S", id.as_str()).await?;
    Ok(journal.into_iter().filter(|entry| entry.event == "order_subscriptions.renewal").collect())
}

/// Number, day and hour of what each alert announces.
async fn announced(shop: &Shop, id: &SubscriptionId) -> TestResult<Vec<String>> {
    let alerts = alerts(shop, id).await?;
    let told = alerts.iter().map(|entry| {
        let due_at = entry.after["due_at"].as_str().unwrap_or_default();
        format!("{} on {}", entry.after["run"], due_at.get(5..13).unwrap_or_default())
    });
    Ok(told.collect())
}

/// Runs the stack's time on while it is down.
async fn down_until(shop: Shop, data: &std::path::Path, instant: &str) -> TestResult<Shop> {
    let until: DateTime<Utc> = instant.parse()?;
    let down = until - shop.stack.clock().now();
    let goods = shop.close().await;
    let file = data.join("clock.json");
    let mut clock: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let ahead = clock.get("ahead_ms").and_then(Value::as_i64).ok_or("the clock's file")?;
    clock["ahead_ms"] = json!(ahead + down.num_milliseconds());
    std::fs::write(&file, clock.to_string())?;
    Shop::reopen(data, goods).await
}

#[tokio::test]
async fn each_run_is_announced_once_with_what_it_will_cost() -> TestResult {
    let gate = Gate::before("renewal-tick");
    gate.set(Mode::Twice);
    let shop = Plan { functions: gate.functions(), ..announcing(24)? }.open().await?;
    let id = shop.subscribe("weekly").await?;
    shop.advance_to("2027-02-23T12:00:00Z").await?;
    let (runs, alerts) = (shop.runs(&id).await?, alerts(&shop, &id).await?);
    assert_eq!((runs.len(), alerts.len()), (3, 3));
    for (run, alert) in runs.iter().zip(&alerts) {
        let after = &alert.after;
        assert_eq!((&after["run"], &after["due_at"]), (&json!(run.number), &json!(run.due_at)));
        assert_eq!((&after["total"], &after["currency"]), (&json!(run.total), &json!("EUR")));
        let source = json!({"id": shop.goods.source, "state": "valid", "expires_on": null});
        assert_eq!(after["payment_source"], source);
        let before = run.due_at - alert.at;
        assert!(before <= TimeDelta::hours(24), "{before}");
        assert!(before > TimeDelta::hours(24) - TimeDelta::minutes(2), "{before}");
    }
    shop.prove_events().await
}

#[tokio::test]
async fn a_period_longer_than_the_interval_announces_each_run_after_the_one_before() -> TestResult {
    let shop = announcing(720)?.open().await?;
    let id = shop.subscribe("weekly").await?;
    shop.advance_to("2027-02-08T10:00:00Z").await?;
    assert_eq!(announced(&shop, &id).await?, ["1 on 02-07T10", "2 on 02-14T10"]);
    assert_eq!(shop.runs(&id).await?.len(), 1);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_run_that_is_put_on_another_date_or_skipped_is_announced_anew() -> TestResult {
    let shop = announcing(48)?.open().await?;
    let id = shop.subscribe("monthly").await?;
    shop.advance_to("2027-02-27T00:00:00Z").await?;
    let mut expected = vec!["1 on 02-28T10"];
    assert_eq!(announced(&shop, &id).await?, expected);
    edit(&shop, &id, json!({"next_run_at": "2027-03-10T08:00:00Z"})).await?;
    shop.advance_to("2027-03-08T07:00:00Z").await?;
    assert_eq!(announced(&shop, &id).await?, expected, "it is not yet time for the new date");
    shop.advance_to("2027-03-08T09:00:00Z").await?;
    expected.push("1 on 03-10T08");
    assert_eq!(announced(&shop, &id).await?, expected);
    edit(&shop, &id, json!({"_skip_next": true})).await?;
    shop.advance_to("2027-03-31T12:00:00Z").await?;
    expected.push("2 on 03-31T10");
    assert_eq!(announced(&shop, &id).await?, expected);
    let runs: Vec<u32> = shop.runs(&id).await?.iter().map(|run| run.number.get()).collect();
    assert_eq!(runs, [2]);
    // Other changes are no reason to tell again.
    shop.advance_to("2027-04-29T00:00:00Z").await?;
    expected.push("3 on 04-30T10");
    edit(&shop, &id, json!({"reference": "R-1"})).await?;
    edit(&shop, &id, json!({"renewal_alert_period": 30})).await?;
    shop.advance_to("2027-04-30T09:00:00Z").await?;
    assert_eq!(announced(&shop, &id).await?, expected);
    shop.prove_events().await
}

#[tokio::test]
async fn an_alert_says_that_the_payment_source_will_not_do() -> TestResult {
    let shop = announcing(24)?.open().await?;
    let id = shop.subscribe("monthly").await?;
    let path = format!("customer_payment_sources/{}", shop.goods.source);
    for (expires_on, until, state) in [
        (json!("2027-02-28"), "2027-02-28T00:00:00Z", "valid"),
        (json!("2027-03-30"), "2027-03-31T00:00:00Z", "expires_before_run"),
        (Value::Null, "2027-04-30T00:00:00Z", "valid"),
    ] {
        let attributes = json!({"expires_on": expires_on});
        let document =
            documents::update("customer_payment_sources", &shop.goods.source, &attributes);
        let answer = shop.api.patch(&path, &document).send().await?.with_status(200)?;
        assert_eq!(*answer.attribute("expires_on"), expires_on);
        shop.advance_to(until).await?;
        let alerts = alerts(&shop, &id).await?;
        let told = alerts.last().ok_or("it was announced")?.after["payment_source"].clone();
        assert_eq!((&told["state"], &told["expires_on"]), (&json!(state), &expires_on), "{until}");
    }
    let taken_away = json!({"data": {
        "type": KIND, "id": id, "attributes": {},
        "relationships": {"customer_payment_source": {"data": null}},
    }});
    shop.api.patch(&format!("{KIND}/{id}"), &taken_away).send().await?.with_status(200)?;
    shop.advance_to("2027-05-31T00:00:00Z").await?;
    let alerts = alerts(&shop, &id).await?;
    let told = alerts.last().ok_or("it was announced")?.after["payment_source"].clone();
    assert_eq!(told, json!({"id": null, "state": "missing", "expires_on": null}));
    assert_eq!(alerts.len(), 4);
    Ok(())
}

#[tokio::test]
async fn a_late_tick_announces_what_is_still_to_come_and_runs_what_is_due() -> TestResult {
    let data = tempfile::tempdir()?;
    let shop = announcing(48)?.kept_in(data.path()).open().await?;
    let id = shop.subscribe("weekly").await?;
    // The alert is a day late, the run is still to come.
    let shop = down_until(shop, data.path(), "2027-02-06T10:00:00Z").await?;
    shop.advance("PT10M").await?;
    assert_eq!(announced(&shop, &id).await?, ["1 on 02-07T10"]);
    assert!(shop.runs(&id).await?.is_empty());
    shop.advance_to("2027-02-08T00:00:00Z").await?;
    // The next one is due with its alert: it is made at once, and nobody announces the past.
    let shop = down_until(shop, data.path(), "2027-02-14T10:30:00Z").await?;
    shop.advance("PT2M").await?;
    assert_eq!(shop.runs(&id).await?.len(), 2);
    shop.advance_to("2027-02-22T00:00:00Z").await?;
    assert_eq!(announced(&shop, &id).await?, ["1 on 02-07T10", "3 on 02-21T10"]);
    assert_eq!(shop.runs(&id).await?.len(), 3);
    shop.prove_books().await?;
    shop.prove_job_log().await
}

#[tokio::test]
async fn alerts_begin_and_end_when_asked_for() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("weekly").await?;
    for hours in [json!(0), json!(721), json!("24"), json!(1.5)] {
        let refused = send(&shop, &id, json!({"renewal_alert_period": hours})).await?;
        let detail = refused.with_status(422)?.text("/errors/0/detail")?;
        let rule = "renewal_alert_period must be a whole number from 1 to 720";
        assert!(detail.starts_with(rule), "{detail}");
    }
    shop.advance_to("2027-02-08T00:00:00Z").await?;
    assert!(announced(&shop, &id).await?.is_empty(), "the model asks for none");
    let answer = edit(&shop, &id, json!({"renewal_alert_period": 24})).await?;
    assert_eq!(*answer.attribute("renewal_alert_period"), 24);
    shop.advance_to("2027-02-15T00:00:00Z").await?;
    edit(&shop, &id, json!({"_deactivate": true})).await?;
    shop.advance_to("2027-02-22T00:00:00Z").await?;
    let expected = ["2 on 02-14T10"];
    assert_eq!(announced(&shop, &id).await?, expected, "what rests is not announced");
    edit(&shop, &id, json!({"_activate": true, "renewal_alert_period": null})).await?;
    shop.advance_to("2027-03-07T12:00:00Z").await?;
    assert_eq!(announced(&shop, &id).await?, expected);
    shop.prove_events().await
}
