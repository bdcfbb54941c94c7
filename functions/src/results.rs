//! What became of runs, gathered over an invocation and recorded batch by batch.

use std::{collections::HashMap, sync::Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    ids::{OrganizationId, SubscriptionId},
    run::RunStatus,
    time::OccurrenceNumber,
};
use perennial_messages::JobRef;
use perennial_store::{JobBatch, JobRun, RunResult, Store, StoreError};

/// A run that a job run has taken up, and what became of it.
type Handled = (SubscriptionId, OccurrenceNumber, RunResult);
type Gathered = HashMap<(OrganizationId, JobRef), Vec<Handled>>;

/// Results of one invocation.
#[derive(Debug, Default)]
pub(crate) struct Results(Mutex<Gathered>);

impl Results {
    /// Notes one result.
    pub(crate) fn note(
        &self,
        organization: &OrganizationId,
        job: &JobRef,
        subscription: &SubscriptionId,
        number: OccurrenceNumber,
        result: RunResult,
    ) {
        let mut gathered = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        gathered.entry((organization.clone(), job.clone())).or_default().push((
            subscription.clone(),
            number,
            result,
        ));
    }

    /// Records them in the job log. A failure is logged and no more: the runs are committed, and
    /// the log must not make them happen again.
    pub(crate) async fn record(self, store: &Store) {
        let gathered = self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let writes = gathered.iter().map(|((organization, job), results)| {
            store.record_results(organization, &job.job_run_id, &job.batch, results)
        });
        for written in futures::future::join_all(writes).await {
            if let Err(error) = written {
                tracing::error!(%error, "results are missing from the job log");
            }
        }
    }
}

/// The job log's word for where a run stands.
pub(crate) fn result_of(status: RunStatus) -> RunResult {
    match status {
        RunStatus::Open => RunResult::Open,
        RunStatus::Successful => RunResult::Placed,
        RunStatus::Failed => RunResult::Failed,
        RunStatus::Aborted => RunResult::Skipped,
    }
}

/// Counts a run's end in the metrics.
pub(crate) fn count(status: RunStatus) {
    use perennial_runtime::telemetry::{RENEWALS_FAILED, RENEWALS_SUCCEEDED};
    match status {
        RunStatus::Successful => metrics::counter!(RENEWALS_SUCCEEDED).increment(1),
        RunStatus::Open | RunStatus::Failed => metrics::counter!(RENEWALS_FAILED).increment(1),
        RunStatus::Aborted => {}
    }
}

/// How long a run may stay without a result before the job log asks the run itself.
const PATIENCE: TimeDelta = TimeDelta::minutes(15);
/// Runs asked at once.
pub(crate) const ASKED: usize = 100;
/// Results noted in one write.
const NOTED: usize = 20;

/// Fills in results that never reached the job log: a process died between a commit and its
/// record, or the work was taken up again under a later job run. The run itself knows. At most `most`
/// runs are asked; answers how many were.
pub(crate) async fn fill_in(
    store: &Store,
    organization: &OrganizationId,
    job: &JobRun,
    batches: &mut [JobBatch],
    now: DateTime<Utc>,
    most: usize,
) -> Result<usize, StoreError> {
    if now - job.started_at < PATIENCE {
        return Ok(0);
    }
    let mut pending: Vec<&mut Handled> = batches
        .iter_mut()
        .flat_map(|batch| &mut batch.runs)
        .filter(|(_, _, result)| *result == RunResult::Pending)
        .take(most)
        .collect();
    for some in pending.chunks_mut(ASKED) {
        let asked = some.iter_mut().map(|handled| ask(store, organization, handled));
        futures::future::try_join_all(asked).await?;
    }
    Ok(pending.len())
}

/// As [`fill_in`], and notes in the job log what it has found, so that nobody has to ask again.
pub(crate) async fn find_lost(
    store: &Store,
    organization: &OrganizationId,
    job: &JobRun,
    batches: &mut [JobBatch],
    now: DateTime<Utc>,
    most: usize,
) -> Result<usize, StoreError> {
    let before = batches.to_vec();
    let asked = fill_in(store, organization, job, batches, now, most).await?;
    let noted = batches.iter_mut().zip(before).map(|(batch, before)| async move {
        let runs = batch.runs.iter().zip(&before.runs);
        let found: Vec<Handled> =
            runs.filter(|(now, before)| now != before).map(|(now, _)| now.clone()).collect();
        for some in found.chunks(NOTED) {
            if !store.record_found(organization, &job.id, &batch.name, some).await? {
                // Somebody has told meanwhile, and knows better: it is read again.
                batch.runs.clone_from(&before.runs);
                break;
            }
        }
        Ok::<_, StoreError>(())
    });
    futures::future::try_join_all(noted).await?;
    Ok(asked)
}

/// Fills in what became of one run, if that is known by now.
async fn ask(
    store: &Store,
    organization: &OrganizationId,
    (subscription, number, result): &mut Handled,
) -> Result<(), StoreError> {
    if let Some(run) = store.run(organization, subscription, *number).await? {
        *result = result_of(run.status);
        return Ok(());
    }
    let found = store.subscription(organization, subscription).await?;
    match found.filter(|found| found.run_number == Some(*number)) {
        // The letter was kept, and its note in the job log was lost.
        Some(found) if found.blocked_by.is_some() => *result = RunResult::DeadLettered,
        Some(_) => {}
        // It is not under way: it may have been made since it was asked for.
        None => {
            let made = store.run(organization, subscription, *number).await?;
            *result = made.map_or(RunResult::Skipped, |run| result_of(run.status));
        }
    }
    Ok(())
}
