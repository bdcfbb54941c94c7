//! A job run by hand that repeats what failed in an earlier one: page by page, however much that is.
//! What is left when time runs out is handed on.

use std::{collections::HashSet, time::Instant};

use futures::{StreamExt, TryStreamExt, stream};
use perennial_domain::{
    ids::{JobRunId, OrganizationId, SubscriptionId},
    run::RunStatus,
    time::OccurrenceNumber,
};
use perennial_messages::{JobRef, Outgoing, TickPart, TickShards};
use perennial_store::{JobBatch, RunResult, StoreError};

use super::{
    CONCURRENCY, RenewalTick,
    claimed::{BATCH, Work},
};
use crate::sqs_batch::HandleError;

/// Batches of the earlier job run that are gone through at once.
const PAGE: u16 = 50;

impl RenewalTick {
    /// Sends the runs of `retried` that are unpaid to payment retry, each with the attempts made
    /// so far, so that a message handled twice tries once. Answers what is left when it may take no
    /// more time; it goes through one page at least.
    pub(super) async fn retry_failed(
        &self,
        message: &TickShards,
        retried: &JobRunId,
        until: Instant,
    ) -> Result<Option<TickShards>, HandleError> {
        let (Some(organization), Some(_)) = (&message.organization, &message.job_run_id) else {
            return Err(HandleError::Permanent(
                "a repeated job run needs its organization and its own id".to_owned(),
            ));
        };
        if self.store.logged_job_run(organization, retried).await?.is_none() {
            return Err(HandleError::Permanent(format!("there is no job run {retried}")));
        }
        let mut after = message.parts.first().and_then(|part| part.cursor.clone());
        let mut job_run_id = None;
        loop {
            let page = self.store.job_batches(organization, retried, PAGE, after.as_deref());
            let (batches, next) = page.await?;
            self.retry_page(message, organization, &batches, &mut job_run_id).await?;
            if next.is_none() {
                return Ok(None);
            }
            if Instant::now() >= until {
                let parts = vec![TickPart { shard: 0, cursor: next }];
                let job_run_id = job_run_id.or_else(|| message.job_run_id.clone());
                return Ok(Some(TickShards { parts, job_run_id, ..message.clone() }));
            }
            after = next;
        }
    }

    /// Sends what is unpaid of some batches. The batches in which their results are recorded derive
    /// from these: should the message come again, each run is in the log once.
    async fn retry_page(
        &self,
        message: &TickShards,
        organization: &OrganizationId,
        batches: &[JobBatch],
        job_run_id: &mut Option<JobRunId>,
    ) -> Result<(), HandleError> {
        let Some(first) = batches.first() else { return Ok(()) };
        let mut seen = HashSet::new();
        let failed: Vec<(SubscriptionId, OccurrenceNumber)> = batches
            .iter()
            .flat_map(|batch| &batch.runs)
            .filter(|(_, _, result)| matches!(result, RunResult::Failed | RunResult::Open))
            .map(|(id, number, _)| (id.clone(), *number))
            .filter(|run| seen.insert(run.clone()))
            .collect();
        let mut retries: Vec<Outgoing> = Vec::new();
        for (index, chunk) in failed.chunks(BATCH).enumerate() {
            let work = self.unpaid(organization, chunk).await?;
            if work.is_empty() {
                continue;
            }
            if job_run_id.is_none() {
                *job_run_id = Some(self.take_part(message, organization).await?);
            }
            let Some(job_run_id) = job_run_id.clone() else { continue };
            let job = JobRef { job_run_id, batch: format!("{}-{index}", first.name) };
            retries.extend(self.log(organization, &job, &work).await?.retries);
        }
        let sent = self.retries.send(retries).await;
        sent.map_err(|error| HandleError::Transient(error.to_string()))
    }

    /// Those of some runs that are unpaid.
    async fn unpaid(
        &self,
        organization: &OrganizationId,
        runs: &[(SubscriptionId, OccurrenceNumber)],
    ) -> Result<Vec<Work>, StoreError> {
        stream::iter(runs.to_vec())
            .map(|(id, number)| async move {
                let run = self.store.run(organization, &id, number).await?;
                let run = run.filter(|run| run.status != RunStatus::Successful);
                Ok(run.map(|run| Work::Retry(id, vec![(number, run.attempts)])))
            })
            .buffered(CONCURRENCY)
            .try_filter_map(|work| async move { Ok(work) })
            .try_collect()
            .await
    }
}
