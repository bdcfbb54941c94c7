//! Order copies: made once by hand, or by the runs of a subscription that copies its source order.

use perennial_domain::{
    copy_order::{
        Copied, CopyContext, copy_creation, copy_order, new_copy, order_of_run, place_again,
    },
    ids::{OrderCopyId, OrderId},
    journal::{Change, Entry, append},
    order::{Order, OrderStatus},
    order_copy::{CopyOptions, CopyStatus, OrderCopy},
    pricing::Wanted,
};
use perennial_store::{Expect, Related as Referred, StoreError, StoredOrder};
use serde_json::json;

use super::{
    CREATED_AT, UPDATED_AT,
    annotations::AnnotationChange,
    answer, asked_before,
    catalog::{METADATA, REFERENCE, REFERENCE_ORIGIN},
    change_subscription::differing,
    instalment::{INSTALMENT_COUNT, JOB_RUN_STATUS, NEXT_RUN_AT, PROCESSED},
    listing,
    order_factories::{
        self, COMPLETED_AT, ERRORS_COUNT, ERRORS_LOG, FAILED_AT, STARTED_AT, STATUS, of_copy,
    },
    orders,
    recurring_order_copies::{
        ACCESS_UNTIL, ACTION_URL, CURRENCY, DUE_AT, NUMBER, PAYMENT_STATE, RETRY, RETRY_AT,
        RETRY_COUNT, SKIPPED, TOTAL, retry_run,
    },
    taxed::TOTAL_WITH_TAXES,
};
use crate::{
    follow_up::{FollowUp, FollowUpError},
    http::{
        attributes::{Attribute, Attributes, Kind},
        context::Context,
        document::{Document, Related, no_such},
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
        object::{Object, Relationship, ResourceType},
        operation::{Action, Operation, Surface, handler},
        query::{Accepts, List},
    },
    intake, pricing,
};

const PLACE_TARGET_ORDER: Attribute = Attribute::create(
    "place_target_order",
    Kind::Boolean,
    "Whether the target order is placed, and charged. False unless given: it is left as a draft.",
);
const REUSE_WALLET: Attribute = Attribute::create(
    "reuse_wallet",
    Kind::Boolean,
    "Whether the target order takes over the source order's payment source. False unless given.",
);
const CANCEL_SOURCE_ORDER: Attribute = Attribute::create(
    "cancel_source_order",
    Kind::Boolean,
    "Whether the source order is cancelled together with the completion of the copy. False unless \
     given.",
);
const APPLY_PROMOTIONS: Attribute = Attribute::create(
    "apply_promotions",
    Kind::Boolean,
    "Whether lines get the promotional price that the market's price list has now, where it has one. \
     False unless given: lines keep their prices.",
);
const SKIP_ERRORS: Attribute = Attribute::create(
    "skip_errors",
    Kind::Boolean,
    "Whether lines that can't be copied, because their sku is gone or out of stock, are left out and \
     named in errors_log. False unless given: the copy fails.",
);
const IGNORE_INVALID_COUPON: Attribute = Attribute::create(
    "ignore_invalid_coupon",
    Kind::Boolean,
    "Taken for clients of the public API. Orders have no coupons here: there is nothing to ignore.",
);

pub(crate) static KIND: ResourceType = ResourceType {
    name: "order_copies",
    singular: "order copy",
    about: "A copy of an order: of any order once, by hand, or of its source order by a run of a \
            subscription that was made by hand.",
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
        CANCEL_SOURCE_ORDER,
        APPLY_PROMOTIONS,
        SKIP_ERRORS,
        IGNORE_INVALID_COUPON,
        RETRY,
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::required("source_order", "orders"),
        Relationship::given("target_order", "orders"),
        Relationship::given("order_subscription", "order_subscriptions"),
        Relationship::given("job_run", "job_runs"),
        Relationship::listed("events", "events"),
        Relationship::listed("versions", "versions"),
    ],
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/order_copies",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts {
            list: Some(List {
                served: &["order_subscription_id_eq", "source_order_id_eq"],
                ..List::INDEXED
            }),
        },
        about: "Lists copies that were made by hand; by order_subscription_id_eq the runs of a \
                subscription that copy its source order.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Create,
        path: "/api/order_copies",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Copies an order once.",
        handler: handler!(create),
    },
    Operation {
        action: Action::Read,
        path: "/api/order_copies/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads an order copy.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/order_copies/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Changes what a client keeps with a copy, or tries one that has failed again.",
        handler: handler!(update),
    },
];

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    if let Some(answer) = order_factories::filtered(context, &KIND).await? {
        return Ok(answer);
    }
    let visible = |context: &Context<'_>, copy: &OrderCopy| context.caller.sees(&copy.market_id);
    listing::answer(context, &KIND, of_copy, visible).await
}

