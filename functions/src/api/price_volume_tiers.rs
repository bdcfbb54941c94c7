//! Volume tiers of prices: what one unit costs where several are ordered together. They live within
//! their price.

use chrono::{DateTime, Utc};
use perennial_domain::{
    money::{Currency, MinorUnits},
    order::MAX_QUANTITY,
    pricing::MAX_TIERS,
};
use perennial_store::Record;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    annotations::{NO_METADATA, NO_REFERENCE, NO_REFERENCE_ORIGIN, unkept},
    answer,
    catalog::text,
    listing, orders,
    prices::{self, AMOUNT, TIERS},
};
use crate::http::{
    attributes::{Attribute, Given, Kind},
    context::Context,
    document::{Document, Related, no_such},
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
    object::{Linkage, Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::{Accepts, List},
};

const PREFIX: &str = "pvt_";
/// The member of a price's record that holds its tiers.
const ENTRIES: &str = "tiers";

pub(crate) static KIND: ResourceType = ResourceType {
    name: "price_volume_tiers",
    singular: "price volume tier",
    about: "What one unit of a sku costs by a price list where up to so many are ordered together.",
    attributes: &[
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write(
            "up_to",
            Kind::Integer(1, MAX_QUANTITY as i64),
            "The most units to which it applies; null where there is no end. Each tier of a price \
             has another.",
        ),
        Attribute::write("price_amount_cents", AMOUNT, "What each unit costs, in minor units."),
        Attribute::read(
            "formatted_price_amount",
            Kind::Text(50),
            "`price_amount_cents` as people write it.",
        ),
        Attribute::read("currency_code", Kind::Currency, "Currency of the amount, the price's."),
        NO_REFERENCE,
        NO_REFERENCE_ORIGIN,
        NO_METADATA,
        Attribute::read("created_at", Kind::Instant, "When it was made."),
        Attribute::read("updated_at", Kind::Instant, "When it last changed."),
    ],
    relationships: &[Relationship::required("price", "prices")],
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/price_volume_tiers",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts {
            list: Some(List {
                served: &["price_id_eq"],
                required: &["price_id_eq"],
                ..List::WHOLE
            }),
        },
        about: "Lists the tiers of a price, from the fewest units on.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Create,
        path: "/api/price_volume_tiers",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Gives a price a tier.",
        handler: handler!(create),
    },
    Operation {
        action: Action::Read,
        path: "/api/price_volume_tiers/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads a tier.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/price_volume_tiers/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Changes a tier. Lines made before keep the price they were made at.",
        handler: handler!(update),
    },
    Operation {
        action: Action::Delete,
        path: "/api/price_volume_tiers/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Takes a tier off a price. Lines made before keep the price they were made at.",
        handler: handler!(delete),
    },
];

/// A tier as it stands in the record of its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    id: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    up_to: Option<u32>,
    price_amount_cents: MinorUnits,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// The tiers of a price, from the fewest units on.
fn entries(price: &Record) -> Vec<Entry> {
    let held = price.get(ENTRIES).cloned().unwrap_or_default();
    let mut entries: Vec<Entry> = serde_json::from_value(held).unwrap_or_default();
    entries.sort_by_key(|entry| entry.up_to.unwrap_or(u32::MAX));
    entries
}

/// A tier. Its version is the price's, as both change together.
fn object(price: &Record, entry: &Entry) -> Object {
    let Entry { id, name, up_to, price_amount_cents, created_at, updated_at } = entry;
    let currency = text(price, "currency_code");
    let parsed = currency.and_then(|code| code.parse::<Currency>().ok());
    let formatted = parsed.map(|currency| orders::formatted(*price_amount_cents, currency));
    Object {
        kind: &KIND,
        id: id.clone(),
        version: price.get("version").and_then(Value::as_u64),
        attributes: unkept(json!({
            "name": name,
            "up_to": up_to,
            "price_amount_cents": price_amount_cents,
            "formatted_price_amount": formatted,
            "currency_code": currency,
            "created_at": created_at,
            "updated_at": updated_at,
        })),
        relationships: vec![("price", Linkage::one("prices", text(price, "id").as_ref()))],
        meta: None,
        brings: Vec::new(),
    }
}

fn objects(price: &Record) -> Vec<Object> {
    entries(price).iter().map(|entry| object(price, entry)).collect()
}

/// The id of the price that a tier stands in.
fn price_of(id: &str) -> Option<String> {
    let (price, _) = id.strip_prefix(PREFIX)?.rsplit_once('_')?;
    Some(format!("{}{price}", prices::CATALOG.prefix)).filter(|id| prices::CATALOG.is_id(id))
}

/// The id of a new tier of a price.
fn new_id(context: &Context<'_>, price: &Record) -> String {
    let price = text(price, "id").and_then(|id| id.strip_prefix(prices::CATALOG.prefix));
    // The tail of a UUID of version 7 is random, so tiers of one price don't meet.
    let tail: String = context.new_uuid(KIND.name).simple().to_string().chars().skip(16).collect();
    format!("{PREFIX}{}_{tail}", price.unwrap_or_default())
}

/// Those with these ids that exist.
pub(super) async fn load(context: &Context<'_>, ids: &[String]) -> Outcome<Vec<Object>> {
    let mut of: Vec<String> = ids.iter().filter_map(|id| price_of(id)).collect();
    of.sort();
    of.dedup();
    let (organization, kind) = (&context.caller.organization, prices::CATALOG.stored);
    let found = context.store().records(organization, kind, &of, false).await?;
    let tiers = found.iter().flat_map(objects);
    Ok(tiers.filter(|tier| ids.contains(&tier.id)).collect())
}

