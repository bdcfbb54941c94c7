//! Customers' saved payment methods.

use perennial_store::Part;
use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, METADATA, Need, REFERENCE, REFERENCE_ORIGIN},
};
use crate::http::{
    attributes::{Attribute, Kind},
    object::{Relationship, ResourceType},
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "customer_payment_sources",
    singular: "customer payment source",
    about: "A saved payment method of a customer: a payment provider's token, never card data.",
    attributes: &[
        Attribute::write("name", Kind::Text(200), "Name for people (\"Visa ending 4242\")."),
        Attribute::write(TOKEN, Kind::Text(500), "The payment provider's token. Answered masked."),
        Attribute::write(
            "expires_on",
            Kind::Date,
            "The last day on which it can be charged: of a card, the last of its month of expiry. \
             Null when not known.",
        ),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[Relationship::required("customer", "customers")],
};

const TOKEN: &str = "payment_source_token";

pub(super) static CATALOG: Catalog = Catalog {
    required: &[TOKEN],
    show: |_, attributes| {
        if let Some(Value::String(token)) = attributes.get(TOKEN) {
            attributes.insert(TOKEN.to_owned(), json!(masked(token)));
        }
    },
    needed_by: &[
        Need::of("order_subscriptions", "S", "payment_source_id").but_not(&["cancelled"]),
        Need::of("orders", "O", "payment_source_id").but_not(&["placed", "cancelled"]),
    ],
    on_update: "Subscriptions that use it pay with the new token.",
    ..Catalog::new(&KIND, "P", Part::PaymentSource, "pay_")
};

/// A token as answers show it: enough to tell two apart, too little to pay with.
fn masked(token: &str) -> String {
    let length = token.chars().count();
    let tail = if length > 8 { 4 } else { 0 };
    "****".chars().chain(token.chars().skip(length.saturating_sub(tail))).collect()
}
