//! Stock items: what is in stock of a sku whose stock is tracked. Each is told by its sku, which
//! holds it: taking from stock is one write of one item.

use perennial_domain::{catalog::Replenishment, ids::SkuId};
use perennial_store::{Cursor, CursorError, Page, Record};
use serde_json::{Map, Value, json};

use super::{
    CREATED_AT, UPDATED_AT, answer,
    catalog::{METADATA, REFERENCE, REFERENCE_ORIGIN, text},
    listing, skus, stock_locations,
};
use crate::http::{
    attributes::{Attribute, Attributes, Given, Kind},
    context::Context,
    document::{Document, Related, no_such},
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
    object::{self, Linkage, Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::Accepts,
};

const PREFIX: &str = "sti_";
/// The member of a sku's record that counts its units.
const STOCK: &str = "stock";
/// The member that holds what a client keeps with its stock.
const OWN_DATA: &str = "stock_item";
const SKU_CODE: &str = "sku_code";
/// What is to come into stock.
const REPLENISHMENTS: &str = "replenishments";
/// Most dates on which units of a sku are to come.
const MAX_REPLENISHMENTS: usize = 100;

pub(crate) static KIND: ResourceType = ResourceType {
    name: "stock_items",
    singular: "stock item",
    about: "What is in stock of a sku. A sku without one is not tracked, and never out of stock.",
    attributes: &[
        Attribute::create(
            SKU_CODE,
            Kind::Text(100),
            "Code of the sku; the relationship sku may be given instead.",
        ),
        Attribute::write(
            "quantity",
            Kind::Integer(0, skus::MAX_STOCK),
            "Units in stock, those held by orders taken off.",
        ),
        Attribute::write(
            REPLENISHMENTS,
            Kind::List(
                &Kind::Members(&[
                    Attribute::write("date", Kind::Date, "The day on which they come, in UTC."),
                    Attribute::write("units", Kind::Integer(1, skus::MAX_STOCK), "How many."),
                ]),
                MAX_REPLENISHMENTS,
            ),
            "Units that are to come, for the check whether coming runs can be served. Those of days that \
             have passed do not count: what has come is in `quantity`.",
        ),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        Attribute::read("created_at", CREATED_AT.kind, "When its sku was made."),
        Attribute::read("updated_at", UPDATED_AT.kind, "When its sku last changed."),
    ],
    relationships: &[
        Relationship { on_create: object::Given::Optionally, ..Relationship::given("sku", "skus") },
        Relationship {
            on_create: object::Given::Optionally,
            ..Relationship::given("stock_location", "stock_locations")
        },
    ],
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/stock_items",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::INDEXED.filtered(&["sku_code_eq"]),
        about: "Lists what is in stock.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Create,
        path: "/api/stock_items",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Begins to track the stock of a sku.",
        handler: handler!(create),
    },
    Operation {
        action: Action::Read,
        path: "/api/stock_items/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads what is in stock of a sku.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/stock_items/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Changes what is in stock of a sku.",
        handler: handler!(update),
    },
    Operation {
        action: Action::Delete,
        path: "/api/stock_items/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Ends tracking the stock of a sku.",
        handler: handler!(delete),
    },
];

/// The stock item of a sku; `None` where its stock is not tracked.
fn object(sku: &Record) -> Option<Object> {
    let quantity = sku.get(STOCK).filter(|stock| !stock.is_null())?;
    let body = text(sku, "id")?.strip_prefix(SkuId::PREFIX)?;
    let own = |name: &str| sku.get(OWN_DATA).and_then(|own| own.get(name));
    Some(Object {
        kind: &KIND,
        id: format!("{PREFIX}{body}"),
        version: sku.get("version").and_then(Value::as_u64),
        attributes: json!({
            SKU_CODE: text(sku, "code"),
            "quantity": quantity,
            REPLENISHMENTS: sku.get(REPLENISHMENTS).cloned().unwrap_or_else(|| json!([])),
            "reference": own("reference"),
            "reference_origin": own("reference_origin"),
            "metadata": own("metadata"),
            "created_at": sku.get("created_at"),
            "updated_at": sku.get("updated_at"),
        }),
        relationships: vec![
            ("sku", Linkage::one("skus", text(sku, "id").as_ref())),
            ("stock_location", Linkage::one("stock_locations", Some(&stock_locations::ID))),
        ],
        meta: None,
        brings: Vec::new(),
    })
}

