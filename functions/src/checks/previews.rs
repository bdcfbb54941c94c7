//! Check previews: what a changed policy would have made of the orders that came last.

use chrono::{DateTime, Utc};
use futures::future::try_join_all;
use perennial_domain::{
    checks::{CheckPolicy, Flip, Scope, Settings, flip, read_checks},
    ids::{CustomerId, MarketId},
    order::Order,
};
use perennial_store::Span;
use serde_json::{Map, Value, json};

use crate::{
    api::{
        check_policies::{CHECKS, refused, unknown_channel},
        customers, markets,
        previews::answer,
    },
    checking::{Checked, settings_of},
    http::{
        attributes::{Attribute, Attributes, Kind},
        context::Context,
        document::{Document, no_such_at},
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
        object::ResourceType,
    },
};

/// Most orders that are looked at.
const MOST_ORDERS: u16 = 1_000;
/// Orders that are looked at unless asked otherwise.
const ORDERS: u16 = 100;
/// Orders looked at at once.
const CONCURRENCY: usize = 16;

pub(crate) static KIND: ResourceType = ResourceType {
    name: "check_previews",
    singular: "check preview",
    about: "What a changed policy would have made of the last orders, all else as it is now: the \
            policies, the customers, what is in stock. Stored nowhere.",
    attributes: &[
        Attribute::create("channel_code", Kind::Text(100), "The channel of the policy."),
        Attribute::create("market_id", Kind::Text(100), "Its market."),
        Attribute::create("customer_id", Kind::Text(100), "Its customer."),
        Attribute::create(
            "checks",
            CHECKS.kind,
            "What would be said otherwise, as in a policy. What is left out stays as the policy of that \
             scope has it; null takes it away.",
        ),
        Attribute::create(
            "limit",
            Kind::Integer(1, MOST_ORDERS as i64),
            "How many orders are looked at, the newest first; 100 unless given.",
        ),
        Attribute::create("to", Kind::Instant, "Only orders made up to then; now unless given."),
        Attribute::read(
            "orders_examined",
            Kind::Integer(0, MOST_ORDERS as i64),
            "How many orders were looked at: those that were sent to be placed, and that the policy \
             counts for.",
        ),
        Attribute::read(
            "has_more",
            Kind::Boolean,
            "Whether older orders were not looked at, because of the limit or because so many runs lie \
             between them.",
        ),
        Attribute::read(
            "flips",
            Kind::List(&Kind::Anything(0), MOST_ORDERS as usize),
            "The orders of which something else would have become: order_id, status, before and after \
             (`place`, `hold`, `reject`), and the checks whose verdicts differ, with what they find and \
             their numbers.",
        ),
    ],
    relationships: &[],
};

/// What is asked for.
struct Asked {
    scope: Scope,
    checks: Map<String, Value>,
    limit: u16,
    to: DateTime<Utc>,
}

pub(super) async fn preview(context: &Context<'_>) -> Outcome<Answer> {
    let asked = read(context).await?;
    let (store, organization) = (context.store(), &context.caller.organization);
    let span = Span { descending: true, from: None, to: Some(asked.to) };
    let (orders, more) = store.client_orders(organization, &span, asked.limit).await?;
    let examined = orders.into_iter().filter(|order| {
        order.placements > 0
            && context.caller.sees(&order.market_id)
            && asked.scope.covers(&Scope::of(order))
    });
    let examined: Vec<Order> = examined.collect();
    let mut flips: Vec<Value> = Vec::new();
    for orders in examined.chunks(CONCURRENCY) {
        let each = orders.iter().map(|order| examine(context, &asked, order));
        flips.extend(try_join_all(each).await?.into_iter().flatten());
    }
    let Value::Object(attributes) = json!({
        "channel_code": asked.scope.channel,
        "market_id": asked.scope.market_id,
        "customer_id": asked.scope.customer_id,
        "checks": asked.checks,
        "limit": asked.limit,
        "to": asked.to,
        "orders_examined": examined.len(),
        "has_more": more,
        "flips": flips,
    }) else {
        return Err(ApiError::internal("attributes are an object"));
    };
    Ok(answer(context, &KIND, attributes))
}

