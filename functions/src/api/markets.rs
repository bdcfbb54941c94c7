//! Markets: where, in which currency and by which model orders are taken.

use perennial_domain::time::Zone;
use perennial_domain::{
    catalog::{Market, SubscriptionModel},
    ids::{MarketId, ModelId},
    money::Currency,
};
use serde_json::json;

use super::{CREATED_AT, UPDATED_AT, answer, create_once, listing};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    document::{Document, Related, no_such},
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
    object::{Linkage, Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::Accepts,
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "markets",
    singular: "market",
    about: "Where, in which currency and by which subscription model orders are taken.",
    attributes: &[
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::create("currency_code", Kind::Currency, "Currency of all its orders."),
        Attribute::write(
            "time_zone",
            Kind::Zone,
            "Zone on whose wall clock its subscriptions repeat; UTC unless given.",
        ),
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[Relationship::optional("subscription_model", "subscription_models")],
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/markets",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::INDEXED,
        about: "Lists markets.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Create,
        path: "/api/markets",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Makes a market.",
        handler: handler!(create),
    },
    Operation {
        action: Action::Read,
        path: "/api/markets/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads a market.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/markets/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Changes a market. Subscriptions made before keep zone and model.",
        handler: handler!(update),
    },
];

pub(super) fn object(market: &Market) -> Object {
    let Market { id, name, currency, time_zone, model_id, version, created_at, updated_at } =
        market;
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: Some(*version),
        attributes: json!({
            "name": name,
            "currency_code": currency,
            "time_zone": time_zone.name(),
            "created_at": created_at,
            "updated_at": updated_at,
        }),
        relationships: vec![(
            "subscription_model",
            Linkage::one("subscription_models", model_id.as_ref()),
        )],
        meta: None,
        brings: Vec::new(),
    }
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    listing::answer(context, &KIND, object, |context, market: &Market| {
        context.caller.sees(&market.id)
    })
    .await
}

async fn find(context: &Context<'_>) -> Outcome<Market> {
    let id: MarketId = context.path_id("market")?;
    let found: Option<Market> =
        context.store().get(&context.caller.organization, id.as_str()).await?;
    found
        .filter(|market| context.caller.sees(&market.id))
        .ok_or_else(|| ApiError::not_found("market", context.id))
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    answer::one(context, 200, &object(&find(context).await?)).await
}

/// The model that the document leads to, if it is there.
async fn model(
    context: &Context<'_>,
    document: &Document,
    problems: &mut Problems,
) -> Outcome<Related<ModelId>> {
    let related: Related<ModelId> = document.related("subscription_model", problems);
    if let Related::To(id) = &related {
        let found: Option<SubscriptionModel> =
            context.store().get(&context.caller.organization, id.as_str()).await?;
        if found.is_none() {
            let at = "/data/relationships/subscription_model";
            problems.add(no_such("subscription_models", id.as_str(), at));
        }
    }
    Ok(related)
}

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    if context.caller.market.is_some() {
        let detail = "this token is for one market and can't make another";
        return Err(Problem::new(Code::Forbidden, detail).into());
    }
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let name: Option<String> = attributes.required("name", &mut problems);
    let currency: Option<Currency> = attributes.required("currency_code", &mut problems);
    let time_zone = attributes.value("time_zone", &mut problems).unwrap_or(Zone::utc());
    let model_id = model(context, &document, &mut problems).await?.id();
    let (name, currency) = problems.finish(name.zip(currency))?;
    let market = Market {
        id: MarketId::from_uuid(context.new_uuid(KIND.name)),
        name,
        currency,
        time_zone,
        model_id,
        version: 1,
        created_at: context.now,
        updated_at: context.now,
    };
    let market = create_once::create(context, market).await?;
    answer::one(context, 201, &object(&market)).await
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let mut market = find(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(market.version)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let seen = market.version;
    if let Some(name) = attributes.value("name", &mut problems) {
        market.name = name;
    }
    if let Some(time_zone) = attributes.value("time_zone", &mut problems) {
        market.time_zone = time_zone;
    }
    match model(context, &document, &mut problems).await? {
        Related::Absent => {}
        Related::Nothing => market.model_id = None,
        Related::To(id) => market.model_id = Some(id),
    }
    problems.check()?;
    market.version += 1;
    market.updated_at = context.now;
    context.store().update(&context.caller.organization, &market, seen).await?;
    answer::one(context, 200, &object(&market)).await
}
