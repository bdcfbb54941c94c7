//! The topics that webhooks can subscribe to, each with the message that is sent.

use perennial_domain::event_topics::{TOPICS, Topic};
use serde_json::{Value, json};

use super::reference;
use crate::{
    api,
    http::{json_object::json_object, media_type::JSON_API},
};

/// Every topic.
pub(super) fn all() -> Value {
    Value::Object(json_object(TOPICS.iter().map(|topic| (topic.name, message(topic)))))
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
