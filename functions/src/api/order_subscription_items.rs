//! What subscriptions order each time, or next time only. An id tells the subscription:
//! `sbi_<body of the subscription's id>_<tail>`.

use perennial_domain::{
    order::MAX_QUANTITY,
    subscription::{Subscription, SubscriptionItem},
};
use serde_json::json;

use super::{
    CREATED_AT, MAX_AMOUNT, UPDATED_AT, answer,
    catalog::{METADATA, REFERENCE, REFERENCE_ORIGIN},
    change_items,
    line_items::item_relationships,
    listing, order_subscriptions, orders,
};
use crate::http::{
    attributes::{Access, Attribute, Kind},
    context::Context,
    error::Outcome,
    event::Answer,
    object::{Given, Linkage, Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::{Accepts, List},
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "order_subscription_items",
    singular: "order subscription item",
    about: "What a subscription orders each time, or next time only. It can be changed until the next \
            run is due, or until the cut-off before that; runs that were made keep what they ordered.",
    attributes: &[
        Attribute::write(
            "sku_code",
            Kind::Text(100),
            "Code of the sku. Another one takes its place, at its own price.",
        ),
        Attribute::write(
            "bundle_code",
            Kind::Text(100),
            "Code of the bundle, where it is one. Another one takes its place.",
        ),
        Attribute::of(
            "adjustment_id",
            Kind::Text(100),
            Access::CreateOnly,
            "Id of the adjustment, a discount or a fee.",
        ),
        Attribute::create(
            "item_type",
            Kind::Choice(&["skus", "bundles", "adjustments"]),
            "Type of what it is about; it follows from that.",
        ),
        Attribute::write("quantity", Kind::Integer(1, MAX_QUANTITY as i64), "Units per run."),
        Attribute::write(
            "unit_amount_cents",
            Kind::Integer(-MAX_AMOUNT, MAX_AMOUNT),
            "Price of one unit, in minor units. One that is given wins over every list, from run to \
             run; null gives that up for the price of the market's list, or else its own. Below zero \
             only for an adjustment.",
        ),
        Attribute::read(
            "price_override",
            Kind::Boolean,
            "Whether a client has set the price, so that it wins over every list.",
        ),
        Attribute::of(
            "one_off",
            Kind::Boolean,
            Access::Create,
            "Whether only the next run orders it. It goes with the run that carries it, whatever \
             becomes of that; where the next run is skipped, the one after carries it. False unless \
             given.",
        ),
        Attribute::read("name", Kind::Text(200), "Name for people."),
        Attribute::read(
            "total_amount_cents",
            Kind::Integer(-i64::MAX, i64::MAX),
            "Quantity times price, in minor units.",
        ),
        Attribute::read("currency_code", Kind::Currency, "Currency of the amounts."),
        Attribute::read("formatted_unit_amount", Kind::Text(50), "The price, for people."),
        Attribute::read("formatted_total_amount", Kind::Text(50), "The total, for people."),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::required("order_subscription", "order_subscriptions"),
        Relationship {
            on_create: Given::Optionally,
            ..Relationship::given("item", "skus").or_to(&["bundles", "adjustments"]).unlinked()
        },
        ordered("sku", "skus"),
        ordered("bundle", "bundles"),
        ordered("adjustment", "adjustments"),
    ],
};

/// What is ordered, by its type: given instead of `item`.
const fn ordered(name: &'static str, to: &'static str) -> Relationship {
    Relationship { on_create: Given::Optionally, ..Relationship::given(name, to) }
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/order_subscription_items",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts {
            list: Some(List {
                served: &["order_subscription_id_eq"],
                required: &["order_subscription_id_eq"],
                ..List::WHOLE
            }),
        },
        about: "Lists the items of a subscription.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Create,
        path: "/api/order_subscription_items",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Adds an item to a subscription.",
        handler: handler!(change_items::create),
    },
    Operation {
        action: Action::Read,
        path: "/api/order_subscription_items/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads an item of a subscription.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/order_subscription_items/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Changes an item of a subscription: its quantity, its price, or what it is about.",
        handler: handler!(change_items::update),
    },
    Operation {
        action: Action::Delete,
        path: "/api/order_subscription_items/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Removes an item from a subscription. At least one that repeats stays.",
        handler: handler!(change_items::delete),
    },
];

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let wanted = context.query.filters.get("order_subscription_id_eq");
    let found = match wanted.and_then(|id| id.parse().ok()) {
        Some(id) => order_subscriptions::find(context, &id).await?,
        None => None,
    };
    let items = found.map(|subscription| objects(&subscription)).unwrap_or_default();
    answer::page(context, &listing::of_all(context, items)?, &[]).await
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let (subscription, item) = change_items::in_path(context).await?;
    answer::one(context, 200, &object(&subscription, &item)).await
}

/// All items of a subscription.
pub(super) fn objects(subscription: &Subscription) -> Vec<Object> {
    subscription.items.iter().map(|item| object(subscription, item)).collect()
}

/// An item. Its version is the subscription's, as both change together.
pub(super) fn object(subscription: &Subscription, item: &SubscriptionItem) -> Object {
    let SubscriptionItem {
        id,
        item: ordered,
        name,
        quantity,
        unit_amount,
        price_override,
        one_off,
        annotations,
    } = item;
    let created_at = annotations.created_at.unwrap_or(subscription.created_at);
    let mut relationships =
        vec![("order_subscription", Linkage::one("order_subscriptions", Some(&subscription.id)))];
    relationships.extend(item_relationships(ordered));
    let total = unit_amount.checked_mul(*quantity).ok();
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: Some(subscription.version),
        attributes: json!({
            "sku_code": ordered.sku_code(),
            "bundle_code": ordered.bundle_code(),
            "item_type": ordered.item_type(),
            "name": name,
            "quantity": quantity,
            "unit_amount_cents": unit_amount,
            "price_override": price_override,
            "one_off": one_off,
            "total_amount_cents": total,
            "currency_code": subscription.currency,
            "formatted_unit_amount": orders::formatted(*unit_amount, subscription.currency),
            "formatted_total_amount":
                total.map(|total| orders::formatted(total, subscription.currency)),
            "reference": annotations.reference,
            "reference_origin": annotations.reference_origin,
            "metadata": annotations.metadata,
            "created_at": created_at,
            "updated_at": annotations.updated_at.unwrap_or(created_at),
        }),
        relationships,
        meta: None,
        brings: Vec::new(),
    }
}
