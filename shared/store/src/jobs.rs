//! The job log: each execution of the renewal job, with the runs it handled. Results stand in
//! batches of runs, each written once and updated by key, so that counting is exact even when a
//! message is handled twice.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{JobRunId, OrganizationId, SubscriptionId},
    time::OccurrenceNumber,
};
use serde::{Deserialize, Serialize};

use crate::{
    Listed, Store, StoreError, Table,
    error::held,
    item::{Item, from_item, key_item, s, text, to_item},
    keys::{Key, SELF, list_pk, partition},
};

/// What started a job run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// The schedule.
    Scheduled,
    /// A person: everything due now.
    Manual,
    /// A person: what failed in an earlier job run.
    RetryFailed,
    /// A proof of the books.
    Reconciliation,
}

/// One execution of the renewal job for one organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRun {
    /// Identifier.
    pub id: JobRunId,
    /// What started it.
    pub kind: JobKind,
    /// Who started it.
    pub actor: String,
    /// The job run whose failures it retries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobRunId>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Where it stands; `None` where its runs tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<JobStatus>,
}

/// What became of one run within a job run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    /// Claimed and sent; nothing is known yet.
    Pending,
    /// Its order is placed and paid.
    Placed,
    /// Its payment was declined and will be tried again.
    Open,
    /// It was given up.
    Failed,
    /// It was passed over, or nothing was to be done any more.
    Skipped,
    /// Its message became a dead letter.
    DeadLettered,
}

/// Some of the runs of a job run: claimed together, recorded together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobBatch {
    /// Name of the batch within its job run.
    pub name: String,
    /// The runs and what became of each.
    pub runs: Vec<(SubscriptionId, OccurrenceNumber, RunResult)>,
}

/// Counts over a job run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobCounts {
    /// Runs claimed.
    pub claimed: u64,
    /// Of these: no result yet.
    pub pending: u64,
    /// Orders placed.
    pub placed: u64,
    /// Declined, to be tried again.
    pub open: u64,
    /// Given up.
    pub failed: u64,
    /// Passed over.
    pub skipped: u64,
    /// Dead letters.
    pub dead_lettered: u64,
}

/// Where a job run stands, as its counts tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Some runs have no result yet.
    Running,
    /// Every run has a result, and none failed.
    Completed,
    /// Every run has a result; some failed or wait for another payment attempt.
    CompletedWithErrors,
}

impl JobCounts {
    fn add(&mut self, result: RunResult) {
        self.claimed += 1;
        match result {
            RunResult::Pending => self.pending += 1,
            RunResult::Placed => self.placed += 1,
            RunResult::Open => self.open += 1,
            RunResult::Failed => self.failed += 1,
            RunResult::Skipped => self.skipped += 1,
            RunResult::DeadLettered => self.dead_lettered += 1,
        }
    }

    /// The counts of some batches.
    #[must_use]
    pub fn of(batches: &[JobBatch]) -> Self {
        let mut counts = Self::default();
        for (_, _, result) in batches.iter().flat_map(|batch| &batch.runs) {
            counts.add(*result);
        }
        counts
    }

