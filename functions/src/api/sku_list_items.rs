//! Skus on lists, each with its units. They live within their list.

use perennial_domain::{
    ids::SkuId,
    pricing::{MAX_COMPONENT_QUANTITY, MAX_COMPONENTS},
};
use perennial_store::Record;
use serde_json::{Value, json};

use super::{
    annotations::{NO_METADATA, NO_REFERENCE, NO_REFERENCE_ORIGIN, unkept},
    answer,
    catalog::text,
    listing,
    sku_lists::{self, Entry, entries, item_id, list_of, set_entries},
    skus,
};
use crate::http::{
    attributes::{Attribute, Attributes, Kind},
    context::Context,
    document::{Document, Related, no_such},
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
    object::{Given, Linkage, Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::{Accepts, List},
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "sku_list_items",
    singular: "sku list item",
    about: "A sku on a list, with its units.",
    attributes: &[
        Attribute::create(
            "sku_code",
            Kind::Text(100),
            "Code of the sku; the relationship sku may be given instead.",
        ),
        Attribute::write(
            "quantity",
            Kind::Integer(1, MAX_COMPONENT_QUANTITY as i64),
            "Units of it; 1 unless given.",
        ),
        Attribute::write(
            "position",
            Kind::Integer(0, u32::MAX as i64),
            "Its place on the list; the last unless given.",
        ),
        NO_REFERENCE,
        NO_REFERENCE_ORIGIN,
        NO_METADATA,
        Attribute::read("created_at", Kind::Instant, "When its list was made."),
        Attribute::read("updated_at", Kind::Instant, "When its list last changed."),
    ],
    relationships: &[
        Relationship::required("sku_list", "sku_lists"),
        Relationship { on_create: Given::Optionally, ..Relationship::given("sku", "skus") },
    ],
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/sku_list_items",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts {
            list: Some(List {
                served: &["sku_list_id_eq"],
                required: &["sku_list_id_eq"],
                ..List::WHOLE
            }),
        },
        about: "Lists the skus on a list, in its order.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Create,
        path: "/api/sku_list_items",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Puts a sku on a list.",
        handler: handler!(create),
    },
    Operation {
        action: Action::Read,
        path: "/api/sku_list_items/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads what a list says of a sku.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/sku_list_items/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Changes units or place of a sku on a list. Bundles made of it stay as they are.",
        handler: handler!(update),
    },
    Operation {
        action: Action::Delete,
        path: "/api/sku_list_items/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Takes a sku off a list. Bundles made of it stay as they are.",
        handler: handler!(delete),
    },
];

/// An entry. Its version is the list's, as both change together.
fn object(list: &Record, entry: &Entry) -> Object {
    let id = text(list, "id").unwrap_or_default();
    Object {
        kind: &KIND,
        id: item_id(id, &entry.sku_code),
        version: list.get("version").and_then(Value::as_u64),
        attributes: unkept(json!({
            "sku_code": entry.sku_code,
            "quantity": entry.quantity,
            "position": entry.position,
            "created_at": list.get("created_at"),
            "updated_at": list.get("updated_at"),
        })),
        relationships: vec![
            ("sku_list", Linkage::one("sku_lists", Some(&id))),
            ("sku", Linkage::one("skus", Some(&SkuId::of_code(&entry.sku_code)))),
        ],
        meta: None,
        brings: Vec::new(),
    }
}

fn objects(list: &Record) -> Vec<Object> {
    entries(list).iter().map(|entry| object(list, entry)).collect()
}

/// Those with these ids that exist.
pub(super) async fn load(context: &Context<'_>, ids: &[String]) -> Outcome<Vec<Object>> {
    let mut lists: Vec<String> =
        ids.iter().filter_map(|id| list_of(id)).filter(|id| sku_lists::CATALOG.is_id(id)).collect();
    lists.sort();
    lists.dedup();
    let (organization, kind) = (&context.caller.organization, sku_lists::CATALOG.stored);
    let found = context.store().records(organization, kind, &lists, false).await?;
    let items = found.iter().flat_map(objects);
    Ok(items.filter(|item| ids.contains(&item.id)).collect())
}

async fn find_list(context: &Context<'_>, id: &str) -> Outcome<Option<Record>> {
    if !sku_lists::CATALOG.is_id(id) {
        return Ok(None);
    }
    let (organization, kind) = (&context.caller.organization, sku_lists::CATALOG.stored);
    Ok(context.store().record(organization, kind, id).await?)
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let wanted = context.query.filters.get("sku_list_id_eq");
    let found = match wanted {
        Some(id) => find_list(context, id).await?,
        None => None,
    };
    let items = found.as_ref().map(objects).unwrap_or_default();
    answer::page(context, &listing::of_all(context, items)?, &[]).await
}

/// The list that the path leads to, with the place of the entry.
async fn in_path(context: &Context<'_>) -> Outcome<(Record, Vec<Entry>, usize)> {
    let missing = || ApiError::not_found(KIND.singular, context.id);
    let id = list_of(context.id).ok_or_else(missing)?;
    let list = find_list(context, &id).await?.ok_or_else(missing)?;
    let entries = entries(&list);
    let place = entries.iter().position(|entry| item_id(&id, &entry.sku_code) == context.id);
    place.map(|place| (list, entries, place)).ok_or_else(missing)
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let (list, entries, place) = in_path(context).await?;
    respond(context, 200, &list, entries.get(place)).await
}

