//! What subscriptions order each time. Read with their subscription.

use perennial_domain::{
    order::MAX_QUANTITY,
    subscription::{Subscription, SubscriptionItem},
};
use serde_json::json;

use super::{MAX_AMOUNT, orders};
use crate::http::{
    attributes::{Attribute, Kind},
    object::{Linkage, Object, Relationship, ResourceType},
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "order_subscription_items",
    singular: "order subscription item",
    about: "What a subscription orders each time, at the price it was made at.",
    attributes: &[
        Attribute::read("sku_code", Kind::Text(100), "Code of the sku."),
        Attribute::read("name", Kind::Text(200), "Name for people."),
        Attribute::read("quantity", Kind::Integer(1, MAX_QUANTITY as i64), "Units per run."),
        Attribute::read(
            "unit_amount_cents",
            Kind::Integer(0, MAX_AMOUNT),
            "Price of one unit, in minor units.",
        ),
        Attribute::read(
            "total_amount_cents",
            Kind::Integer(0, i64::MAX),
            "Quantity times price, in minor units.",
        ),
        Attribute::read("formatted_total_amount", Kind::Text(50), "The same, for people."),
    ],
    relationships: &[Relationship::given("order_subscription", "order_subscriptions").unlinked()],
};

pub(super) fn object(subscription: &Subscription, item: &SubscriptionItem) -> Object {
    let SubscriptionItem { id, sku_code, name, quantity, unit_amount, stock_tracked: _ } = item;
    let total = unit_amount.checked_mul(*quantity).ok();
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: None,
        attributes: json!({
            "sku_code": sku_code,
            "name": name,
            "quantity": quantity,
            "unit_amount_cents": unit_amount,
            "total_amount_cents": total,
            "formatted_total_amount":
                total.map(|total| orders::formatted(total, subscription.currency)),
        }),
        relationships: vec![(
            "order_subscription",
            Linkage::one("order_subscriptions", Some(&subscription.id)),
        )],
        meta: None,
        brings: Vec::new(),
    }
}
