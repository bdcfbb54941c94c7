//! Versions: the journal as who changed what, from what, to what.

use perennial_domain::{
    event_topics::{self, Concerned},
    journal::Entry,
};
use serde_json::{Map, Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    annotations::{NO_METADATA, NO_REFERENCE, NO_REFERENCE_ORIGIN, unkept},
    answer,
    journals::Journal,
    listing,
};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    error::{ApiError, Outcome},
    event::Answer,
    object::{Object, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::{Accepts, List},
};

/// What ids begin with. The rest is the subject of the journal and the entry's sequence number.
const PREFIX: &str = "ver_";

pub(crate) static KIND: ResourceType = ResourceType {
    name: "versions",
    singular: "version",
    about: "One change of an order or a subscription: who, what and why.",
    attributes: &[
        Attribute::read("resource_type", Kind::Text(100), "The type of resource that changed."),
        Attribute::read("resource_id", Kind::Text(100), "The id of that resource."),
        Attribute::read(
            "event",
            Kind::Choice(&["create", "update", "destroy"]),
            "What was done to it.",
        ),
        Attribute::read("name", Kind::Text(100), "What happened, as the journal names it."),
        Attribute::read(
            "changes",
            Kind::Anything(0),
            "The attributes that changed, each with its value before and after.",
        ),
        Attribute::read("who", Kind::Anything(0), "Who did it: `role` and `subject`."),
        Attribute::read("reason", Kind::Text(300), "Which request, message or job run led to it."),
        Attribute::read(
            "sequence",
            Kind::Integer(1, i64::MAX),
            "1, 2, 3, ... for each order and subscription.",
        ),
        NO_REFERENCE,
        NO_REFERENCE_ORIGIN,
        NO_METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[],
};

/// The versions of a resource stand by their time.
pub(super) const LIST: List = List { by: Some("created_at"), reversible: true, ..List::WHOLE };

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/versions",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts {
            list: Some(List { served: &["resource_id_eq"], required: &["resource_id_eq"], ..LIST }),
        },
        about: "Lists the versions of an order, a subscription or a run, oldest first.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Read,
        path: "/api/versions/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads a version.",
        handler: handler!(read),
    },
];

/// What changed, attribute by attribute.
fn changes(before: &Value, after: &Value) -> Value {
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let (mut before, after) = (members(before), members(after));
    let mut changes = Map::new();
    for (name, now) in after {
        let was = before.remove(&name).unwrap_or_default();
        if was != now {
            changes.insert(name, json!([was, now]));
        }
    }
    changes.extend(before.into_iter().map(|(name, was)| (name, json!([was, null]))));
    Value::Object(changes)
}

fn object(entry: &Entry) -> Object {
    let Entry {
        organization: _,
        subject,
        sequence,
        at,
        cause,
        event,
        before,
        after,
        previous: _,
        hash: _,
    } = entry;
    let resource = Concerned::subject(subject);
    let events = event_topics::events(entry);
    let topics: Vec<&str> = events
        .iter()
        .filter(|event| event.resource == resource)
        .filter_map(|event| event.topic.split_once('.'))
        .map(|(_, what)| what)
        .collect();
    let done = ["create", "destroy"].into_iter().find(|done| topics.contains(done));
    let (role, who) = cause.actor.split_once(':').unwrap_or_default();
    Object {
        kind: &KIND,
        id: format!("{PREFIX}{subject}_{sequence}"),
        version: None,
        attributes: unkept(json!({
            "resource_type": resource.kind,
            "resource_id": resource.id,
            "event": done.unwrap_or("update"),
            "name": event,
            "changes": changes(before, after),
            "who": {"role": role, "subject": who},
            "reason": cause.reason,
            "sequence": sequence,
            "created_at": at,
            "updated_at": at,
        })),
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    }
}

/// The version that an entry is, where it tells of the resource.
pub(super) fn objects(entry: &Entry, resource: &Concerned) -> Vec<Object> {
    let tells = Concerned::subject(&entry.subject) == *resource
        || event_topics::events(entry).iter().any(|event| event.resource == *resource);
    tells.then(|| object(entry)).into_iter().collect()
}

/// The version with this id, if there is one for this caller.
async fn find(context: &Context<'_>, id: &str) -> Outcome<Option<Object>> {
    let parts = id.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('_'));
    let Some((subject, number)) = parts else { return Ok(None) };
    let Ok(sequence) = number.parse() else { return Ok(None) };
    let Some(journal) = Journal::of_subject(context, subject).await? else { return Ok(None) };
    let found = journal.entry(context, sequence).await?;
    // One version has one id: `07` names nothing, nor does the order of a run.
    Ok(found.map(|entry| object(&entry)).filter(|object| object.id == id))
}

/// Those of the versions that exist and that the caller sees.
pub(super) async fn load(context: &Context<'_>, ids: &[String]) -> Outcome<Vec<Object>> {
    let mut loaded = Vec::with_capacity(ids.len());
    for id in ids {
        loaded.extend(find(context, id).await?);
    }
    Ok(loaded)
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let wanted = context.query.filters.get("resource_id_eq").map(String::as_str);
    let resource = Concerned::subject(wanted.unwrap_or_default());
    let page = match Journal::of_resource(context, resource).await? {
        Some(journal) => journal.told("versions").page(context).await?,
        None => listing::of_all(context, Vec::new())?,
    };
    answer::page(context, &page, &[]).await
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let found = find(context, context.id).await?;
    let found = found.ok_or_else(|| ApiError::not_found(KIND.singular, context.id))?;
    answer::one(context, 200, &found).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_tell_what_became_of_each_attribute_that_differs() {
        let before = json!({"status": "active", "same": 1, "gone": true});
        let after = json!({"status": "inactive", "same": 1, "new": [2]});
        let expected = json!({
            "status": ["active", "inactive"], "gone": [true, null], "new": [null, [2]],
        });
        assert_eq!(changes(&before, &after), expected);
        assert_eq!(changes(&Value::Null, &json!({"a": 1})), json!({"a": [null, 1]}));
        assert_eq!(changes(&Value::Null, &Value::Null), json!({}));
    }
}
