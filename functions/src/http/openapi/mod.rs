//! The OpenAPI 3.1 document, made from the tables by which requests are routed and documents read.

mod filters;
mod operations;
mod parameters;
mod resources;
mod schemas;
mod shared;
mod webhooks;

use serde_json::{Map, Value, json};

use self::operations::described;
use super::media_type::JSON_API;
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
        "webhooks": webhooks::all(),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
            "parameters": parameters::shared(),
            "headers": {
                "ETag": {
                    "description": "Version of the resource, for If-Match.",
                    "schema": {"type": "string"},
                },
            },
            "responses": {
                "error": {
                    "description": "What is wrong: `code` tells which rule, `source` where. As \
                        `application/json` it comes from API Gateway, which refuses by itself \
                        tokens that are not valid, paths that lead nowhere, and too large bodies.",
                    "content": {
                        JSON_API: {"schema": reference("error_document")},
                        "application/json": {"schema": reference("gateway_message")},
                    },
                },
            },
            "schemas": schemas::all(),
        },
    })
}

/// Leads to a schema of the document.
fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
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
            "Whether the service does what it is for: `fail`, with 503, where it can't serve \
             requests, `warn` where somebody should look. Numbers stand in /api/health/details, for \
             the roles operator and integration. As the draft Health Check Response Format for HTTP \
             APIs has it.",
            "application/health+json",
            &json!({
                "type": "object", "properties": {
                    "status": {"type": "string", "enum": ["pass", "warn", "fail"]},
                    "version": {"type": "string"},
                    "description": {"type": "string"},
                    "notes": {"type": "array", "items": {"type": "string"}},
                    "checks": {
                        "type": "object",
                        "description": "Verdicts by component and measurement.",
                    },
                    "time_zones": {
                        "type": "string",
                        "description": "The release of the IANA time zone database.",
                    },
                },
            }),
        ),
    );
    paths.insert(
        "/api/openapi.json".to_owned(),
        open("openapi", "This document.", "application/json", &json!({"type": "object"})),
    );
    Value::Object(paths)
}

fn open(id: &str, about: &str, media_type: &str, schema: &Value) -> Value {
    json!({"get": {
        "operationId": id,
        "summary": about,
        "security": [],
        "responses": {
            "200": {
                "description": about,
                "content": {media_type: {"schema": schema}},
            },
            "default": {"$ref": "#/components/responses/error"},
        },
    }})
}