/// The id of the sku whose stock an id means.
fn sku_id(id: &str) -> Option<SkuId> {
    format!("{}{}", SkuId::PREFIX, id.strip_prefix(PREFIX)?).parse().ok()
}

/// Those with these ids that exist.
pub(super) async fn load(context: &Context<'_>, ids: &[String]) -> Outcome<Vec<Object>> {
    let ids: Vec<String> =
        ids.iter().filter_map(|id| sku_id(id)).map(|id| id.to_string()).collect();
    let organization = &context.caller.organization;
    let found = context.store().records(organization, skus::CATALOG.stored, &ids, false).await?;
    Ok(found.iter().filter_map(object).collect())
}

/// The tracked skus of an organization.
struct Tracked;

impl listing::Source for Tracked {
    async fn after(
        &self,
        context: &Context<'_>,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Outcome<Result<Page<Object>, CursorError>> {
        let (organization, span) = (&context.caller.organization, &context.query.span);
        let kind = skus::CATALOG.stored;
        let page = context.store().records_within(organization, kind, span, limit, cursor).await?;
        Ok(page.map(|page| Page {
            items: page.items.iter().filter_map(object).collect(),
            next: page.next,
        }))
    }
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    if let Some(code) = context.query.filters.get("sku_code_eq") {
        let id = SkuId::of_code(code);
        let body = id.as_str().strip_prefix(SkuId::PREFIX).unwrap_or_default();
        let page = listing::of_ids(context, &KIND, vec![format!("{PREFIX}{body}")]).await?;
        return answer::page(context, &page, &[]).await;
    }
    answer::page(context, &listing::select(context, &Tracked).await?, &[]).await
}

/// The sku that the path leads to, with its stock item.
async fn in_path(context: &Context<'_>) -> Outcome<(Record, Object)> {
    let missing = || ApiError::not_found(KIND.singular, context.id);
    let id = sku_id(context.id).ok_or_else(missing)?;
    let organization = &context.caller.organization;
    let sku = context.store().record(organization, skus::CATALOG.stored, id.as_str()).await?;
    sku.and_then(|sku| object(&sku).map(|item| (sku, item))).ok_or_else(missing)
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    answer::one(context, 200, &in_path(context).await?.1).await
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let quantity: Option<u32> = attributes.required("quantity", &mut problems);
    let sku = wanted_sku(context, &mut attributes, &document, &mut problems).await?;
    let location: Related<String> = document.related("stock_location", &mut problems);
    if let Some(id) = location.id().filter(|id| id != stock_locations::ID) {
        let kind = stock_locations::KIND.name;
        problems.add(no_such(kind, &id, "/data/relationships/stock_location"));
    }
    let mut sku = sku.unwrap_or_default();
    if let Some(existing) = object(&sku) {
        if context.once.is_some() && existing.attributes.get("quantity") == Some(&json!(quantity)) {
            // Made by this very request, which then died before it could answer.
            return answer::one(context, 201, &existing).await;
        }
        let detail = format!("the stock of this sku is tracked already, by {}", existing.id);
        problems.add(Problem::new(Code::Taken, detail).at("/data/attributes/sku_code"));
    }
    keep_replenishments(&mut attributes, &mut sku, &mut problems);
    keep_own_data(&mut attributes, &mut sku, &mut problems);
    problems.check()?;
    let item = store(context, sku, json!(quantity)).await?;
    answer::one(context, 201, &item).await
}

