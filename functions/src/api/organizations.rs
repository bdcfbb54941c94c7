//! The organization of the caller, the only one there is for them, and what it has set.

use chrono::{DateTime, Utc};
use perennial_domain::{impact::ImpactWeights, organization::Organization};
use serde_json::json;

use super::{
    CREATED_AT, UPDATED_AT,
    annotations::{NO_METADATA, NO_REFERENCE, NO_REFERENCE_ORIGIN, unkept},
    answer, failures, listing, tags,
};
use crate::http::{
    attributes::{Access, Attribute, Given, Kind},
    context::Context,
    document::Document,
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
    object::{Object, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::Accepts,
};

const ENABLED: &str = "subscriptions_enabled";

pub(crate) static KIND: ResourceType = ResourceType {
    name: "organizations",
    singular: "organization",
    about: "The organization whose data the token opens. Its id is what the token names it.",
    attributes: &[
        Attribute::read("name", Kind::Text(63), "What the token names it."),
        Attribute::read("slug", Kind::Text(63), "As `name`."),
        Attribute::read(
            "tags_max_allowed_number",
            Kind::Integer(0, 1_000),
            "Most tags of one resource.",
        ),
        Attribute::read(
            "tags_max_name_length",
            Kind::Integer(0, 1_000),
            "Longest name of a tag, in characters.",
        ),
        Attribute::of(
            ENABLED,
            Kind::Boolean,
            Access::Update,
            "Whether subscriptions are made and run; true unless set otherwise. Off, nothing new comes \
             about, and what falls due waits until it is on again, to be caught up by its own policy.",
        ),
        Attribute::of(
            IMPACT_WEIGHTS,
            Kind::Members(WEIGHTS),
            Access::Update,
            "What failures are weighed by: docs/operations.md has the arithmetic. What is left out is \
             as usual; null makes all of it so.",
        ),
        NO_REFERENCE,
        NO_REFERENCE_ORIGIN,
        NO_METADATA,
        Attribute::read(
            "created_at",
            CREATED_AT.kind,
            "When a setting was first changed; null before that.",
        ),
        Attribute::read("updated_at", UPDATED_AT.kind, "When its settings were last changed."),
    ],
    relationships: &[],
};

const IMPACT_WEIGHTS: &str = "impact_weights";

const fn percent(name: &'static str, about: &'static str) -> Attribute {
    Attribute::write(name, Kind::Integer(0, failures::MAX_PERCENT), about)
}

/// What failures are weighed by.
const WEIGHTS: &[Attribute] = &[
    Attribute::write(
        "unknown_value_cents",
        Kind::Integer(0, u32::MAX as i64),
        "What counts where nobody knows what is at stake, in hundredths; 1000 unless set.",
    ),
    percent("age_percent_per_day", "How much more urgent each day of waiting makes it; 10."),
    Attribute::write(
        "age_days_maximum",
        Kind::Integer(0, 3_650),
        "The days after which it gets no more urgent; 30.",
    ),
    Attribute::write(
        "urgency_percent",
        Kind::Members(&[
            percent("validation", "An order that was being placed; 300."),
            percent("order_copy", "A run that was being made; 200."),
            percent("payment_retry", "A payment that was being tried again, or given back; 150."),
            percent("renewal_tick", "What is due was being looked for; 500."),
            percent("webhooks", "Somebody was being told of an event; 50."),
            percent("channels", "What a channel sent could not be understood; 300."),
            percent("held_orders", "A check holds an order; 200."),
            percent("rejected_orders", "Checks have refused an order; 100."),
        ]),
        "How urgent each step is, in percent.",
    ),
    Attribute::write(
        "tier_percent",
        Kind::Members(&[
            percent("standard", "100."),
            percent("silver", "150."),
            percent("gold", "200."),
            percent("platinum", "300."),
        ]),
        "How much each tier of customers counts, in percent.",
    ),
    Attribute::write(
        "currency_percent",
        Kind::Anything(5_000),
        "What a unit of a currency is worth beside one of those not named, in percent: {\"JPY\": 1}.",
    ),
];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/organizations",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::WHOLE,
        about: "Lists the caller's organization.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Read,
        path: "/api/organizations/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads the caller's organization.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/organizations/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Changes the settings of the caller's organization.",
        handler: handler!(update),
    },
    Operation {
        action: Action::Read,
        path: "/api/organization",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads the caller's organization.",
        handler: handler!(read),
    },
];

/// What the organization has set; the instants are none where it has set nothing.
async fn settings(context: &Context<'_>) -> Outcome<Organization> {
    let id = &context.caller.organization;
    let found = context.store().get::<Organization>(id, id.as_str()).await?;
    Ok(found.unwrap_or_else(|| Organization::unset(id.clone(), context.now)))
}

fn object(settings: &Organization) -> Object {
    let Organization { id, subscriptions_enabled, impact_weights, created_at, updated_at, version } =
        settings;
    let mut weights = json!(impact_weights);
    if let Some(members) = weights.as_object_mut() {
        members.entry("currency_percent").or_insert_with(|| json!({}));
    }
    let set = |at: &DateTime<Utc>| (*version > 0).then_some(*at);
    Object {
        kind: &KIND,
        attributes: unkept(json!({
            "name": id,
            "slug": id,
            "tags_max_allowed_number": tags::MAX_TAGS,
            "tags_max_name_length": tags::MAX_NAME,
            ENABLED: subscriptions_enabled,
            IMPACT_WEIGHTS: weights,
            "created_at": set(created_at),
            "updated_at": set(updated_at),
        })),
        id: id.to_string(),
        version: Some(*version),
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    }
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let page = listing::of_all(context, vec![object(&settings(context).await?)])?;
    answer::page(context, &page, &[]).await
}

/// Refuses a path that leads to another organization: nobody is told whether there is one.
fn check_path(context: &Context<'_>) -> Outcome<()> {
    if !context.id.is_empty() && context.id != context.caller.organization.as_str() {
        return Err(ApiError::not_found(KIND.singular, context.id));
    }
    Ok(())
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    check_path(context)?;
    answer::one(context, 200, &object(&settings(context).await?)).await
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    check_path(context)?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    let before = settings(context).await?;
    context.check_version(before.version)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let enabled = attributes.optional(ENABLED, &mut problems);
    let weights: Given<ImpactWeights> = attributes.optional(IMPACT_WEIGHTS, &mut problems);
    problems.check()?;
    let mut after = before.clone();
    match enabled {
        Given::Absent => {}
        Given::Null => after.subscriptions_enabled = true,
        Given::Value(enabled) => after.subscriptions_enabled = enabled,
    }
    weights.or_default(&mut after.impact_weights);
    if after == before {
        return answer::one(context, 200, &object(&before)).await;
    }
    after.version += 1;
    after.updated_at = context.now;
    let (store, organization) = (context.store(), &context.caller.organization);
    if before.version == 0 {
        store.create(organization, &after).await?;
    } else {
        store.update(organization, &after, before.version).await?;
    }
    answer::one(context, 200, &object(&after)).await
}

/// Refuses what would bring something new about while subscriptions are switched off.
pub(super) async fn check_enabled(context: &Context<'_>) -> Outcome<()> {
    let organization = &context.caller.organization;
    if !context.store().subscriptions_off(organization).await? {
        return Ok(());
    }
    let detail = format!(
        "organization {organization} has switched subscriptions off: set {ENABLED} of it to true \
         first"
    );
    Err(Problem::new(Code::InvalidStatus, detail).into())
}
