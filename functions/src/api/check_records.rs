//! Check records: what is kept of each order that checks held or refused.

use perennial_store::Part;

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, METADATA, REFERENCE, REFERENCE_ORIGIN},
    order_factories::read_only,
};
use crate::http::{
    attributes::{Attribute, Kind},
    object::{Relationship, ResourceType},
    operation::Action,
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "check_records",
    singular: "check record",
    about: "An order that checks held or refused, when it was sent to be placed, and what an operator \
            made of that. Statistics count these.",
    attributes: &[
        Attribute::read(
            "outcome",
            Kind::Choice(&["held", "rejected"]),
            "What became of the order.",
        ),
        Attribute::read(
            "placement",
            Kind::Integer(1, u32::MAX as i64),
            "How often it had been sent to be placed.",
        ),
        Attribute::read("channel_code", Kind::Text(100), "Where it came from."),
        Attribute::read(
            "total_amount_cents",
            Kind::Integer(0, i64::MAX),
            "What was to be paid as far as it was known when it was checked, in minor units: tax on top is \
             in it once it was settled.",
        ),
        Attribute::read("currency_code", Kind::Currency, "Currency of the amount."),
        Attribute::read(
            "failures",
            Kind::List(&Kind::Anything(0), 100),
            "The checks that did not pass: check, severity, codes of what was found, and numbers.",
        ),
        Attribute::read(
            "resolution",
            Kind::Choice(&["overturned", "upheld"]),
            "What an operator made of it; null where none did.",
        ),
        Attribute::read("resolved_by", Kind::Text(300), "Which operator has decided on it."),
        Attribute::read("reason", Kind::Text(1_000), "Why the operator has decided so."),
        Attribute::read("resolved_at", Kind::Instant, "When the operator has."),
        read_only(REFERENCE),
        read_only(REFERENCE_ORIGIN),
        read_only(METADATA),
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::given("order", "orders"),
        Relationship::given("market", "markets"),
        Relationship::given("customer", "customers"),
    ],
};

pub(crate) static CATALOG: Catalog = Catalog {
    actions: &[Action::List, Action::Read],
    market: Some("market_id"),
    ..Catalog::new(&KIND, "CR", Part::Record("check record"), "chr_")
};
