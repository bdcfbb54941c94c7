//! Schemas of resources, as they are answered and as they are given.

use serde_json::{Value, json};

use super::reference;
use crate::{
    api::{self, order_factories},
    http::{
        attributes::Mode,
        json_object::json_object,
        kind::nullable,
        object::{Given, Relationship, ResourceType},
        tolerated::tolerated,
    },
};

fn identifier(relationship: &Relationship) -> Value {
    let kinds: Vec<&str> = relationship.types().collect();
    let kind = match kinds.as_slice() {
        [only] => json!({"type": "string", "const": only}),
        several => json!({"type": "string", "enum": several}),
    };
    json!({
        "type": "object",
        "required": ["type", "id"],
        "properties": {"type": kind, "id": {"type": "string"}},
    })
}

fn linkage(relationship: &Relationship) -> Value {
    let identifier = identifier(relationship);
    let data = if relationship.many {
        json!({"type": "array", "items": identifier})
    } else {
        json!({"oneOf": [identifier, {"type": "null"}]})
    };
    json!({
        "type": "object",
        "properties": {"data": data, "links": reference("links")},
    })
}

/// Lets a schema of a request say what else there may be in it: these members, which have no effect.
/// Anything else is refused.
fn nothing_but(schema: &mut Value, others: &[&str]) {
    if let Value::Object(members) = schema {
        if let Some(Value::Object(properties)) = members.get_mut("properties") {
            properties.extend(others.iter().map(|name| ((*name).to_owned(), json!({}))));
        }
        members.insert("additionalProperties".to_owned(), json!(false));
    }
}

/// The same, where annotations may stand too: their names begin with `@`.
fn nothing_but_annotated(mut schema: Value, others: &[&str]) -> Value {
    nothing_but(&mut schema, others);
    if let Value::Object(members) = &mut schema {
        members.insert("patternProperties".to_owned(), json!({"^@": {}}));
    }
    schema
}

/// A relationship as a request gives it.
fn given(relationship: &Relationship, mode: Mode) -> Value {
    let mut schema = linkage(relationship);
    if let Value::Object(members) = &mut schema {
        members.insert("required".to_owned(), json!(["data"]));
    }
    if mode == Mode::Create
        && relationship.on_create == Given::Always
        && let Some(data) = schema.pointer_mut("/properties/data")
    {
        *data = identifier(relationship);
    }
    nothing_but_annotated(schema, &["links", "meta"])
}

/// A relationship that is taken and left alone.
fn without_effect() -> Value {
    json!({
        "type": "object",
        "description": "Taken for clients of the public API; without effect.",
    })
}

/// A resource object.
pub(super) fn resource(kind: &ResourceType) -> Value {
    let attributes = kind
        .attributes
        .iter()
        .filter(|attribute| attribute.access.readable())
        .map(|attribute| (attribute.name.to_owned(), nullable(&attribute.schema())));
    let decimals = kind.decimals().map(|(name, attribute)| {
        let about = format!("`{}` in units of the currency.", attribute.name);
        (name, nullable(&json!({"type": "number", "description": about})))
    });
    let attributes = json_object(attributes.chain(decimals));
    let relationships = json_object(
        kind.relationships.iter().map(|relationship| (relationship.name, linkage(relationship))),
    );
    // What is answered under other types has what those have, too.
    let (types, closed) = if kind.name == order_factories::KIND.name {
        (json!({"type": "string", "enum": order_factories::TYPES}), false)
    } else {
        (json!({"type": "string", "const": kind.name}), true)
    };
    json!({
        "type": "object",
        "description": kind.about,
        "required": ["type", "id"],
        "properties": {
            "type": types,
            "id": {"type": "string"},
            "attributes": {
                "type": "object",
                "properties": attributes,
                "additionalProperties": !closed,
            },
            "relationships": {
                "type": "object",
                "properties": relationships,
                "additionalProperties": !closed,
            },
            "links": reference("links"),
            "meta": {"type": "object"},
        },
        "additionalProperties": false,
    })
}

/// Attributes without which a resource can't be made, of those types that aren't of the catalogue.
const REQUIRED: [(&str, &[&str]); 6] = [
    ("line_items", &["quantity"]),
    ("order_subscriptions", &["frequency"]),
    ("order_subscription_items", &["quantity"]),
    ("price_volume_tiers", &["name", "price_amount_cents"]),
    ("stock_items", &["quantity"]),
    ("proration_previews", &["currency", "period_start", "period_end", "change_at"]),
];

/// Attributes without which a resource can't be made.
fn required(kind: &ResourceType) -> &'static [&'static str] {
    let listed = REQUIRED.iter().find(|(of, _)| *of == kind.name).map(|(_, names)| *names);
    let catalogued = || api::catalog::named(kind.name).map(|catalog| catalog.required);
    listed.or_else(catalogued).unwrap_or_default()
}

/// A document that makes or changes a resource.
pub(super) fn request(kind: &ResourceType, mode: Mode) -> Value {
    let needed = if mode == Mode::Create { required(kind) } else { &[] };
    let writable = kind.attributes.iter().filter(|attribute| attribute.access.writable(mode));
    let attributes = json_object(writable.map(|attribute| {
        let schema = attribute.schema();
        let must = needed.contains(&attribute.name) || attribute.access.sets_off();
        (attribute.name, if must { schema } else { nullable(&schema) })
    }));
    let settable = |relationship: &&Relationship| match mode {
        Mode::Create => relationship.on_create != Given::Never,
        Mode::Update => relationship.on_update,
    };
    let relationships = json_object(
        kind.relationships
            .iter()
            .filter(settable)
            .map(|relationship| (relationship.name, given(relationship, mode)))
            .chain(tolerated(kind.name).iter().map(|name| (*name, without_effect()))),
    );
    let related: Vec<&str> = kind
        .relationships
        .iter()
        .filter(|relationship| mode == Mode::Create && relationship.on_create == Given::Always)
        .map(|relationship| relationship.name)
        .collect();
    let mut members = if mode == Mode::Create { vec!["type"] } else { vec!["type", "id"] };
    if !needed.is_empty() {
        members.push("attributes");
    }
    if !related.is_empty() {
        members.push("relationships");
    }
    let mut data = json!({
        "type": "object",
        "required": members,
        "properties": {
            "type": {"type": "string", "const": kind.name},
            "attributes": {
                "type": "object",
                "required": needed,
                "properties": attributes,
                "additionalProperties": false,
            },
            "relationships": {
                "type": "object",
                "required": related,
                "properties": relationships,
                "additionalProperties": false,
            },
        },
    });
    if mode == Mode::Update
        && let Some(Value::Object(properties)) = data.get_mut("properties")
    {
        properties.insert("id".to_owned(), json!({"type": "string"}));
    }
    nothing_but(&mut data, &["links", "meta", "lid"]);
    let document = json!({"type": "object", "required": ["data"], "properties": {"data": data}});
    nothing_but_annotated(document, &["links", "meta", "jsonapi"])
}
