//! Compound documents: the resources that `include` asks for, each loaded once.

use std::collections::{HashMap, HashSet};

use futures::future::try_join_all;
use perennial_domain::event_topics::Concerned;
use perennial_domain::ids::{
    DeadLetterId, JobRunId, LineItemId, OrderId, SubscriptionId, SubscriptionItemId,
};
use perennial_store::StoredOrder;

use super::{
    catalog, customer_email, dead_letters, event_callbacks, events, inverse, job_runs,
    journals::{self, Journal},
    line_items, order_factories, order_subscriptions, orders, price_volume_tiers, sku_list_items,
    stock_items, stock_locations, versions,
};
use crate::http::{
    caller::Verb,
    context::Context,
    error::Outcome,
    object::{Linkage, Object, Ref},
};

/// Reads in flight at once.
const CONCURRENCY: usize = 16;

/// What a relationship that objects do not list was found to lead to, by object and name.
type Found = HashMap<(Ref, String), Vec<Ref>>;

/// The resources that the request's include paths lead to from `primary`. Relationships that lead to
/// them and that the objects did not list, list them afterwards: what is included is linked.
pub(super) async fn resolve(context: &Context<'_>, primary: &mut [Object]) -> Outcome<Vec<Object>> {
    let mut known: HashMap<Ref, Object> = HashMap::new();
    let mut found = Found::new();
    let mut included: Vec<Ref> = Vec::new();
    for path in &context.query.include {
        let mut level: Vec<Object> = primary.to_vec();
        for step in path {
            let mut wanted: Vec<Ref> = Vec::new();
            let several = level.len() > 1;
            for object in &level {
                keep(&mut known, &object.brings);
                let place = (object.reference(), step.clone());
                match object.linkage(step) {
                    Some(Linkage::Unknown)
                        if several && inverse::back(object.kind.name, step).is_some() =>
                    {
                        return Err(inverse::refuse_several(object.kind.name, step));
                    }
                    Some(Linkage::Unknown) if !found.contains_key(&place) => {
                        let objects = expand(context, object, step).await?;
                        let refs: Vec<Ref> = objects.iter().map(Object::reference).collect();
                        wanted.extend(refs.iter().cloned());
                        found.insert(place, refs);
                        keep(&mut known, &objects);
                    }
                    Some(Linkage::Unknown) => {
                        wanted.extend(found.get(&place).into_iter().flatten().cloned());
                    }
                    Some(linkage) => wanted.extend(linkage.refs().iter().cloned()),
                    None => {}
                }
            }
            let mut seen = HashSet::new();
            wanted.retain(|reference| seen.insert(reference.clone()));
            for reference in &wanted {
                context.caller.check(Verb::Read, reference.kind)?;
            }
            let missing: Vec<Ref> =
                wanted.iter().filter(|wanted| !known.contains_key(wanted)).cloned().collect();
            keep(&mut known, &load(context, &missing).await?);
            level = wanted.iter().filter_map(|wanted| known.get(wanted).cloned()).collect();
            included.extend(wanted);
        }
    }
    let mut seen = HashSet::new();
    included.retain(|reference| seen.insert(reference.clone()));
    let mut included: Vec<Object> =
        included.iter().filter_map(|reference| known.remove(reference)).collect();
    for object in primary.iter_mut().chain(&mut included) {
        link(object, &found);
    }
    customer_email::fill_in(context, primary, &mut included).await?;
    Ok(included)
}

/// Lists in an object what was found where its relationships lead.
fn link(object: &mut Object, found: &Found) {
    let of = object.reference();
    for (name, linkage) in &mut object.relationships {
        if let Some(refs) = found.get(&(of.clone(), (*name).to_owned())) {
            *linkage = match object.kind.relationship(name) {
                Some(relationship) if !relationship.many => Linkage::One(refs.first().cloned()),
                Some(_) | None => Linkage::Many(refs.clone()),
            };
        }
    }
}

