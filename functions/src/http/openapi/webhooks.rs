//! The topics that webhooks can subscribe to, each with the message that is sent.

use perennial_domain::event_topics::{TOPICS, Topic};
use serde_json::{Map, Value, json};

use super::reference;
use crate::{api, http::media_type::JSON_API};

/// Every topic.
pub(super) fn all() -> Value {
    let topics = TOPICS.iter().map(|topic| (topic.name.to_owned(), message(topic)));
    Value::Object(topics.collect::<Map<_, _>>())
}

fn message(topic: &Topic) -> Value {
    let Topic { number: _, name, resource, about } = topic;
    let document = match api::resource_type(resource) {
        Some(kind) => reference(&format!("{}_document", kind.name)),
        None => json!({"type": "object"}),
    };
    let schema = json!({"allOf": [document, reference("event_document")]});
    let tag = name.split_once('.').map_or(*name, |(tag, _)| tag);
    json!({"post": {
        "operationId": format!("on_{}", name.replace('.', "_")),
        "summary": about,
        "tags": [tag],
        "security": [],
        "requestBody": {"required": true, "content": {JSON_API: {"schema": schema}}},
        "responses": {
            "2XX": {"description": "The message has arrived."},
            "410": {"description": "No message is wanted any more: the webhook is disabled."},
            "default": {"description": "The message is sent again."},
        },
    }})
}

/// What a message says of its event, beside the document of the resource.
pub(super) fn event() -> Value {
    json!({
        "type": "object",
        "properties": {"meta": {
            "type": "object",
            "properties": {
                "event": {
                    "type": "object",
                    "required": ["id", "topic", "subject", "sequence", "at"],
                    "properties": {
                        "id": {"type": "string", "description": "The same whenever it is sent."},
                        "topic": {"type": "string"},
                        "subject": {
                            "type": "string",
                            "description": "The order or subscription whose journal tells of it.",
                        },
                        "sequence": {
                            "type": "integer",
                            "description": "Its place in that journal: 1, 2, 3, ...",
                        },
                        "at": {"type": "string", "format": "date-time"},
                        "actor": {"type": "string"},
                        "reason": {"type": "string"},
                        "before": {"description": "The changed attributes as they were."},
                        "after": {"description": "The changed attributes as they became."},
                    },
                },
                "gone": {
                    "type": "boolean",
                    "description": "The resource is there no more: it is told as the journal has it.",
                },
            },
        }},
    })
}
