//! Orders as they are read: those of clients, and those that runs have made.

use std::collections::BTreeSet;

use perennial_domain::{
    checks::told,
    ids::{OrderId, OrganizationId, RefundId, SubscriptionId},
    money::{Amount, Currency, MinorUnits},
    order::{MAX_LINE_ITEMS, Order},
    payment::{Collected, Reversals},
    pricing::{OrderedItem, Totals},
    run::Run,
    subscription::Subscription,
    tax::{SoldLine, Taxes},
};
use perennial_store::{Store, StoreError, StoredOrder};
use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT, addresses, answer,
    catalog::{METADATA, REFERENCE, REFERENCE_ORIGIN},
    line_items, listing,
    number::{NUMBER, number_of},
    order_factories, order_subscriptions,
    tags::{self, ADD_TAGS, REMOVE_TAGS, TAGS},
    taxed,
};
use crate::http::{
    attributes::{Access, Attribute, Kind},
    context::Context,
    error::{ApiError, Outcome},
    event::Answer,
    object::{Linkage, Object, Ref, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::Accepts,
};

/// Longest reason of an operator.
pub(crate) const MAX_REASON: usize = 1_000;

pub(crate) static KIND: ResourceType = ResourceType {
    name: "orders",
    singular: "order",
    about: "An order: a client's, from draft to placed, or one that a subscription's run has made.",
    attributes: &[
        NUMBER,
        Attribute::read(
            "status",
            Kind::Choice(&["draft", "placing", "pending", "held", "placed", "cancelled"]),
            "Where it stands. Placing answers at once: the order is `placing` until validation has \
             placed it, sent it back to `draft` with `rejections`, or found something in its `checks` \
             for which it is `held` until an operator decides.",
        ),
        Attribute::read(
            "payment_status",
            Kind::Choice(&[
                "unpaid",
                "paid",
                "free",
                "partially_refunded",
                "refunded",
                "disputed",
                "charged_back",
            ]),
            "Where its payment stands: what has gone back of it counts.",
        ),
        Attribute::read(
            "skus_count",
            Kind::Integer(0, i64::MAX),
            "Units of the skus on its lines; what is within bundles does not count.",
        ),
        Attribute::create(
            "currency_code",
            Kind::Currency,
            "Currency of every amount; its market's unless given, and no other.",
        ),
        Attribute::read(
            "subtotal_amount_cents",
            Kind::Integer(0, i64::MAX),
            "What its skus and bundles cost, in minor units.",
        ),
        Attribute::read(
            "formatted_subtotal_amount",
            Kind::Text(50),
            "`subtotal_amount_cents` as people write it.",
        ),
        Attribute::read(
            "adjustment_amount_cents",
            Kind::Integer(-i64::MAX, i64::MAX),
            "Its discounts and fees together, in minor units; a discount takes away no more than \
             there is to pay.",
        ),
        Attribute::read(
            "formatted_adjustment_amount",
            Kind::Text(50),
            "`adjustment_amount_cents` as people write it.",
        ),
        Attribute::read(
            "total_amount_cents",
            Kind::Integer(0, i64::MAX),
            "What it costs, in minor units, without the tax that comes on top.",
        ),
        Attribute::read("formatted_total_amount", Kind::Text(50), "What it costs, for people."),
        taxed::TAX_INCLUDED,
        taxed::TAX_RATE,
        taxed::TAX_SOURCE,
        taxed::SUBTOTAL_TAX,
        taxed::FORMATTED_SUBTOTAL_TAX,
        taxed::TOTAL_TAX,
        taxed::FORMATTED_TOTAL_TAX,
        taxed::TOTAL_TAXABLE,
        taxed::FORMATTED_TOTAL_TAXABLE,
        taxed::TOTAL_WITH_TAXES,
        taxed::FORMATTED_TOTAL_WITH_TAXES,
        Attribute::read(
            "refunded_amount_cents",
            Kind::Integer(0, i64::MAX),
            "What was given back of it, in minor units.",
        ),
        Attribute::read(
            "formatted_refunded_amount",
            Kind::Text(50),
            "`refunded_amount_cents` as people write it.",
        ),
        Attribute::read(
            "refund_balance_cents",
            Kind::Integer(0, i64::MAX),
            "What can still be given back, in minor units: what was collected, less what was \
             refunded, is being refunded, is disputed or was charged back.",
        ),
        Attribute::read(
            "formatted_refund_balance",
            Kind::Text(50),
            "`refund_balance_cents` as people write it.",
        ),
        ADD_TAGS,
        REMOVE_TAGS,
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        Attribute::write(
            "subscriptions_expire_at",
            Kind::Instant,
            "When subscriptions made from it end; exclusive.",
        ),
        Attribute::of(
            "line_items",
            Kind::List(&Kind::Members(line_items::WRITABLE), MAX_LINE_ITEMS),
            Access::CreateOnly,
            "Lines to begin with.",
        ),
        Attribute::of("_place", Kind::Boolean, Access::Trigger, "Sends it to be placed."),
        Attribute::of(
            "_create_subscriptions",
            Kind::Boolean,
            Access::Trigger,
            "Makes subscriptions of its recurring lines: now if it is placed, else once it is. False takes \
             that back from a draft.",
        ),
        Attribute::of(
            "_cancel",
            Kind::Boolean,
            Access::UpdateTrigger,
            "Cancels it, as a draft or a placed order, and with it the subscriptions that wait for it \
             and those whose model says `auto_cancel`. What it took from stock is put back; what was \
             paid is not.",
        ),
        Attribute::of(
            "_overturn",
            Kind::Text(MAX_REASON),
            Access::UpdateTrigger,
            "The reason why an operator overturns what checks have found for which the order is held, or \
             was rejected: it is sent to be placed in spite of that.",
        ),
        Attribute::of(
            "_reject",
            Kind::Text(MAX_REASON),
            Access::UpdateTrigger,
            "The reason why an operator rejects a held order: it goes back to draft.",
        ),
        Attribute::of(
            "_update_taxes",
            Kind::Boolean,
            Access::UpdateTrigger,
            "Computes the taxes that it would bear if it were placed now, as a draft. They are forgotten \
             when it is edited, and computed anew when it is placed.",
        ),
        Attribute::of(
            "_customer_payment_source_id",
            Kind::Text(100),
            Access::UpdateTrigger,
            "Pays it with this payment source: the same as the relationship.",
        ),
        Attribute::read(
            "rejections",
            Kind::List(&Kind::Anything(0), 1_000),
            "Why it was last refused: code, detail, and pointer into this document.",
        ),
        Attribute::read(
            "checks",
            Kind::List(&Kind::Anything(0), 100),
            "What each check came to when it was last to be placed: check, severity, verdict, findings, and \
             the numbers that it looked at; null before that.",
        ),
        Attribute::read(
            "channel_code",
            Kind::Text(100),
            "The channel that took it; null where it was made through this API.",
        ),
        Attribute::read(
            "subscriptions_created",
            Kind::Boolean,
            "Whether its subscriptions have been made.",
        ),
        Attribute::read(
            "subscription_created_at",
            Kind::Instant,
            "When its subscriptions were made; null where they were not.",
        ),
        Attribute::read("placed_at", Kind::Instant, "When it was placed."),
        Attribute::read(
            "cancelled_at",
            Kind::Instant,
            "When it was cancelled, or the run that has made it was given up; null where it was not.",
        ),
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::required("market", "markets"),
        Relationship::optional("customer", "customers"),
        Relationship::optional("customer_payment_source", "customer_payment_sources"),
        addresses::SHIPPING,
        addresses::BILLING,
        TAGS,
        Relationship::listed("line_items", "line_items"),
        Relationship::listed("order_subscriptions", "order_subscriptions"),
        Relationship::given("order_subscription", "order_subscriptions"),
        Relationship::given("order_copy", "order_copies"),
        Relationship::listed("order_factories", "order_factories").or_to(order_factories::TYPES),
        Relationship::listed("order_copies", "order_copies"),
        Relationship::listed("recurring_order_copies", "recurring_order_copies"),
        Relationship::listed("refunds", "refunds"),
        Relationship::listed("disputes", "disputes"),
        Relationship::listed("events", "events"),
        Relationship::listed("versions", "versions"),
    ],
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/orders",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::INDEXED,
        about: "Lists orders of clients and of runs.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Read,
        path: "/api/orders/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads an order.",
        handler: handler!(read),
    },
];

