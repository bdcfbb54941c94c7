//! The job log: each execution of the renewal job, with the runs it handled. Results stand in
//! batches of runs, each written once and updated by key, so that counting is exact even when a
//! message is handled twice.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder, types::AttributeValue,
};
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
    members::Collection,
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
        counts.count(batches);
        counts
    }

    /// Counts further batches.
    pub fn count(&mut self, batches: &[JobBatch]) {
        for (_, _, result) in batches.iter().flat_map(|batch| &batch.runs) {
            self.add(*result);
        }
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

fn result_value(result: RunResult) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(result)
        .map_err(|error: serde_dynamo::Error| StoreError::Refused(error.to_string()))
}

fn run_of(name: &str) -> Option<(SubscriptionId, OccurrenceNumber)> {
    let (subscription, number) = name.rsplit_once('_')?;
    Some((subscription.parse().ok()?, OccurrenceNumber::new(number.parse().ok()?)))
}

/// What sort keys of batches begin with.
const BATCHES: &str = "B#";

/// The sort key of a batch.
#[must_use]
pub fn batch_key(name: &str) -> String {
    format!("{BATCHES}{name}")
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
        held(sent).map(drop)
    }

    /// Records a batch of claimed runs before they are sent, unless it was recorded before: then it
    /// may hold results by now. About 20 runs fit one write unit.
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
        let put = self
            .client
            .put_item()
            .table_name(&self.operations)
            .set_item(Some(to_item(&key, &StoredBatch { results })?))
            .condition_expression("attribute_not_exists(pk)");
        held(put.send().await).map(drop)
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
        let (update, _) = self.assigning(organization, job, batch, results)?;
        update
            .condition_expression("attribute_exists(pk)")
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&error))?;
        Ok(())
    }

    /// Records what somebody else has found out about runs of one batch that had no result: `false`,
    /// and nothing is written, where one of them has one by now. At most 20 runs; one write unit.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn record_found(
        &self,
        organization: &OrganizationId,
        job: &JobRunId,
        batch: &str,
        results: &[(SubscriptionId, OccurrenceNumber, RunResult)],
    ) -> Result<bool, StoreError> {
        let (update, count) = self.assigning(organization, job, batch, results)?;
        let pending: Vec<String> =
            (0..count).map(|index| format!("results.#n{index} = :pending")).collect();
        let sent = update
            .condition_expression(pending.join(" AND "))
            .expression_attribute_values(":pending", result_value(RunResult::Pending)?)
            .send()
            .await;
        Ok(held(sent)?.is_some())
    }

    /// The update that assigns results to runs of one batch, and how many runs it names: each as
    /// `#n<index>`.
    fn assigning(
        &self,
        organization: &OrganizationId,
        job: &JobRunId,
        batch: &str,
        results: &[(SubscriptionId, OccurrenceNumber, RunResult)],
    ) -> Result<(UpdateItemFluentBuilder, usize), StoreError> {
        let key = Key { pk: partition(organization, "J", job.as_str()), sk: batch_key(batch) };
        let mut update =
            self.client.update_item().table_name(&self.operations).set_key(Some(key_item(&key)));
        // A run that is told twice, by a repeated message, may be assigned once only.
        let results: BTreeMap<String, RunResult> =
            results.iter().map(|(id, number, result)| (run_name(id, *number), *result)).collect();
        let mut assignments = Vec::with_capacity(results.len());
        for (index, (name, result)) in results.into_iter().enumerate() {
            assignments.push(format!("results.#n{index} = :v{index}"));
            update = update
                .expression_attribute_names(format!("#n{index}"), name)
                .expression_attribute_values(format!(":v{index}"), result_value(result)?);
        }
        let count = assignments.len();
        Ok((update.update_expression(format!("SET {}", assignments.join(", "))), count))
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
        let pk = partition(organization, "J", id.as_str());
        let whole = Collection { table: &self.operations, pk: &pk, prefix: None, limit: None };
        let (mut job, mut batches) = (None, Vec::new());
        self.visit(&whole, &mut |item| {
            match text(&item, "sk").as_deref() {
                Some(SELF) => job = Some(from_item(item)?),
                Some(sk) if sk.starts_with(BATCHES) => batches.push(batch_of(item)?),
                Some(_) | None => {}
            }
            Ok(true)
        })
        .await?;
        Ok(job.map(|job| (job, batches)))
    }

    /// A job run without the runs it handled. One read unit.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn logged_job_run(
        &self,
        organization: &OrganizationId,
        id: &JobRunId,
    ) -> Result<Option<JobRun>, StoreError> {
        let key = Key::of(organization, "J", id.as_str());
        self.get_item(&self.operations, &key, true).await?.map(from_item).transpose()
    }

    /// Some batches of a job run in the order of their names, from after the batch `after` on; with
    /// the name of the last one where there are more.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn job_batches(
        &self,
        organization: &OrganizationId,
        id: &JobRunId,
        most: u16,
        after: Option<&str>,
    ) -> Result<(Vec<JobBatch>, Option<String>), StoreError> {
        let pk = partition(organization, "J", id.as_str());
        let batches = Collection {
            table: &self.operations,
            pk: &pk,
            prefix: Some(BATCHES),
            limit: Some(most.max(1)),
        };
        let start = after.map(|name| key_item(&Key { pk: pk.clone(), sk: batch_key(name) }));
        let (items, next) = self.read_on(&batches, start).await?;
        let items = items.into_iter().map(batch_of).collect::<Result<Vec<_>, _>>()?;
        let last = items.last().map(|batch| batch.name.clone());
        Ok((items, last.filter(|_| next.is_some())))
    }
}

/// The batch that an item holds.
fn batch_of(item: Item) -> Result<JobBatch, StoreError> {
    let sk = text(&item, "sk").unwrap_or_default();
    let stored: StoredBatch = from_item(item)?;
    let run = |(name, result): (String, RunResult)| {
        let (subscription, number) = run_of(&name)?;
        Some((subscription, number, result))
    };
    Ok(JobBatch {
        name: sk.strip_prefix(BATCHES).unwrap_or_default().to_owned(),
        runs: stored.results.into_iter().filter_map(run).collect(),
    })
}
