//! Job runs of more runs than one invocation goes through: each is told as over once.

use std::collections::BTreeMap;

use perennial_domain::{
    ids::{JobRunId, SubscriptionId},
    time::OccurrenceNumber,
};
use perennial_store::{JobBatch, RunResult};
use perennial_tests::{
    Plan, TestResult, documents,
    receiver::{Receiver, Reply},
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
