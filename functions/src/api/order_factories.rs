//! Order factories: the copies of orders, whichever kind they are. What a copy by hand and a run of a
//! subscription have in common stands here; each is answered under its own type.

use perennial_domain::{
    ids::{OrderCopyId, OrderId, SubscriptionId},
    order_copy::{CopyStatus, Factory, OrderCopy},
    run::{Run, RunError, RunStatus},
    subscription::Subscription,
    time::OccurrenceNumber,
};
use perennial_store::{Cursor, CursorError, Page, StoredOrder};
use serde_json::{Map, Value, json};

use super::{
    CREATED_AT, UPDATED_AT, answer,
    catalog::{METADATA, REFERENCE, REFERENCE_ORIGIN},
    instalment, listing, order_copies, order_subscriptions, orders, recurring_order_copies,
    taxed::TOTAL_WITH_TAXES,
};
use crate::http::{
    attributes::{Access, Attribute, Kind},
    context::Context,
    error::{ApiError, Code, Outcome, Problem},
    event::Answer,
    object::{Linkage, Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::{Accepts, List},
};

/// Copies of one order or subscription that an include brings. The rest is a page of its own.
const NEWEST: u16 = 25;

/// The same attribute, given by nobody but the server.
pub(super) const fn read_only(attribute: Attribute) -> Attribute {
    Attribute { access: Access::Read, ..attribute }
}

pub(super) const STATUS: Attribute = Attribute::read(
    "status",
    Kind::Choice(&["pending", "in_progress", "aborted", "failed", "completed"]),
    "Where it stands: pending once asked for or due, in progress while its order is being placed or \
     waits for its payment, aborted where it was ended before anything was collected.",
);
pub(super) const STARTED_AT: Attribute =
    Attribute::read("started_at", Kind::Instant, "When it was last taken up.");
pub(super) const COMPLETED_AT: Attribute =
    Attribute::read("completed_at", Kind::Instant, "When it was completed.");
pub(super) const FAILED_AT: Attribute =
    Attribute::read("failed_at", Kind::Instant, "When it was given up.");
pub(super) const ERRORS_LOG: Attribute = Attribute::read(
    "errors_log",
    Kind::Anything(0),
    "What went wrong, by its code (`payment_source_missing`, `sku_missing`, `out_of_stock`, a decline \
     code of the provider): a list, oldest first, of `at`, `message` and `resource`, the `type` and \
     `id` of what is missing or bad, with the `code` of a sku. The newest 50 are kept.",
);
pub(super) const ERRORS_COUNT: Attribute = Attribute::read(
    "errors_count",
    Kind::Integer(0, u32::MAX as i64),
    "How much went wrong, with what errors_log has let go of.",
);

pub(crate) static KIND: ResourceType = ResourceType {
    name: "order_factories",
    singular: "order factory",
    about: "A copy of an order: an order copy, or a recurring order copy. Answered under that type.",
    attributes: &[
        STATUS,
        STARTED_AT,
        COMPLETED_AT,
        FAILED_AT,
        ERRORS_LOG,
        ERRORS_COUNT,
        Attribute::read("place_target_order", Kind::Boolean, "Whether it places its order."),
        Attribute::read("reuse_wallet", Kind::Boolean, "Whether it pays as its source order did."),
        read_only(REFERENCE),
        read_only(REFERENCE_ORIGIN),
        read_only(METADATA),
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::given("source_order", "orders"),
        Relationship::given("target_order", "orders"),
        Relationship::given("order_subscription", "order_subscriptions"),
        Relationship::listed("events", "events"),
        Relationship::listed("versions", "versions"),
    ],
};

/// The types as which they are answered.
pub(crate) const TYPES: &[&str] = &["recurring_order_copies", "order_copies"];

const LIST: List =
    List { served: &["order_subscription_id_eq", "source_order_id_eq"], ..List::WHOLE };

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/order_factories",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts { list: Some(LIST) },
        about: "Lists the copies of a subscription or a source order.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Read,
        path: "/api/order_factories/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads a copy of either kind.",
        handler: handler!(read),
    },
];

