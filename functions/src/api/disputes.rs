//! Disputes as they are read; see [`crate::payments::disputes`] for how they come about.

use perennial_store::Part;

use super::{
    CREATED_AT, UPDATED_AT,
    annotations::{NO_METADATA, NO_REFERENCE, NO_REFERENCE_ORIGIN},
    catalog::Catalog,
    refunds::show_formatted,
};
use crate::http::{
    attributes::{Attribute, Kind},
    object::{Relationship, ResourceType},
    operation::Action,
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "disputes",
    singular: "dispute",
    about: "A payment that a customer has their bank take back, as the payment provider tells of it.",
    attributes: &[
        Attribute::read(
            "status",
            Kind::Choice(&["open", "won", "lost"]),
            "Where it stands: while it is open the bank holds the money; won, it stays with the \
             merchant; lost, it is gone.",
        ),
        Attribute::read("amount_cents", Kind::Integer(0, i64::MAX), "How much, in minor units."),
        Attribute::read("formatted_amount", Kind::Text(50), "`amount_cents` as people write it."),
        Attribute::read("currency_code", Kind::Currency, "Currency of the amount: the order's."),
        Attribute::read("reason", Kind::Text(200), "Why, as the provider's code."),
        Attribute::read("gateway_dispute_id", Kind::Text(200), "The provider's id of it."),
        Attribute::read("charge_id", Kind::Text(200), "The provider's charge that it is of."),
        Attribute::read("closed_at", Kind::Instant, "When it was won or lost."),
        NO_REFERENCE,
        NO_REFERENCE_ORIGIN,
        NO_METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::given("order", "orders"),
        Relationship::given("customer", "customers"),
        Relationship::given("market", "markets"),
        Relationship::listed("held_subscriptions", "order_subscriptions"),
        Relationship::listed("events", "events"),
        Relationship::listed("versions", "versions"),
    ],
};

pub(crate) static CATALOG: Catalog = Catalog {
    actions: &[Action::List, Action::Read],
    market: Some("market_id"),
    show: show_formatted,
    ..Catalog::new(&KIND, "Q", Part::Record("dispute"), "dsp_")
};
