//! Job runs of more runs than one invocation goes through: each is told as over once, and what has
//! failed in one is repeated page by page.

use std::{collections::BTreeMap, time::Duration};

use perennial_domain::{
    ids::{JobRunId, SubscriptionId},
    run::RunStatus,
    time::OccurrenceNumber,
};
use perennial_store::{JobBatch, JobKind, JobRun, RunResult};
use perennial_tests::{
    Plan, TestResult, documents,
    documents::line,
    gate::{Gate, Mode},
    receiver::{Receiver, Reply},
    shop::BEANS,
    worker::Worker,
};
use serde_json::json;

use super::{
    OPENED,
    job_runs::{over, told},
    listening,
};

/// Runs whose results are lost: more than are asked for in one look.
const LOST: usize = 1_050;
/// Runs of one batch.
const BATCH: usize = 18;

#[tokio::test]
async fn a_job_run_that_has_lost_more_results_than_one_look_asks_for_is_over_once() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let shop = Plan::at(OPENED)?.open().await?;
    listening(&shop, "job_runs.*", &receiver).await?;
    let asked = documents::create("job_runs", json!({}), &[]);
    let id: JobRunId = shop.api.create("job_runs", &asked).await?.id()?.parse()?;
    let lost: Vec<_> = (0..LOST)
        .map(|index| SubscriptionId::derived(&["gone", &index.to_string()]))
        .map(|id| (id, OccurrenceNumber::FIRST, RunResult::Pending))
        .collect();
    for (index, runs) in lost.chunks(BATCH).enumerate() {
        let batch = JobBatch { name: format!("lost-{index:03}"), runs: runs.to_vec() };
        shop.store.put_job_batch(&shop.organization, &id, &batch).await?;
    }
    // For a quarter of an hour a result may be on its way.
    shop.advance("PT14M").await?;
    assert_eq!(told(&receiver.heard()).get(id.as_str()).map(Vec::len), Some(2), "it has begun");
    shop.advance("PT3H").await?;
    assert_eq!(told(&receiver.heard()), BTreeMap::from([(id.to_string(), over(false))]));
    let log = shop.api.get(&format!("job_runs/{id}")).await?;
    assert_eq!(log.attribute("skipped_count"), LOST);
    assert_eq!(log.attribute("status"), "completed");
    shop.prove_job_log().await
}

/// Subscriptions whose first renewal was refused.
const REFUSED: usize = 12;
/// Batches of the job run that is repeated: more than one page holds.
const BATCHES: usize = 60;

#[tokio::test]
async fn what_failed_in_a_large_job_run_is_repeated_page_by_page_and_once() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let gate = Gate::before("renewal-tick");
    let plan = Plan { functions: gate.functions(), ..Plan::at("2027-01-31T10:00:20Z")? };
    // The first attempt at each run is its last, but one by hand.
    let policy = json!({"delays_in_minutes": [60], "maximum": 0, "on_exhausted": "keep_active"});
    let model = json!({"strategy": "by_line_items", "retry_policy": policy});
    let shop = plan.model(model).open().await?;
    shop.order(&vec![line(BEANS, 1, "monthly"); REFUSED]).await?;
    let (kind, source) = ("customer_payment_sources", &shop.goods.source);
    let declines = json!({"payment_source_token": "tok_declines_1"});
    let declines = documents::update(kind, source, &declines);
    shop.api.patch(&format!("{kind}/{source}"), &declines).send().await?.with_status(200)?;
    shop.advance_to("2027-02-28T12:00:45Z").await?;
    let mut failed = Vec::new();
    for subscription in shop.subscriptions().await? {
        let runs = shop.runs(&subscription.id).await?;
        assert!(runs.iter().all(|run| run.status == RunStatus::Failed), "{runs:?}");
        failed.push(subscription.id);
    }
    // They failed in a job run of many batches, every fifth of which holds one of them.
    let now = shop.stack.clock().now();
    let large = JobRun {
        id: JobRunId::of_tick(&shop.organization, now.timestamp_millis()),
        kind: JobKind::Scheduled,
        actor: "system:renewal-tick".to_owned(),
        retry_of: None,
        started_at: now,
        status: None,
    };
    shop.store.open_job_run(&shop.organization, &large).await?;
    for index in 0..BATCHES {
        let of_failed = failed.get(index / 5).filter(|_| index % 5 == 0).cloned();
        let run = match of_failed {
            Some(id) => (id, OccurrenceNumber::FIRST, RunResult::Failed),
            None => {
                let id = SubscriptionId::derived(&["placed", &index.to_string()]);
                (id, OccurrenceNumber::FIRST, RunResult::Placed)
            }
        };
        let batch = JobBatch { name: format!("b{index:03}"), runs: vec![run] };
        shop.store.put_job_batch(&shop.organization, &large.id, &batch).await?;
    }
    listening(&shop, "job_runs.*", &receiver).await?;

    gate.forget();
    gate.set(Mode::Losing);
    let asked =
        documents::create("job_runs", json!({}), &[("retry_of", "job_runs", large.id.as_str())]);
    let id = shop.api.create("job_runs", &asked).await?.id()?;
    let worker = Worker::of(&shop, "renewal-tick")?;
    // Each invocation has time for one page, and each message comes twice.
    let mut invocations = Vec::new();
    loop {
        shop.settle().await?;
        let Some(message) = gate.take_records().pop() else { break };
        for _ in 0..2 {
            worker.begin_for(Duration::ZERO, std::slice::from_ref(&message)).finish().await?;
        }
        let log = shop.api.get(&format!("job_runs/{id}")).await?;
        invocations.push(log.attribute("runs_total").as_u64().unwrap_or_default());
    }
    // Fifty batches hold ten of them, the other ten hold two.
    assert_eq!(invocations, [10, 12]);
    gate.set(Mode::Open);
    shop.advance("PT1H").await?;
    assert_eq!(told(&receiver.heard()), BTreeMap::from([(id.clone(), over(false))]));
    let log = shop.api.get(&format!("job_runs/{id}")).await?;
    assert_eq!(log.attribute("placed_count"), REFUSED);
    assert_eq!(log.attribute("runs_total"), REFUSED);
    // One for the order that began it, and one for each run.
    assert_eq!(shop.charges().await?.len(), 1 + REFUSED);
    Ok(())
}
