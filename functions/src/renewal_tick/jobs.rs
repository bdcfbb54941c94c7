//! The end of job runs. Whoever makes their runs notes what became of each and knows of no other, so
//! a tick looks whether all have a result, and tells it once.

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use perennial_domain::{
    ids::{JobRunId, OrganizationId},
    journal::Entry,
};
use perennial_messages::TickShards;
use perennial_store::{DueEntry, DueSubject, JobCounts, JobKind, JobRun};

use super::{CONCURRENCY, RenewalTick, job_of};
use crate::{
    job_events::{self, TAKES_UP, part_name},
    results,
    sqs_batch::{HandleError, guarded},
};

/// How soon a job run that is not over is looked at again; the older it is, the later.
const SOON: TimeDelta = TimeDelta::minutes(1);
/// And how late at most.
const LATE: TimeDelta = TimeDelta::hours(1);
/// How long the parts of a tick that was asked for are awaited. A message that takes longer has
/// become a dead letter, and what is due is taken up by others.
const AWAITED: TimeDelta = TimeDelta::hours(1);
/// Runs without a result that are asked for it themselves, in one look: those after them in the next.
const ASKED: usize = 1_000;
/// Batches of runs that are read at once.
const PAGE: u16 = 200;

/// Those of the entries that are job runs, and the others.
pub(super) fn apart(entries: Vec<DueEntry>) -> (Vec<DueEntry>, Vec<DueEntry>) {
    entries.into_iter().partition(|entry| matches!(entry.subject, DueSubject::JobRun(_)))
}

impl RenewalTick {
    /// The job run for which this message takes up work of an organization: that of its tick, or a
    /// new one when that is over.
    pub(super) async fn take_part(
        &self,
        message: &TickShards,
        organization: &OrganizationId,
    ) -> Result<JobRunId, HandleError> {
        let now = self.clock.now();
        let until = now + TAKES_UP;
        if let Some(id) = &message.job_run_id
            && self.store.join_job_run(organization, id, until).await?
        {
            return Ok(id.clone());
        }
        let of_tick = (job_of(message, organization), message.tick_at);
        let late = (JobRunId::of_tick(organization, now.timestamp_millis()), now);
        let asked_for = message.job_run_id.is_some();
        for (id, started_at) in [of_tick, late].into_iter().skip(usize::from(asked_for)) {
            let job = JobRun {
                id: id.clone(),
                kind: match message.retry_of {
                    Some(_) => JobKind::RetryFailed,
                    None => JobKind::Scheduled,
                },
                actor: "system:renewal-tick".to_owned(),
                retry_of: message.retry_of.clone(),
                started_at,
                status: None,
            };
            let began = job_events::began(organization, &job);
            if self.store.begin_job_run(&began, until, &[]).await? {
                self.store.open_job_run(organization, &job).await?;
                return Ok(id);
            }
        }
        Err(HandleError::Transient("the job run of this very instant is over".to_owned()))
    }

    /// Notes that this message, which was handed on no more, has gone through its part of a tick
    /// that was asked for.
    pub(super) async fn part_is_through(&self, message: &TickShards) -> Result<(), HandleError> {
        if let (Some(organization), Some(id)) = (&message.organization, &message.job_run_id) {
            self.store.end_job_part(organization, id, &part_name(message)).await?;
        }
        Ok(())
    }

    /// Ends those of an organization's job runs that are over.
    pub(super) async fn end_jobs(&self, organization: &OrganizationId, entries: Vec<DueEntry>) {
        let now = self.clock.now();
        stream::iter(entries)
            .for_each_concurrent(CONCURRENCY, |entry| async move {
                let DueSubject::JobRun(id) = &entry.subject else { return };
                if let Err(error) = guarded(self.end_job(organization, id, now)).await {
                    // It stays in the index: the next tick looks again.
                    tracing::error!(%organization, %id, %error, "whether a job run is over is unknown");
                }
            })
            .await;
    }

    async fn end_job(
        &self,
        organization: &OrganizationId,
        id: &JobRunId,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let Some(open) = self.store.open_job(organization, id).await? else { return Ok(()) };
        let age = now - open.began.at;
        let later = now + age.clamp(SOON, LATE);
        let Some(job) = self.store.logged_job_run(organization, id).await? else {
            // Who began it has died before it stood in the log.
            if let Some(job) = logged(&open.began) {
                self.store.open_job_run(organization, &job).await?;
            }
            return Ok(self.store.look_later(&open, later).await?);
        };
        if now < open.busy_until || (open.awaits && age < AWAITED) {
            return Ok(self.store.look_later(&open, later).await?);
        }
        let Counted { counts, asked_enough } = self.count(organization, &job, now).await?;
        let ended = job_events::ended(&open.began, now, &counts);
        if counts.pending == 0 && !asked_enough && self.store.end_job_run(&open, &ended).await? {
            return Ok(());
        }
        // What was found is noted: the next look goes on from there.
        let later = if asked_enough { now + SOON } else { later };
        Ok(self.store.look_later(&open, later).await?)
    }

    /// Counts what became of the runs of a job run, batch by batch, however many there are. Those
    /// whose result was lost are asked, up to a bound.
    async fn count(
        &self,
        organization: &OrganizationId,
        job: &JobRun,
        now: DateTime<Utc>,
    ) -> Result<Counted, HandleError> {
        let (mut counts, mut left) = (JobCounts::default(), ASKED);
        let mut after: Option<String> = None;
        loop {
            let read = self.store.job_batches(organization, &job.id, PAGE, after.as_deref());
            let (mut batches, next) = read.await?;
            left -=
                results::find_lost(&self.store, organization, job, &mut batches, now, left).await?;
            counts.count(&batches);
            after = next;
            if after.is_none() || left == 0 {
                return Ok(Counted { counts, asked_enough: left == 0 });
            }
        }
    }
}

/// What one look at the runs of a job run has found.
struct Counted {
    counts: JobCounts,
    /// Whether as many runs were asked as may be in one look: not all may be counted.
    asked_enough: bool,
}

/// A job run as the log is to have it, by the entry that tells of its beginning.
fn logged(began: &Entry) -> Option<JobRun> {
    let member = |name: &str| began.after.get(name).cloned();
    Some(JobRun {
        id: began.subject.parse().ok()?,
        kind: serde_json::from_value(member("kind")?).ok()?,
        actor: began.cause.actor.clone(),
        retry_of: member("retry_of").and_then(|id| serde_json::from_value(id).ok()),
        started_at: began.at,
        status: None,
    })
}
