//! The job log: every execution of the renewal job that found work, and "run now".

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    ids::{JobRunId, OrganizationId, SubscriptionId},
    order_copy::Factory,
    run::Run,
    subscription::Subscription,
    time::OccurrenceNumber,
};
use perennial_messages::{Outgoing, TickShards};
use perennial_store::{JobBatch, JobCounts, JobKind, JobRun, JobStatus, RunResult};
use serde_json::{Value, json};
use uuid::{NoContext, Timestamp, Uuid};

use super::{
    CREATED_AT, UPDATED_AT,
    annotations::{NO_METADATA, NO_REFERENCE, NO_REFERENCE_ORIGIN, unkept},
    answer, listing,
    order_factories::id_of_run,
    organizations,
};
use crate::{
    http::{
        attributes::{Access, Attribute, Kind},
        context::Context,
        document::{Document, Related, no_such},
        error::{ApiError, Outcome, Problems},
        event::Answer,
        object::{Given, Linkage, Object, Relationship, ResourceType},
        operation::{Action, Operation, Surface, handler},
        query::{Accepts, List},
    },
    job_events,
    renewal_tick::shard_groups,
    results::{ASKED, fill_in},
    work_queues::WorkQueue,
};

/// Most runs in one document: an answer of Lambda holds 6 MB.
const MAX_RUNS: usize = 1_000;
/// How long a job run that a person started may show no runs before it counts as finding none.
const START: TimeDelta = TimeDelta::seconds(60);

pub(crate) static KIND: ResourceType = ResourceType {
    name: "job_runs",
    singular: "job run",
    about: "One execution of the renewal job: a tick of the schedule that found work, or \"run \
            now\" by a person.",
    attributes: &[
        Attribute::of(
            "kind",
            Kind::Choice(&["renewals", "scheduled", "manual", "retry_failed", "reconciliation"]),
            Access::Create,
            "What started it. On creation only `renewals`, the default: everything due now, or \
             what has failed in the job run that `retry_of` names.",
        ),
        Attribute::read(
            "status",
            Kind::Choice(&["running", "completed", "completed_with_errors"]),
            "Where it stands.",
        ),
        Attribute::read("started_by", Kind::Text(300), "Who started it."),
        Attribute::read("due_count", Kind::Integer(0, i64::MAX), "Runs that were due."),
        Attribute::read("claimed_count", Kind::Integer(0, i64::MAX), "Runs taken up."),
        Attribute::read("pending_count", Kind::Integer(0, i64::MAX), "Of these: no result yet."),
        Attribute::read("placed_count", Kind::Integer(0, i64::MAX), "Orders placed and paid."),
        Attribute::read("open_count", Kind::Integer(0, i64::MAX), "Declined, to be tried again."),
        Attribute::read("failed_count", Kind::Integer(0, i64::MAX), "Given up."),
        Attribute::read("skipped_count", Kind::Integer(0, i64::MAX), "Passed over."),
        Attribute::read("dead_lettered_count", Kind::Integer(0, i64::MAX), "Dead letters."),
        Attribute::read(
            "runs",
            Kind::List(&Kind::Anything(0), MAX_RUNS),
            "The runs and what became of each, those that failed or wait first; at most 1,000. Each \
             names its copy by `recurring_order_copy_id` or, where its subscription copies one order \
             by hand, by `order_copy_id`, and its order by `order_id`; null where there is none. Only \
             where a job run is read by itself.",
        ),
        Attribute::read(
            "runs_total",
            Kind::Integer(0, i64::MAX),
            "How many runs there are, those beyond the 1,000 that `runs` holds too.",
        ),
        Attribute::read("started_at", Kind::Instant, "When it began."),
        NO_REFERENCE,
        NO_REFERENCE_ORIGIN,
        NO_METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship {
            name: "retry_of",
            to: "job_runs",
            or_to: &[],
            many: false,
            on_create: Given::Optionally,
            on_update: false,
            linked: true,
        },
        Relationship::listed("events", "events"),
    ],
};