/// An amount for people.
pub(super) fn formatted(amount: MinorUnits, currency: Currency) -> String {
    Amount::new(amount, currency).to_string()
}

/// Units of skus that are ordered as such.
fn skus_count<'a>(ordered: impl Iterator<Item = (&'a OrderedItem, u32)>) -> u64 {
    let skus = ordered.filter(|(item, _)| item.sku_code().is_some());
    skus.map(|(_, quantity)| u64::from(quantity)).sum()
}

/// What an order comes to.
struct Sums<'a> {
    totals: Option<Totals>,
    to_be_paid: Option<MinorUnits>,
    tax: Option<&'a Taxes>,
    sold: Vec<SoldLine<'a>>,
    collected: Option<&'a Collected>,
    currency: Currency,
}

/// Attributes with what lines cost together, their taxes, and what was collected and went back of it.
fn with_amounts(mut attributes: Value, sums: &Sums<'_>) -> Value {
    let Sums { totals, to_be_paid, tax, sold, collected, currency } = sums;
    let refunded = collected.map(|collected| collected.reversals.refunded);
    let balance =
        collected.and_then(|collected| collected.reversals.refundable(collected.captured).ok());
    let amounts = [
        ("subtotal_amount", totals.map(|totals| totals.subtotal)),
        ("adjustment_amount", totals.map(|totals| totals.adjustment)),
        ("total_amount", totals.map(|totals| totals.total)),
        ("total_amount_with_taxes", *to_be_paid),
        ("refunded_amount", refunded),
        ("refund_balance", balance),
    ];
    if let Value::Object(members) = &mut attributes {
        for (name, amount) in amounts.into_iter().chain(taxed::amounts(*tax, sold)) {
            let shown = amount.map(|amount| formatted(amount, *currency));
            members.insert(format!("{name}_cents"), json!(amount));
            members.insert(format!("formatted_{name}"), json!(shown));
        }
        taxed::add_how(members, *tax);
    }
    attributes
}

