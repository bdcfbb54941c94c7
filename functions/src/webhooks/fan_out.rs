//! From an event to a delivery for each webhook that listens to it.

use chrono::{DateTime, Utc};
use perennial_domain::{
    event_topics::{Event, events},
    ids::EventCallbackId,
    journal::Entry,
    webhook::{DeliveryStatus, EventCallback, Webhook},
};
use perennial_messages::{EventToDeliver, Trigger};
use serde_json::{Value, json};

use super::{Webhooks, listeners::Listeners};
use crate::{api::snapshot, http::error::ApiError, sqs_batch::HandleError};

/// Most bytes of a message: it has an item of its own, which holds at most 400 KB.
const MAX_PAYLOAD: usize = 300_000;
/// Why what a webhook includes does not come along.
const UNREADABLE: &str = "what is included can't be read: there is too much to search, or it leads \
                          nowhere";

impl Webhooks {
    /// Makes the deliveries of what a journal entry stands for. An entry that comes twice finds
    /// them made.
    pub(super) async fn fan_out(
        &self,
        message: EventToDeliver,
        listeners: &Listeners,
    ) -> Result<(), HandleError> {
        let EventToDeliver { detail, trigger } = message;
        let entry = Entry::from(detail);
        let organization = &entry.organization;
        let webhooks = listeners.of(&self.services.store, organization).await?;
        let again = |event: &Event| {
            trigger.as_ref().is_none_or(|trigger| trigger.event_id == event.id.to_string())
        };
        for event in events(&entry).into_iter().filter(again) {
            let mut rendered: Vec<(&[String], String)> = Vec::new();
            for webhook in webhooks.iter().filter(|webhook| webhook.listens_to(&event.topic)) {
                let include = webhook.include_resources.as_slice();
                let known = rendered.iter().find(|(known, _)| *known == include);
                let payload = match known {
                    Some((_, payload)) => payload.clone(),
                    None => {
                        let payload = self.payload(&entry, &event, include).await?;
                        rendered.push((include, payload.clone()));
                        payload
                    }
                };
                let now = self.clock.now();
                let delivery = delivery(webhook, &entry, &event, trigger.as_ref(), now);
                let store = &self.services.store;
                if store.create_event_callback(organization, &delivery, &payload).await? {
                    self.hand_on(organization, &delivery).await?;
                }
            }
        }
        Ok(())
    }

    /// The document of the resource that an event is about, with the event among its meta data. A
    /// resource that is gone is told by what the journal says of it.
    async fn payload(
        &self,
        entry: &Entry,
        event: &Event,
        include: &[String],
    ) -> Result<String, HandleError> {
        let (services, resource) = (&self.services, &event.resource);
        let now = self.clock.now();
        let organization = &entry.organization;
        let mut left_out = None;
        let found = snapshot::document(services, organization, resource, include, now).await;
        let found = match found {
            // What can't be brought along must not keep the event from being told, here or to others.
            Err(error) if error.status() != 503 && !include.is_empty() => {
                let reason = failed(&error).to_string();
                tracing::warn!(%organization, event = %event.id, reason, "told by itself");
                let bare = snapshot::document(services, organization, resource, &[], now).await;
                left_out = Some(UNREADABLE);
                bare
            }
            found => found,
        };
        let whole = match found.map_err(|error| failed(&error))? {
            Some(document) => document,
            None => gone(entry, event),
        };
        let mut meta = told(entry, event, true);
        if let (Value::Object(meta), Some(why)) = (&mut meta, left_out) {
            meta.insert("left_out".to_owned(), json!(why));
        }
        let text = with_event(whole.clone(), meta).to_string();
        if text.len() <= MAX_PAYLOAD {
            return Ok(text);
        }
        let Value::Object(mut members) = whole else { return Ok(text) };
        members.remove("included");
        let mut meta = told(entry, event, false);
        if let Value::Object(meta) = &mut meta {
            meta.insert("left_out".to_owned(), json!("the whole is too large to be sent"));
        }
        let text = with_event(Value::Object(members), meta.clone()).to_string();
        if text.len() <= MAX_PAYLOAD {
            return Ok(text);
        }
        let data = json!({"type": resource.kind, "id": resource.id});
        let bare = json!({"jsonapi": {"version": "1.1"}, "data": data});
        Ok(with_event(bare, meta).to_string())
    }
}

fn delivery(
    webhook: &Webhook,
    entry: &Entry,
    event: &Event,
    trigger: Option<&Trigger>,
    now: DateTime<Utc>,
) -> EventCallback {
    let event_id = event.id.to_string();
    let at = trigger.map_or(entry.at, |trigger| trigger.at);
    let request = trigger.map(|trigger| trigger.request_id.as_str());
    EventCallback {
        id: EventCallbackId::of(&webhook.id, at, &event_id, request),
        webhook_id: webhook.id.clone(),
        event_id,
        topic: event.topic.clone(),
        subject: entry.subject.clone(),
        sequence: entry.sequence,
        event_at: entry.at,
        trigger: request.map(str::to_owned),
        status: DeliveryStatus::Pending,
        attempts: 0,
        next_attempt_at: Some(now),
        lease_until: None,
        log: Vec::new(),
        failure: None,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// What a message tells of its event.
fn told(entry: &Entry, event: &Event, changes: bool) -> Value {
    let mut told = json!({
        "id": event.id.to_string(),
        "topic": event.topic,
        "subject": entry.subject,
        "sequence": entry.sequence,
        "at": entry.at,
        "actor": entry.cause.actor,
        "reason": entry.cause.reason,
    });
    if let (Value::Object(told), true) = (&mut told, changes) {
        told.insert("before".to_owned(), entry.before.clone());
        told.insert("after".to_owned(), entry.after.clone());
    }
    told
}

/// The document of a resource that is there no more.
fn gone(entry: &Entry, event: &Event) -> Value {
    let known = [&entry.after, &entry.before].into_iter().find(|value| value.is_object());
    json!({
        "jsonapi": {"version": "1.1"},
        "data": {
            "type": event.resource.kind,
            "id": event.resource.id,
            "attributes": known.cloned().unwrap_or_else(|| json!({})),
        },
        "meta": {"gone": true},
    })
}

fn with_event(mut document: Value, event: Value) -> Value {
    if let Value::Object(members) = &mut document {
        let meta = members.entry("meta").or_insert_with(|| json!({}));
        if let Value::Object(meta) = meta {
            meta.insert("event".to_owned(), event);
        }
    }
    document
}

/// What the API's own code could not do.
fn failed(error: &ApiError) -> HandleError {
    let inside = error.inside.clone().unwrap_or_else(|| format!("{:?}", error.problems));
    if error.status() == 503 {
        HandleError::Transient(inside)
    } else {
        HandleError::Permanent(inside)
    }
}