/// What went wrong, by its code.
pub(super) fn errors_by_code(errors: &[RunError]) -> Value {
    let mut by_code: Map<String, Value> = Map::new();
    for RunError { at, code, message, resource } in errors {
        let list = by_code.entry(code.clone()).or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.push(json!({"at": at, "message": message, "resource": resource}));
        }
    }
    Value::Object(by_code)
}

/// The type of the copies that a factory makes.
fn kind_of(factory: Factory) -> &'static ResourceType {
    match factory {
        Factory::RecurringOrderCopies => &recurring_order_copies::KIND,
        Factory::OrderCopies => &order_copies::KIND,
    }
}

/// The id of a run as a copy of its kind: the rest is the body of its order's id.
pub(super) fn id_of_run(
    factory: Factory,
    subscription: &SubscriptionId,
    number: OccurrenceNumber,
) -> String {
    let prefix = match factory {
        Factory::RecurringOrderCopies => recurring_order_copies::PREFIX,
        Factory::OrderCopies => OrderCopyId::PREFIX,
    };
    let order = OrderId::of_run(subscription, number);
    format!("{prefix}{}", order.as_str().strip_prefix(OrderId::PREFIX).unwrap_or_default())
}

/// The run that an id names, and the kind of copies by which it names it.
pub(super) fn run_of(id: &str) -> Option<(Factory, SubscriptionId, OccurrenceNumber)> {
    let (factory, body) = match id.strip_prefix(recurring_order_copies::PREFIX) {
        Some(body) => (Factory::RecurringOrderCopies, body),
        None => (Factory::OrderCopies, id.strip_prefix(OrderCopyId::PREFIX)?),
    };
    let order: OrderId = format!("{}{body}", OrderId::PREFIX).parse().ok()?;
    let (subscription, number) = order.run()?;
    Some((factory, subscription, number))
}

/// Attributes, and more of them, as far as a kind of copies has them: only copies by hand are made with
/// options.
fn of_kind(kind: &ResourceType, attributes: Value, more: Map<String, Value>) -> Value {
    let Value::Object(mut attributes) = attributes else { return attributes };
    attributes.extend(more);
    attributes.retain(|name, _| kind.has_field(name));
    Value::Object(attributes)
}

/// A run of a subscription.
pub(super) fn of_run(run: &Run) -> Object {
    let (status, payment_state) = match run.status {
        RunStatus::Open => (CopyStatus::InProgress, "open"),
        RunStatus::Successful => (CopyStatus::Completed, "successful"),
        RunStatus::Failed => (CopyStatus::Failed, "failed"),
        RunStatus::Aborted => (CopyStatus::Aborted, "failed"),
    };
    let payment_state = run.place_target_order.then_some(payment_state);
    let order = run.order_id();
    let (target, brings) = if run.place_target_order {
        (Some(&order), vec![orders::run_object(run)])
    } else {
        (Some(&order).filter(|_| run.leaves_draft()), Vec::new())
    };
    let ended = run.completed_at.or(run.failed_at);
    let kind = kind_of(run.factory);
    Object {
        kind,
        id: id_of_run(run.factory, &run.subscription_id, run.number),
        version: Some(run.version),
        attributes: of_kind(
            kind,
            json!({
                "number": run.number,
                "status": status,
                "payment_state": payment_state,
                "retry_count": run.attempts.saturating_sub(1),
                "due_at": run.due_at,
                "started_at": run.started_at,
                "completed_at": run.completed_at,
                "failed_at": run.failed_at,
                "retry_at": run.retry_at,
                "errors_log": errors_by_code(&run.errors_log),
                "errors_count": run.errors_count(),
                "access_until": run.access_until,
                "action_url": run.action.as_ref().and_then(|action| action.url.as_ref()),
                "skipped": run.skipped,
                "total_amount_cents": run.totals().ok().map(|totals| totals.total),
                (TOTAL_WITH_TAXES.name): run.total,
                "currency_code": run.currency,
                "place_target_order": run.place_target_order,
                "reuse_wallet": true,
                "cancel_source_order": false,
                "apply_promotions": false,
                "skip_errors": false,
                "ignore_invalid_coupon": false,
                "reference": null,
                "reference_origin": null,
                "metadata": null,
                "created_at": run.started_at,
                "updated_at": ended.unwrap_or(run.started_at),
            }),
            instalment::of(run),
        ),
        relationships: vec![
            ("order_subscription", Linkage::one("order_subscriptions", Some(&run.subscription_id))),
            ("source_order", Linkage::Unknown),
            ("target_order", Linkage::one("orders", target)),
            ("job_run", Linkage::one("job_runs", run.job_run_id.as_ref())),
            ("events", Linkage::Unknown),
            ("versions", Linkage::Unknown),
        ],
        meta: None,
        brings,
    }
}

