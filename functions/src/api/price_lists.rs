//! Price lists: what markets sell for.

use perennial_store::Part;

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, METADATA, Need, REFERENCE, REFERENCE_ORIGIN},
};
use crate::http::{
    attributes::{Attribute, Kind},
    object::{Relationship, ResourceType},
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "price_lists",
    singular: "price list",
    about: "Prices in one currency, by which markets sell. A market sells a sku that has no price on \
            its list at the sku's own.",
    attributes: &[
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write("code", Kind::Text(100), "The merchant's code for it."),
        Attribute::create("currency_code", Kind::Currency, "Currency of every price on it."),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[Relationship::listed("prices", "prices")],
};

pub(super) static CATALOG: Catalog = Catalog {
    required: &["name", "currency_code"],
    needed_by: &[
        Need::of("markets", "M", "price_list_id"),
        Need::of("prices", "V", "price_list_id"),
        Need::of("order_subscriptions", "S", "price_list_id").but_not(&["cancelled"]),
    ],
    ..Catalog::new(&KIND, "N", Part::Record("price list"), "prl_")
};