    /// Where the job run stands.
    #[must_use]
    pub fn status(&self) -> JobStatus {
        if self.pending > 0 {
            JobStatus::Running
        } else if self.open + self.failed + self.dead_lettered > 0 {
            JobStatus::CompletedWithErrors
        } else {
            JobStatus::Completed
        }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredBatch {
    results: BTreeMap<String, RunResult>,
}

/// The name of a run within its batch.
fn run_name(subscription: &SubscriptionId, number: OccurrenceNumber) -> String {
    format!("{subscription}_{number}")
}

fn run_of(name: &str) -> Option<(SubscriptionId, OccurrenceNumber)> {
    let (subscription, number) = name.rsplit_once('_')?;
    Some((subscription.parse().ok()?, OccurrenceNumber::new(number.parse().ok()?)))
}

/// The sort key of a batch.
#[must_use]
pub fn batch_key(name: &str) -> String {
    format!("B#{name}")
}

impl Listed for JobRun {
    const LETTER: &'static str = "J";
    const TABLE: Table = Table::Operations;

    fn from_item(item: Item) -> Result<Self, StoreError> {
        from_item(item)
    }
}

impl Store {
    /// Opens a job run; opening it again changes nothing, so that every part of a split tick may.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn open_job_run(
        &self,
        organization: &OrganizationId,
        job: &JobRun,
    ) -> Result<(), StoreError> {
        let key = Key::of(organization, "J", job.id.as_str());
        let mut item = to_item(&key, job)?;
        item.insert("list_pk".to_owned(), s(list_pk(organization, "J")));
        item.insert("list_sk".to_owned(), s(job.id.as_str()));
        let sent = self
            .client
            .put_item()
            .table_name(&self.operations)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match held(sent)? {
            Some(_) => Ok(()),
            None => Ok(()),
        }
    }

    /// Records a batch of claimed runs before they are sent. About 20 runs fit one write unit.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn put_job_batch(
        &self,
        organization: &OrganizationId,
        job: &JobRunId,
        batch: &JobBatch,
    ) -> Result<(), StoreError> {
        let key =
            Key { pk: partition(organization, "J", job.as_str()), sk: batch_key(&batch.name) };
        let results = batch
            .runs
            .iter()
            .map(|(id, number, result)| (run_name(id, *number), *result))
            .collect();
        self.client
            .put_item()
            .table_name(&self.operations)
            .set_item(Some(to_item(&key, &StoredBatch { results })?))
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&error))?;
        Ok(())
    }

    /// Records what became of runs of one batch; recording it again changes nothing. Where a run
    /// occurs twice, its last result counts.
    ///
    /// # Errors
    /// When storage does not answer or there is no such batch.
    pub async fn record_results(
        &self,
        organization: &OrganizationId,
        job: &JobRunId,
        batch: &str,
        results: &[(SubscriptionId, OccurrenceNumber, RunResult)],
    ) -> Result<(), StoreError> {
        if results.is_empty() {
            return Ok(());
        }
        let key = Key { pk: partition(organization, "J", job.as_str()), sk: batch_key(batch) };
        let mut update = self
            .client
            .update_item()
            .table_name(&self.operations)
            .set_key(Some(key_item(&key)))
            .condition_expression("attribute_exists(pk)");
        // A run that is told twice, by a repeated message, may be assigned once only.
        let results: BTreeMap<String, RunResult> =
            results.iter().map(|(id, number, result)| (run_name(id, *number), *result)).collect();
        let mut assignments = Vec::with_capacity(results.len());
        for (index, (name, result)) in results.into_iter().enumerate() {
            let value = serde_dynamo::to_attribute_value(result)
                .map_err(|error: serde_dynamo::Error| StoreError::Refused(error.to_string()))?;
            assignments.push(format!("results.#n{index} = :v{index}"));
            update = update
                .expression_attribute_names(format!("#n{index}"), name)
                .expression_attribute_values(format!(":v{index}"), value);
        }
        update
            .update_expression(format!("SET {}", assignments.join(", ")))
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&error))?;
        Ok(())
    }

    /// A job run and the runs it handled.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn job_run(
        &self,
        organization: &OrganizationId,
        id: &JobRunId,
    ) -> Result<Option<(JobRun, Vec<JobBatch>)>, StoreError> {
        let mut job = None;
        let mut batches = Vec::new();
        let mut start = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.operations)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", s(partition(organization, "J", id.as_str())))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::from_sdk(&error))?;
            for item in answer.items.unwrap_or_default() {
                let sk = text(&item, "sk").unwrap_or_default();
                if sk == SELF {
                    job = Some(from_item(item)?);
                } else if let Some(name) = sk.strip_prefix("B#") {
                    let name = name.to_owned();
                    let stored: StoredBatch = from_item(item)?;
                    let runs = stored
                        .results
                        .into_iter()
                        .filter_map(|(name, result)| {
                            let (subscription, number) = run_of(&name)?;
                            Some((subscription, number, result))
                        })
                        .collect();
                    batches.push(JobBatch { name, runs });
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(job.map(|job| (job, batches)));
            }
        }
    }
}
