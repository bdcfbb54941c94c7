//! Adjustments: discounts and fees that lines can carry.

use perennial_store::Part;

use super::{
    CREATED_AT, MAX_AMOUNT, UPDATED_AT,
    catalog::{Catalog, METADATA, REFERENCE, REFERENCE_ORIGIN},
    prices::show_formatted,
};
use crate::http::{
    attributes::{Attribute, Kind},
    object::ResourceType,
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "adjustments",
    singular: "adjustment",
    about: "A discount or a fee, which a line of an order can carry. No total falls below zero by it.",
    attributes: &[
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write("currency_code", Kind::Currency, "Currency of the amount."),
        Attribute::write(
            "amount_cents",
            Kind::Integer(-MAX_AMOUNT, MAX_AMOUNT),
            "In minor units: below zero a discount, above it a fee.",
        ),
        Attribute::read("formatted_amount", Kind::Text(50), "`amount_cents` as people write it."),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[],
};

pub(super) static CATALOG: Catalog = Catalog {
    required: &["name", "currency_code", "amount_cents"],
    show: |record, attributes| show_formatted(record, "amount", attributes),
    on_update: "Lines made before keep the amount they were made at.",
    ..Catalog::new(&KIND, "X", Part::Record("adjustment"), "adj_")
};
