//! Order subscriptions: orders that repeat. Read, listed, edited, activated, paused and cancelled.

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    ids::SubscriptionId,
    lifecycle::SubscriptionStatus,
    renewal_alert::MAXIMUM_PERIOD_HOURS,
    subscription::{Subscription, Unsettled},
    time::OccurrenceNumber,
};
use perennial_store::StoredOrder;
use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT, addresses, answer,
    catalog::{METADATA, REFERENCE, REFERENCE_ORIGIN},
    change_subscription, create_subscription, customer_email, listing,
    number::{NUMBER, number_of},
    order_factories, order_subscription_items, orders,
    schedule_rules::{
        self, ANCHOR_DAY, ANCHOR_WEEKDAY, DST_GAP, DST_OVERLAP, MONTH_END, WORKING_DAYS,
    },
    swap::SWAP_ITEM,
    tags::{self, ADD_TAGS, REMOVE_TAGS},
};
use crate::http::{
    attributes::{Access, Attribute, Kind},
    context::Context,
    error::{ApiError, Outcome},
    event::Answer,
    object::{Linkage, Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::{Accepts, List},
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "order_subscriptions",
    singular: "order subscription",
    about: "An order that repeats.",
    attributes: &[
        NUMBER,
        Attribute::read(
            "status",
            Kind::Choice(&["draft", "inactive", "active", "running", "cancelled"]),
            "Where it stands; `running` while a run is under way.",
        ),
        Attribute::write(
            "frequency",
            Kind::Frequency,
            "How often. A change keeps the anchor's day and time; `meta` of the answer tells the \
             old and the new next run.",
        ),
        Attribute::of(
            "factory",
            Kind::Choice(&["recurring_order_copies", "order_copies"]),
            Access::Read,
            "What its runs copy: its items, which can be edited, or its source order as it was placed. \
             The latter only where it was made by hand without a subscription model; see _convert.",
        ),
        Attribute::create(
            "activate_by_source_order",
            Kind::Boolean,
            "Whether its source order is its first occurrence and makes it active by being placed; \
             true unless given. Where false, it begins at starts_at, if it is activated by then.",
        ),
        Attribute::write(
            "place_target_order",
            Kind::Boolean,
            "Whether its runs place and charge the orders that they make; true unless given. Where \
             false, each leaves a draft for somebody to place.",
        ),
        Attribute::create(
            "starts_at",
            Kind::Instant,
            "The anchor, from which dates are computed; null while it waits for its source order. \
             Given only with activate_by_source_order false: then it is the first run.",
        ),
        Attribute::read(
            "fulfillment_frequency",
            Kind::Frequency,
            "How often goods go out: the frequency, under the name that order management systems \
             have for it.",
        ),
        Attribute::read(
            "start_date",
            Kind::Date,
            "The day of starts_at, on the calendar of its time zone.",
        ),
        Attribute::read(
            "end_date",
            Kind::Date,
            "The last day before expires_at on which there can be a run, on the calendar of its \
             time zone; null without an expiry.",
        ),
        Attribute::read(
            "last_ordered_date",
            Kind::Date,
            "The day on which an order was last placed for it, the source order included, on the \
             calendar of its time zone. A run that failed placed none.",
        ),
        Attribute::read(
            customer_email::NAME,
            Kind::Text(254),
            "Its customer's e-mail address as it is now.",
        ),
        Attribute::write("time_zone", Kind::Zone, TIME_ZONE_ABOUT),
        ANCHOR_DAY,
        ANCHOR_WEEKDAY,
        MONTH_END,
        DST_GAP,
        DST_OVERLAP,
        WORKING_DAYS,
        Attribute::write(
            "max_occurrences",
            Kind::Integer(1, u32::MAX as i64),
            "How many occurrences there are at all, the source order and those skipped or passed \
             over included; null for no end.",
        ),
        Attribute::write(
            "expires_at",
            Kind::Instant,
            "No run is made at or after this; null for never.",
        ),
        Attribute::of(
            "next_run_at",
            Kind::Instant,
            Access::Update,
            "When the next run is due; null while none is coming: after the end, and during a pause \
             without resumes_at. It may be put on another date in the future.",
        ),
        Attribute::read(
            "next_run_reason",
            Kind::Text(500),
            "Why then, in words: \"anchor plus 3 intervals, clamped from 31\".",
        ),
        Attribute::of(
            "anchor_change",
            Kind::Choice(&["keep", "move"]),
            Access::UpdateTrigger,
            "With next_run_at: whether the runs after it keep their dates (the default), or are \
             counted from it.",
        ),
        Attribute::write(
            "cut_off_hours",
            Kind::Integer(0, 8_760),
            "How many hours before each run it closes for changes of its dates, for skipping, and for \
             another payment source while none is waited for; 0, the default, for not at all. It can \
             be changed at any time.",
        ),
        Attribute::of(
            "resumes_at",
            Kind::Instant,
            Access::Update,
            "When a pause ends by itself; null for when somebody ends it. Given with `_deactivate`, \
             or changed while it rests. What falls due during a pause is passed over.",
        ),
        Attribute::read(
            "cancelled_at",
            Kind::Instant,
            "When it was cancelled; null unless it is. Taken up again, it has no such date.",
        ),
        RENEWAL_ALERT_PERIOD,
        Attribute::read("last_run_at", Kind::Instant, "When it last made a run."),
        Attribute::read(
            "current_recurrence",
            Kind::Integer(0, u32::MAX as i64),
            "Number of the current recurrence: 0 is the source order.",
        ),
        Attribute::read(
            "occurrencies",
            Kind::Integer(0, u32::MAX as i64),
            "Runs that ended in a placed order.",
        ),
        Attribute::read(
            "errors_count",
            Kind::Integer(0, u32::MAX as i64),
            "Attempts at runs that failed.",
        ),
        Attribute::read(
            "succeeded_on_last_run",
            Kind::Boolean,
            "Whether the last attempt succeeded; null before the first.",
        ),
        Attribute::read(
            "total_amount_cents",
            Kind::Integer(0, i64::MAX),
            "What one run costs, in minor units, without the tax that comes on top.",
        ),
        Attribute::read(
            "formatted_total_amount",
            Kind::Text(50),
            "`total_amount_cents` as people write it.",
        ),
        Attribute::read("currency_code", Kind::Currency, "Currency of every amount."),
        Attribute::read(
            "unsettled",
            Kind::List(&Kind::Anything(0), 1_000),
            "Runs that wait for their payment: number and retry_at.",
        ),
        Attribute::read(
            "access_until",
            Kind::Instant,
            "Until when its customer keeps access while its last run is not paid: when that was due, \
             and the grace period of its retry policy after that. Null while it is paid.",
        ),
        Attribute::read(
            "blocked_by",
            Kind::Text(80),
            "The dead letter that keeps it from running, until that is redriven or discarded.",
        ),
        Attribute::read(
            "held_by",
            Kind::Text(80),
            "The dispute that has put it on hold, until somebody activates it.",
        ),
        ADD_TAGS,
        REMOVE_TAGS,
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        Attribute::of("_activate", Kind::Boolean, Access::UpdateTrigger, "Makes it repeat."),
        Attribute::of("_deactivate", Kind::Boolean, Access::UpdateTrigger, "Pauses it."),
        Attribute::of("_cancel", Kind::Boolean, Access::UpdateTrigger, "Ends it; see _reactivate."),
        Attribute::of(
            "_skip_next",
            Kind::Boolean,
            Access::UpdateTrigger,
            "Leaves its next run out; `meta` of the answer tells the one skipped, and the old and \
             the new next run.",
        ),
        Attribute::of(
            "_convert",
            Kind::Boolean,
            Access::UpdateTrigger,
            "Lets its runs copy its items from now on, which can be edited then, and no longer its \
             source order: by its market's subscription model, or by the one that is given.",
        ),
        Attribute::of(
            "_run_now",
            Kind::Boolean,
            Access::UpdateTrigger,
            "Makes its next run at once, in the place of its date; those after it keep theirs.",
        ),
        Attribute::of(
            "_reactivate",
            Kind::Boolean,
            Access::UpdateTrigger,
            "Takes it up again after it was cancelled, within reactivation_days of its model (30 \
             without one). It goes on by its own dates; what fell due meanwhile is passed over.",
        ),
        SWAP_ITEM,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship { on_update: false, ..Relationship::optional("market", "markets") },
        Relationship::optional("subscription_model", "subscription_models"),
        Relationship::given("price_list", "price_lists"),
        Relationship::required("source_order", "orders"),
        Relationship::given("customer", "customers"),
        Relationship::optional("customer_payment_source", "customer_payment_sources"),
        addresses::SHIPPING,
        addresses::BILLING,
        tags::TAGS,
        Relationship::listed("order_subscription_items", "order_subscription_items"),
        Relationship::listed("order_factories", "order_factories").or_to(order_factories::TYPES),
        Relationship::listed("order_copies", "order_copies"),
        Relationship::listed("recurring_order_copies", "recurring_order_copies"),
        Relationship::listed("orders", "orders"),
        Relationship::listed("events", "events"),
        Relationship::listed("versions", "versions"),
    ],
};

const TIME_ZONE_ABOUT: &str = "Zone whose wall clock the schedule follows. In another zone, runs \
    keep their wall-clock time and their numbers.";

/// How long before each run it is announced.
pub(super) const RENEWAL_ALERT_PERIOD: Attribute = Attribute::write(
    "renewal_alert_period",
    Kind::Integer(1, MAXIMUM_PERIOD_HOURS as i64),
    "How many hours before each run the event order_subscriptions.renewal announces it; null for \
     not at all.",
);

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/order_subscriptions",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts {
            list: Some(List {
                served: &["source_order_id_eq"],
                computed: &[customer_email::NAME],
                ..List::INDEXED
            }),
        },
        about: "Lists subscriptions.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Create,
        path: "/api/order_subscriptions",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Makes a subscription by hand from an order.",
        handler: handler!(create_subscription::create),
    },
    Operation {
        action: Action::Delete,
        path: "/api/order_subscriptions/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Deletes a subscription that was never active, or that is cancelled and owes nothing. \
                Its journal, its runs and their orders stay.",
        handler: handler!(create_subscription::delete),
    },
    Operation {
        action: Action::Read,
        path: "/api/order_subscriptions/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads a subscription.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/order_subscriptions/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Changes a subscription, or its status by a trigger. Cancelling gives up the runs \
                that wait for their payment.",
        handler: handler!(change_subscription::update),
    },
];

