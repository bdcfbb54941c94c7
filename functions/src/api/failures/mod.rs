//! Failures: everything that somebody has to see to, in one list, ranked by impact. Open dead letters,
//! those of channels included, and orders that checks hold or have refused.
//!
//! Orders that are stuck while they are placed are no kind of their own: the tick hands them to
//! validation again until that places or refuses them, or their message becomes a dead letter.

mod found;
mod meant;
pub(crate) mod overturns;
pub(crate) mod redrives;

use perennial_domain::ids::{CheckRecordId, DeadLetterId};
use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    annotations::{NO_METADATA, NO_REFERENCE, NO_REFERENCE_ORIGIN, unkept},
    answer, listing,
};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    error::{ApiError, Outcome},
    event::Answer,
    object::{Linkage, Object, Relationship, ResourceType},
    operation::{Action, Handler, Operation, Surface, elsewhere, handler},
    query::Accepts,
};
use found::{Failure, Found};

/// The names of a customer's tiers.
pub(crate) const TIERS: &[&str] = &["standard", "silver", "gold", "platinum"];
/// Most of a percentage in settings.
pub(crate) const MAX_PERCENT: i64 = 10_000;

pub(crate) static KIND: ResourceType = ResourceType {
    name: "failures",
    singular: "failure",
    about: "Something that somebody has to see to: an open dead letter, or an order that checks hold or \
            have refused. Ranked by impact, which is money x urgency x age x customer tier by the \
            `impact_weights` of the organization: what waits longer counts more.",
    attributes: &[
        Attribute::read(
            "kind",
            Kind::Choice(&["dead_letter", "held_order", "rejected_order"]),
            "What it is.",
        ),
        Attribute::read(
            "source",
            Kind::Text(100),
            "Where it failed: a queue, channel:<code>, or checks.",
        ),
        Attribute::read("subject", Kind::Text(80), "The subscription or order it is about."),
        Attribute::read("error", Kind::Text(10_000), "Why it failed."),
        Attribute::read("attempts", Kind::Integer(0, u32::MAX as i64), "How often it was tried."),
        Attribute::read(
            "redrives",
            Kind::Integer(0, u32::MAX as i64),
            "How often it was replayed.",
        ),
        Attribute::read(
            "value_at_risk_cents",
            Kind::Integer(0, i64::MAX),
            "What is lost if nobody sees to it, in minor units; null where nobody knows.",
        ),
        Attribute::read("currency_code", Kind::Currency, "Currency of `value_at_risk_cents`."),
        Attribute::read("customer_tier", Kind::Choice(TIERS), "The customer's tier as it is now."),
        Attribute::read(
            "impact",
            Kind::Integer(0, i64::MAX),
            "`money` x `urgency_percent` x `age_percent` x `tier_percent`, each as a share of a hundred, \
             without its fraction.",
        ),
        Attribute::read(
            "money",
            Kind::Integer(0, i64::MAX),
            "The value at risk in hundredths of a unit of the organization's money: weighed by its \
             currency, and as `impact_weights` say where it is not known.",
        ),
        percent("urgency_percent", "How much the urgency of the step counts that failed."),
        percent("age_percent", "How much its age counts: 100 when it is new, and more each day."),
        percent("tier_percent", "How much the customer's tier counts."),
        NO_REFERENCE,
        NO_REFERENCE_ORIGIN,
        NO_METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::given("dead_letter", "dead_letters").unlinked(),
        Relationship::given("order", "orders").unlinked(),
        Relationship::given("order_subscription", "order_subscriptions").unlinked(),
        Relationship::given("customer", "customers").unlinked(),
    ],
};

const fn percent(name: &'static str, about: &'static str) -> Attribute {
    Attribute::read(name, Kind::Integer(0, u32::MAX as i64), about)
}

const fn operations(list: Handler, read: Handler) -> [Operation; 2] {
    [
        Operation {
            action: Action::List,
            path: "/api/failures",
            kind: &KIND,
            surface: Surface::Failures,
            accepts: Accepts::WHOLE,
            about: "Lists what somebody has to see to, that of most impact first unless sorted \
                    otherwise.",
            handler: list,
        },
        Operation {
            action: Action::Read,
            path: "/api/failures/{id}",
            kind: &KIND,
            surface: Surface::Failures,
            accepts: Accepts::SINGLE,
            about: "Reads a failure.",
            handler: read,
        },
    ]
}

/// What the function `failures` serves.
pub(crate) const OPERATIONS: &[Operation] = &operations(handler!(list), handler!(read));

/// The same for documents and for the other functions, which leave its code out.
pub(crate) const DESCRIBED: &[Operation] = &operations(elsewhere, elsewhere);

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let mut failures = Found::all(context).await?.weighed(context).await?;
    failures.sort_by_key(|failure| (std::cmp::Reverse(failure.impact.impact), failure.created_at));
    let objects: Vec<Object> = failures.iter().map(object).collect();
    answer::page(context, &listing::of_all(context, objects)?, &[]).await
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let letter = context.id.parse::<DeadLetterId>().ok();
    let record = context.id.parse::<CheckRecordId>().ok();
    let found = Found::one(context, letter, record).await?;
    let failures = found.weighed(context).await?;
    let missing = || ApiError::not_found(KIND.singular, context.id);
    let failure = failures.first().ok_or_else(missing)?;
    answer::one(context, 200, &object(failure)).await
}

fn object(failure: &Failure) -> Object {
    let Failure {
        kind,
        id,
        source,
        subject,
        error,
        attempts,
        redrives,
        value,
        order,
        subscription,
        customer,
        tier,
        impact,
        created_at,
        updated_at,
    } = failure;
    let letter = (*kind == "dead_letter").then_some(id);
    let mut attributes = unkept(json!({
        "kind": kind,
        "source": source,
        "subject": subject,
        "error": error,
        "attempts": attempts,
        "redrives": redrives,
        "value_at_risk_cents": value.map(|(value, _)| value),
        "currency_code": value.map(|(_, currency)| currency),
        "customer_tier": tier,
        "created_at": created_at,
        "updated_at": updated_at,
    }));
    if let (Value::Object(members), Value::Object(weighed)) = (&mut attributes, json!(impact)) {
        members.extend(weighed);
    }
    Object {
        kind: &KIND,
        id: id.clone(),
        version: None,
        attributes,
        relationships: vec![
            ("dead_letter", Linkage::one("dead_letters", letter)),
            ("order", Linkage::one("orders", order.as_ref())),
            ("order_subscription", Linkage::one("order_subscriptions", subscription.as_ref())),
            ("customer", Linkage::one("customers", customer.as_ref())),
        ],
        meta: None,
        brings: Vec::new(),
    }
}