async fn in_path(context: &Context<'_>) -> Outcome<Object> {
    let found = order_factories::find(context, context.id).await?;
    let found = found.filter(|found| found.kind.name == KIND.name);
    found.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    answer::one(context, 200, &in_path(context).await?).await
}

fn options(attributes: &mut Attributes, problems: &mut Problems) -> CopyOptions {
    let mut given = |attribute: &Attribute| -> bool {
        attributes.optional(attribute.name, problems).value().unwrap_or(false)
    };
    CopyOptions {
        place_target_order: given(&PLACE_TARGET_ORDER),
        reuse_wallet: given(&REUSE_WALLET),
        cancel_source_order: given(&CANCEL_SOURCE_ORDER),
        apply_promotions: given(&APPLY_PROMOTIONS),
        skip_errors: given(&SKIP_ERRORS),
        ignore_invalid_coupon: given(&IGNORE_INVALID_COUPON),
    }
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let options = options(&mut attributes, &mut problems);
    let annotations = AnnotationChange::read(&mut attributes, &mut problems);
    let source: Related<OrderId> = document.related("source_order", &mut problems);
    let source = problems.finish(source.id())?;
    let at = "/data/relationships/source_order";
    let found = orders::find(context, &source).await?;
    let found = found.ok_or_else(|| no_such("orders", source.as_str(), at))?;
    let source = source_of(&found);
    let id = OrderCopyId::of(&source.id, context.new_uuid(KIND.name));
    let organization = &context.caller.organization;
    if context.once.is_some()
        && let Some(existing) = context.store().order_copy(organization, &id).await?
    {
        // Made by this very request, which then died before it could answer.
        hand_on(context, &existing).await?;
        return answer::one(context, 201, &of_copy(&existing)).await;
    }
    check_cancellable(&found, options)?;
    let mut copy = new_copy(id, &source, options, context.now);
    annotate(&mut copy, &annotations);
    let created = copy_creation(&copy);
    let mut made = attempt(context, &copy, &source).await?;
    made.changes.insert(0, created);
    let copy = commit(context, None, &found, made).await?;
    hand_on(context, &copy).await?;
    answer::one(context, 201, &of_copy(&copy)).await
}

fn annotate(copy: &mut OrderCopy, annotations: &AnnotationChange) {
    let OrderCopy { reference, reference_origin, metadata, .. } = copy;
    annotations.apply(reference, reference_origin, metadata);
}

/// The source order, wherever it lives.
fn source_of(found: &StoredOrder) -> Order {
    match found {
        StoredOrder::Client(order) => order.as_ref().clone(),
        StoredOrder::Run(run) => order_of_run(run),
    }
}

/// Refuses to cancel a source order that can't be cancelled.
fn check_cancellable(source: &StoredOrder, options: CopyOptions) -> Outcome<()> {
    if !options.cancel_source_order {
        return Ok(());
    }
    let at = "/data/attributes/cancel_source_order";
    let detail = match source {
        StoredOrder::Client(order)
            if matches!(order.status, OrderStatus::Draft | OrderStatus::Placed) =>
        {
            return Ok(());
        }
        StoredOrder::Client(order) => {
            let status = json!(order.status);
            format!(
                "order {} is {}; only a draft or a placed order can be cancelled",
                order.id,
                status.as_str().unwrap_or_default()
            )
        }
        StoredOrder::Run(run) => format!(
            "order {} was made by a subscription's run and can't be cancelled",
            run.order_id()
        ),
    };
    Err(Problem::new(Code::InvalidStatus, detail).at(at).with("value", true).into())
}

