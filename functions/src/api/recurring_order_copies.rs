//! Recurring order copies: the runs of subscriptions, each of which copies its order once.

use perennial_domain::{
    ids::{OrderId, SubscriptionId},
    run::{Run, RunStatus},
    time::OccurrenceNumber,
};
use perennial_store::{Cursor, CursorError, Page};
use serde_json::json;

use super::{answer, listing, order_subscriptions, orders};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    error::{ApiError, Outcome},
    event::Answer,
    object::{Linkage, Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::{Accepts, List},
};

/// What ids begin with. The rest is the body of the target order's id.
const PREFIX: &str = "roc_";

pub(crate) static KIND: ResourceType = ResourceType {
    name: "recurring_order_copies",
    singular: "recurring order copy",
    about: "A run of a subscription: it copies the subscription's order once, and has it paid.",
    attributes: &[
        Attribute::read("number", Kind::Integer(0, u32::MAX as i64), "Which occurrence."),
        Attribute::read(
            "status",
            Kind::Choice(&["in_progress", "failed", "completed"]),
            "Where the run stands: in progress while its payment is open.",
        ),
        Attribute::read(
            "payment_state",
            Kind::Choice(&["open", "failed", "successful"]),
            "Where its payment stands.",
        ),
        Attribute::read(
            "job_run_status",
            Kind::Choice(&["Open", "Failed", "Successful"]),
            "The same in the words of instalment payments: Open while retries are left, Failed above \
             their maximum.",
        ),
        Attribute::read(
            "processed",
            Kind::Boolean,
            "Whether its order is made and paid: nothing is left to be done about it.",
        ),
        Attribute::read(
            "instalment_count",
            Kind::Integer(0, u32::MAX as i64),
            "How many instalments there have been with it, the source order not counted. One that \
             was skipped counts; numbers that a change of frequency jumped over do not.",
        ),
        Attribute::read(
            "next_run_at",
            Kind::Instant,
            "When the run after it was due, as seen when it was made; null at the end of the \
             schedule.",
        ),
        Attribute::read(
            "retry_count",
            Kind::Integer(0, u32::MAX as i64),
            "Payment attempts after the first.",
        ),
        Attribute::read("due_at", Kind::Instant, "When the occurrence was due."),
        Attribute::read("started_at", Kind::Instant, "When the run was made."),
        Attribute::read("completed_at", Kind::Instant, "When its order was paid and placed."),
        Attribute::read("failed_at", Kind::Instant, "When it was given up."),
        Attribute::read("retry_at", Kind::Instant, "When its payment is tried again."),
        Attribute::read(
            "errors_log",
            Kind::List(&Kind::Anything(0), 1_000),
            "What went wrong, oldest first: at, code, message.",
        ),
        Attribute::read("errors_count", Kind::Integer(0, 1_000), "How much went wrong."),
        Attribute::read(
            "skipped",
            Kind::Anything(0),
            "Occurrences passed over before it: first and last.",
        ),
        Attribute::read(
            "total_amount_cents",
            Kind::Integer(0, i64::MAX),
            "What it costs, in minor units.",
        ),
        Attribute::read("currency_code", Kind::Currency, "Currency of the amount."),
    ],
    relationships: &[
        Relationship::given("order_subscription", "order_subscriptions"),
        Relationship::given("target_order", "orders"),
        Relationship::given("job_run", "job_runs"),
        Relationship::listed("events", "events"),
        Relationship::listed("versions", "versions"),
    ],
};

/// The runs of a subscription stand by their number.
pub(super) const LIST: List = List { by: Some("number"), descending: true, ..List::WHOLE };

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/recurring_order_copies",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts {
            list: Some(List {
                served: &["order_subscription_id_eq"],
                required: &["order_subscription_id_eq"],
                ..LIST
            }),
        },
        about: "Lists the runs of a subscription, newest first.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Read,
        path: "/api/recurring_order_copies/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads a run.",
        handler: handler!(read),
    },
];

/// The id of a run.
pub(super) fn id_of(subscription: &SubscriptionId, number: OccurrenceNumber) -> String {
    let order = OrderId::of_run(subscription, number);
    format!("{PREFIX}{}", order.as_str().strip_prefix(OrderId::PREFIX).unwrap_or_default())
}

/// The run that an id names.
pub(super) fn run_of(id: &str) -> Option<(SubscriptionId, OccurrenceNumber)> {
    let order: OrderId = format!("{}{}", OrderId::PREFIX, id.strip_prefix(PREFIX)?).parse().ok()?;
    order.run()
}

pub(super) fn object(run: &Run) -> Object {
    let (status, payment_state, job_run_status) = match run.status {
        RunStatus::Open => ("in_progress", "open", "Open"),
        RunStatus::Successful => ("completed", "successful", "Successful"),
        RunStatus::Failed => ("failed", "failed", "Failed"),
        RunStatus::Aborted => ("aborted", "failed", "Failed"),
    };
    Object {
        kind: &KIND,
        id: id_of(&run.subscription_id, run.number),
        version: Some(run.version),
        attributes: json!({
            "number": run.number,
            "status": status,
            "payment_state": payment_state,
            "job_run_status": job_run_status,
            "processed": run.status == RunStatus::Successful,
            "instalment_count": run.instalment(),
            "next_run_at": run.next_run_at,
            "retry_count": run.attempts.saturating_sub(1),
            "due_at": run.due_at,
            "started_at": run.started_at,
            "completed_at": run.completed_at,
            "failed_at": run.failed_at,
            "retry_at": run.retry_at,
            "errors_log": run.errors_log,
            "errors_count": run.errors_log.len(),
            "skipped": run.skipped,
            "total_amount_cents": run.total,
            "currency_code": run.currency,
        }),
        relationships: vec![
            ("order_subscription", Linkage::one("order_subscriptions", Some(&run.subscription_id))),
            ("target_order", Linkage::one("orders", Some(&run.order_id()))),
            ("job_run", Linkage::one("job_runs", run.job_run_id.as_ref())),
            ("events", Linkage::Unknown),
            ("versions", Linkage::Unknown),
        ],
        meta: None,
        brings: vec![orders::run_object(run)],
    }
}

/// The runs of one subscription, newest first.
pub(super) struct OfSubscription(pub(super) SubscriptionId);

impl listing::Source for OfSubscription {
    async fn after(
        &self,
        context: &Context<'_>,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Outcome<Result<Page<Object>, CursorError>> {
        let organization = &context.caller.organization;
        let page = context.store().runs(organization, &self.0, limit, cursor).await?;
        Ok(page
            .map(|page| Page { items: page.items.iter().map(object).collect(), next: page.next }))
    }
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let wanted = context.query.filters.get("order_subscription_id_eq");
    let found = match wanted.and_then(|id| id.parse().ok()) {
        Some(id) => order_subscriptions::find(context, &id).await?,
        None => None,
    };
    let page = match found {
        Some(subscription) => listing::select(context, &OfSubscription(subscription.id)).await?,
        None => listing::of_all(context, Vec::new())?,
    };
    answer::page(context, &page, &[]).await
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let missing = || ApiError::not_found(KIND.singular, context.id);
    let (subscription, number) = run_of(context.id).ok_or_else(missing)?;
    let run = context.store().run(&context.caller.organization, &subscription, number).await?;
    let run = run.filter(|run| context.caller.sees(&run.market_id)).ok_or_else(missing)?;
    answer::one(context, 200, &object(&run)).await
}