/// The resources that a relationship of an object leads to, in the order in which it lists them.
pub(super) async fn follow(
    context: &Context<'_>,
    object: &Object,
    name: &str,
) -> Outcome<Vec<Object>> {
    let refs = match object.linkage(name) {
        Some(Linkage::Unknown) => return expand(context, object, name).await,
        Some(linkage) => linkage.refs(),
        None => &[],
    };
    let mut known: HashMap<Ref, Object> = HashMap::new();
    keep(&mut known, &object.brings);
    let missing: Vec<Ref> =
        refs.iter().filter(|wanted| !known.contains_key(wanted)).cloned().collect();
    keep(&mut known, &load(context, &missing).await?);
    Ok(refs.iter().filter_map(|reference| known.remove(reference)).collect())
}

fn keep(known: &mut HashMap<Ref, Object>, objects: &[Object]) {
    for object in objects {
        known.entry(object.reference()).or_insert_with(|| object.clone());
    }
}

/// The resources of a relationship that an object does not list.
async fn expand(context: &Context<'_>, object: &Object, name: &str) -> Outcome<Vec<Object>> {
    match (object.kind.name, name) {
        ("orders", "order_subscriptions") => {
            let Ok(id) = object.id.parse() else { return Ok(Vec::new()) };
            let Some(StoredOrder::Client(order)) = orders::find(context, &id).await? else {
                return Ok(Vec::new());
            };
            let made = orders::made_from(context, &order).await?;
            Ok(made.iter().map(order_subscriptions::object).collect())
        }
        (
            "order_subscriptions",
            kind @ ("order_factories" | "order_copies" | "recurring_order_copies"),
        ) => {
            let Ok(id) = object.id.parse() else { return Ok(Vec::new()) };
            order_factories::newest(context, &id, kind).await
        }
        ("orders", kind @ ("order_factories" | "order_copies" | "recurring_order_copies")) => {
            let Ok(id) = object.id.parse() else { return Ok(Vec::new()) };
            match orders::find(context, &id).await? {
                Some(order) => order_factories::made_of(context, &order, kind).await,
                None => Ok(Vec::new()),
            }
        }
        ("order_subscriptions", "orders") => order_factories::orders_of(context, &object.id).await,
        ("order_copies" | "recurring_order_copies", "source_order") => {
            order_factories::source_of_run(context, &object.id).await
        }
        (kind, name) if journals::tells(name) => {
            let resource = Concerned { kind, id: object.id.clone() };
            match Journal::of_resource(context, resource).await? {
                Some(journal) => journal.told(name).newest(context).await,
                None => Ok(Vec::new()),
            }
        }
        ("webhooks", "last_event_callbacks") => match object.id.parse() {
            Ok(id) => event_callbacks::newest(context, &id).await,
            Err(_) => Ok(Vec::new()),
        },
        ("events", "last_event_callbacks") => event_callbacks::of_event(context, &object.id).await,
        ("events", "webhooks") => events::webhooks(context, object).await,
        (kind, name) => match (object.kind.relationship(name), inverse::back(kind, name)) {
            (Some(relationship), Some(by)) => inverse::all(context, object, relationship, by).await,
            _ => Ok(Vec::new()),
        },
    }
}

/// Those of the resources that exist and that the caller sees.
async fn load(context: &Context<'_>, missing: &[Ref]) -> Outcome<Vec<Object>> {
    let mut by_kind: HashMap<&'static str, Vec<String>> = HashMap::new();
    for reference in missing {
        by_kind.entry(reference.kind).or_default().push(reference.id.clone());
    }
    let mut loaded = Vec::with_capacity(missing.len());
    for (kind, ids) in by_kind {
        loaded.extend(load_kind(context, kind, ids).await?);
    }
    Ok(loaded)
}

