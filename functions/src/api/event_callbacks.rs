//! Event callbacks: the deliveries of events to webhooks, with what the receivers answered.

use perennial_domain::{
    event_topics::EventId,
    ids::{EventCallbackId, WebhookId},
    webhook::{Attempt, EventCallback, Webhook},
};
use perennial_store::{Cursor, CursorError, Page};
use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    annotations::{NO_METADATA, NO_REFERENCE, NO_REFERENCE_ORIGIN, unkept},
    answer, events,
    listing::{self, Source},
};
use crate::http::{
    attributes::{Access, Attribute, Kind},
    context::Context,
    document::Document,
    error::{ApiError, Outcome, Problems},
    event::Answer,
    object::{Linkage, Object, Relationship, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::{Accepts, BOUND},
};

/// Deliveries of a webhook that an include brings: the newest.
const NEWEST: u16 = 25;
/// Deliveries of each webhook among which those are looked for that somebody had sent again.
const AMONG: u16 = 100;

pub(crate) static KIND: ResourceType = ResourceType {
    name: "event_callbacks",
    singular: "event callback",
    about: "The delivery of one event to one webhook: what was sent, what was answered, and when \
            it is tried again. Kept for 30 days after its last change.",
    attributes: &[
        Attribute::read("callback_url", Kind::Text(2_000), "Where it was last sent to."),
        Attribute::read(
            "payload",
            Kind::Anything(0),
            "What is sent. Only in answers about a single one: null in lists.",
        ),
        Attribute::read("response_code", Kind::Text(3), "The status of the last answer."),
        Attribute::read(
            "response_message",
            Kind::Text(200),
            "The beginning of the last answer, or why there was none.",
        ),
        Attribute::read("event_name", Kind::Text(100), "The topic of the event."),
        Attribute::read(
            "sequence",
            Kind::Integer(1, i64::MAX),
            "The place of the event among those of its order or subscription.",
        ),
        Attribute::read(
            "status",
            Kind::Choice(&["pending", "delivered", "failed"]),
            "Where it stands: pending until it has arrived or is given up.",
        ),
        Attribute::read("failure", Kind::Text(200), "Why it was given up; null unless it was."),
        Attribute::read("attempts", Kind::Integer(0, 1_000), "Attempts that were begun."),
        Attribute::read(
            "attempts_log",
            Kind::List(&Kind::Anything(0), 1_000),
            "Each attempt that ended, oldest first: at, callback_url, duration_ms, response_code, \
             response_message.",
        ),
        Attribute::read("next_attempt_at", Kind::Instant, "When it is tried next."),
        Attribute::of(
            "_trigger",
            Kind::Boolean,
            Access::UpdateTrigger,
            "Delivers its event again, as a new event callback of each enabled webhook of the \
             topic; the answer's `data.meta.webhooks` says how many. Refused where there is none.",
        ),
        NO_REFERENCE,
        NO_REFERENCE_ORIGIN,
        NO_METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::given("webhook", "webhooks"),
        Relationship::given("event", "events"),
    ],
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/event_callbacks",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::INDEXED.newest_first().filtered(&["webhook_id_eq", "event_id_eq"]),
        about: "Lists event callbacks, newest first unless sorted otherwise.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Read,
        path: "/api/event_callbacks/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads an event callback.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Update,
        path: "/api/event_callbacks/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Delivers the event of an event callback again.",
        handler: handler!(update),
    },
];

pub(super) fn object(callback: &EventCallback) -> Object {
    let EventCallback {
        id,
        webhook_id,
        event_id,
        topic,
        subject: _,
        sequence,
        event_at: _,
        trigger: _,
        status,
        attempts,
        next_attempt_at,
        lease_until: _,
        log,
        failure,
        version,
        created_at,
        updated_at,
    } = callback;
    let last: Option<&Attempt> = log.last();
    Object {
        kind: &KIND,
        id: id.to_string(),
        version: Some(*version),
        attributes: unkept(json!({
            "callback_url": last.map(|attempt| &attempt.callback_url),
            "payload": Value::Null,
            "response_code": last.and_then(|last| last.response_code).map(|code| code.to_string()),
            "response_message": last.map(|attempt| &attempt.response_message),
            "event_name": topic,
            "sequence": sequence,
            "status": status,
            "failure": failure,
            "attempts": attempts,
            "attempts_log": log,
            "next_attempt_at": next_attempt_at,
            "created_at": created_at,
            "updated_at": updated_at,
        })),
        relationships: vec![
            ("webhook", Linkage::one("webhooks", Some(webhook_id))),
            ("event", Linkage::one("events", Some(event_id))),
        ],
        meta: None,
        brings: Vec::new(),
    }
}

async fn find(context: &Context<'_>) -> Outcome<EventCallback> {
    let id: EventCallbackId = context.path_id(KIND.singular)?;
    let found = context.store().event_callback(&context.caller.organization, &id).await?;
    found.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))
}

/// An event callback with what it sends.
async fn whole(context: &Context<'_>, callback: &EventCallback) -> Outcome<Object> {
    let organization = &context.caller.organization;
    let payload = context.store().event_callback_payload(organization, &callback.id).await?;
    let payload = payload.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
    let mut object = object(callback);
    if let Value::Object(attributes) = &mut object.attributes {
        attributes.insert("payload".to_owned(), payload);
    }
    Ok(object)
}

