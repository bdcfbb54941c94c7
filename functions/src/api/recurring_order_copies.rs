//! Recurring order copies: the runs of subscriptions, each of which copies the subscription's items
//! once.

use perennial_domain::{
    ids::{OrderId, SubscriptionId},
    order_copy::Factory,
};

use super::{
    CREATED_AT, UPDATED_AT, answer,
    catalog::{METADATA, REFERENCE, REFERENCE_ORIGIN},
    instalment::{INSTALMENT_COUNT, JOB_RUN_STATUS, NEXT_RUN_AT, PROCESSED},
    order_factories::{
        self, COMPLETED_AT, ERRORS_COUNT, ERRORS_LOG, FAILED_AT, STARTED_AT, STATUS, read_only,
    },
    order_subscriptions, run_copy,
    taxed::TOTAL_WITH_TAXES,
};
use crate::http::{
    attributes::{Access, Attribute, Kind},
    context::Context,
    document::{Document, Related, no_such},
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
    object::{Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::{Accepts, List},
};

/// What ids begin with. The rest is the body of the target order's id.
pub(super) const PREFIX: &str = "roc_";

pub(super) const NUMBER: Attribute =
    Attribute::read("number", Kind::Integer(0, u32::MAX as i64), "Which occurrence.");
pub(super) const PAYMENT_STATE: Attribute = Attribute::read(
    "payment_state",
    Kind::Choice(&["open", "failed", "successful"]),
    "Where its payment stands; null where it collects none, because its order is left as a draft.",
);
pub(super) const RETRY_COUNT: Attribute = Attribute::read(
    "retry_count",
    Kind::Integer(0, u32::MAX as i64),
    "Payment attempts after the first.",
);
pub(super) const DUE_AT: Attribute =
    Attribute::read("due_at", Kind::Instant, "When the occurrence was due.");
pub(super) const RETRY_AT: Attribute = Attribute::read(
    "retry_at",
    Kind::Instant,
    "When its payment is tried again. While its subscription rests nothing is tried: then it is \
         not before resumes_at, and null where there is no such date.",
);
pub(super) const ACCESS_UNTIL: Attribute = Attribute::read(
    "access_until",
    Kind::Instant,
    "Until when its customer keeps access while it is not paid: due_at, and the grace period of the \
     retry policy after that. Null before an attempt has failed, and once it is paid.",
);
pub(super) const ACTION_URL: Attribute = Attribute::read(
    "action_url",
    Kind::Text(2_000),
    "Where its customer confirms the payment that waits for that, if the provider has a page for it.",
);
pub(super) const SKIPPED: Attribute = Attribute::read(
    "skipped",
    Kind::Anything(0),
    "Occurrences passed over before it: first and last.",
);
pub(super) const TOTAL: Attribute = Attribute::read(
    "total_amount_cents",
    Kind::Integer(0, i64::MAX),
    "What it costs, in minor units, without the tax that comes on top.",
);
pub(super) const CURRENCY: Attribute =
    Attribute::read("currency_code", Kind::Currency, "Currency of the amount.");
pub(super) const RETRY: Attribute = Attribute::of(
    "_retry",
    Kind::Boolean,
    Access::UpdateTrigger,
    "Tries again what has failed, or waits for its payment, now. What it lacked must be there by then. \
     Of the retries of its policy it uses up one only where that says manual_retries_count.",
);

const PLACE_TARGET_ORDER: Attribute = Attribute::create(
    "place_target_order",
    Kind::Boolean,
    "Whether it places its order; else it leaves a draft. As its subscription says: another value is \
     refused.",
);
const REUSE_WALLET: Attribute = Attribute::create(
    "reuse_wallet",
    Kind::Boolean,
    "True: it is paid as its subscription is. Another value is refused.",
);

pub(crate) static KIND: ResourceType = ResourceType {
    name: "recurring_order_copies",
    singular: "recurring order copy",
    about: "A run of a subscription: it copies the subscription's items once, and has the order paid.",
    attributes: &[
        NUMBER,
        STATUS,
        PAYMENT_STATE,
        RETRY_COUNT,
        JOB_RUN_STATUS,
        PROCESSED,
        INSTALMENT_COUNT,
        NEXT_RUN_AT,
        DUE_AT,
        STARTED_AT,
        COMPLETED_AT,
        FAILED_AT,
        RETRY_AT,
        ACCESS_UNTIL,
        ACTION_URL,
        ERRORS_LOG,
        ERRORS_COUNT,
        SKIPPED,
        TOTAL,
        TOTAL_WITH_TAXES,
        CURRENCY,
        PLACE_TARGET_ORDER,
        REUSE_WALLET,
        RETRY,
        read_only(REFERENCE),
        read_only(REFERENCE_ORIGIN),
        read_only(METADATA),
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::required("order_subscription", "order_subscriptions"),
        Relationship { on_update: false, ..Relationship::optional("source_order", "orders") },
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
        about: "Lists the runs of a subscription that copy its items, newest first.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Create,
        path: "/api/recurring_order_copies",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Makes the next run of a subscription now, in the place of its date. It is pending \
                until that is done.",
        handler: handler!(create),
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
    Operation {
        action: Action::Update,
        path: "/api/recurring_order_copies/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Tries a run that has failed again.",
        handler: handler!(update),
    },
];

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    match order_factories::filtered(context, &KIND).await? {
        Some(answer) => Ok(answer),
        None => Err(context.query.refuse_unbounded()),
    }
}

async fn in_path(context: &Context<'_>) -> Outcome<Object> {
    let found = order_factories::find(context, context.id).await?;
    let found = found.filter(|found| found.kind.name == KIND.name);
    found.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    answer::one(context, 200, &in_path(context).await?).await
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let places: Option<bool> = attributes.optional(PLACE_TARGET_ORDER.name, &mut problems).value();
    let reuses: Option<bool> = attributes.optional(REUSE_WALLET.name, &mut problems).value();
    let subscription: Related<SubscriptionId> =
        document.related("order_subscription", &mut problems);
    let source: Related<OrderId> = document.related("source_order", &mut problems);
    let id = problems.finish(subscription.id())?;
    let at = "/data/relationships/order_subscription";
    let found = order_subscriptions::find(context, &id).await?;
    let found = found.ok_or_else(|| no_such("order_subscriptions", id.as_str(), at))?;
    if let Related::To(source) = &source
        && Some(source) != found.source_order_id.as_ref()
    {
        let detail = match &found.source_order_id {
            Some(own) => format!("order subscription {id} repeats order {own}, not {source}"),
            None => format!("order subscription {id} was imported and has no source order"),
        };
        return Err(Problem::new(Code::InvalidValue, detail)
            .at("/data/relationships/source_order/data/id")
            .with("value", source.as_str())
            .into());
    }
    if found.factory != Factory::RecurringOrderCopies {
        let detail = format!(
            "the runs of order subscription {id} are order copies: _run_now of the subscription \
             makes the next one, and _convert lets it make recurring order copies"
        );
        return Err(Problem::new(Code::InvalidStatus, detail).at(at).into());
    }
    // A run is made as its subscription says, whoever asks for it.
    let mut problems = Problems::default();
    for (attribute, given, own) in
        [(PLACE_TARGET_ORDER, places, found.place_target_order), (REUSE_WALLET, reuses, true)]
    {
        if let Some(given) = given.filter(|given| *given != own) {
            let detail =
                format!("{} of the runs of order subscription {id} is {own}", attribute.name);
            let at = format!("/data/attributes/{}", attribute.name);
            problems.add(Problem::new(Code::InvalidValue, detail).at(at).with("value", given));
        }
    }
    problems.check()?;
    let (after, number) = run_copy::run_next_now(context, found).await?;
    let id = order_factories::id_of_run(after.factory, &after.id, number);
    let made = order_factories::find(context, &id).await?;
    let made = made.or_else(|| order_factories::coming(&after, number, context.now));
    let made = made.ok_or_else(|| ApiError::not_found(KIND.singular, &id))?;
    answer::one(context, 201, &made).await
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let found = in_path(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    if let Some(version) = found.version {
        context.check_version(version)?;
    }
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let retry = attributes.trigger(RETRY.name, &mut problems);
    problems.check()?;
    if retry {
        retry_run(context, context.id).await?;
    }
    answer::one(context, 200, &found).await
}

/// Tries the payment of the run again that an id names.
pub(super) async fn retry_run(context: &Context<'_>, id: &str) -> Outcome<()> {
    let missing = || ApiError::not_found(KIND.singular, id);
    let (_, subscription, number) = order_factories::run_of(id).ok_or_else(missing)?;
    let run = context.store().run(&context.caller.organization, &subscription, number).await?;
    let found = order_subscriptions::find(context, &subscription).await?;
    let (Some(run), Some(found)) = (run, found) else {
        let detail = format!("{id} is not made yet, or its subscription was deleted");
        return Err(Problem::new(Code::InvalidStatus, detail).at("/data/attributes/_retry").into());
    };
    run_copy::retry(context, &run, &found).await
}