/// Those of the resources of one kind that exist and that the caller sees.
pub(super) async fn load_kind(
    context: &Context<'_>,
    kind: &str,
    ids: Vec<String>,
) -> Outcome<Vec<Object>> {
    if let Some(catalog) = catalog::named(kind) {
        return catalog::load(context, catalog, &ids).await;
    }
    let organization = &context.caller.organization;
    match kind {
        "sku_list_items" => sku_list_items::load(context, &ids).await,
        "price_volume_tiers" => price_volume_tiers::load(context, &ids).await,
        "stock_items" => stock_items::load(context, &ids).await,
        "stock_locations" => Ok(stock_locations::load(&ids)),
        "orders" => {
            let ids: Vec<OrderId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
            load_orders(context, &ids).await
        }
        "line_items" => {
            let lines = ids.iter().filter_map(|id| id.parse::<LineItemId>().ok());
            let orders: HashSet<OrderId> =
                lines.filter_map(|line| line_items::order_of(&line)).collect();
            let orders: Vec<OrderId> = orders.into_iter().collect();
            let orders = load_orders(context, &orders).await?;
            Ok(orders.into_iter().flat_map(|order| order.brings).collect())
        }
        "order_subscriptions" => load_subscriptions(context, ids).await,
        "order_subscription_items" => {
            let wanted: HashSet<&str> = ids.iter().map(String::as_str).collect();
            let items = ids.iter().filter_map(|id| id.parse::<SubscriptionItemId>().ok());
            let of: HashSet<SubscriptionId> =
                items.filter_map(|item| item.subscription()).collect();
            let of = of.iter().map(ToString::to_string).collect();
            let found = load_subscriptions(context, of).await?;
            let items = found.into_iter().flat_map(|subscription| subscription.brings);
            Ok(items.filter(|item| wanted.contains(item.id.as_str())).collect())
        }
        "order_factories" | "order_copies" | "recurring_order_copies" => {
            let mut loaded = Vec::new();
            for chunk in ids.chunks(CONCURRENCY) {
                let reads = chunk.iter().map(|id| order_factories::find(context, id));
                let found = try_join_all(reads).await?;
                let of_kind = |found: &Object| kind == "order_factories" || found.kind.name == kind;
                loaded.extend(found.into_iter().flatten().filter(of_kind));
            }
            Ok(loaded)
        }
        "events" => events::load(context, &ids).await,
        "versions" => versions::load(context, &ids).await,
        "event_callbacks" => event_callbacks::load(context, &ids).await,
        "job_runs" => {
            let mut loaded = Vec::new();
            for id in ids.iter().filter_map(|id| id.parse::<JobRunId>().ok()) {
                loaded.extend(job_runs::find(context, &id).await?);
            }
            Ok(loaded)
        }
        "dead_letters" => {
            let mut loaded = Vec::new();
            for id in ids.iter().filter_map(|id| id.parse::<DeadLetterId>().ok()) {
                let found = context.store().dead_letter(organization, &id).await?;
                loaded.extend(found.iter().map(dead_letters::shown_to(context)));
            }
            Ok(loaded)
        }
        _ => Ok(Vec::new()),
    }
}

async fn load_subscriptions(context: &Context<'_>, ids: Vec<String>) -> Outcome<Vec<Object>> {
    let organization = &context.caller.organization;
    let ids = ids.iter().filter_map(|id| id.parse::<SubscriptionId>().ok());
    let wanted = ids.map(|id| (organization.clone(), id));
    let found = context.store().subscriptions(wanted).await?;
    Ok(found
        .values()
        .filter(|subscription| context.caller.sees(&subscription.market_id))
        .map(order_subscriptions::object)
        .collect())
}

async fn load_orders(context: &Context<'_>, ids: &[OrderId]) -> Outcome<Vec<Object>> {
    let mut loaded = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CONCURRENCY) {
        let found = try_join_all(chunk.iter().map(|id| orders::find(context, id))).await?;
        loaded.extend(found.iter().flatten().map(orders::stored_object));
    }
    Ok(loaded)
}