/// The refunds and disputes of an order: it knows them.
fn reversed(id: &OrderId, reversals: Option<&Reversals>) -> [(&'static str, Linkage); 2] {
    let count = reversals.map_or(0, |reversals| reversals.refunds);
    let refunds = (1..=count).map(|number| Ref::new("refunds", &RefundId::of(id, number)));
    let disputes = reversals.into_iter().flat_map(|reversals| &reversals.disputes);
    let disputes = disputes.map(|dispute| Ref::new("disputes", dispute));
    [("refunds", Linkage::Many(refunds.collect())), ("disputes", Linkage::Many(disputes.collect()))]
}

/// Whether there may be subscriptions that were made from it.
fn has_subscriptions(order: &Order) -> bool {
    order.subscriptions_created || !order.manual_subscription_ids.is_empty()
}

/// The order of a client.
pub(crate) fn object(order: &Order) -> Object {
    let Order {
        id,
        status,
        payment_status: _,
        market_id,
        customer_id,
        payment_source_id,
        currency,
        line_items: lines,
        create_subscriptions: _,
        subscriptions_created,
        subscription_created_at,
        manual_subscription_ids: _,
        order_subscription_id,
        order_copy_id,
        subscriptions_expire_at,
        rejections,
        checks,
        overturn: _,
        tax,
        tax_fixed: _,
        channel,
        placements: _,
        charge_id: _,
        reversals,
        reference,
        reference_origin,
        metadata,
        addresses,
        tags,
        placing_at: _,
        placed_at,
        cancelled_at,
        created_at,
        updated_at,
        version,
        journal: _,
    } = order;
    let brings: Vec<Object> = lines.iter().map(|line| line_items::object(order, line)).collect();
    let subscriptions =
        if has_subscriptions(order) { Linkage::Unknown } else { Linkage::Many(Vec::new()) };
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: Some(*version),
        attributes: with_amounts(
            json!({
                "number": number_of(id.as_str()),
                "status": status,
                "skus_count": skus_count(lines.iter().map(|line| (&line.item, line.quantity))),
                "payment_status": order.payment_status(),
                "currency_code": currency,
                "reference": reference,
                "reference_origin": reference_origin,
                "metadata": metadata,
                "subscriptions_expire_at": subscriptions_expire_at,
                "rejections": rejections,
                "checks": Some(told(checks)).filter(|checks| !checks.is_empty()),
                "channel_code": channel,
                "subscriptions_created": subscriptions_created,
            "subscription_created_at": subscription_created_at,
                "placed_at": placed_at,
                "cancelled_at": cancelled_at,
                "created_at": created_at,
                "updated_at": updated_at,
            }),
            &Sums {
                // Lines that would overflow are refused when they are given.
                totals: order.totals().ok(),
                to_be_paid: order.total().ok(),
                tax: tax.as_ref(),
                sold: order.sold(),
                collected: Collected::of_order(order).ok().as_ref(),
                currency: *currency,
            },
        ),
        relationships: [
            ("market", Linkage::one("markets", Some(market_id))),
            ("customer", Linkage::one("customers", customer_id.as_ref())),
            (
                "customer_payment_source",
                Linkage::one("customer_payment_sources", payment_source_id.as_ref()),
            ),
            ("shipping_address", Linkage::one("addresses", addresses.shipping.as_ref())),
            ("billing_address", Linkage::one("addresses", addresses.billing.as_ref())),
            ("tags", tags::linkage(tags)),
            ("line_items", Linkage::Many(brings.iter().map(Object::reference).collect())),
            ("order_subscriptions", subscriptions),
            (
                "order_subscription",
                Linkage::one("order_subscriptions", order_subscription_id.as_ref()),
            ),
            ("order_copy", Linkage::one("order_copies", order_copy_id.as_ref())),
            ("order_factories", Linkage::Unknown),
            ("order_copies", Linkage::Unknown),
            ("recurring_order_copies", Linkage::Unknown),
            ("events", Linkage::Unknown),
            ("versions", Linkage::Unknown),
        ]
        .into_iter()
        .chain(reversed(id, reversals.as_ref()))
        .collect(),
        meta: None,
        brings,
    }
}

