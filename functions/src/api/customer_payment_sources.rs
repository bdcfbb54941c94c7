//! Customers' saved payment methods as they are read; see [`crate::payments::sources`] for how they
//! are written.

use perennial_domain::payment::is_card_number;
use perennial_store::Part;
use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, METADATA, Need, REFERENCE, REFERENCE_ORIGIN, done},
};
use crate::http::{
    attributes::{Access, Attribute, Kind},
    error::{Code, Problem},
    object::{Relationship, ResourceType},
    operation::{Action, Handler, Operation, Surface, elsewhere},
    query::Accepts,
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
        Attribute::read(
            DEFAULT,
            Kind::Boolean,
            "Whether it is the customer's default: the first of their sources, by which new \
             subscriptions are paid that have none. Each customer with sources has exactly one.",
        ),
        Attribute::of(
            "_default",
            Kind::Boolean,
            Access::Trigger,
            "Makes it the customer's default, and the first that is tried where another fails.",
        ),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::required("customer", "customers"),
        Relationship::listed("events", "events"),
        Relationship::listed("versions", "versions"),
    ],
};

pub(crate) const TOKEN: &str = "payment_source_token";
pub(crate) const DEFAULT: &str = "default";

pub(crate) static CATALOG: Catalog = Catalog {
    actions: &[Action::List, Action::Read],
    required: &[TOKEN],
    take: |_, change| {
        if change.attributes.trigger("_default", &mut change.problems) {
            change.set(DEFAULT, true);
        }
    },
    settle: |_, change| {
        if change.text(TOKEN).is_some_and(is_card_number) {
            change.problems.add(card_number().at(change.attributes.pointer(TOKEN)));
        }
        done()
    },
    show: |_, attributes| {
        if let Some(Value::String(token)) = attributes.get(TOKEN) {
            attributes.insert(TOKEN.to_owned(), json!(masked(token)));
        }
    },
    needed_by: &[
        Need::of("order_subscriptions", "S", "payment_source_id").but_not(&["cancelled"]),
        Need::of("orders", "O", "payment_source_id").but_not(&["placed", "cancelled"]),
    ],
    ..Catalog::new(&KIND, "P", Part::PaymentSource, "pay_")
};

/// What the function `payments` serves.
pub(crate) const fn operations(
    create: Handler,
    update: Handler,
    delete: Handler,
) -> [Operation; 3] {
    const SINGLE: &str = "/api/customer_payment_sources/{id}";
    const fn operation(
        action: Action,
        path: &'static str,
        about: &'static str,
        handler: Handler,
    ) -> Operation {
        let surface = Surface::Payments;
        Operation { action, path, kind: &KIND, surface, accepts: Accepts::SINGLE, about, handler }
    }
    [
        operation(
            Action::Create,
            "/api/customer_payment_sources",
            "Makes a customer payment source. The customer's first one is their default. Runs of \
             the customer that were given up for want of one that pays are tried with it at once.",
            create,
        ),
        operation(
            Action::Update,
            SINGLE,
            "Changes a customer payment source. Subscriptions that use it pay with the new token, \
             and their open runs are tried again at once where token or expiry change.",
            update,
        ),
        operation(
            Action::Delete,
            SINGLE,
            "Deletes a customer payment source that nothing needs any more. Where it was the \
             default, the customer's next one takes its place.",
            delete,
        ),
    ]
}

/// The same for documents and for the other functions.
pub(crate) static DESCRIBED: &[Operation] = &operations(elsewhere, elsewhere, elsewhere);

/// Refuses a card number where a token belongs. What was given is not repeated: it would stand in logs.
pub(crate) fn card_number() -> Problem {
    let detail = format!(
        "{TOKEN} is a card number: give the token that the payment provider has for it, card data \
         is never taken"
    );
    Problem::new(Code::InvalidValue, detail)
}

/// A token as answers show it: enough to tell two apart, too little to pay with.
pub(crate) fn masked(token: &str) -> String {
    let length = token.chars().count();
    let tail = if length > 8 { 4 } else { 0 };
    "****".chars().chain(token.chars().skip(length.saturating_sub(tail))).collect()
}