/// When the payment of a run is tried again whose subscription rests: not before that goes on, and
/// nobody knows when where it has no date for it.
fn resting(mut run: Run, subscription: Option<&Subscription>) -> Run {
    if let Some(rests) = subscription.filter(|one| !one.status.repeats()) {
        run.retry_at = run.retry_at.and_then(|at| Some(rests.resumes_at?.max(at)));
    }
    run
}

/// The subscription of open runs, which tells whether they wait for it to go on: one read unit where
/// one of them is open.
async fn of_open(
    context: &Context<'_>,
    subscription: &SubscriptionId,
    runs: &[Run],
) -> Outcome<Option<Subscription>> {
    if runs.iter().all(|run| run.status != RunStatus::Open) {
        return Ok(None);
    }
    Ok(context.store().subscription(&context.caller.organization, subscription).await?)
}

/// A run that is due or under way, and not committed yet. `None` where that number is neither.
pub(super) fn coming(
    subscription: &Subscription,
    number: OccurrenceNumber,
    now: chrono::DateTime<chrono::Utc>,
) -> Option<Object> {
    let claimed = subscription.run_number == Some(number);
    let next = subscription.next().filter(|next| next.number == number && next.at <= now);
    let due = subscription.status.repeats() && next.is_some();
    if !claimed && !due {
        return None;
    }
    let total = subscription.total().ok();
    let kind = kind_of(subscription.factory);
    Some(Object {
        kind,
        id: id_of_run(subscription.factory, &subscription.id, number),
        version: None,
        attributes: of_kind(
            kind,
            json!({
                "number": number,
                "status": CopyStatus::Pending,
                "payment_state": subscription.place_target_order.then_some("open"),
                "retry_count": 0,
                "due_at": subscription.next_run_at,
                "started_at": null,
                "completed_at": null,
                "failed_at": null,
                "retry_at": null,
                "errors_log": {},
                "errors_count": 0,
                "access_until": null,
                "action_url": null,
                "skipped": null,
                "total_amount_cents": total,
                (TOTAL_WITH_TAXES.name): subscription.due_total().ok(),
                "currency_code": subscription.currency,
                "place_target_order": subscription.place_target_order,
                "reuse_wallet": true,
                "cancel_source_order": false,
                "apply_promotions": false,
                "skip_errors": false,
                "ignore_invalid_coupon": false,
                "reference": null,
                "reference_origin": null,
                "metadata": null,
                "created_at": subscription.updated_at,
                "updated_at": subscription.updated_at,
            }),
            instalment::coming(subscription.occurrences_before(number)),
        ),
        relationships: vec![
            ("order_subscription", Linkage::one("order_subscriptions", Some(&subscription.id))),
            ("source_order", Linkage::one("orders", subscription.source_order_id.as_ref())),
            ("target_order", Linkage::One(None)),
            ("job_run", Linkage::one("job_runs", subscription.job_run_id.as_ref())),
            ("events", Linkage::Unknown),
            ("versions", Linkage::Unknown),
        ],
        meta: None,
        brings: Vec::new(),
    })
}