/// Job runs stand by their id, which begins with the time. What became of their runs is counted for
/// those that are answered.
const LIST: List = List {
    by: Some("started_at"),
    descending: true,
    reversible: true,
    computed: &[
        "status",
        "due_count",
        "claimed_count",
        "pending_count",
        "placed_count",
        "open_count",
        "failed_count",
        "skipped_count",
        "dead_lettered_count",
        "runs_total",
    ],
    ..List::WHOLE
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/job_runs",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts { list: Some(LIST) },
        about: "Lists job runs, newest first unless sorted otherwise.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Create,
        path: "/api/job_runs",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Runs now: everything due in the organization, or what has failed in an earlier \
                job run.",
        handler: handler!(create),
    },
    Operation {
        action: Action::Read,
        path: "/api/job_runs/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads a job run with the runs it handled.",
        handler: handler!(read),
    },
];

/// Where a result stands among the runs of a document: what somebody has to look at comes first.
fn urgency(result: RunResult) -> u8 {
    match result {
        RunResult::Failed => 0,
        RunResult::DeadLettered => 1,
        RunResult::Open => 2,
        RunResult::Pending => 3,
        RunResult::Skipped => 4,
        RunResult::Placed => 5,
    }
}

/// A job run, and how many of its runs stand where.
fn object(job: &JobRun, batches: &[JobBatch], now: DateTime<Utc>) -> Object {
    let counts = JobCounts::of(batches);
    let starting =
        batches.is_empty() && job.kind != JobKind::Scheduled && now - job.started_at < START;
    let counted = if starting { JobStatus::Running } else { counts.status() };
    let status = job.status.unwrap_or(counted);
    let runs_total: usize = batches.iter().map(|batch| batch.runs.len()).sum();
    let mut object = summary(job);
    if let Value::Object(attributes) = &mut object.attributes {
        let JobCounts { claimed, pending, placed, open, failed, skipped, dead_lettered } = counts;
        let facts = [
            ("status", json!(status)),
            ("due_count", json!(claimed)),
            ("claimed_count", json!(claimed)),
            ("pending_count", json!(pending)),
            ("placed_count", json!(placed)),
            ("open_count", json!(open)),
            ("failed_count", json!(failed)),
            ("skipped_count", json!(skipped)),
            ("dead_lettered_count", json!(dead_lettered)),
            ("runs_total", json!(runs_total)),
        ];
        for (name, value) in facts {
            attributes.insert(name.to_owned(), value);
        }
    }
    object
}

type Handled = (SubscriptionId, OccurrenceNumber, RunResult);

/// The runs that a document holds.
fn shown(batches: &[JobBatch]) -> Vec<&Handled> {
    let mut handled: Vec<_> = batches.iter().flat_map(|batch| &batch.runs).collect();
    handled.sort_by_key(|(_, _, result)| urgency(*result));
    handled.truncate(MAX_RUNS);
    handled
}

/// What stands of them: the runs by themselves, and the subscriptions of those that are under way or
/// were passed over.
#[derive(Default)]
struct Standing {
    runs: HashMap<(SubscriptionId, OccurrenceNumber), Run>,
    subscriptions: HashMap<(OrganizationId, SubscriptionId), Subscription>,
}

impl Standing {
    /// Half a read unit for each run, one more where there is none.
    async fn of(context: &Context<'_>, shown: &[&Handled]) -> Outcome<Self> {
        let organization = &context.caller.organization;
        let mut keys: Vec<(SubscriptionId, OccurrenceNumber)> =
            shown.iter().map(|(subscription, number, _)| (subscription.clone(), *number)).collect();
        let runs = context.store().runs_among(organization, keys.clone()).await?;
        keys.retain(|key| !runs.contains_key(key));
        let without: Vec<(OrganizationId, SubscriptionId)> = keys
            .into_iter()
            .map(|(subscription, _)| (organization.clone(), subscription))
            .collect();
        let subscriptions = context.store().subscriptions(without).await?;
        Ok(Self { runs, subscriptions })
    }

