//! The journal of a job run: one entry when it begins and one when it is over, from which
//! `job_runs.*` are told.

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    ids::OrganizationId,
    journal::{Cause, Change, Entry, Head, append},
};
use perennial_messages::TickShards;
use perennial_store::{JobCounts, JobRun, JobStatus, Reconciliation, Store, StoreError};
use serde_json::{Value, json};

/// How long who has come to take part in a job run may take up work for it: no invocation of
/// renewal-tick lasts longer, see `Timeout` in `template.yaml`.
pub(crate) const TAKES_UP: TimeDelta = TimeDelta::seconds(60);

/// The name of the part of a tick that a message goes through. It stays the same when the message
/// is handed on with what is left of it.
pub(crate) fn part_name(message: &TickShards) -> String {
    match (&message.retry_of, message.parts.last()) {
        (None, Some(last)) => last.shard.to_string(),
        (Some(_), _) | (None, None) => "retry".to_owned(),
    }
}

/// The entry that a job run's journal begins with: always the same for the same job run.
pub(crate) fn began(organization: &OrganizationId, job: &JobRun) -> Entry {
    let mut after =
        json!({"kind": job.kind, "status": JobStatus::Running, "started_at": job.started_at});
    if let (Value::Object(after), Some(retried)) = (&mut after, &job.retry_of) {
        after.insert("retry_of".to_owned(), json!(retried));
    }
    let change = Change { event: "job_runs.create", before: Value::Null, after };
    let cause = Cause { actor: job.actor.clone(), reason: job.id.to_string() };
    let id = job.id.as_str();
    append(&mut Head::default(), organization, id, job.started_at, cause, change)
}

/// The entry that follows: it is over since `at`, with these numbers.
fn over(began: &Entry, at: DateTime<Utc>, status: JobStatus, numbers: Value) -> Entry {
    let mut after = json!({"status": status});
    if let (Value::Object(after), Value::Object(numbers)) = (&mut after, numbers) {
        after.extend(numbers);
    }
    let before = json!({"status": JobStatus::Running});
    let change = Change { event: "job_runs.complete", before, after };
    let mut head = Head { sequence: began.sequence, hash: began.hash.clone() };
    append(&mut head, &began.organization, &began.subject, at, began.cause.clone(), change)
}

/// The entry that follows when each of its runs has a result.
pub(crate) fn ended(began: &Entry, at: DateTime<Utc>, counts: &JobCounts) -> Entry {
    let JobCounts { claimed, pending: _, placed, open, failed, skipped, dead_lettered } = counts;
    let numbers = json!({
        "claimed_count": claimed,
        "placed_count": placed,
        "open_count": open,
        "failed_count": failed,
        "skipped_count": skipped,
        "dead_lettered_count": dead_lettered,
    });
    over(began, at, counts.status(), numbers)
}

/// Opens a job run that was asked for, and awaits the parts of its tick, if it has one.
pub(crate) async fn open(
    store: &Store,
    organization: &OrganizationId,
    job: &JobRun,
    parts: &[String],
) -> Result<(), StoreError> {
    let until = job.started_at + TAKES_UP;
    store.begin_job_run(&began(organization, job), until, parts).await?;
    store.open_job_run(organization, job).await
}

/// Tells where a reconciliation stands, if it has just begun or is over. What was told before stays.
pub(crate) async fn tell_of_reconciliation(
    store: &Store,
    organization: &OrganizationId,
    reconciliation: &Reconciliation,
) -> Result<(), StoreError> {
    let Reconciliation {
        id, kind, actor, started_at, ended_at, status, discrepancies, step, ..
    } = reconciliation;
    let job = JobRun {
        id: id.clone(),
        kind: *kind,
        actor: actor.clone(),
        retry_of: None,
        started_at: *started_at,
        status: None,
    };
    let began = began(organization, &job);
    match ended_at {
        Some(at) => {
            let numbers = json!({"discrepancies_count": discrepancies});
            store.tell_of_job_run(&over(&began, *at, *status, numbers)).await
        }
        None if *step == 0 => store.tell_of_job_run(&began).await,
        None => Ok(()),
    }
}