/// A copy that was made by hand.
pub(super) fn of_copy(copy: &OrderCopy) -> Object {
    let OrderCopy {
        id,
        status,
        market_id: _,
        target_order_id,
        options,
        started_at,
        completed_at,
        failed_at,
        errors_log,
        errors_forgotten: _,
        reference,
        reference_origin,
        metadata,
        created_at,
        updated_at,
        version,
        journal: _,
    } = copy;
    let source = id.source().map(|(source, _)| source);
    let none: Option<&SubscriptionId> = None;
    Object {
        kind: &order_copies::KIND,
        id: id.to_string(),
        version: Some(*version),
        attributes: of_kind(
            &order_copies::KIND,
            json!({
                "number": null,
                "status": status,
                "payment_state": null,
                "retry_count": null,
                "due_at": null,
                "started_at": started_at,
                "completed_at": completed_at,
                "failed_at": failed_at,
                "retry_at": null,
                "errors_log": errors_by_code(errors_log),
                "errors_count": copy.errors_count(),
                "access_until": null,
                "action_url": null,
                "skipped": null,
                "total_amount_cents": null,
                (TOTAL_WITH_TAXES.name): null,
                "currency_code": null,
                "place_target_order": options.place_target_order,
                "reuse_wallet": options.reuse_wallet,
                "cancel_source_order": options.cancel_source_order,
                "apply_promotions": options.apply_promotions,
                "skip_errors": options.skip_errors,
                "ignore_invalid_coupon": options.ignore_invalid_coupon,
                "reference": reference,
                "reference_origin": reference_origin,
                "metadata": metadata,
                "created_at": created_at,
                "updated_at": updated_at,
            }),
            instalment::none(),
        ),
        relationships: vec![
            ("order_subscription", Linkage::one("order_subscriptions", none)),
            ("source_order", Linkage::one("orders", source.as_ref())),
            ("target_order", Linkage::one("orders", target_order_id.as_ref())),
            ("job_run", Linkage::One(None)),
            ("events", Linkage::Unknown),
            ("versions", Linkage::Unknown),
        ],
        meta: None,
        brings: Vec::new(),
    }
}

/// Whether copies of this kind are wanted under the name of a resource type.
fn wanted(kind: &str, factory: Factory) -> bool {
    kind == KIND.name || kind == factory.name()
}

/// The runs of one subscription as copies of one kind, or of both; newest first.
pub(super) struct OfSubscription<'a> {
    pub(super) subscription: SubscriptionId,
    pub(super) kind: &'a str,
}

impl listing::Source for OfSubscription<'_> {
    async fn after(
        &self,
        context: &Context<'_>,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Outcome<Result<Page<Object>, CursorError>> {
        let organization = &context.caller.organization;
        let page = context.store().runs(organization, &self.subscription, limit, cursor).await?;
        let page = match page {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        let owner = of_open(context, &self.subscription, &page.items).await?;
        let runs = page.items.into_iter().filter(|run| wanted(self.kind, run.factory));
        let items = runs.map(|run| of_run(&resting(run, owner.as_ref()))).collect();
        Ok(Ok(Page { items, next: page.next }))
    }
}

/// The newest runs of a subscription, as copies of one kind or of both.
pub(super) async fn newest(
    context: &Context<'_>,
    subscription: &SubscriptionId,
    kind: &str,
) -> Outcome<Vec<Object>> {
    let organization = &context.caller.organization;
    let page = context.store().runs(organization, subscription, NEWEST, None).await?;
    let runs = page.map(|page| page.items).unwrap_or_default();
    let owner = of_open(context, subscription, &runs).await?;
    let runs = runs.into_iter().filter(|run| wanted(kind, run.factory));
    Ok(runs.map(|run| of_run(&resting(run, owner.as_ref()))).collect())
}

/// The copies of one kind that an order is the source of: those made by hand, and the newest runs of
/// the subscriptions that were made from it.
pub(super) async fn made_of(
    context: &Context<'_>,
    order: &StoredOrder,
    kind: &str,
) -> Outcome<Vec<Object>> {
    let organization = &context.caller.organization;
    let (id, made) = match order {
        StoredOrder::Client(order) => (order.id.clone(), orders::made_from(context, order).await?),
        StoredOrder::Run(run) => (run.order_id(), Vec::new()),
    };
    let mut copies = Vec::new();
    if wanted(kind, Factory::OrderCopies) {
        let page = context.store().order_copies(organization, &id, NEWEST, None).await?;
        copies.extend(page.map(|page| page.items).unwrap_or_default().iter().map(of_copy));
    }
    for subscription in made {
        copies.extend(newest(context, &subscription.id, kind).await?);
    }
    Ok(copies)
}