    /// A run with the ids of the copy and the order that it is; null where there is none.
    fn describe(&self, organization: &OrganizationId, handled: &Handled) -> Value {
        let (subscription, number, result) = handled;
        let run = self.runs.get(&(subscription.clone(), *number));
        let order = run.filter(|run| run.place_target_order || run.leaves_draft());
        let under_way = || {
            let found = self.subscriptions.get(&(organization.clone(), subscription.clone()))?;
            (found.run_number == Some(*number)).then_some(found.factory)
        };
        let factory = run.map(|run| run.factory).or_else(under_way);
        let copy = |kind: Factory| {
            let factory = factory.filter(|factory| *factory == kind)?;
            Some(id_of_run(factory, subscription, *number))
        };
        json!({
            "order_subscription_id": subscription,
            "number": number,
            "result": result,
            "order_id": order.map(Run::order_id),
            "recurring_order_copy_id": copy(Factory::RecurringOrderCopies),
            "order_copy_id": copy(Factory::OrderCopies),
        })
    }
}

fn summary(job: &JobRun) -> Object {
    let JobRun { id, kind, actor, retry_of, started_at, status: _ } = job;
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: None,
        attributes: unkept(json!({
            "kind": kind,
            "started_by": actor,
            "started_at": started_at,
            "created_at": started_at,
            "updated_at": started_at,
        })),
        relationships: vec![
            ("retry_of", Linkage::one("job_runs", retry_of.as_ref())),
            ("events", Linkage::Unknown),
        ],
        meta: None,
        brings: Vec::new(),
    }
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let organization = &context.caller.organization;
    let mut page = listing::of_kind(context, &KIND, summary, |_, _: &JobRun| true).await?;
    let ids = page.objects.iter().filter_map(|object| object.id.parse::<JobRunId>().ok());
    let reads = ids.map(|id| async move { context.store().job_run(organization, &id).await });
    let mut jobs = futures::future::try_join_all(reads).await?;
    for (job, batches) in jobs.iter_mut().flatten() {
        fill_in(context.store(), organization, job, batches, context.now, ASKED).await?;
    }
    page.objects =
        jobs.iter().flatten().map(|(job, batches)| object(job, batches, context.now)).collect();
    answer::page(context, &page, &[]).await
}

/// A job run as it stands now, without its runs.
pub(super) async fn find(context: &Context<'_>, id: &JobRunId) -> Outcome<Option<Object>> {
    let organization = &context.caller.organization;
    let found = context.store().job_run(organization, id).await?;
    let Some((job, mut batches)) = found else { return Ok(None) };
    fill_in(context.store(), organization, &job, &mut batches, context.now, ASKED).await?;
    Ok(Some(object(&job, &batches, context.now)))
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let id: JobRunId = context.path_id(KIND.singular)?;
    let found = context.store().job_run(&context.caller.organization, &id).await?;
    let (job, mut batches) = found.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))?;
    let organization = &context.caller.organization;
    fill_in(context.store(), organization, &job, &mut batches, context.now, ASKED).await?;
    let shown = shown(&batches);
    let standing = Standing::of(context, &shown).await?;
    let runs: Vec<Value> =
        shown.into_iter().map(|handled| standing.describe(organization, handled)).collect();
    let mut object = object(&job, &batches, context.now);
    if let Value::Object(attributes) = &mut object.attributes {
        attributes.insert("runs".to_owned(), json!(runs));
    }
    answer::one(context, 200, &object).await
}

