//! Making a run of a subscription by hand: the next one at once, or the payment of one that failed
//! once more. Both go the way of every other run, and make no second order or charge for one number.

use perennial_domain::{
    plan::{PlanError, retry_run_now, run_now},
    run::{Run, RunStatus},
    subscription::Subscription,
    time::OccurrenceNumber,
};
use perennial_messages::{JobRef, Outgoing, RetryDue};
use perennial_store::{JobBatch, JobKind, JobRun, RunResult};
use serde_json::json;
use uuid::Uuid;

use super::{
    asked_before, change_subscription, editable, editable::Touches, job_runs, organizations,
    subscription_edit::Asked, wake,
};
use crate::{
    http::{
        context::Context,
        error::{ApiError, Code, Outcome, Problem},
    },
    job_events,
    work_queues::WorkQueue,
};

/// Brings the next run of a subscription forward to now and wakes it; answers its number. A request
/// that is sent again under its idempotency key finds the run that it has asked for, even where that
/// was made by then.
pub(super) async fn run_next_now(
    context: &Context<'_>,
    before: Subscription,
) -> Outcome<(Subscription, OccurrenceNumber)> {
    let request = asked_before::request(context, "run_now");
    let of = ("S", before.id.as_str());
    if let Some(entry) = asked_before::entry(context, of, request.as_deref()).await? {
        let number = entry.after.get("next_number").and_then(serde_json::Value::as_u64);
        let number = number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
        return Ok((before, OccurrenceNumber::new(number)));
    }
    editable::check(&before, Touches::default(), Some(Asked::RunNow), context.now)?;
    organizations::check_enabled(context).await?;
    let (after, mut change) =
        run_now(&before, context.now).map_err(|error| refused(&before, &error))?;
    asked_before::mark(&mut change, request);
    let number = after.expected().map(|next| next.number).unwrap_or_default();
    let after = change_subscription::commit(context, &before, after, vec![change]).await?;
    wake::wake(context, &after).await;
    Ok((after, number))
}

fn refused(before: &Subscription, error: &PlanError) -> ApiError {
    let detail = format!("order subscription {}: {error}", before.id);
    Problem::new(Code::InvalidStatus, detail).at("/data/relationships/order_subscription").into()
}

/// Has the payment of a run tried again now that failed, or that waits for it, by a job run of whoever
/// asks. The commit is the promise: where the message is lost, a tick finds the run in the due index.
pub(super) async fn retry(
    context: &Context<'_>,
    run: &Run,
    subscription: &Subscription,
) -> Outcome<()> {
    let id = super::order_factories::id_of_run(run.factory, &run.subscription_id, run.number);
    let at = "/data/attributes/_retry";
    let invalid = |detail: String| ApiError::from(Problem::new(Code::InvalidStatus, detail).at(at));
    let request = asked_before::request(context, "retry");
    let of = ("S", subscription.id.as_str());
    if asked_before::entry(context, of, request.as_deref()).await?.is_some() {
        return Ok(());
    }
    match run.status {
        RunStatus::Failed | RunStatus::Open => {}
        RunStatus::Successful => {
            return Err(invalid(format!("{id} is completed: only what has failed is tried again")));
        }
        RunStatus::Aborted => {
            return Err(invalid(format!(
                "{id} was aborted: only what has failed is tried again; _run_now makes the next run"
            )));
        }
    }
    if !subscription.status.repeats() {
        let status = json!(subscription.status);
        return Err(invalid(format!(
            "order subscription {} is {}: activate it first, then what has failed is tried again",
            subscription.id,
            status.as_str().unwrap_or_default()
        )));
    }
    organizations::check_enabled(context).await?;
    let under_way = subscription.run_number.is_some();
    if under_way || subscription.is_retrying() {
        let what = if under_way { "a run" } else { "a payment" };
        let mut error = invalid(format!(
            "{what} of order subscription {} is under way: ask again when that has ended",
            subscription.id
        ));
        error.headers.push(("retry-after", "5".to_owned()));
        return Err(error);
    }
    let (after, mut change) = retry_run_now(subscription, run, context.now);
    asked_before::mark(&mut change, request);
    change_subscription::commit(context, subscription, after, vec![change]).await?;
    if let Err(error) = send(context, run).await {
        let inside = error.inside.as_deref().unwrap_or_default();
        tracing::warn!(inside, subscription_id = %subscription.id, "a retry waits for the next tick");
    }
    Ok(())
}

async fn send(context: &Context<'_>, run: &Run) -> Outcome<()> {
    let organization = &context.caller.organization;
    let job = JobRun {
        id: job_runs::new_id(context.now),
        kind: JobKind::Manual,
        actor: context.caller.actor(),
        retry_of: None,
        started_at: context.now,
        status: None,
    };
    let batch = JobBatch {
        name: Uuid::now_v7().simple().to_string(),
        runs: vec![(run.subscription_id.clone(), run.number, RunResult::Pending)],
    };
    context.store().put_job_batch(organization, &job.id, &batch).await?;
    job_events::open(context.store(), organization, &job, &[]).await?;
    let message = RetryDue {
        organization: organization.clone(),
        subscription_id: run.subscription_id.clone(),
        number: run.number,
        // Sent twice, it is tried once: the second message finds one attempt more.
        attempts: run.attempts,
        job: JobRef { job_run_id: job.id, batch: batch.name },
    };
    let message = Outgoing::json(&message, Some(organization))
        .map_err(|error| ApiError::internal(error.to_string()))?;
    context.services.send(WorkQueue::PaymentRetry, vec![message]).await
}
