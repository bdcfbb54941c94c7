//! Events: what journal entries mean to those who subscribe to them. None is stored: each is made
//! from its entry whenever it is asked for, always with the same id.

use perennial_domain::{
    event_topics::{self, Concerned, Event, EventId},
    journal::Entry,
};
use perennial_messages::{EventDetail, EventToDeliver, Outgoing, Trigger};
use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    annotations::{NO_METADATA, NO_REFERENCE, NO_REFERENCE_ORIGIN, unkept},
    answer,
    editable::invalid_status,
    event_callbacks, include,
    journals::Journal,
    listing, webhooks,
};
use crate::{
    http::{
        attributes::{Access, Attribute, Kind},
        context::Context,
        document::Document,
        error::{ApiError, Outcome, Problems},
        event::Answer,
        object::{Linkage, Object, Relationship, ResourceType},
        operation::{Action, Operation, Surface, handler},
        query::{Accepts, List},
    },
    work_queues::WorkQueue,
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "events",
    singular: "event",
    about: "Something that happened to an order, a subscription or a run, as webhooks are told of it.",
    attributes: &[
        Attribute::read("name", Kind::Text(100), "Its topic, such as `orders.place`."),
        Attribute::read("resource_type", Kind::Text(100), "The type of resource it is about."),
        Attribute::read("resource_id", Kind::Text(100), "The id of that resource."),
        Attribute::read(
            "sequence",
            Kind::Integer(1, i64::MAX),
            "The journal entry that it comes from: 1, 2, 3, ... for each order and subscription. \
             One entry may come to several events.",
        ),
        Attribute::of(
            "_trigger",
            Kind::Boolean,
            Access::UpdateTrigger,
            "Delivers it again to the enabled webhooks of its topic, with the same event id; the \
             answer's `data.meta.webhooks` says how many. Refused where there is none.",
        ),
        NO_REFERENCE,
        NO_REFERENCE_ORIGIN,
        NO_METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::listed("webhooks", "webhooks"),
        Relationship::listed("last_event_callbacks", "event_callbacks"),
    ],
};

/// The events of a resource stand by their time.
pub(super) const LIST: List = List { by: Some("created_at"), reversible: true, ..List::WHOLE };

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/events",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts {
            list: Some(List { served: &["resource_id_eq"], required: &["resource_id_eq"], ..LIST }),
        },
        about: "Lists the events of an order, a subscription or a run, oldest first.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Read,
        path: "/api/events/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads an event.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/events/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Delivers an event again.",
        handler: handler!(update),
    },
];

fn object(entry: &Entry, event: &Event) -> Object {
    let Event { id, topic, resource } = event;
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: None,
        attributes: unkept(json!({
            "name": topic,
            "resource_type": resource.kind,
            "resource_id": resource.id,
            "sequence": entry.sequence,
            "created_at": entry.at,
            "updated_at": entry.at,
        })),
        relationships: vec![
            ("webhooks", Linkage::Unknown),
            ("last_event_callbacks", Linkage::Unknown),
        ],
        meta: None,
        brings: Vec::new(),
    }
}

/// The events of one entry that are about a resource.
pub(super) fn objects(entry: &Entry, resource: &Concerned) -> Vec<Object> {
    let events = event_topics::events(entry);
    let about = events.iter().filter(|event| event.resource == *resource);
    about.map(|event| object(entry, event)).collect()
}

/// The event with this id and the entry that it comes from, if there is one for this caller.
pub(super) async fn find(context: &Context<'_>, id: &str) -> Outcome<Option<(Entry, Event)>> {
    let Ok(id) = id.parse::<EventId>() else { return Ok(None) };
    let Some(journal) = Journal::of_subject(context, &id.subject).await? else { return Ok(None) };
    let entry = journal.entry(context, id.sequence).await?;
    Ok(entry.and_then(|entry| {
        let event = event_topics::events(&entry).into_iter().find(|event| event.id == id)?;
        Some((entry, event))
    }))
}

/// The webhooks whose topic covers an event.
pub(super) async fn webhooks(context: &Context<'_>, event: &Object) -> Outcome<Vec<Object>> {
    let topic = event.attributes.get("name").and_then(Value::as_str).unwrap_or_default();
    let listeners = event_callbacks::listeners(context, topic).await?;
    let ids = listeners.iter().map(|webhook| webhook.id.to_string()).collect();
    include::load_kind(context, webhooks::KIND.name, ids).await
}

async fn in_path(context: &Context<'_>) -> Outcome<(Entry, Event)> {
    find(context, context.id).await?.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))
}

/// Those of the events that exist and that the caller sees.
pub(super) async fn load(context: &Context<'_>, ids: &[String]) -> Outcome<Vec<Object>> {
    let mut loaded = Vec::with_capacity(ids.len());
    for id in ids {
        loaded.extend(find(context, id).await?.map(|(entry, event)| object(&entry, &event)));
    }
    Ok(loaded)
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let wanted = context.query.filters.get("resource_id_eq").map(String::as_str);
    let resource = Concerned::subject(wanted.unwrap_or_default());
    let page = match Journal::of_resource(context, resource).await? {
        Some(journal) => journal.told("events").page(context).await?,
        None => listing::of_all(context, Vec::new())?,
    };
    answer::page(context, &page, &[]).await
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let (entry, event) = in_path(context).await?;
    answer::one(context, 200, &object(&entry, &event)).await
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let (entry, event) = in_path(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let trigger = attributes.trigger("_trigger", &mut problems);
    problems.check()?;
    let mut object = object(&entry, &event);
    if trigger {
        object.meta = Some(deliver_again(context, &entry, &event).await?);
    }
    answer::one(context, 200, &object).await
}

/// Has an event delivered again to the webhooks of its topic. The same request, sent again under
/// its idempotency key or taken from the queue twice, makes no further deliveries. Answers how many
/// webhooks it goes to, as meta data.
///
/// # Errors
/// `invalid_status` where there is none: nothing would be sent.
pub(super) async fn deliver_again(
    context: &Context<'_>,
    entry: &Entry,
    event: &Event,
) -> Outcome<Value> {
    let listeners = event_callbacks::listeners(context, &event.topic).await?;
    let enabled = listeners.iter().filter(|webhook| webhook.listens_to(&event.topic)).count();
    if enabled == 0 {
        return Err(nobody_to_tell(&event.topic, listeners.len()));
    }
    let trigger = Trigger {
        request_id: context.request_id.to_owned(),
        at: context.now,
        event_id: event.id.to_string(),
    };
    let work = EventToDeliver { detail: EventDetail::from(entry), trigger: Some(trigger) };
    let message = Outgoing::json(&work, Some(&context.caller.organization));
    let message = message.map_err(|error| ApiError::internal(error.to_string()))?;
    context.services.send(WorkQueue::Webhooks, vec![message]).await?;
    Ok(json!({"webhooks": enabled}))
}

/// Why an event is not delivered again: no webhook has its topic, or those that do are disabled.
fn nobody_to_tell(topic: &str, disabled: usize) -> ApiError {
    let detail = match disabled {
        0 => format!("no webhook listens to {topic}: make one, then send the event again"),
        1 => format!("the webhook that listens to {topic} is disabled: enable it first"),
        more => {
            format!("all {more} webhooks that listen to {topic} are disabled: enable one first")
        }
    };
    invalid_status(detail).at("/data/attributes/_trigger").into()
}
