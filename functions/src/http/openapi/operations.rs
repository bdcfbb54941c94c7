//! The operations of the document.

use serde_json::{Value, json};

use super::{filters, reference};
use crate::{
    api,
    http::{
        caller::Verb,
        media_type::JSON_API,
        object::ResourceType,
        operation::{Action, Operation},
    },
};

/// An operation, as the document has it.
pub(super) fn described(operation: &Operation) -> Value {
    let Operation { action, path, kind, surface: _, accepts, about, handler: _ } = operation;
    let shared = |name: &str| json!({"$ref": format!("#/components/parameters/{name}")});
    let mut parameters = Vec::new();
    if path.contains("{id}") {
        parameters.push(shared("id"));
    }
    parameters.extend([shared("include"), shared("fields")]);
    if let Some(list) = &accepts.list {
        parameters.extend(["page_size", "page_cursor"].map(shared));
        parameters.push(shared("page_number"));
        parameters.extend(filters::parameters(kind, list));
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
        "responses": responses(operation),
    });
    let mode = match action {
        Action::Create | Action::Preview => Some("create"),
        Action::Update => Some("update"),
        Action::List | Action::Read | Action::Delete | Action::Receive => None,
    };
    if let (Value::Object(members), Some(mode)) = (&mut described, mode) {
        let schema = reference(&format!("{}_{mode}", kind.name));
        let body = json!({"required": true, "content": {JSON_API: {"schema": schema}}});
        members.insert("requestBody".to_owned(), body);
    }
    if let (Value::Object(members), Action::Receive) = (&mut described, action) {
        let any = json!({"schema": {}});
        let content = json!({"application/json": any, "text/csv": any, "application/xml": any});
        members.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
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
        Action::Receive => "receive",
    };
    let segments: Vec<&str> = operation
        .path
        .split('/')
        .filter(|segment| !segment.is_empty() && *segment != "api" && *segment != "{id}")
        .collect();
    format!("{verb}_{}", segments.join("_of_"))
}

fn responses(operation: &Operation) -> Value {
    let Operation { action, kind, path, .. } = operation;
    let document = |kind: &str| reference(&format!("{kind}_document"));
    let schema = match api::related::named(path).filter(|_| *action == Action::Read) {
        Some((_, relationship)) => {
            let mut found: Vec<Value> = relationship.types().map(document).collect();
            found.push(reference("nothing_document"));
            json!({"anyOf": found})
        }
        None => document(kind.name),
    };
    let content = json!({JSON_API: {"schema": schema}});
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
        Action::Create | Action::Receive => ("201", one("The new resource.")),
        Action::Update => ("200", one("The changed resource.")),
        Action::Delete => ("204", json!({"description": "Done."})),
        Action::Preview => {
            ("200", json!({"description": "The answer; no resource is made.", "content": content}))
        }
    };
    let mut responses = json!({"default": {"$ref": "#/components/responses/error"}});
    if let Value::Object(members) = &mut responses {
        members.insert(status.to_owned(), response);
        if *action == Action::Receive {
            members.insert("200".to_owned(), received(kind));
        }
    }
    responses
}

/// What a payload is answered with that made nothing new, or that held several.
fn received(kind: &ResourceType) -> Value {
    let known = reference(&format!("{}_document", kind.name));
    let several = reference(&format!("{}_page", kind.name));
    json!({
        "description": "The resource that was known, changed or as it was; of several in one payload \
            those that were taken, and in `meta.results` what became of each.",
        "content": {JSON_API: {"schema": {"anyOf": [known, several]}}},
    })
}
