//! From a claimed subscription to work for another function.

use perennial_domain::{
    ids::{JobRunId, OrganizationId, SubscriptionId},
    journal::{Cause, Change, append},
    plan::{ClaimPlan, abandon_run, end_pause, expire, plan_claim, skip_missed},
    subscription::Subscription,
    time::OccurrenceNumber,
};
use perennial_messages::{JobRef, Outgoing, RetryDue, RunDue, ValidateOrder};
use perennial_store::{Claim, Expect, JobBatch, RunResult, StoreError};
use serde::Serialize;
use uuid::Uuid;

use super::RenewalTick;
use crate::sqs_batch::HandleError;

/// Runs recorded in one item of the job log: about 1 KB, one write unit.
pub(super) const BATCH: usize = 18;

/// What is to be done about something that was claimed.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// Make a run.
    Run(SubscriptionId, OccurrenceNumber),
    /// Try the payments of runs again; with the attempts made before.
    Retry(SubscriptionId, Vec<(OccurrenceNumber, u32)>),
    /// Nothing more: runs were passed over, because they were missed or during a pause.
    Skipped(SubscriptionId, OccurrenceNumber),
    /// Validate an order whose message was lost.
    Validate(ValidateOrder),
}

impl RenewalTick {
    /// Decides what a claimed subscription is to do; does at once what needs no other function.
    pub(super) async fn decide(
        &self,
        organization: &OrganizationId,
        subscription: Subscription,
        claim: &Claim,
    ) -> Result<Option<Work>, HandleError> {
        let (id, now) = (subscription.id.clone(), claim.now);
        let plan = match plan_claim(&subscription, now) {
            Ok(plan) => plan,
            Err(error) => {
                // Order copy meets the same error and makes a dead letter of it.
                tracing::error!(%organization, subscription_id = %id, %error, "a run can't be planned");
                let number = subscription.run_number.or(subscription.next_number);
                return Ok(number.map(|number| Work::Run(id, number)));
            }
        };
        match plan {
            ClaimPlan::Run(number) => Ok(Some(Work::Run(id, number))),
            ClaimPlan::CatchUp(number) => {
                let fixed = self.store.fix_run(organization, &subscription, number).await?;
                Ok(fixed.then_some(Work::Run(id, number)))
            }
            ClaimPlan::Skip { skipped, next } => {
                let (after, change) = skip_missed(&subscription, skipped, next, now)?;
                self.commit(organization, &subscription, after, change, claim).await?;
                Ok(Some(Work::Skipped(id, skipped.last)))
            }
            ClaimPlan::Retry(unsettled) => {
                let runs = unsettled.iter().map(|run| (run.number, run.attempts)).collect();
                Ok(Some(Work::Retry(id, runs)))
            }
            ClaimPlan::Expire => {
                let (after, change) = expire(&subscription, now)?;
                self.commit(organization, &subscription, after, change, claim).await?;
                Ok(None)
            }
            ClaimPlan::Resume => {
                let (after, change, skipped) = end_pause(&subscription, now)?;
                self.commit(organization, &subscription, after, change, claim).await?;
                Ok(skipped.map(|skipped| Work::Skipped(id, skipped.last)))
            }
            ClaimPlan::Nothing => {
                let (after, change) = abandon_run(&subscription, now);
                self.commit(organization, &subscription, after, change, claim).await?;
                Ok(None)
            }
        }
    }

    /// Writes a subscription and the journal entry of its change.
    pub(super) async fn commit(
        &self,
        organization: &OrganizationId,
        before: &Subscription,
        mut after: Subscription,
        change: Change,
        claim: &Claim,
    ) -> Result<(), StoreError> {
        let cause =
            Cause { actor: "system:renewal-tick".to_owned(), reason: claim.job_run_id.to_string() };
        let id = after.id.to_string();
        let entry = append(&mut after.journal, organization, &id, claim.now, cause, change);
        self.store
            .commit(organization)
            .subscription(&after, Expect::Version(before.version))
            .entry("S", &entry)
            .run()
            .await
    }

    /// Records claimed work in the job log, then sends it. The log comes first: a result must find
    /// its batch. Work that is recorded and not sent is taken up again when its lease ends.
    pub(super) async fn dispatch(
        &self,
        organization: &OrganizationId,
        job_run_id: &JobRunId,
        work: Vec<Work>,
    ) -> Result<(), HandleError> {
        let mut validations = Vec::new();
        let mut logged = Vec::new();
        for work in work {
            match work {
                Work::Validate(message) => validations.push(outgoing(&message, organization)?),
                Work::Run(..) | Work::Retry(..) | Work::Skipped(..) => logged.push(work),
            }
        }
        let mut to_send = ToSend::default();
        for chunk in logged.chunks(BATCH) {
            let job = JobRef {
                job_run_id: job_run_id.clone(),
                batch: Uuid::now_v7().simple().to_string(),
            };
            let ToSend { runs, retries } = self.log(organization, &job, chunk).await?;
            to_send.runs.extend(runs);
            to_send.retries.extend(retries);
        }
        let ToSend { runs, retries } = to_send;
        for (queue, messages) in
            [(&self.runs, runs), (&self.retries, retries), (&self.validations, validations)]
        {
            queue
                .send(messages)
                .await
                .map_err(|error| HandleError::Transient(error.to_string()))?;
        }
        Ok(())
    }

    /// Records some work as a batch of the job log; answers the messages that are to be sent for it.
    pub(super) async fn log(
        &self,
        organization: &OrganizationId,
        job: &JobRef,
        work: &[Work],
    ) -> Result<ToSend, HandleError> {
        let mut to_send = ToSend::default();
        let mut batch = JobBatch { name: job.batch.clone(), runs: Vec::new() };
        for work in work {
            match work {
                Work::Run(id, number) => {
                    batch.runs.push((id.clone(), *number, RunResult::Pending));
                    let message = RunDue {
                        organization: organization.clone(),
                        subscription_id: id.clone(),
                        number: *number,
                        job: job.clone(),
                        give_up: None,
                    };
                    to_send.runs.push(outgoing(&message, organization)?);
                }
                Work::Retry(id, numbers) => {
                    for (number, attempts) in numbers {
                        batch.runs.push((id.clone(), *number, RunResult::Pending));
                        let message = RetryDue {
                            organization: organization.clone(),
                            subscription_id: id.clone(),
                            number: *number,
                            attempts: *attempts,
                            job: job.clone(),
                        };
                        to_send.retries.push(outgoing(&message, organization)?);
                    }
                }
                Work::Skipped(id, number) => {
                    batch.runs.push((id.clone(), *number, RunResult::Skipped));
                }
                Work::Validate(_) => {}
            }
        }
        self.store.put_job_batch(organization, &job.job_run_id, &batch).await?;
        Ok(to_send)
    }
}

/// Messages about claimed work.
#[derive(Debug, Default)]
pub(super) struct ToSend {
    pub(super) runs: Vec<Outgoing>,
    pub(super) retries: Vec<Outgoing>,
}

fn outgoing(
    message: &impl Serialize,
    organization: &OrganizationId,
) -> Result<Outgoing, HandleError> {
    Outgoing::json(message, Some(organization))
        .map_err(|error| HandleError::Permanent(error.to_string()))
}