/// The sku that a document names, by its code or by the relationship.
async fn wanted_sku(
    context: &Context<'_>,
    attributes: &mut Attributes,
    document: &Document,
    problems: &mut Problems,
) -> Outcome<Option<Record>> {
    let code: Option<String> = attributes.optional(SKU_CODE, problems).value();
    let related: Option<SkuId> = document.related("sku", problems).id();
    let id = code.as_ref().map(|code| SkuId::of_code(code)).or_else(|| related.clone());
    let Some(id) = id else {
        let detail = "sku_code or the relationship sku is required";
        problems.add(Problem::new(Code::Required, detail).at(attributes.pointer(SKU_CODE)));
        return Ok(None);
    };
    if related.as_ref().is_some_and(|related| *related != id) {
        let detail = "sku_code and the relationship sku lead to different skus";
        problems.add(Problem::new(Code::InvalidValue, detail).at(attributes.pointer(SKU_CODE)));
    }
    let organization = &context.caller.organization;
    let found = context.store().record(organization, skus::CATALOG.stored, id.as_str()).await?;
    if found.is_none() {
        problems.add(match code {
            Some(code) => {
                let detail = format!("there is no sku with the code {code:?}");
                let at = attributes.pointer(SKU_CODE);
                Problem::new(Code::RelatedNotFound, detail).at(at).with("value", code)
            }
            None => no_such("skus", id.as_str(), "/data/relationships/sku"),
        });
    }
    Ok(found)
}

/// Keeps what is to come into stock in the sku's record.
fn keep_replenishments(attributes: &mut Attributes, sku: &mut Record, problems: &mut Problems) {
    match attributes.optional::<Vec<Replenishment>>(REPLENISHMENTS, problems) {
        Given::Absent => {}
        Given::Null => drop(sku.remove(REPLENISHMENTS)),
        Given::Value(value) => drop(sku.insert(REPLENISHMENTS.to_owned(), json!(value))),
    }
}

/// Keeps what the client keeps with the stock of a sku in the sku's record.
fn keep_own_data(attributes: &mut Attributes, sku: &mut Record, problems: &mut Problems) {
    let mut own = match sku.remove(OWN_DATA) {
        Some(Value::Object(own)) => own,
        _ => Map::new(),
    };
    for name in ["reference", "reference_origin", "metadata"] {
        match attributes.optional::<Value>(name, problems) {
            Given::Absent => {}
            Given::Null => drop(own.remove(name)),
            Given::Value(value) => drop(own.insert(name.to_owned(), value)),
        }
    }
    if !own.is_empty() {
        sku.insert(OWN_DATA.to_owned(), Value::Object(own));
    }
}

/// Stores a sku with this stock, on the condition that nobody has changed it meanwhile.
async fn store(context: &Context<'_>, mut sku: Record, stock: Value) -> Outcome<Object> {
    let seen = sku.get("version").and_then(Value::as_u64).unwrap_or_default();
    let (organization, kind) = (&context.caller.organization, skus::CATALOG.stored);
    sku.insert(STOCK.to_owned(), stock);
    sku.insert("version".to_owned(), json!(seen + 1));
    sku.insert("updated_at".to_owned(), json!(context.now));
    context.store().update_record(organization, kind, &sku, seen).await?;
    object(&sku).ok_or_else(|| ApiError::internal("a sku was stored without its stock"))
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let (mut sku, item) = in_path(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(item.version.unwrap_or_default())?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let quantity: Option<u32> = attributes.value("quantity", &mut problems);
    keep_replenishments(&mut attributes, &mut sku, &mut problems);
    keep_own_data(&mut attributes, &mut sku, &mut problems);
    problems.check()?;
    let stock = sku.get(STOCK).cloned().unwrap_or_default();
    let item = store(context, sku, quantity.map_or(stock, |quantity| json!(quantity))).await?;
    answer::one(context, 200, &item).await
}

async fn delete(context: &Context<'_>) -> Outcome<Answer> {
    let (mut sku, item) = in_path(context).await?;
    let seen = item.version.unwrap_or_default();
    context.check_version(seen)?;
    for member in [STOCK, OWN_DATA] {
        sku.remove(member);
    }
    sku.insert("version".to_owned(), json!(seen + 1));
    sku.insert("updated_at".to_owned(), json!(context.now));
    let (organization, kind) = (&context.caller.organization, skus::CATALOG.stored);
    context.store().update_record(organization, kind, &sku, seen).await?;
    Ok(Answer::empty(204))
}
