//! The OpenAPI 3.1 document, made from the tables by which requests are routed and documents read.

use serde_json::{Map, Value, json};

use super::{
    attributes::Mode,
    caller::Verb,
    error::Code,
    media_type::JSON_API,
    object::{Given, Relationship, ResourceType},
    operation::{Action, Operation},
};
use crate::api;

/// The document.
pub(crate) fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Perennial",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Subscription order management",
            "description": "JSON:API 1.1. Every request carries a token that names organization \
                and role. Writes take an Idempotency-Key; changes honour If-Match.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": api::RESOURCE_TYPES
            .iter()
            .map(|kind| json!({"name": kind.name, "description": kind.about}))
            .collect::<Vec<_>>(),
        "paths": paths(),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
            "parameters": parameters(),
            "headers": {
                "ETag": {
                    "description": "Version of the resource, for If-Match.",
                    "schema": {"type": "string"},
                },
            },
            "responses": {
                "error": {
                    "description": "What is wrong: `code` tells which rule, `source` where.",
                    "content": {JSON_API: {"schema": reference("error_document")}},
                },
            },
            "schemas": schemas(),
        },
    })
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn parameters() -> Value {
    json!({
        "id": {
            "name": "id", "in": "path", "required": true, "schema": {"type": "string"},
        },
        "include": {
            "name": "include", "in": "query",
            "description": "Relationships whose resources are wanted too, as paths of up to three.",
            "schema": {"type": "string"},
        },
        "fields": {
            "name": "fields", "in": "query", "style": "deepObject", "explode": true,
            "description": "Fields wanted, by resource type: `fields[orders]=status,placed_at`.",
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "page_size": {
            "name": "page[size]", "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 25},
        },
        "page_cursor": {
            "name": "page[cursor]", "in": "query",
            "description": "Where the page begins: taken from `links.next` of the page before.",
            "schema": {"type": "string"},
        },
        "idempotency_key": {
            "name": "Idempotency-Key", "in": "header",
            "description": "A repeat of the same request under the same key, within a day, gets \
                the stored answer with the header Idempotent-Replayed.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        },
        "if_match": {
            "name": "If-Match", "in": "header",
            "description": "The ETag that the change is based on; a stale one is answered 412.",
            "schema": {"type": "string"},
        },
    })
}

fn paths() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in api::operations() {
        let item = paths.entry(operation.path.to_owned()).or_insert_with(|| json!({}));
        if let Value::Object(methods) = item {
            methods.insert(operation.action.method().to_ascii_lowercase(), described(operation));
        }
    }
    paths.insert(
        "/api/health".to_owned(),
        open(
            "health",
            "Whether the service and its storage answer.",
            &json!({
                "type": "object", "properties": {"status": {"type": "string"}},
            }),
        ),
    );
    paths.insert(
        "/api/openapi.json".to_owned(),
        open("openapi", "This document.", &json!({"type": "object"})),
    );
    Value::Object(paths)
}

fn open(id: &str, about: &str, schema: &Value) -> Value {
    json!({"get": {
        "operationId": id,
        "summary": about,
        "security": [],
        "responses": {
            "200": {
                "description": about,
                "content": {"application/json": {"schema": schema}},
            },
            "default": {"$ref": "#/components/responses/error"},
        },
    }})
}

fn described(operation: &Operation) -> Value {
    let Operation { action, path, kind, surface: _, accepts, about, handler: _ } = operation;
    let shared = |name: &str| json!({"$ref": format!("#/components/parameters/{name}")});
    let mut parameters = Vec::new();
    if path.contains("{id}") {
        parameters.push(shared("id"));
    }
    parameters.extend([shared("include"), shared("fields")]);
    if accepts.newest_first.is_some() {
        let orders: Vec<&str> =
            ["created_at", "-created_at"].iter().chain(accepts.orders).copied().collect();
        parameters.push(json!({
            "name": "sort", "in": "query", "schema": {"type": "string", "enum": orders},
        }));
    }
    if accepts.pages {
        parameters.extend([shared("page_size"), shared("page_cursor")]);
    }
    for filter in accepts.filters {
        parameters.push(json!({
            "name": format!("filter[q][{filter}]"),
            "in": "query",
            "required": accepts.required.contains(filter),
            "schema": {"type": "string"},
        }));
    }
    if action.verb() == Verb::Write {
        parameters.push(shared("idempotency_key"));
    }
    if matches!(action, Action::Update | Action::Delete) {
        parameters.push(shared("if_match"));
    }
    let mut described = json!({
        "operationId": operation_id(operation),
        "tags": [kind.name],
        "summary": about,
        "parameters": parameters,
        "responses": responses(*action, kind),
    });
    let mode = match action {
        Action::Create | Action::Preview => Some("create"),
        Action::Update => Some("update"),
        Action::List | Action::Read | Action::Delete => None,
    };
    if let (Value::Object(members), Some(mode)) = (&mut described, mode) {
        let schema = reference(&format!("{}_{mode}", kind.name));
        let body = json!({"required": true, "content": {JSON_API: {"schema": schema}}});
        members.insert("requestBody".to_owned(), body);
    }
    described
}

fn operation_id(operation: &Operation) -> String {
    let verb = match operation.action {
        Action::List => "list",
        Action::Read => "read",
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "delete",
        Action::Preview => "make",
    };
    let segments: Vec<&str> = operation
        .path
        .split('/')
        .filter(|segment| !segment.is_empty() && *segment != "api" && *segment != "{id}")
        .collect();
    format!("{verb}_{}", segments.join("_of_"))
}

fn responses(action: Action, kind: &ResourceType) -> Value {
    let content = json!({JSON_API: {"schema": reference(&format!("{}_document", kind.name))}});
    let one = |description: &str| {
        json!({
            "description": description,
            "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
            "content": content,
        })
    };
    let (status, response) = match action {
        Action::List => (
            "200",
            json!({
                "description": "A page.",
                "content": {JSON_API: {"schema": reference(&format!("{}_page", kind.name))}},
            }),
        ),
        Action::Read => ("200", one("The resource.")),
        Action::Create => ("201", one("The new resource.")),
        Action::Update => ("200", one("The changed resource.")),
        Action::Delete => ("204", json!({"description": "Done."})),
        Action::Preview => {
            ("200", json!({"description": "The answer; nothing is stored.", "content": content}))
        }
    };
    let mut responses = json!({"default": {"$ref": "#/components/responses/error"}});
    if let Value::Object(members) = &mut responses {
        members.insert(status.to_owned(), response);
    }
    responses
}

fn schemas() -> Value {
    let mut schemas = shared_schemas();
    for kind in api::RESOURCE_TYPES {
        let name = kind.name;
        schemas.insert(name.to_owned(), resource(kind));
        schemas.insert(
            format!("{name}_document"),
            json!({
                "type": "object",
                "required": ["data"],
                "properties": {
                    "jsonapi": {"type": "object"},
                    "data": reference(name),
                    "links": {"type": "object"},
                    "included": {"type": "array", "items": {"type": "object"}},
                },
            }),
        );
        schemas.insert(
            format!("{name}_page"),
            json!({
                "type": "object",
                "required": ["data"],
                "properties": {
                    "jsonapi": {"type": "object"},
                    "data": {"type": "array", "items": reference(name)},
                    "links": reference("page_links"),
                    "included": {"type": "array", "items": {"type": "object"}},
                    "meta": {"type": "object"},
                },
            }),
        );
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

fn shared_schemas() -> Map<String, Value> {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.facts().1).collect();
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
            "properties": {
                "self": {"type": "string"},
                "next": {"type": ["string", "null"]},
            },
        },
        "error_document": {
            "type": "object",
            "required": ["errors"],
            "properties": {
                "jsonapi": {"type": "object"},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["status", "code", "title", "detail"],
                        "properties": {
                            "status": {"type": "string"},
                            "code": {"type": "string", "enum": codes},
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
                    },
                },
                "meta": {
                    "type": "object",
                    "properties": {"request_id": {"type": "string"}},
                },
            },
        },
    });
    match shared {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn identifier(kind: &str) -> Value {
    json!({
        "type": "object",
        "required": ["type", "id"],
        "properties": {"type": {"type": "string", "const": kind}, "id": {"type": "string"}},
    })
}

fn linkage(relationship: &Relationship) -> Value {
    let identifier = identifier(relationship.to);
    let data = if relationship.many {
        json!({"type": "array", "items": identifier})
    } else {
        json!({"oneOf": [identifier, {"type": "null"}]})
    };
    json!({
        "type": "object",
        "properties": {"data": data, "links": {"type": "object"}},
    })
}

/// The schema of a value that may be null.
fn nullable(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

fn resource(kind: &ResourceType) -> Value {
    let attributes: Map<String, Value> = kind
        .attributes
        .iter()
        .filter(|attribute| attribute.access.readable())
        .map(|attribute| (attribute.name.to_owned(), nullable(&attribute.schema())))
        .collect();
    let relationships: Map<String, Value> = kind
        .relationships
        .iter()
        .map(|relationship| (relationship.name.to_owned(), linkage(relationship)))
        .collect();
    json!({
        "type": "object",
        "description": kind.about,
        "required": ["type", "id"],
        "properties": {
            "type": {"type": "string", "const": kind.name},
            "id": {"type": "string"},
            "attributes": {"type": "object", "properties": attributes},
            "relationships": {"type": "object", "properties": relationships},
            "links": {"type": "object"},
            "meta": {"type": "object"},
        },
    })
}

fn request(kind: &ResourceType, mode: Mode) -> Value {
    let attributes: Map<String, Value> = kind
        .attributes
        .iter()
        .filter(|attribute| attribute.access.writable(mode))
        .map(|attribute| (attribute.name.to_owned(), nullable(&attribute.schema())))
        .collect();
    let settable = |relationship: &&Relationship| match mode {
        Mode::Create => relationship.on_create != Given::Never,
        Mode::Update => relationship.on_update,
    };
    let relationships: Map<String, Value> = kind
        .relationships
        .iter()
        .filter(settable)
        .map(|relationship| (relationship.name.to_owned(), linkage(relationship)))
        .collect();
    let required: Vec<&str> = kind
        .relationships
        .iter()
        .filter(|relationship| mode == Mode::Create && relationship.on_create == Given::Always)
        .map(|relationship| relationship.name)
        .collect();
    let mut data = json!({
        "type": "object",
        "required": if mode == Mode::Create { vec!["type"] } else { vec!["type", "id"] },
        "properties": {
            "type": {"type": "string", "const": kind.name},
            "attributes": {
                "type": "object",
                "properties": attributes,
                "additionalProperties": false,
            },
            "relationships": {
                "type": "object",
                "required": required,
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
    json!({"type": "object", "required": ["data"], "properties": {"data": data}})
}
