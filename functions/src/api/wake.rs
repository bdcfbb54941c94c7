//! A tick for one subscription, so that what was brought forward to now is made now.

use perennial_domain::subscription::Subscription;
use perennial_messages::{Outgoing, TickPart, TickShards};
use perennial_store::{JobKind, JobRun, shard_of};

use super::job_runs;
use crate::{
    http::{
        context::Context,
        error::{ApiError, Outcome},
    },
    job_events,
    work_queues::WorkQueue,
};

/// Wakes what is due in the subscription's part of the due index, for its organization, by a job run
/// of whoever asks. The subscription stands there already: where this fails, the schedule wakes it
/// within a minute, so that a failure is logged and no more.
pub(super) async fn wake(context: &Context<'_>, subscription: &Subscription) {
    if let Err(error) = send(context, subscription).await {
        let inside = error.inside.as_deref().unwrap_or_default();
        tracing::warn!(inside, subscription_id = %subscription.id, "a run waits for the next tick");
    }
}

async fn send(context: &Context<'_>, subscription: &Subscription) -> Outcome<()> {
    let organization = &context.caller.organization;
    let job = JobRun {
        id: job_runs::new_id(context.now),
        kind: JobKind::Manual,
        actor: context.caller.actor(),
        retry_of: None,
        started_at: context.now,
        status: None,
    };
    let shard = shard_of(subscription.id.as_str(), context.store().shards());
    let tick = TickShards {
        tick_at: context.now,
        parts: vec![TickPart { shard, cursor: None }],
        organization: Some(organization.clone()),
        job_run_id: Some(job.id.clone()),
        retry_of: None,
    };
    let part = job_events::part_name(&tick);
    job_events::open(context.store(), organization, &job, &[part]).await?;
    let message = Outgoing::json(&tick, Some(organization))
        .map_err(|error| ApiError::internal(error.to_string()))?;
    context.services.send(WorkQueue::RenewalTick, vec![message]).await
}