async fn read(context: &Context<'_>) -> Outcome<Asked> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let scope = Scope {
        channel: attributes.optional("channel_code", &mut problems).value(),
        market_id: attributes.optional("market_id", &mut problems).value(),
        customer_id: attributes.optional("customer_id", &mut problems).value(),
    };
    let limit = attributes.optional("limit", &mut problems).value().unwrap_or(ORDERS);
    let to = attributes.optional("to", &mut problems).value().unwrap_or(context.now);
    let checks: Option<Value> = attributes.required("checks", &mut problems);
    let checks = match checks {
        Some(Value::Object(checks)) => checks,
        Some(_) => {
            let detail = "checks must be an object: what is said of each check, by its name";
            problems.add(Problem::new(Code::InvalidValue, detail).at(attributes.pointer("checks")));
            Map::new()
        }
        None => Map::new(),
    };
    if let Err(error) = read_checks(&checks) {
        problems.add(refused(&error, &checks, &attributes.pointer("checks")));
    }
    check_scope(context, &scope, &attributes, &mut problems).await?;
    problems.check()?;
    Ok(Asked { scope, checks, limit, to })
}

/// A policy counts for what is there and the caller sees.
async fn check_scope(
    context: &Context<'_>,
    scope: &Scope,
    attributes: &Attributes,
    problems: &mut Problems,
) -> Outcome<()> {
    if let Some(code) = &scope.channel {
        let at = attributes.pointer("channel_code");
        if let Some(problem) = unknown_channel(context, code, at).await? {
            problems.add(problem);
        }
    }
    let ids = [
        ("market_id", &markets::CATALOG, scope.market_id.as_ref().map(MarketId::as_str)),
        ("customer_id", &customers::CATALOG, scope.customer_id.as_ref().map(CustomerId::as_str)),
    ];
    for (name, catalog, id) in ids {
        let Some(id) = id else { continue };
        let organization = &context.caller.organization;
        let found = context.store().record(organization, catalog.stored, id).await?;
        if found.is_none_or(|record| !catalog.visible(context, &record)) {
            problems.add(no_such_at(catalog.kind.name, id, attributes.pointer(name)));
        }
    }
    Ok(())
}

/// What would have become of one order, where that is something else.
async fn examine(context: &Context<'_>, asked: &Asked, order: &Order) -> Outcome<Option<Value>> {
    let (store, organization) = (context.store(), &context.caller.organization);
    let related = store.related_to_check(organization, order).await?;
    let changed = changed(&related.policies, asked);
    let internal =
        |error: perennial_domain::checks::PolicyError| ApiError::internal(error.to_string());
    let as_is: Settings = settings_of(&related, order, None).map_err(internal)?;
    let would_be = settings_of(&related, order, Some(&changed)).map_err(internal)?;
    // As if it were placed today what it was placed as then, and no operator had decided on it.
    let order = &Order { overturn: None, ..order.clone() };
    let at = order.placing_at.unwrap_or(order.created_at);
    let needs = as_is.needs().or(would_be.needs());
    let checked = Checked::load(store, organization, order, related, needs, at).await?;
    let flip = flip(&checked.facts(order, &[], at), &as_is, &would_be);
    Ok(flip.map(|Flip { before, after, checks }| {
        json!({
            "order_id": order.id,
            "status": order.status,
            "before": before,
            "after": after,
            "checks": checks,
        })
    }))
}

/// The policy of the scope that is asked for, with what would be said otherwise.
fn changed(policies: &[CheckPolicy], asked: &Asked) -> CheckPolicy {
    let id = asked.scope.policy_id();
    let as_is = policies.iter().find(|policy| policy.id == id).cloned();
    let mut policy = as_is.unwrap_or_else(|| CheckPolicy {
        id,
        scope: asked.scope.clone(),
        checks: Default::default(),
    });
    for (check, members) in &asked.checks {
        let said = policy.checks.entry(check.clone()).or_default();
        for (name, value) in members.as_object().into_iter().flatten() {
            if value.is_null() {
                said.remove(name);
            } else {
                said.insert(name.clone(), value.clone());
            }
        }
    }
    policy
}
