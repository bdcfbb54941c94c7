//! The schemas of the document.

use serde_json::{Value, json};

use super::{
    filters, reference,
    resources::{request, resource},
    shared,
};
use crate::{
    api,
    http::{attributes::Mode, operation::Action},
};

/// Every schema.
pub(super) fn all() -> Value {
    let mut schemas = shared::schemas();
    for kind in api::RESOURCE_TYPES {
        let name = kind.name;
        schemas.insert(name.to_owned(), resource(kind));
        schemas.insert(
            format!("{name}_document"),
            json!({
                "type": "object",
                "required": ["jsonapi", "data"],
                "properties": {
                    "jsonapi": reference("jsonapi"),
                    "data": reference(name),
                    "links": reference("links"),
                    "included": reference("included"),
                },
                "additionalProperties": false,
            }),
        );
        schemas.insert(
            format!("{name}_page"),
            json!({
                "type": "object",
                "required": ["jsonapi", "data", "links", "meta"],
                "properties": {
                    "jsonapi": reference("jsonapi"),
                    "data": {"type": "array", "items": reference(name)},
                    "links": reference("page_links"),
                    "included": reference("included"),
                    "meta": reference("page_meta"),
                },
                "additionalProperties": false,
            }),
        );
        for (suffix, schema) in filters::schemas(kind) {
            schemas.insert(format!("{name}_{suffix}"), schema);
        }
        for (mode, suffix) in [(Mode::Create, "create"), (Mode::Update, "update")] {
            let actions = match mode {
                Mode::Create => &[Action::Create, Action::Preview][..],
                Mode::Update => &[Action::Update],
            };
            let served =
                api::operations().any(|o| o.kind.name == name && actions.contains(&o.action));
            if served {
                schemas.insert(format!("{name}_{suffix}"), request(kind, mode));
            }
        }
    }
    Value::Object(schemas)
}