/// The least time by which an expiry comes after the last instant before it.
const INSTANT: TimeDelta = TimeDelta::nanoseconds(1);

pub(super) fn object(subscription: &Subscription) -> Object {
    let Subscription {
        id,
        status,
        market_id,
        model_id,
        source_order_id,
        customer_id,
        payment_source_id,
        addresses,
        tags,
        currency,
        items: _,
        price_list_id,
        frequency,
        anchor,
        time_zone,
        rules,
        next_number,
        next_run_at: _,
        expires_at,
        max_occurrences,
        jumped_numbers: _,
        rescheduled: _,
        stands_for: _,
        cut_off,
        resumes_at,
        cancelled_at,
        renewal_alert_period,
        alerted: _,
        last_run_at,
        last_ordered_at: _,
        factory,
        activate_by_source_order,
        place_target_order,
        occurrencies,
        errors_count,
        succeeded_on_last_run,
        unsettled,
        awaits_method: _,
        access_until,
        catch_up: _,
        retry: _,
        reference,
        reference_origin,
        metadata,
        created_at,
        updated_at,
        version,
        journal: _,
        run_number,
        lease_until: _,
        lease_claims: _,
        job_run_id: _,
        prices_fixed: _,
        tax: _,
        blocked_by,
        held_by,
    } = subscription;
    let total = subscription.total().ok();
    let day = |at: DateTime<Utc>| at.with_timezone(time_zone).date_naive();
    let waits = *status == SubscriptionStatus::Draft && *activate_by_source_order;
    let coming = subscription.coming_explained();
    let current = run_number
        .or_else(|| next_number.and_then(OccurrenceNumber::previous))
        .map_or(*occurrencies, OccurrenceNumber::get);
    let unsettled: Vec<Value> = unsettled
        .iter()
        .map(|Unsettled { number, retry_at, attempts, asked: _ }| {
            json!({
                "number": number,
                "retry_at": retry_at,
                "attempts": attempts,
                "recurring_order_copy_id": order_factories::id_of_run(*factory, id, *number),
            })
        })
        .collect();
    let brings = order_subscription_items::objects(subscription);
    let mut attributes = json!({
            "number": number_of(id.as_str()),
            "status": status,
            "customer_email": Value::Null,
            "fulfillment_frequency": frequency,
            "start_date": (!waits).then(|| day(*anchor)),
            "end_date": expires_at.and_then(|end| end.checked_sub_signed(INSTANT)).map(day),
            "last_ordered_date": subscription.last_ordered().map(day),
            "frequency": frequency,
            "factory": factory,
            "activate_by_source_order": activate_by_source_order,
            "place_target_order": place_target_order,
            "starts_at": (!waits).then_some(anchor),
            "expires_at": expires_at,
            "next_run_at": coming.map(|next| next.at),
            "next_run_reason": coming.map(|next| next.reason.to_string()),
            "max_occurrences": max_occurrences,
            "cut_off_hours": cut_off,
            "resumes_at": resumes_at,
            "cancelled_at": cancelled_at,
            "renewal_alert_period": renewal_alert_period,
            "last_run_at": last_run_at,
            "current_recurrence": current,
            "occurrencies": occurrencies,
            "errors_count": errors_count,
            "succeeded_on_last_run": succeeded_on_last_run,
            "time_zone": time_zone.name(),
            "total_amount_cents": total,
            "formatted_total_amount": total.map(|total| orders::formatted(total, *currency)),
            "currency_code": currency,
            "unsettled": unsettled,
            "access_until": access_until,
            "blocked_by": blocked_by,
            "held_by": held_by,
            "reference": reference,
            "reference_origin": reference_origin,
            "metadata": metadata,
            "created_at": created_at,
            "updated_at": updated_at,
    });
    if let Value::Object(members) = &mut attributes {
        members.extend(schedule_rules::given(rules));
    }
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: Some(*version),
        attributes,
        relationships: vec![
            ("market", Linkage::one("markets", Some(market_id))),
            ("subscription_model", Linkage::one("subscription_models", model_id.as_ref())),
            ("price_list", Linkage::one("price_lists", price_list_id.as_ref())),
            ("source_order", Linkage::one("orders", source_order_id.as_ref())),
            ("customer", Linkage::one("customers", customer_id.as_ref())),
            (
                "customer_payment_source",
                Linkage::one("customer_payment_sources", payment_source_id.as_ref()),
            ),
            ("shipping_address", Linkage::one("addresses", addresses.shipping.as_ref())),
            ("billing_address", Linkage::one("addresses", addresses.billing.as_ref())),
            ("tags", tags::linkage(tags)),
            (
                "order_subscription_items",
                Linkage::Many(brings.iter().map(Object::reference).collect()),
            ),
            ("order_factories", Linkage::Unknown),
            ("order_copies", Linkage::Unknown),
            ("recurring_order_copies", Linkage::Unknown),
            ("orders", Linkage::Unknown),
            ("events", Linkage::Unknown),
            ("versions", Linkage::Unknown),
        ],
        meta: None,
        brings,
    }
}