/// The order that a run has made.
pub(super) fn run_object(run: &Run) -> Object {
    let brings: Vec<Object> = line_items::run_objects(run);
    Object {
        kind: &KIND,
        id: run.order_id().to_string(),
        version: Some(run.version),
        attributes: with_amounts(
            json!({
                "number": number_of(run.order_id().as_str()),
                "status": run.order_status(),
                "skus_count": skus_count(run.lines.iter().map(|line| (&line.item, line.quantity))),
                "payment_status": run.payment_status(),
                "currency_code": run.currency,
                "reference": Value::Null,
                "reference_origin": Value::Null,
                "metadata": Value::Null,
                "subscriptions_expire_at": Value::Null,
                "rejections": [],
                "checks": Value::Null,
                "channel_code": Value::Null,
                "subscriptions_created": false,
            "subscription_created_at": Value::Null,
                "placed_at": run.completed_at,
                "cancelled_at": run.cancelled_at(),
                "created_at": run.started_at,
                "updated_at": run.completed_at.or(run.failed_at).unwrap_or(run.started_at),
            }),
            &Sums {
                totals: run.totals().ok(),
                to_be_paid: Some(run.total),
                tax: run.tax.as_ref(),
                sold: run.sold(),
                collected: Some(&Collected::of_run(run)),
                currency: run.currency,
            },
        ),
        relationships: [
            ("market", Linkage::one("markets", Some(&run.market_id))),
            ("customer", Linkage::one("customers", run.customer_id.as_ref())),
            (
                "customer_payment_source",
                Linkage::one("customer_payment_sources", run.payment_source_id.as_ref()),
            ),
            ("shipping_address", Linkage::one("addresses", run.addresses.shipping.as_ref())),
            ("billing_address", Linkage::one("addresses", run.addresses.billing.as_ref())),
            ("tags", Linkage::Many(Vec::new())),
            ("line_items", Linkage::Many(brings.iter().map(Object::reference).collect())),
            ("order_subscriptions", Linkage::Many(Vec::new())),
            ("order_subscription", Linkage::one("order_subscriptions", Some(&run.subscription_id))),
            ("order_copy", Linkage::One(None)),
            ("order_factories", Linkage::Unknown),
            ("order_copies", Linkage::Unknown),
            ("recurring_order_copies", Linkage::Unknown),
            ("events", Linkage::Unknown),
            ("versions", Linkage::Unknown),
        ]
        .into_iter()
        .chain(reversed(&run.order_id(), run.reversals.as_ref()))
        .collect(),
        meta: None,
        brings,
    }
}

