//! Stock keeping units: what can be ordered, at what price, how often.

use perennial_store::Part;
use serde_json::json;

use super::{
    CREATED_AT, MAX_AMOUNT, UPDATED_AT,
    catalog::{Catalog, Identity, METADATA, Need, REFERENCE, REFERENCE_ORIGIN},
    tags::{ADD_TAGS, REMOVE_TAGS, TAGS},
    tax_rules::TAX_CATEGORY,
};
use crate::http::{
    attributes::{Attribute, Kind},
    object::{Relationship, ResourceType},
};

/// Most units that can be in stock.
pub(super) const MAX_STOCK: i64 = 1_000_000_000;

pub(crate) static KIND: ResourceType = ResourceType {
    name: "skus",
    singular: "sku",
    about: "A stock keeping unit that can be ordered.",
    attributes: &[
        Attribute::create("code", Kind::Text(100), "The merchant's code, unique and final."),
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write("description", Kind::Text(2_000), "More about it, for people."),
        Attribute::write("image_url", Kind::Text(2_000), "Where an image of it is."),
        Attribute::write(
            "unit_amount_cents",
            Kind::Integer(0, MAX_AMOUNT),
            "Price of one unit, in minor units of the currency.",
        ),
        Attribute::create("currency_code", Kind::Currency, "Currency of the price."),
        Attribute::write(
            "allowed_frequencies",
            Kind::List(&Kind::Frequency, 100),
            "Frequencies at which it may be ordered on repeat; none given allows every one.",
        ),
        TAX_CATEGORY,
        Attribute::write(
            "stock",
            Kind::Integer(0, MAX_STOCK),
            "Units in stock; null when stock is not tracked.",
        ),
        ADD_TAGS,
        REMOVE_TAGS,
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[Relationship::listed("prices", "prices"), TAGS],
};

pub(super) static CATALOG: Catalog = Catalog {
    identity: Identity::Of { members: &["code"], filters: &["code_eq"] },
    required: &["code", "name", "unit_amount_cents", "currency_code"],
    defaults: || json!({"allowed_frequencies": []}),
    needed_by: &[
        Need::of("bundles", "B", "skus"),
        Need::of("prices", "V", "sku_id"),
        Need::of("order_subscriptions", "S", "items").but_not(&["cancelled"]),
    ],
    on_update: "Orders and subscriptions keep the price they were made at.",
    ..Catalog::new(&KIND, "K", Part::Sku, "sku_")
};
