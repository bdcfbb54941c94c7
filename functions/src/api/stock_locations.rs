//! Stock locations: each organization keeps its stock in one.

use serde_json::json;

use super::{
    CREATED_AT, UPDATED_AT, answer,
    catalog::{METADATA, REFERENCE, REFERENCE_ORIGIN},
    listing,
};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    error::{ApiError, Outcome},
    event::Answer,
    object::{Object, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::Accepts,
};

/// The one that there is.
pub(super) const ID: &str = "stl_default";

pub(crate) static KIND: ResourceType = ResourceType {
    name: "stock_locations",
    singular: "stock location",
    about: "Where stock is kept. Each organization has one, and the server makes it.",
    attributes: &[
        Attribute::read("name", Kind::Text(200), "Name for people."),
        Attribute::read("code", Kind::Text(100), "Its code."),
        Attribute::read("reference", REFERENCE.kind, "Null: it is not kept here."),
        Attribute::read("reference_origin", REFERENCE_ORIGIN.kind, "Null: it is not kept here."),
        Attribute::read("metadata", METADATA.kind, "Null: it is not kept here."),
        Attribute::read("created_at", CREATED_AT.kind, "Null: it has always been there."),
        Attribute::read("updated_at", UPDATED_AT.kind, "Null: it never changes."),
    ],
    relationships: &[],
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/stock_locations",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::WHOLE,
        about: "Lists the organization's only stock location.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Read,
        path: "/api/stock_locations/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads the stock location.",
        handler: handler!(read),
    },
];

fn object() -> Object {
    Object {
        kind: &KIND,
        id: ID.to_owned(),
        version: None,
        attributes: json!({
            "name": "Default",
            "code": "default",
            "reference": null,
            "reference_origin": null,
            "metadata": null,
            "created_at": null,
            "updated_at": null,
        }),
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    }
}

/// It, where it is among these.
pub(super) fn load(ids: &[String]) -> Vec<Object> {
    ids.iter().filter(|id| *id == ID).take(1).map(|_| object()).collect()
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    answer::page(context, &listing::of_all(context, vec![object()])?, &[]).await
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    if context.id != ID {
        return Err(ApiError::not_found(KIND.singular, context.id));
    }
    answer::one(context, 200, &object()).await
}
