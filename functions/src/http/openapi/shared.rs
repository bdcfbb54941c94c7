//! Schemas that are of no one resource.

use serde_json::{Map, Value, json};

use super::reference;
use crate::http::{error::Code, query::BOUND};

/// The schemas that are of no one resource.
pub(super) fn schemas() -> Map<String, Value> {
    let codes: Vec<Value> = Code::ALL
        .iter()
        .map(|code| {
            let (status, name, title) = code.facts();
            // JSON:API wants another status where a relationship leads to nothing.
            let description = match code {
                Code::RelatedNotFound => "404 for a relationship, 422 for an attribute".to_owned(),
                _ => status.to_string(),
            };
            json!({"const": name, "title": title, "description": description})
        })
        .collect();
    let shared = json!({
        "frequency": {
            "description": "How often: a name, so many units, or a crontab expression of five \
                fields in the subscription's time zone.",
            "oneOf": [
                {
                    "type": "string",
                    "examples": ["monthly", "every 2 weeks", "0 9 * * 1"],
                },
                {
                    "type": "object",
                    "required": ["every", "unit"],
                    "properties": {
                        "every": {"type": "integer", "minimum": 1},
                        "unit": {
                            "type": "string",
                            "enum": ["hour", "day", "week", "month", "year"],
                        },
                    },
                    "additionalProperties": false,
                },
            ],
        },
        "page_links": {
            "type": "object",
            "description": "Without `page[number]` only `first` and `next`, by cursor.",
            "properties": {
                "self": {"type": "string"},
                "first": {"type": "string"},
                "prev": {"type": ["string", "null"]},
                "next": {"type": ["string", "null"]},
                "last": {"type": ["string", "null"]},
            },
        },
        "page_meta": {
            "type": "object",
            "properties": {
                "record_count": {
                    "type": ["integer", "null"],
                    "description": format!(
                        "How many there are on all pages: exact up to {BOUND}, null beyond and on \
                         pages by cursor of a list in its own order, which is not read as a whole."
                    ),
                },
                "page_count": {"type": ["integer", "null"]},
                "page": {
                    "type": "object",
                    "properties": {
                        "size": {"type": "integer"},
                        "number": {"type": ["integer", "null"]},
                        "next_cursor": {"type": ["string", "null"]},
                        "has_more": {"type": "boolean"},
                    },
                },
            },
        },
        "gateway_message": {
            "type": "object",
            "description": "What API Gateway answers by itself.",
            "required": ["message"],
            "properties": {"message": {"type": "string"}},
        },
        "jsonapi": {
            "type": "object",
            "description": "The version of JSON:API.",
            "required": ["version"],
            "properties": {"version": {"type": "string", "const": "1.1"}},
        },
        "links": {
            "type": "object",
            "additionalProperties": {"type": ["string", "null"]},
        },
        "included": {
            "type": "array",
            "description": "The resources that `include` asked for, each once.",
            "items": {
                "type": "object",
                "required": ["type", "id"],
                "properties": {"type": {"type": "string"}, "id": {"type": "string"}},
            },
        },
        "nothing_document": {
            "type": "object",
            "description": "The relationship leads nowhere.",
            "required": ["jsonapi", "data"],
            "properties": {
                "jsonapi": reference("jsonapi"),
                "data": {"type": "null"},
                "links": reference("links"),
                "included": reference("included"),
            },
            "additionalProperties": false,
        },
        "error_document": {
            "type": "object",
            "required": ["jsonapi", "errors"],
            "properties": {
                "jsonapi": reference("jsonapi"),
                "errors": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["status", "code", "title", "detail"],
                        "properties": {
                            "status": {"type": "string"},
                            "code": {"type": "string", "oneOf": codes},
                            "title": {"type": "string"},
                            "detail": {"type": "string"},
                            "source": {
                                "type": "object",
                                "properties": {
                                    "pointer": {"type": "string"},
                                    "parameter": {"type": "string"},
                                    "header": {"type": "string"},
                                },
                            },
                            "meta": {"type": "object"},
                        },
                        "additionalProperties": false,
                    },
                },
                "meta": {
                    "type": "object",
                    "properties": {"request_id": {"type": "string"}},
                },
            },
            "additionalProperties": false,
        },
    });
    match shared {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