async fn find_price(context: &Context<'_>, id: &str) -> Outcome<Option<Record>> {
    if !prices::CATALOG.is_id(id) {
        return Ok(None);
    }
    let (organization, kind) = (&context.caller.organization, prices::CATALOG.stored);
    Ok(context.store().record(organization, kind, id).await?)
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let found = match context.query.filters.get("price_id_eq") {
        Some(id) => find_price(context, id).await?,
        None => None,
    };
    let tiers = found.as_ref().map(objects).unwrap_or_default();
    answer::page(context, &listing::of_all(context, tiers)?, &[]).await
}

/// The price of the tier that the path leads to, and the tier's place in it.
async fn in_path(context: &Context<'_>) -> Outcome<(Record, Vec<Entry>, usize)> {
    let missing = || ApiError::not_found(KIND.singular, context.id);
    let id = price_of(context.id).ok_or_else(missing)?;
    let price = find_price(context, &id).await?.ok_or_else(missing)?;
    let entries = entries(&price);
    let place = entries.iter().position(|entry| entry.id == context.id);
    place.map(|place| (price, entries, place)).ok_or_else(missing)
}

async fn respond(
    context: &Context<'_>,
    status: u16,
    price: &Record,
    entry: Option<&Entry>,
) -> Outcome<Answer> {
    let entry = entry.ok_or_else(|| ApiError::internal("a tier is not of its price"))?;
    answer::one(context, status, &object(price, entry)).await
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let (price, entries, place) = in_path(context).await?;
    respond(context, 200, &price, entries.get(place)).await
}

/// Stores a price with these tiers, on the condition that nobody has changed it meanwhile.
async fn store(context: &Context<'_>, mut price: Record, entries: &[Entry]) -> Outcome<Record> {
    let seen = version(&price);
    let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    price.insert(TIERS.to_owned(), json!(ids));
    price.insert(ENTRIES.to_owned(), json!(entries));
    price.insert("version".to_owned(), json!(seen + 1));
    price.insert("updated_at".to_owned(), json!(context.now));
    let (organization, kind) = (&context.caller.organization, prices::CATALOG.stored);
    context.store().update_record(organization, kind, &price, seen).await?;
    Ok(price)
}

fn version(price: &Record) -> u64 {
    price.get("version").and_then(Value::as_u64).unwrap_or_default()
}

/// Refuses a tier that ends where another does: which of them counts would be a matter of chance.
fn check_other(entries: &[Entry], entry: &Entry) -> Outcome<()> {
    let same = |other: &&Entry| other.id != entry.id && other.up_to == entry.up_to;
    let Some(other) = entries.iter().find(same) else { return Ok(()) };
    let end = entry.up_to.map_or("null".to_owned(), |up_to| up_to.to_string());
    let detail = format!("up_to: the price has a tier up to {end} already, {}", other.id);
    let problem = Problem::new(Code::Taken, detail).at("/data/attributes/up_to");
    Err(problem.with("value", json!(entry.up_to)).into())
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let name: Option<String> = attributes.required("name", &mut problems);
    let up_to: Option<u32> = attributes.optional("up_to", &mut problems).value();
    let amount: Option<MinorUnits> = attributes.required("price_amount_cents", &mut problems);
    let related: Related<String> = document.related("price", &mut problems);
    let mut price = None;
    if let Some(id) = related.id() {
        price = find_price(context, &id).await?;
        if price.is_none() {
            problems.add(no_such("prices", &id, "/data/relationships/price"));
        }
    }
    let (price, (name, price_amount_cents)) = problems.finish(price.zip(name.zip(amount)))?;
    let (mut entries, id, now) = (entries(&price), new_id(context, &price), context.now);
    if let Some(existing) = entries.iter().find(|entry| entry.id == id) {
        // Given by this very request, which then died before it could answer.
        return respond(context, 201, &price, Some(existing)).await;
    }
    let entry = Entry { id, name, up_to, price_amount_cents, created_at: now, updated_at: now };
    check_other(&entries, &entry)?;
    if entries.len() >= MAX_TIERS {
        let problem =
            Problem::new(Code::OutOfRange, format!("a price has at most {MAX_TIERS} tiers"));
        return Err(problem.at("/data/relationships/price").into());
    }
    entries.push(entry.clone());
    let price = store(context, price, &entries).await?;
    respond(context, 201, &price, Some(&entry)).await
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let (price, mut entries, place) = in_path(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(version(&price))?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let name: Option<String> = attributes.value("name", &mut problems);
    let up_to: Given<u32> = attributes.optional("up_to", &mut problems);
    let amount: Option<MinorUnits> = attributes.value("price_amount_cents", &mut problems);
    problems.check()?;
    if let Some(entry) = entries.get_mut(place) {
        let before = entry.clone();
        entry.name = name.unwrap_or_else(|| entry.name.clone());
        up_to.apply(&mut entry.up_to);
        entry.price_amount_cents = amount.unwrap_or(entry.price_amount_cents);
        if *entry == before {
            return respond(context, 200, &price, Some(&before)).await;
        }
        entry.updated_at = context.now;
        let entry = entry.clone();
        check_other(&entries, &entry)?;
    }
    let price = store(context, price, &entries).await?;
    respond(context, 200, &price, entries.get(place)).await
}

async fn delete(context: &Context<'_>) -> Outcome<Answer> {
    let (price, mut entries, place) = in_path(context).await?;
    context.check_version(version(&price))?;
    entries.remove(place);
    store(context, price, &entries).await?;
    Ok(Answer::empty(204))
}
