//! Stock keeping units: what can be ordered, at what price, how often.

use perennial_domain::{
    catalog::Sku,
    ids::SkuId,
    money::{Currency, MinorUnits},
    time::Frequency,
};
use perennial_store::StoreError;
use serde_json::json;

use super::{CREATED_AT, MAX_AMOUNT, UPDATED_AT, answer, listing};
use crate::http::{
    attributes::{Attribute, Given, Kind},
    context::Context,
    document::Document,
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
    object::{Object, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::Accepts,
};

/// Most units that can be in stock.
const MAX_STOCK: i64 = 1_000_000_000;

pub(crate) static KIND: ResourceType = ResourceType {
    name: "skus",
    singular: "sku",
    about: "A stock keeping unit that can be ordered.",
    attributes: &[
        Attribute::create("code", Kind::Text(100), "The merchant's code, unique and final."),
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write(
            "unit_amount_cents",
            Kind::Integer(0, MAX_AMOUNT),
            "Price of one unit, in minor units of the currency.",
        ),
        Attribute::create("currency_code", Kind::Currency, "Currency of the price."),
        Attribute::write(
            "allowed_frequencies",
            Kind::List(&Kind::Frequency, 100),
            "Frequencies at which it may be ordered on repeat; none given allows every one.",
        ),
        Attribute::write(
            "stock",
            Kind::Integer(0, MAX_STOCK),
            "Units in stock; null when stock is not tracked.",
        ),
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[],
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/skus",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::INDEXED.filtered(&["code_eq"]),
        about: "Lists skus.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Create,
        path: "/api/skus",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Makes a sku.",
        handler: handler!(create),
    },
    Operation {
        action: Action::Read,
        path: "/api/skus/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads a sku.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/skus/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Changes a sku. Orders and subscriptions keep the price they were made at.",
        handler: handler!(update),
    },
];

pub(super) fn object(sku: &Sku) -> Object {
    let Sku {
        id,
        code,
        name,
        unit_amount,
        currency,
        frequencies,
        stock,
        version,
        created_at,
        updated_at,
    } = sku;
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: Some(*version),
        attributes: json!({
            "code": code,
            "name": name,
            "unit_amount_cents": unit_amount,
            "currency_code": currency,
            "allowed_frequencies": frequencies,
            "stock": stock,
            "created_at": created_at,
            "updated_at": updated_at,
        }),
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    }
}

/// The sku that an organization gives this code.
pub(crate) fn id_of(context: &Context<'_>, code: &str) -> SkuId {
    SkuId::derived(&[context.caller.organization.as_str(), code])
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    if let Some(code) = context.query.filters.get("code_eq") {
        let page = listing::of_ids(context, &KIND, vec![id_of(context, code).to_string()]).await?;
        return answer::page(context, &page, &[]).await;
    }
    listing::answer(context, &KIND, object, |_, _: &Sku| true).await
}

async fn find(context: &Context<'_>) -> Outcome<Sku> {
    let id: SkuId = context.path_id(KIND.singular)?;
    let found = context.store().get(&context.caller.organization, id.as_str()).await?;
    found.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    answer::one(context, 200, &object(&find(context).await?)).await
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let code: Option<String> = attributes.required("code", &mut problems);
    let name: Option<String> = attributes.required("name", &mut problems);
    let unit_amount: Option<MinorUnits> = attributes.required("unit_amount_cents", &mut problems);
    let currency: Option<Currency> = attributes.required("currency_code", &mut problems);
    let frequencies: Vec<Frequency> =
        attributes.value("allowed_frequencies", &mut problems).unwrap_or_default();
    let stock = attributes.optional("stock", &mut problems).value();
    let read = code.zip(name).zip(unit_amount.zip(currency));
    let ((code, name), (unit_amount, currency)) = problems.finish(read)?;
    let sku = Sku {
        id: id_of(context, &code),
        code,
        name,
        unit_amount,
        currency,
        frequencies,
        stock,
        version: 1,
        created_at: context.now,
        updated_at: context.now,
    };
    let organization = &context.caller.organization;
    let sku = match context.store().create(organization, &sku).await {
        Ok(()) => sku,
        Err(StoreError::Conflict(_)) => {
            let existing: Option<Sku> = context.store().get(organization, sku.id.as_str()).await?;
            // Made by this very request, which then died before it could answer.
            let ours = existing.filter(|existing| {
                context.once.is_some()
                    && Sku {
                        created_at: sku.created_at,
                        updated_at: sku.updated_at,
                        ..existing.clone()
                    } == sku
            });
            ours.ok_or_else(|| {
                let detail = format!("there is a sku with the code {:?} already", sku.code);
                Problem::new(Code::Taken, detail)
                    .at("/data/attributes/code")
                    .with("value", sku.code.clone())
            })?
        }
        Err(error) => return Err(error.into()),
    };
    answer::one(context, 201, &object(&sku)).await
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let mut sku = find(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(sku.version)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let seen = sku.version;
    if let Some(name) = attributes.value("name", &mut problems) {
        sku.name = name;
    }
    if let Some(unit_amount) = attributes.value("unit_amount_cents", &mut problems) {
        sku.unit_amount = unit_amount;
    }
    match attributes.optional("allowed_frequencies", &mut problems) {
        Given::Absent => {}
        Given::Null => sku.frequencies.clear(),
        Given::Value(frequencies) => sku.frequencies = frequencies,
    }
    attributes.optional("stock", &mut problems).apply(&mut sku.stock);
    problems.check()?;
    sku.version += 1;
    sku.updated_at = context.now;
    context.store().update(&context.caller.organization, &sku, seen).await?;
    answer::one(context, 200, &object(&sku)).await
}