/// An order, wherever it lives.
pub(super) fn stored_object(order: &StoredOrder) -> Object {
    match order {
        StoredOrder::Client(order) => object(order),
        StoredOrder::Run(run) => run_object(run),
    }
}

/// Whether the caller sees an order.
pub(super) fn visible(context: &Context<'_>, order: &StoredOrder) -> bool {
    context.caller.sees(match order {
        StoredOrder::Client(order) => &order.market_id,
        StoredOrder::Run(run) => &run.market_id,
    })
}

/// The order with this id, if there is one for this caller.
pub(crate) async fn find(context: &Context<'_>, id: &OrderId) -> Outcome<Option<StoredOrder>> {
    let found = context.store().order(&context.caller.organization, id).await?;
    Ok(found.filter(|order| visible(context, order)))
}

async fn in_path(context: &Context<'_>) -> Outcome<StoredOrder> {
    let id = context.path_id(KIND.singular)?;
    find(context, &id).await?.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))
}

/// The subscriptions that were made from an order. The ids of those that a model made derive from it
/// by one of two strategies, so that no index is needed to find them; those that somebody made by
/// hand it knows itself.
pub(crate) async fn subscriptions_from(
    store: &Store,
    organization: &OrganizationId,
    order: &Order,
) -> Result<Vec<Subscription>, StoreError> {
    let id = |key: &str| SubscriptionId::derived(&[organization.as_str(), order.id.as_str(), key]);
    let derived = order
        .recurring()
        .filter(|_| order.subscriptions_created)
        .flat_map(|(line, frequency)| [id(&frequency.to_string()), id(line.id.as_str())]);
    let ids: BTreeSet<SubscriptionId> =
        derived.chain(order.manual_subscription_ids.iter().cloned()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = ids.into_iter().map(|id| (organization.clone(), id));
    let mut found: Vec<Subscription> = store.subscriptions(wanted).await?.into_values().collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

/// The same, for the caller's organization.
pub(super) async fn made_from(context: &Context<'_>, order: &Order) -> Outcome<Vec<Subscription>> {
    Ok(subscriptions_from(context.store(), &context.caller.organization, order).await?)
}

/// Says which subscriptions were made from an order, where it only said that some were.
async fn with_subscriptions(
    context: &Context<'_>,
    order: &StoredOrder,
    mut object: Object,
) -> Outcome<Object> {
    if let StoredOrder::Client(order) = order
        && has_subscriptions(order)
    {
        let made = made_from(context, order).await?;
        for (name, linkage) in &mut object.relationships {
            if *name == "order_subscriptions" {
                let refs = made.iter().map(|made| Ref::new("order_subscriptions", &made.id));
                *linkage = Linkage::Many(refs.collect());
            }
        }
        object.brings.extend(made.iter().map(order_subscriptions::object));
    }
    Ok(object)
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    listing::answer(context, &KIND, stored_object, visible).await
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let order = in_path(context).await?;
    let object = with_subscriptions(context, &order, stored_object(&order)).await?;
    answer::one(context, 200, &object).await
}
