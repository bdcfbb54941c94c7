//! Customers.

use perennial_store::Part;
use serde_json::json;

use super::{
    CREATED_AT, MAX_AMOUNT, UPDATED_AT,
    catalog::{Catalog, Change, METADATA, Need, REFERENCE, REFERENCE_ORIGIN, done},
    failures,
    tags::{ADD_TAGS, REMOVE_TAGS, TAGS},
};
use crate::http::{
    attributes::{Attribute, Kind},
    caller::Role,
    context::Context,
    error::{Code, Problem},
    object::{Relationship, ResourceType},
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "customers",
    singular: "customer",
    about: "A customer.",
    attributes: &[
        Attribute::write("email", Kind::Text(254), "E-mail address."),
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write(
            CREDIT_LIMIT,
            Kind::Integer(0, MAX_AMOUNT),
            "Most that one order may cost, in minor units; null is no limit. Not for sales channels.",
        ),
        Attribute::write(
            ON_HOLD,
            Kind::Boolean,
            "True while no order of theirs may be placed. Not for sales channels.",
        ),
        Attribute::write(
            TIER,
            Kind::Choice(failures::TIERS),
            "How much their failures count when failures are ranked; standard unless given. Not for \
             sales channels.",
        ),
        ADD_TAGS,
        REMOVE_TAGS,
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        TAGS,
        Relationship::listed("customer_payment_sources", "customer_payment_sources"),
        Relationship::listed("orders", "orders"),
        Relationship::listed("order_subscriptions", "order_subscriptions"),
    ],
};

const CREDIT_LIMIT: &str = "credit_limit_cents";
const ON_HOLD: &str = "on_hold";
const TIER: &str = "tier";

pub(crate) static CATALOG: Catalog = Catalog {
    required: &["email"],
    defaults: || json!({"on_hold": false, "tier": "standard"}),
    take: refuse_credit_of_channels,
    settle: |_, change| {
        check_email(change);
        done()
    },
    refuse_deletion: |context, _| {
        let shop = context.caller.role == Role::SalesChannel;
        let detail = "the role sales_channel may not delete customers";
        shop.then(|| Problem::new(Code::Forbidden, detail))
    },
    needed_by: &[
        Need::of("customer_payment_sources", "P", "customer_id"),
        Need::of("order_subscriptions", "S", "customer_id"),
        Need::of("orders", "O", "customer_id"),
    ],
    ..Catalog::new(&KIND, "C", Part::Customer, "cus_")
};

/// A shop must not lift the limits that are set against it.
fn refuse_credit_of_channels(context: &Context<'_>, change: &mut Change) {
    if context.caller.role != Role::SalesChannel {
        return;
    }
    for name in [CREDIT_LIMIT, ON_HOLD, TIER] {
        if change.attributes.has(name) {
            let detail = format!("the role sales_channel may not set {name}");
            let at = change.attributes.pointer(name);
            change.problems.add(Problem::new(Code::Forbidden, detail).at(at));
        }
    }
}

fn check_email(change: &mut Change) {
    let Some(email) = change.text("email") else { return };
    if !is_email(email) {
        let detail = format!("email must be an address such as \"ada@example.com\", not {email:?}");
        change.refuse("email", Code::InvalidValue, detail);
    }
}

/// Whether a text is an e-mail address, as far as can be told from the outside.
pub(super) fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    let sound = parts.is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    sound && !text.chars().any(char::is_whitespace)
}