/// Makes the target order of a copy, by the rules.
async fn attempt(context: &Context<'_>, copy: &OrderCopy, source: &Order) -> Outcome<Copied> {
    let organization = &context.caller.organization;
    let Referred { market, skus, .. } = context.store().related(organization, source).await?;
    let list = market.as_ref().and_then(|market| market.price_list_id.as_ref());
    let wanted = match list.filter(|_| copy.options.apply_promotions) {
        Some(list) => Wanted::of(list, source.line_items.iter().map(|line| &line.item)),
        None => Wanted::default(),
    };
    let prices = pricing::current(context.store(), organization, wanted).await?.prices;
    let target = OrderId::derived(&[organization.as_str(), "target of", copy.id.as_str()]);
    let referred = CopyContext { source, market: market.as_ref(), skus: &skus, prices: &prices };
    Ok(copy_order(copy, referred, target, context.now))
}

/// Writes a copy with its target order and, where it is completed and asked for, the source order
/// cancelled: all of it or nothing.
async fn commit(
    context: &Context<'_>,
    before: Option<&OrderCopy>,
    source: &StoredOrder,
    made: Copied,
) -> Outcome<OrderCopy> {
    let organization = &context.caller.organization;
    let Copied { mut copy, changes, target } = made;
    let id = copy.id.to_string();
    let entries: Vec<Entry> =
        changes.into_iter().map(|change| entry(context, &mut copy.journal, &id, change)).collect();
    let expect = match before {
        Some(before) => {
            copy.version = before.version + 1;
            Expect::Version(before.version)
        }
        None => Expect::New,
    };
    let mut commit = context.store().commit(organization).order_copy(&copy, expect);
    for entry in &entries {
        commit = commit.entry("Y", entry);
    }
    if let Some((mut order, changes)) = target {
        let id = order.id.to_string();
        let entries: Vec<Entry> = changes
            .into_iter()
            .map(|change| entry(context, &mut order.journal, &id, change))
            .collect();
        // Sent to be placed once more, it exists: one change of the item.
        let expect = match order.version {
            1 => Expect::New,
            version => Expect::Version(version - 1),
        };
        commit = commit.order(&order, expect);
        for entry in &entries {
            commit = commit.entry("O", entry);
        }
    }
    let cause = context.cause();
    let follow_up =
        FollowUp { store: context.store(), organization, cause: &cause, now: context.now };
    let completes = copy.status == CopyStatus::Completed && copy.options.cancel_source_order;
    let gone =
        matches!(source, StoredOrder::Client(order) if order.status == OrderStatus::Cancelled);
    let cancels = completes && !gone;
    if cancels {
        // Tried again, it may find its source on the way to be placed, and paid.
        check_cancellable(source, copy.options)?;
    }
    if let (true, StoredOrder::Client(order)) = (cancels, source) {
        commit = follow_up.cancel(commit, order).await.map_err(|error| match error {
            FollowUpError::Store(error) => error.into(),
            refused @ (FollowUpError::Busy(_)
            | FollowUpError::TooMany(_)
            | FollowUpError::Plan(_)) => ApiError::from(
                Problem::new(Code::InvalidStatus, refused.to_string())
                    .at("/data/attributes/cancel_source_order"),
            ),
        })?;
    }
    match commit.run().await {
        Ok(()) => {
            if let (true, StoredOrder::Client(order)) = (cancels, source) {
                follow_up.put_back(order).await;
            }
            Ok(copy)
        }
        // The same request, sent twice at once: the other one has made it.
        Err(conflict @ StoreError::Conflict(_)) if context.once.is_some() && before.is_none() => {
            let existing = context.store().order_copy(organization, &copy.id).await?;
            existing.ok_or_else(|| conflict.into())
        }
        Err(error) => Err(error.into()),
    }
}

fn entry(
    context: &Context<'_>,
    journal: &mut perennial_domain::journal::Head,
    subject: &str,
    change: Change,
) -> Entry {
    let organization = &context.caller.organization;
    append(journal, organization, subject, context.now, context.cause(), change)
}

