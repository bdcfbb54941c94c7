//! Refunds as they are read; see [`crate::payments::refunds`] for how they are made.

use perennial_store::{Part, Record};
use serde_json::{Map, Value, json};

use super::{CREATED_AT, MAX_AMOUNT, UPDATED_AT, catalog::Catalog, orders::formatted};
use crate::http::{
    attributes::{Attribute, Kind},
    object::{Relationship, ResourceType},
    operation::{Action, Handler, Operation, Surface, elsewhere},
    query::Accepts,
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "refunds",
    singular: "refund",
    about: "Money given back for an order, in whole or in part. All refunds of an order together \
            never come to more than was collected.",
    attributes: &[
        Attribute::read(
            "status",
            Kind::Choice(&["pending", "succeeded", "failed"]),
            "Where it stands: `pending` as long as the payment provider's answer is not known; its \
             amount is reserved by then.",
        ),
        Attribute::read("succeeded", Kind::Boolean, "Whether the money went back."),
        Attribute::create(
            "amount_cents",
            Kind::Integer(1, MAX_AMOUNT),
            "How much, in minor units; all that is left of what was collected unless given.",
        ),
        Attribute::read("formatted_amount", Kind::Text(50), "`amount_cents` as people write it."),
        Attribute::read("currency_code", Kind::Currency, "Currency of the amount: the order's."),
        Attribute::create("reason", Kind::Text(500), "Why, for people."),
        Attribute::read("charge_id", Kind::Text(200), "The provider's charge that it is of."),
        Attribute::read("gateway_transaction_id", Kind::Text(200), "The provider's id of it."),
        Attribute::read("error_code", Kind::Text(100), "Why it failed."),
        Attribute::read("message", Kind::Text(1_000), "`error_code` in words, for people."),
        Attribute::read("requested_by", Kind::Text(250), "Who asked for it."),
        Attribute::read("completed_at", Kind::Instant, "When it succeeded or failed."),
        Attribute::create("reference", Kind::Text(200), "The client's own id for it."),
        Attribute::create("reference_origin", Kind::Text(200), "Where the reference comes from."),
        Attribute::create("metadata", Kind::Anything(16_384), "The client's own data."),
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::required("order", "orders"),
        Relationship::given("customer", "customers"),
        Relationship::given("market", "markets"),
        Relationship::given("order_subscription", "order_subscriptions"),
        Relationship::listed("events", "events"),
        Relationship::listed("versions", "versions"),
    ],
};

pub(crate) static CATALOG: Catalog = Catalog {
    actions: &[Action::List, Action::Read],
    market: Some("market_id"),
    show: show_amount,
    ..Catalog::new(&KIND, "F", Part::Record("refund"), "rfd_")
};

/// The operations of the function that moves money.
pub(crate) const fn operations(create: Handler) -> [Operation; 1] {
    [Operation {
        action: Action::Create,
        path: "/api/refunds",
        kind: &KIND,
        surface: Surface::Payments,
        accepts: Accepts::SINGLE,
        about: "Gives back what was collected for an order, or a part of it. The amount is reserved \
                before the provider is asked; where its answer gets lost the refund is answered as \
                `pending`, and settled by look-up within minutes.",
        handler: create,
    }]
}

/// The same for documents and for the other functions.
pub(crate) static DESCRIBED: &[Operation] = &operations(elsewhere);

/// Shows an amount for people, and whether it went back.
fn show_amount(record: &Record, attributes: &mut Map<String, Value>) {
    show_formatted(record, attributes);
    let succeeded = record.get("status") == Some(&json!("succeeded"));
    attributes.insert("succeeded".to_owned(), json!(succeeded));
}

/// Shows an amount for people.
pub(super) fn show_formatted(record: &Record, attributes: &mut Map<String, Value>) {
    let amount = record.get("amount_cents").cloned().and_then(|v| serde_json::from_value(v).ok());
    let currency = record.get("currency_code").cloned();
    let currency = currency.and_then(|v| serde_json::from_value(v).ok());
    let shown = amount.zip(currency).map(|(amount, currency)| formatted(amount, currency));
    attributes.insert("formatted_amount".to_owned(), json!(shown));
}
