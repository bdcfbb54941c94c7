//! Documents to send.

use serde_json::{Map, Value, json};

/// A document that makes a resource. Relationships as name, type, id.
pub(crate) fn create(kind: &str, attributes: &Value, related: &[(&str, &str, &str)]) -> Value {
    json!({"data": {
        "type": kind,
        "attributes": attributes,
        "relationships": relationships(related),
    }})
}

/// A document that changes a resource.
pub(crate) fn update(kind: &str, id: &str, attributes: &Value) -> Value {
    json!({"data": {"type": kind, "id": id, "attributes": attributes}})
}

/// A document that changes where relationships of a resource lead.
pub(crate) fn relate(kind: &str, id: &str, related: &[(&str, &str, &str)]) -> Value {
    json!({"data": {"type": kind, "id": id, "relationships": relationships(related)}})
}

fn relationships(related: &[(&str, &str, &str)]) -> Value {
    let members: Map<String, Value> = related
        .iter()
        .map(|(name, kind, id)| ((*name).to_owned(), json!({"data": {"type": kind, "id": id}})))
        .collect();
    Value::Object(members)
}
