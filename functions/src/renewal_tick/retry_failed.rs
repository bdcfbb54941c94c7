//! A job run by hand that repeats what failed in an earlier one.

use std::collections::HashSet;

use perennial_domain::{ids::JobRunId, run::RunStatus};
use perennial_messages::TickShards;
use perennial_store::RunResult;

use super::{RenewalTick, claimed::Work};
use crate::sqs_batch::HandleError;

impl RenewalTick {
    /// Sends the runs of `retried` that are unpaid to payment retry, each with the attempts made
    /// so far, so that a message handled twice tries once.
    pub(super) async fn retry_failed(
        &self,
        message: &TickShards,
        retried: &JobRunId,
    ) -> Result<(), HandleError> {
        let (Some(organization), Some(job_run_id)) = (&message.organization, &message.job_run_id)
        else {
            return Err(HandleError::Permanent(
                "a repeated job run needs its organization and its own id".to_owned(),
            ));
        };
        let Some((_, batches)) = self.store.job_run(organization, retried).await? else {
            return Err(HandleError::Permanent(format!("there is no job run {retried}")));
        };
        let mut seen = HashSet::new();
        let mut work = Vec::new();
        for (id, number, result) in batches.into_iter().flat_map(|batch| batch.runs) {
            let unpaid = matches!(result, RunResult::Failed | RunResult::Open);
            if !unpaid || !seen.insert((id.clone(), number)) {
                continue;
            }
            let run = self.store.run(organization, &id, number).await?;
            if let Some(run) = run.filter(|run| run.status != RunStatus::Successful) {
                work.push(Work::Retry(id, vec![(number, run.attempts)]));
            }
        }
        self.dispatch(organization, job_run_id, work).await
    }
}
