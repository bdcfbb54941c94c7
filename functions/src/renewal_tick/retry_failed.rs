//! A job run by hand that repeats what failed in an earlier one.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};
use perennial_domain::{ids::JobRunId, run::RunStatus};
use perennial_messages::TickShards;
use perennial_store::{RunResult, StoreError};

use super::{CONCURRENCY, RenewalTick, claimed::Work};
use crate::sqs_batch::HandleError;

impl RenewalTick {
    /// Sends the runs of `retried` that are unpaid to payment retry, each with the attempts made
    /// so far, so that a message handled twice tries once.
    pub(super) async fn retry_failed(
        &self,
        message: &TickShards,
        retried: &JobRunId,
    ) -> Result<(), HandleError> {
        let (Some(organization), Some(_)) = (&message.organization, &message.job_run_id) else {
            return Err(HandleError::Permanent(
                "a repeated job run needs its organization and its own id".to_owned(),
            ));
        };
        let Some((_, batches)) = self.store.job_run(organization, retried).await? else {
            return Err(HandleError::Permanent(format!("there is no job run {retried}")));
        };
        let mut seen = HashSet::new();
        let unpaid: Vec<_> = batches
            .into_iter()
            .flat_map(|batch| batch.runs)
            .filter(|(_, _, result)| matches!(result, RunResult::Failed | RunResult::Open))
            .map(|(id, number, _)| (id, number))
            .filter(|run| seen.insert(run.clone()))
            .collect();
        let work: Vec<Work> = stream::iter(unpaid)
            .map(|(id, number)| async move {
                let run = self.store.run(organization, &id, number).await?;
                let run = run.filter(|run| run.status != RunStatus::Successful);
                Ok::<_, StoreError>(run.map(|run| Work::Retry(id, vec![(number, run.attempts)])))
            })
            .buffered(CONCURRENCY)
            .try_filter_map(|work| async move { Ok(work) })
            .try_collect()
            .await?;
        if work.is_empty() {
            return Ok(());
        }
        let job_run_id = self.take_part(message, organization).await?;
        self.dispatch(organization, &job_run_id, work).await
    }
}