/// An id that sorts by time among those of ticks. It can't be derived from an idempotency key, which
/// knows no time: repeating, under its key, a request that was told that its messages could not be
/// sent opens another job run. It does no harm: what one job run claims, no other finds due.
pub(super) fn new_id(now: DateTime<Utc>) -> JobRunId {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    let at = Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos());
    JobRunId::from_uuid(Uuid::new_v7(at))
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let organization = &context.caller.organization;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let kind: Option<String> = attributes.value("kind", &mut problems);
    if let Some(kind) = kind.filter(|kind| kind != "renewals") {
        problems.add(
            crate::http::error::Problem::new(
                crate::http::error::Code::InvalidValue,
                format!("kind must be renewals on creation, not {kind:?}"),
            )
            .at(attributes.pointer("kind"))
            .with("value", kind),
        );
    }
    let retry_of: Related<JobRunId> = document.related("retry_of", &mut problems);
    if let Related::To(id) = &retry_of
        && context.store().logged_job_run(organization, id).await?.is_none()
    {
        problems.add(no_such("job_runs", id.as_str(), "/data/relationships/retry_of"));
    }
    problems.check()?;
    organizations::check_enabled(context).await?;
    let retry_of = retry_of.id();
    let job = JobRun {
        id: new_id(context.now),
        kind: if retry_of.is_some() { JobKind::RetryFailed } else { JobKind::Manual },
        actor: context.caller.actor(),
        retry_of,
        started_at: context.now,
        status: None,
    };
    let ticks = ticks(context, &job);
    let parts: Vec<String> = ticks.iter().map(job_events::part_name).collect();
    job_events::open(context.store(), organization, &job, &parts).await?;
    let messages = ticks.iter().map(|tick| Outgoing::json(tick, Some(organization)));
    let messages = messages.collect::<Result<_, _>>();
    let messages = messages.map_err(|error| ApiError::internal(error.to_string()))?;
    context.services.send(WorkQueue::RenewalTick, messages).await?;
    answer::one(context, 201, &object(&job, &[], context.now)).await
}

/// The parts of the tick that does what is asked for.
fn ticks(context: &Context<'_>, job: &JobRun) -> Vec<TickShards> {
    let parts = match &job.retry_of {
        Some(_) => vec![Vec::new()],
        None => shard_groups(context.store().shards()),
    };
    let tick = |parts| TickShards {
        tick_at: context.now,
        parts,
        organization: Some(context.caller.organization.clone()),
        job_run_id: Some(job.id.clone()),
        retry_of: job.retry_of.clone(),
    };
    parts.into_iter().map(tick).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn a_document_holds_a_thousand_runs_and_those_to_look_at_first() {
        let now: DateTime<Utc> = "2027-01-31T10:00:00Z".parse().unwrap();
        let job = JobRun {
            id: "job_1".parse().unwrap(),
            kind: JobKind::Scheduled,
            actor: "system:renewal-tick".to_owned(),
            retry_of: None,
            started_at: now,
            status: None,
        };
        let run = |index: u32, result| {
            let subscription = format!("sub_{index}").parse().unwrap();
            (subscription, OccurrenceNumber::new(1), result)
        };
        let mut runs: Vec<_> = (0..1_500).map(|index| run(index, RunResult::Placed)).collect();
        let last = [RunResult::Open, RunResult::DeadLettered, RunResult::Failed];
        runs.extend((1_500..).zip(last).map(|(index, result)| run(index, result)));
        let batch = JobBatch { name: "0".to_owned(), runs };
        let batches = [batch];
        let attributes = object(&job, &batches, now).attributes;
        let shown = shown(&batches);
        assert_eq!(shown.len(), 1_000);
        let first: Vec<_> = shown.iter().take(4).map(|(_, _, result)| *result).collect();
        let last = [RunResult::Failed, RunResult::DeadLettered, RunResult::Open, RunResult::Placed];
        assert_eq!(first, last);
        assert_eq!(attributes.get("runs_total"), Some(&json!(1_503)));
        assert_eq!(attributes.get("placed_count"), Some(&json!(1_500)));
    }
}
