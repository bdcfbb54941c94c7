//! After forty days in which nothing ran, each subscription does exactly what its catch-up policy
//! says, and every occurrence that passed is either run or recorded as skipped.

use chrono::TimeDelta;
use perennial_domain::{ids::SubscriptionId, run::RunStatus, time::OccurrenceNumber};
use perennial_tests::{Plan, Shop, TestResult};
use serde_json::{Value, json};

/// How long the stack was down: forty days and five hours.
const DOWN: TimeDelta = TimeDelta::minutes((40 * 24 + 5) * 60);

struct Missed {
    daily: SubscriptionId,
    weekly: SubscriptionId,
    monthly: SubscriptionId,
}

/// A shop whose subscriptions began on 31 January, after the downtime and three hours more.
async fn after_downtime(catch_up: &Value) -> TestResult<(Shop, Missed, tempfile::TempDir)> {
    let data = tempfile::tempdir()?;
    let plan = Plan::at("2027-01-31T10:00:00Z")?.model(json!({"catch_up": catch_up}));
    let shop = plan.kept_in(data.path()).open().await?;
    let missed = Missed {
        daily: shop.subscribe("daily").await?,
        weekly: shop.subscribe("weekly").await?,
        monthly: shop.subscribe("monthly").await?,
    };
    let goods = shop.close().await;
    // The clock of a stack that is down goes on with the world's: here, by rewriting how far
    // it is ahead.
    let file = data.path().join("clock.json");
    let mut clock: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let ahead = clock.get("ahead_ms").and_then(Value::as_i64).ok_or("the clock's file")?;
    clock["ahead_ms"] = json!(ahead + DOWN.num_milliseconds());
    std::fs::write(&file, clock.to_string())?;
    let shop = Shop::reopen(data.path(), goods).await?;
    assert_eq!(shop.stack.clock().now().date_naive().to_string(), "2027-03-12");
    shop.advance("PT3H").await?;
    Ok((shop, missed, data))
}

fn next(number: u32) -> Option<OccurrenceNumber> {
    Some(OccurrenceNumber::new(number))
}

/// The numbers run and skipped, and the next one.
async fn account(
    shop: &Shop,
    id: &SubscriptionId,
) -> TestResult<(Vec<u32>, Vec<u32>, Option<OccurrenceNumber>)> {
    let (run, skipped) = shop.prove_occurrences(id).await?;
    for run in shop.runs(id).await? {
        assert_eq!(run.status, RunStatus::Successful);
        assert_eq!(shop.charges_of(&run).await?, 1);
    }
    Ok((run, skipped, shop.subscription(id).await?.next_number))
}

fn to(last: u32) -> Vec<u32> {
    (1..=last).collect()
}

#[tokio::test]
async fn latest_runs_the_last_one_missed_and_records_the_others_as_skipped() -> TestResult {
    let (shop, Missed { daily, weekly, monthly }, _data) =
        after_downtime(&json!({"policy": "latest"})).await?;
    assert_eq!(account(&shop, &daily).await?, (vec![40], to(39), next(41)));
    assert_eq!(account(&shop, &weekly).await?, (vec![5], to(4), next(6)));
    assert_eq!(account(&shop, &monthly).await?, (vec![1], vec![], next(2)));
    shop.advance("P1D").await?;
    assert_eq!(account(&shop, &daily).await?, (vec![40, 41], to(39), next(42)));
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn each_runs_every_one_missed_one_after_the_other() -> TestResult {
    let (shop, Missed { daily, weekly, monthly }, _data) =
        after_downtime(&json!({"policy": "each"})).await?;
    assert_eq!(account(&shop, &daily).await?, (to(40), vec![], next(41)));
    assert_eq!(account(&shop, &weekly).await?, (to(5), vec![], next(6)));
    assert_eq!(account(&shop, &monthly).await?, (vec![1], vec![], next(2)));
    let runs = shop.runs(&daily).await?;
    for (run, later) in runs.iter().zip(runs.iter().skip(1)) {
        assert!(run.started_at <= later.started_at && run.due_at < later.due_at);
    }
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn skip_runs_none_that_was_missed_and_goes_on_with_the_next() -> TestResult {
    let (shop, Missed { daily, weekly, monthly }, _data) =
        after_downtime(&json!({"policy": "skip"})).await?;
    assert_eq!(account(&shop, &daily).await?, (vec![], to(40), next(41)));
    assert_eq!(account(&shop, &weekly).await?, (vec![], to(5), next(6)));
    assert_eq!(account(&shop, &monthly).await?, (vec![], vec![1], next(2)));
    shop.advance("P7D").await?;
    let (run, skipped, following) = account(&shop, &daily).await?;
    assert_eq!((run, skipped, following), ((41..=47).collect(), to(40), next(48)));
    assert_eq!(account(&shop, &weekly).await?, (vec![6], to(5), next(7)));
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_maximum_lateness_leaves_out_what_is_older() -> TestResult {
    let (shop, Missed { daily, weekly, monthly }, _data) =
        after_downtime(&json!({"policy": "each", "maximum_lateness_hours": 72})).await?;
    // At the first tick, 5 hours late: 40, 39, 38 are 5, 29 and 53 hours late.
    assert_eq!(account(&shop, &daily).await?, (vec![38, 39, 40], to(37), next(41)));
    // The fifth week ended on 7 March, five days ago; the first month on 28 February.
    assert_eq!(account(&shop, &weekly).await?, (vec![], to(5), next(6)));
    assert_eq!(account(&shop, &monthly).await?, (vec![], vec![1], next(2)));
    shop.prove_books().await?;
    Ok(())
}