/// Those of the event callbacks that exist.
pub(super) async fn load(context: &Context<'_>, ids: &[String]) -> Outcome<Vec<Object>> {
    let mut loaded = Vec::with_capacity(ids.len());
    for id in ids.iter().filter_map(|id| id.parse::<EventCallbackId>().ok()) {
        let found = context.store().event_callback(&context.caller.organization, &id).await?;
        loaded.extend(found.as_ref().map(object));
    }
    Ok(loaded)
}

/// The deliveries to one webhook, newest first.
pub(super) struct OfWebhook(pub(super) WebhookId);

impl listing::Source for OfWebhook {
    async fn after(
        &self,
        context: &Context<'_>,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Outcome<Result<Page<Object>, CursorError>> {
        let organization = &context.caller.organization;
        let page = context.store().event_callbacks_of(organization, &self.0, limit, cursor).await?;
        Ok(page
            .map(|page| Page { items: page.items.iter().map(object).collect(), next: page.next }))
    }
}

/// The newest deliveries to one webhook.
pub(super) async fn newest(context: &Context<'_>, webhook: &WebhookId) -> Outcome<Vec<Object>> {
    let organization = &context.caller.organization;
    let page = context.store().event_callbacks_of(organization, webhook, NEWEST, None).await?;
    let found = page.map(|page| page.items).unwrap_or_default();
    Ok(found.iter().map(object).collect())
}

/// The webhooks whose topic covers an event.
pub(super) async fn listeners(context: &Context<'_>, topic: &str) -> Outcome<Vec<Webhook>> {
    let mut webhooks = context.store().webhooks(&context.caller.organization).await?;
    webhooks.retain(|webhook| webhook.topic.covers(topic));
    Ok(webhooks)
}

/// The deliveries of one event, newest first: the first one to each webhook of its topic, which its
/// id leads to, and those sent again, as far as they are among the newest of the webhook.
pub(super) async fn of_event(context: &Context<'_>, id: &str) -> Outcome<Vec<Object>> {
    let (store, organization) = (context.store(), &context.caller.organization);
    let sound = id.parse::<EventId>().is_ok();
    let Some((entry, event)) = events::find(context, id).await?.filter(|_| sound) else {
        return Ok(Vec::new());
    };
    let mut found: Vec<EventCallback> = Vec::new();
    for webhook in listeners(context, &event.topic).await? {
        let page = store.event_callbacks_of(organization, &webhook.id, AMONG, None).await?;
        let newest = page.map(|page| page.items).unwrap_or_default();
        found.extend(newest.into_iter().filter(|callback| callback.event_id == id));
        let first = EventCallbackId::of(&webhook.id, entry.at, id, None);
        if found.iter().all(|callback| callback.id != first) {
            found.extend(store.event_callback(organization, &first).await?);
        }
    }
    found.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
    Ok(found.iter().map(object).collect())
}

/// A page of the deliveries to a webhook. Its collection is read newest first and as a whole: what is
/// asked otherwise is evaluated over as many as are counted.
async fn of_webhook(context: &Context<'_>, of: OfWebhook) -> Outcome<crate::http::page::Page> {
    let query = context.query;
    if query.narrowing.is_empty() && query.span.descending {
        return listing::select(context, &of).await;
    }
    let window = of.window(context, 0, usize::from(BOUND)).await?;
    if window.total.is_none() {
        return Err(query.refuse_unbounded());
    }
    let mut found = window.items;
    if !query.span.descending {
        found.reverse();
    }
    listing::of_all(context, found)
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let filter = |name: &str| context.query.filters.get(name).map(String::as_str);
    let page = match (filter("event_id_eq"), filter("webhook_id_eq")) {
        (Some(event), webhook) => {
            let mut found = of_event(context, event).await?;
            if let Some(webhook) = webhook {
                found.retain(|callback| {
                    let of = callback.linkage("webhook").map(Linkage::refs).unwrap_or_default();
                    of.iter().any(|of| of.id == webhook)
                });
            }
            if !context.query.span.descending {
                found.reverse();
            }
            listing::of_all(context, found)?
        }
        (None, Some(webhook)) => match webhook.parse() {
            Ok(webhook) => of_webhook(context, OfWebhook(webhook)).await?,
            Err(_) => listing::of_all(context, Vec::new())?,
        },
        (None, None) => {
            listing::of_kind(context, &KIND, object, |_, _: &EventCallback| true).await?
        }
    };
    answer::page(context, &page, &[]).await
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let callback = find(context).await?;
    answer::one(context, 200, &whole(context, &callback).await?).await
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let callback = find(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(callback.version)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let trigger = attributes.trigger("_trigger", &mut problems);
    problems.check()?;
    let mut object = whole(context, &callback).await?;
    if trigger {
        let event = events::find(context, &callback.event_id).await?;
        let (entry, event) =
            event.ok_or_else(|| ApiError::not_found("event", &callback.event_id))?;
        object.meta = Some(events::deliver_again(context, &entry, &event).await?);
    }
    answer::one(context, 200, &object).await
}