/// The subscription with this id, if there is one for this caller.
pub(super) async fn find(
    context: &Context<'_>,
    id: &SubscriptionId,
) -> Outcome<Option<Subscription>> {
    let found = context.store().subscription(&context.caller.organization, id).await?;
    Ok(found.filter(|subscription| context.caller.sees(&subscription.market_id)))
}

pub(super) async fn in_path(context: &Context<'_>) -> Outcome<Subscription> {
    let id = context.path_id(KIND.singular)?;
    find(context, &id).await?.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))
}

/// Whether the caller sees a subscription.
pub(super) fn visible(context: &Context<'_>, subscription: &Subscription) -> bool {
    context.caller.sees(&subscription.market_id)
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    if let Some(order) = context.query.filters.get("source_order_id_eq") {
        let order = match order.parse() {
            Ok(id) => orders::find(context, &id).await?,
            Err(_) => None,
        };
        let made = match order {
            Some(StoredOrder::Client(order)) => orders::made_from(context, &order).await?,
            Some(StoredOrder::Run(_)) | None => Vec::new(),
        };
        let objects: Vec<Object> = made.iter().map(object).collect();
        return answer::page(context, &listing::of_all(context, objects)?, &[]).await;
    }
    listing::answer(context, &KIND, object, visible).await
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    answer::one(context, 200, &object(&in_path(context).await?)).await
}