/// Lists the copies of one kind, or of both, that the query's filters lead to. `None` where it has
/// none of these filters.
pub(super) async fn filtered(
    context: &Context<'_>,
    kind: &'static ResourceType,
) -> Outcome<Option<Answer>> {
    let filters = &context.query.filters;
    let page = if let Some(id) = filters.get("order_subscription_id_eq") {
        let found = match id.parse() {
            Ok(id) => order_subscriptions::find(context, &id).await?,
            Err(_) => None,
        };
        match found {
            Some(found) => {
                let source = OfSubscription { subscription: found.id, kind: kind.name };
                listing::select(context, &source).await?
            }
            None => listing::of_all(context, Vec::new())?,
        }
    } else if let Some(id) = filters.get("source_order_id_eq") {
        let found = match id.parse() {
            Ok(id) => orders::find(context, &id).await?,
            Err(_) => None,
        };
        let objects = match found {
            Some(order) => made_of(context, &order, kind.name).await?,
            None => Vec::new(),
        };
        listing::of_all(context, objects)?
    } else {
        return Ok(None);
    };
    Ok(Some(answer::page(context, &page, &[]).await?))
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    match filtered(context, &KIND).await? {
        Some(answer) => Ok(answer),
        None => Err(Problem::new(
            Code::InvalidParameter,
            "order_factories are listed by filter[q][order_subscription_id_eq] or \
             filter[q][source_order_id_eq]",
        )
        .in_parameter("filter[q]")
        .into()),
    }
}

/// The orders that the newest runs of a subscription have made.
pub(super) async fn orders_of(context: &Context<'_>, subscription: &str) -> Outcome<Vec<Object>> {
    let Ok(id) = subscription.parse() else { return Ok(Vec::new()) };
    let copies = newest(context, &id, KIND.name).await?;
    let mut made = Vec::with_capacity(copies.len());
    for copy in copies {
        if let Some(order) = copy.brings.into_iter().next() {
            made.push(order);
        } else if let Some(target) =
            copy.relationships.iter().find(|(name, _)| *name == "target_order")
        {
            for order in target.1.refs().iter().filter_map(|order| order.id.parse().ok()) {
                made.extend(orders::find(context, &order).await?.iter().map(orders::stored_object));
            }
        }
    }
    Ok(made)
}

/// The copy that an id names, of either kind: a run is found by either prefix.
pub(super) async fn find(context: &Context<'_>, id: &str) -> Outcome<Option<Object>> {
    let organization = &context.caller.organization;
    let Some((_, subscription, number)) = run_of(id) else {
        let Ok(id) = id.parse::<OrderCopyId>() else { return Ok(None) };
        let found = context.store().order_copy(organization, &id).await?;
        let found = found.filter(|copy| context.caller.sees(&copy.market_id));
        return Ok(found.as_ref().map(of_copy));
    };
    let run = context.store().run(organization, &subscription, number).await?;
    if let Some(run) = run {
        if !context.caller.sees(&run.market_id) {
            return Ok(None);
        }
        let owner = of_open(context, &subscription, std::slice::from_ref(&run)).await?;
        return Ok(Some(of_run(&resting(run, owner.as_ref()))));
    }
    let subscription = order_subscriptions::find(context, &subscription).await?;
    Ok(subscription.and_then(|subscription| coming(&subscription, number, context.now)))
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let found = find(context, context.id).await?;
    let found = found.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))?;
    answer::one(context, 200, &found).await
}

/// The source order of a run: its subscription knows it.
pub(super) async fn source_of_run(context: &Context<'_>, id: &str) -> Outcome<Vec<Object>> {
    let Some((_, subscription, _)) = run_of(id) else { return Ok(Vec::new()) };
    let Some(subscription) = order_subscriptions::find(context, &subscription).await? else {
        return Ok(Vec::new());
    };
    let Some(source) = &subscription.source_order_id else { return Ok(Vec::new()) };
    let order = orders::find(context, source).await?;
    Ok(order.iter().map(orders::stored_object).collect())
}