/// Hands the target order of a copy that is in progress to validation. The commit is the promise:
/// where the message is lost, a tick finds the order in the due index.
async fn hand_on(context: &Context<'_>, copy: &OrderCopy) -> Outcome<()> {
    if copy.status == CopyStatus::InProgress
        && let Some(target) = &copy.target_order_id
        && let Some(StoredOrder::Client(order)) = orders::find(context, target).await?
    {
        intake::place::hand_to_validation(context, &order).await;
    }
    Ok(())
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
    let annotations = AnnotationChange::read(&mut attributes, &mut problems);
    let organization = &context.caller.organization;
    let id: Option<OrderCopyId> = context.id.parse().ok();
    let Some(id) = id.filter(|id| id.source().is_some()) else {
        if annotations.is_given() {
            let detail = "reference, reference_origin and metadata are kept with copies by hand; \
                          for a run, they are kept with its subscription";
            problems.add(Problem::new(Code::ReadOnlyAttribute, detail).at("/data/attributes"));
        }
        problems.check()?;
        if retry {
            retry_run(context, context.id).await?;
        }
        return answer::one(context, 200, &found).await;
    };
    problems.check()?;
    let missing = || ApiError::not_found(KIND.singular, context.id);
    let before = context.store().order_copy(organization, &id).await?.ok_or_else(missing)?;
    let mut copy = before.clone();
    annotate(&mut copy, &annotations);
    if !retry {
        if copy != before {
            copy = annotated(context, &before, copy).await?;
        }
        return answer::one(context, 200, &of_copy(&copy)).await;
    }
    let copy = try_again(context, &copy).await?;
    hand_on(context, &copy).await?;
    answer::one(context, 200, &of_copy(&copy)).await
}

/// Commits what a client keeps with a copy.
async fn annotated(
    context: &Context<'_>,
    before: &OrderCopy,
    mut after: OrderCopy,
) -> Outcome<OrderCopy> {
    let told = |copy: &OrderCopy| {
        json!({
            "reference": copy.reference,
            "reference_origin": copy.reference_origin,
            "metadata": copy.metadata,
        })
    };
    let (was, is) = differing(&told(before), &told(&after));
    let change = Change { event: "order_copies.update", before: was, after: is };
    let id = after.id.to_string();
    let entry = entry(context, &mut after.journal, &id, change);
    after.version = before.version + 1;
    after.updated_at = context.now;
    let commit = context.store().commit(&context.caller.organization);
    let commit = commit.order_copy(&after, Expect::Version(before.version)).entry("Y", &entry);
    commit.run().await?;
    Ok(after)
}

/// Tries a copy that has failed once more: its order is made, or placed, again.
async fn try_again(context: &Context<'_>, before: &OrderCopy) -> Outcome<OrderCopy> {
    let invalid = |detail: String| {
        ApiError::from(Problem::new(Code::InvalidStatus, detail).at("/data/attributes/_retry"))
    };
    let request = asked_before::request(context, RETRY.name);
    let of = ("Y", before.id.as_str());
    if asked_before::entry(context, of, request.as_deref()).await?.is_some() {
        // Tried by this very request, which then died before it could answer.
        return Ok(before.clone());
    }
    if before.status != CopyStatus::Failed {
        let status = json!(before.status);
        let status = status.as_str().unwrap_or_default();
        let detail =
            format!("order copy {} is {status}; only what has failed is tried again", before.id);
        return Err(invalid(detail));
    }
    let gone = || invalid(format!("the source order of order copy {} is gone", before.id));
    let (source, _) = before.id.source().ok_or_else(gone)?;
    let found = orders::find(context, &source).await?.ok_or_else(gone)?;
    let target = match &before.target_order_id {
        Some(target) => orders::find(context, target).await?,
        None => None,
    };
    let mut made = match target {
        Some(StoredOrder::Client(target)) => {
            let again = place_again(before, &target, context.now);
            again.ok_or_else(|| {
                let status = json!(target.status);
                let status = status.as_str().unwrap_or_default();
                invalid(format!(
                    "the target order {} is {status}; only a draft is placed again",
                    target.id
                ))
            })?
        }
        _ => attempt(context, before, &source_of(&found)).await?,
    };
    if let Some(change) = made.changes.first_mut() {
        asked_before::mark(change, request);
    }
    commit(context, Some(before), &found, made).await
}
