//! Making a run of a subscription by hand: the next one at once, or the payment of one that failed
//! once more. Both go the way of every other run, and make no second order or charge for one number.

use perennial_domain::{
    plan::{PlanError, run_now},
    run::{Run, RunStatus},
    subscription::Subscription,
    time::OccurrenceNumber,
};
use perennial_messages::{JobRef, Outgoing, RetryDue};
use perennial_store::{Direction, JobBatch, JobKind, JobRun, RunResult};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    change_subscription, editable, editable::Touches, job_runs, subscription_edit::Asked, wake,
};
use crate::{
    http::{
        context::Context,
        error::{ApiError, Code, Outcome, Problem},
    },
    work_queues::WorkQueue,
};

/// Journal entries among which a request looks for what it has done itself before it died.
const LATEST: u16 = 50;
/// Where the journal entry of a run that was asked for tells which request it was.
const REQUEST: &str = "request";

/// Brings the next run of a subscription forward to now and wakes it; answers its number. A request
/// that is sent again under its idempotency key finds the run that it has asked for, even where that
/// was made by then.
pub(super) async fn run_next_now(
    context: &Context<'_>,
    before: Subscription,
) -> Outcome<(Subscription, OccurrenceNumber)> {
    let request = context.once.as_ref().map(|_| context.new_uuid("run_now").to_string());
    if let Some(request) = &request
        && let Some(number) = asked_before(context, &before, request).await?
    {
        return Ok((before, number));
    }
    editable::check(&before, Touches::default(), Some(Asked::RunNow), context.now)?;
    let (after, mut change) =
        run_now(&before, context.now).map_err(|error| refused(&before, &error))?;
    if let (Value::Object(told), Some(request)) = (&mut change.after, request) {
        told.insert(REQUEST.to_owned(), json!(request));
    }
    let number = after.expected().map(|next| next.number).unwrap_or_default();
    let after = change_subscription::commit(context, &before, after, vec![change]).await?;
    wake::wake(context, &after).await;
    Ok((after, number))
}

fn refused(before: &Subscription, error: &PlanError) -> ApiError {
    let detail = format!("order subscription {}: {error}", before.id);
    Problem::new(Code::InvalidStatus, detail).at("/data/relationships/order_subscription").into()
}

/// The number of the run that this request has asked for, if it has.
async fn asked_before(
    context: &Context<'_>,
    subscription: &Subscription,
    request: &str,
) -> Outcome<Option<OccurrenceNumber>> {
    let of = ("S", subscription.id.as_str());
    let organization = &context.caller.organization;
    let page = context.store().journal(organization, of, Direction::Backward, LATEST, None).await?;
    let entries = page.map(|page| page.items).unwrap_or_default();
    let asked = entries
        .iter()
        .find(|entry| entry.after.get(REQUEST).and_then(Value::as_str) == Some(request));
    let number = asked.and_then(|entry| entry.after.get("next_number")?.as_u64());
    Ok(number.and_then(|number| u32::try_from(number).ok()).map(OccurrenceNumber::new))
}

/// Sends a run that failed, or that waits for its payment, to have that tried again now, by a job run
/// of whoever asks.
pub(super) async fn retry(
    context: &Context<'_>,
    run: &Run,
    subscription: &Subscription,
) -> Outcome<()> {
    let id = super::order_factories::id_of_run(run.factory, &run.subscription_id, run.number);
    let at = "/data/attributes/_retry";
    let invalid = |detail: String| ApiError::from(Problem::new(Code::InvalidStatus, detail).at(at));
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
    let organization = &context.caller.organization;
    let job = JobRun {
        id: job_runs::new_id(context.now),
        kind: JobKind::Manual,
        actor: context.caller.actor(),
        retry_of: None,
        started_at: context.now,
    };
    let batch = JobBatch {
        name: Uuid::now_v7().simple().to_string(),
        runs: vec![(run.subscription_id.clone(), run.number, RunResult::Pending)],
    };
    context.store().open_job_run(organization, &job).await?;
    context.store().put_job_batch(organization, &job.id, &batch).await?;
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
