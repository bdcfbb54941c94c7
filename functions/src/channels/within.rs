//! A request within a request: what a payload leads to is made by the code that serves the API, with a
//! document of ours and a key of its own, so that the same message always makes the same things.

use perennial_store::Record;
use serde_json::{Value, json};

use crate::{
    api,
    http::{
        caller::{Caller, Role},
        context::Context,
        document::Document,
        error::Outcome,
        event::Request,
        idempotency::Once,
        object::ResourceType,
        query::{Accepts, Query},
    },
};

/// A document that is to be made something of.
pub(super) struct Within {
    kind: &'static ResourceType,
    request: Request,
    caller: Caller,
    query: Query,
    key: String,
    request_id: String,
}

impl Within {
    /// A resource of this kind, known by this key among those of the channel.
    pub(super) fn new(
        context: &Context<'_>,
        channel: &Record,
        kind: &'static ResourceType,
        key: &str,
        document: &Value,
    ) -> Outcome<Self> {
        let text = |member: &str| channel.get(member).and_then(Value::as_str).unwrap_or_default();
        let trusted = channel.get("trusts_prices").and_then(Value::as_bool).unwrap_or_default();
        let mut caller = context.caller.clone();
        if trusted {
            // An operator has said that what this channel sends counts, whoever carries it.
            caller.role = Role::Integration;
        }
        Ok(Self {
            kind,
            request: context.request.within("POST", &format!("/api/{}", kind.name), document),
            caller,
            query: Query::parse("", kind, Accepts::SINGLE, api::resource_type)?,
            key: format!("channel:{}:{key}", text("id")),
            request_id: format!(
                "{} by {} through channel {}",
                context.request_id,
                context.caller.actor(),
                text("code")
            ),
        })
    }

    /// The request as handlers see it.
    pub(super) fn context<'a>(&'a self, outer: &'a Context<'_>) -> Context<'a> {
        Context {
            services: outer.services,
            caller: &self.caller,
            request: &self.request,
            query: &self.query,
            id: "",
            request_id: &self.request_id,
            once: Some(Once { key: &self.key, fingerprint: String::new() }),
            now: outer.now,
        }
    }

    /// The document.
    pub(super) fn document(&self) -> Outcome<Document> {
        Document::create(&self.request, self.kind)
    }
}

/// A document that makes a resource.
pub(super) fn made_of(kind: &ResourceType, attributes: &Value, relationships: &Value) -> Value {
    json!({"data": {
        "type": kind.name,
        "attributes": attributes,
        "relationships": relationships,
    }})
}
