//! The organization of the caller: the only one there is for them.

use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    annotations::{NO_METADATA, NO_REFERENCE, NO_REFERENCE_ORIGIN, unkept},
    answer, listing, tags,
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

pub(crate) static KIND: ResourceType = ResourceType {
    name: "organizations",
    singular: "organization",
    about: "The organization whose data the token opens. Its id is what the token names it.",
    attributes: &[
        Attribute::read("name", Kind::Text(63), "What the token names it."),
        Attribute::read("slug", Kind::Text(63), "The same."),
        Attribute::read(
            "tags_max_allowed_number",
            Kind::Integer(0, 1_000),
            "Most tags of one resource.",
        ),
        Attribute::read(
            "tags_max_name_length",
            Kind::Integer(0, 1_000),
            "Longest name of a tag, in characters.",
        ),
        NO_REFERENCE,
        NO_REFERENCE_ORIGIN,
        NO_METADATA,
        Attribute::read("created_at", CREATED_AT.kind, "Null: it is not kept here."),
        Attribute::read("updated_at", UPDATED_AT.kind, "Null: it is not kept here."),
    ],
    relationships: &[],
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: Action::List,
        path: "/api/organizations",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::WHOLE,
        about: "Lists the caller's organization.",
        handler: handler!(list),
    },
    Operation {
        action: Action::Read,
        path: "/api/organizations/{id}",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads the caller's organization.",
        handler: handler!(read),
    },
    Operation {
        action: Action::Read,
        path: "/api/organization",
        kind: &KIND,
        surface: Surface::Api,
        accepts: Accepts::SINGLE,
        about: "Reads the caller's organization.",
        handler: handler!(read),
    },
];

fn object(context: &Context<'_>) -> Object {
    let id = context.caller.organization.to_string();
    Object {
        kind: &KIND,
        attributes: unkept(json!({
            "name": id,
            "slug": id,
            "tags_max_allowed_number": tags::MAX_TAGS,
            "tags_max_name_length": tags::MAX_NAME,
            "created_at": Value::Null,
            "updated_at": Value::Null,
        })),
        id,
        version: None,
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    }
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let page = listing::of_all(context, vec![object(context)])?;
    answer::page(context, &page, &[]).await
}

async fn read(context: &Context<'_>) -> Outcome<Answer> {
    let object = object(context);
    if !context.id.is_empty() && context.id != object.id {
        return Err(ApiError::not_found(KIND.singular, context.id));
    }
    answer::one(context, 200, &object).await
}