async fn respond(
    context: &Context<'_>,
    status: u16,
    list: &Record,
    entry: Option<&Entry>,
) -> Outcome<Answer> {
    let entry = entry.ok_or_else(|| ApiError::internal("an entry is not on its list"))?;
    answer::one(context, status, &object(list, entry)).await
}

/// Stores a list with these entries, on the condition that nobody has changed it meanwhile.
async fn store(context: &Context<'_>, mut list: Record, entries: &[Entry]) -> Outcome<Record> {
    let seen = list.get("version").and_then(Value::as_u64).unwrap_or_default();
    set_entries(&mut list, entries);
    list.insert("version".to_owned(), json!(seen + 1));
    list.insert("updated_at".to_owned(), json!(context.now));
    let (organization, kind) = (&context.caller.organization, sku_lists::CATALOG.stored);
    context.store().update_record(organization, kind, &list, seen).await?;
    Ok(list)
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let quantity = attributes.value("quantity", &mut problems).unwrap_or(1);
    let position: Option<u32> = attributes.optional("position", &mut problems).value();
    let sku_code = wanted_sku(context, &mut attributes, &document, &mut problems).await?;
    let related: Related<String> = document.related("sku_list", &mut problems);
    let mut list = None;
    if let Some(id) = related.id() {
        list = find_list(context, &id).await?;
        if list.is_none() {
            problems.add(no_such("sku_lists", &id, "/data/relationships/sku_list"));
        }
    }
    let (list, sku_code) = problems.finish(list.zip(sku_code))?;
    let mut entries = entries(&list);
    let last = entries.iter().map(|entry| entry.position).max();
    let next = last.map_or(1, |last| last.saturating_add(1));
    let entry = Entry { sku_code, quantity, position: position.unwrap_or(next) };
    if let Some(existing) = entries.iter().find(|existing| existing.sku_code == entry.sku_code) {
        if context.once.is_some() && existing.quantity == quantity {
            // Put there by this very request, which then died before it could answer.
            return respond(context, 201, &list, Some(existing)).await;
        }
        let detail = format!("sku {:?} stands on the list already", entry.sku_code);
        return Err(Problem::new(Code::Taken, detail).at("/data/attributes/sku_code").into());
    }
    if entries.len() >= MAX_COMPONENTS {
        let detail = format!("a list holds at most {MAX_COMPONENTS} skus");
        let problem = Problem::new(Code::OutOfRange, detail);
        return Err(problem.at("/data/relationships/sku_list").into());
    }
    entries.push(entry.clone());
    let list = store(context, list, &entries).await?;
    respond(context, 201, &list, Some(&entry)).await
}

/// The code of the sku that a document names, by itself or by the relationship.
async fn wanted_sku(
    context: &Context<'_>,
    attributes: &mut Attributes,
    document: &Document,
    problems: &mut Problems,
) -> Outcome<Option<String>> {
    let code: Option<String> = attributes.optional("sku_code", problems).value();
    let related: Option<SkuId> = document.related("sku", problems).id();
    let at = attributes.pointer("sku_code");
    let id = code.as_ref().map(|code| SkuId::of_code(code)).or_else(|| related.clone());
    let Some(id) = id else {
        let detail = "sku_code or the relationship sku is required";
        problems.add(Problem::new(Code::Required, detail).at(at));
        return Ok(None);
    };
    if related.as_ref().is_some_and(|related| *related != id) {
        let detail = "sku_code and the relationship sku lead to different skus";
        problems.add(Problem::new(Code::InvalidValue, detail).at(&at));
    }
    let (organization, kind) = (&context.caller.organization, skus::CATALOG.stored);
    let found = context.store().record(organization, kind, id.as_str()).await?;
    if found.is_none() {
        let detail = format!("there is no sku {:?}", code.as_deref().unwrap_or(id.as_str()));
        problems.add(Problem::new(Code::RelatedNotFound, detail).at(at));
    }
    Ok(found.as_ref().and_then(|sku| text(sku, "code")).map(str::to_owned))
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let (list, mut entries, place) = in_path(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(list.get("version").and_then(Value::as_u64).unwrap_or_default())?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let quantity: Option<u32> = attributes.value("quantity", &mut problems);
    let position: Option<u32> = attributes.value("position", &mut problems);
    problems.check()?;
    if let Some(entry) = entries.get_mut(place) {
        entry.quantity = quantity.unwrap_or(entry.quantity);
        entry.position = position.unwrap_or(entry.position);
    }
    let list = store(context, list, &entries).await?;
    respond(context, 200, &list, entries.get(place)).await
}

async fn delete(context: &Context<'_>) -> Outcome<Answer> {
    let (list, mut entries, place) = in_path(context).await?;
    context.check_version(list.get("version").and_then(Value::as_u64).unwrap_or_default())?;
    entries.remove(place);
    store(context, list, &entries).await?;
    Ok(Answer::empty(204))
}
