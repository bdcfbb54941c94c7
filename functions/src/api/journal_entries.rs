//! The journal of an order or a subscription: every change, chained by hashes.

use perennial_domain::{
    ids::OrganizationId,
    journal::{Cause, Entry, verify},
};
use serde_json::{Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    annotations::{NO_METADATA, NO_REFERENCE, NO_REFERENCE_ORIGIN, unkept},
    answer,
    journals::{Journal, Told},
    listing,
};
use crate::http::{
    attributes::{Attribute, Kind},
    context::Context,
    error::Outcome,
    event::Answer,
    object::{Object, ResourceType},
    operation::{Action, Operation, Surface, handler},
    query::{Accepts, List},
};

pub(crate) static KIND: ResourceType = ResourceType {
    name: "journal_entries",
    singular: "journal entry",
    about: "One change of an order or a subscription, with the hash of the entry before it.",
    attributes: &[
        Attribute::read("subject", Kind::Text(80), "The order or subscription that changed."),
        Attribute::read("sequence", Kind::Integer(1, i64::MAX), "1, 2, 3, ... for each subject."),
        Attribute::read("at", Kind::Instant, "When it changed."),
        Attribute::read("actor", Kind::Text(300), "Who changed it."),
        Attribute::read("reason", Kind::Text(300), "Which request, message or job run led to it."),
        Attribute::read("event", Kind::Text(100), "What happened."),
        Attribute::read("before", Kind::Anything(0), "The changed attributes as they were."),
        Attribute::read("after", Kind::Anything(0), "The changed attributes as they became."),
        Attribute::read(
            "previous_hash",
            Kind::Text(64),
            "Hash of the entry before; empty for the first.",
        ),
        Attribute::read("hash", Kind::Text(64), "SHA-256 over all of this, in URL-safe base64."),
        NO_REFERENCE,
        NO_REFERENCE_ORIGIN,
        NO_METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[],
};

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    action: Action::List,
    path: "/api/journal_entries",
    kind: &KIND,
    surface: Surface::Api,
    accepts: Accepts {
        list: Some(List {
            by: Some("sequence"),
            served: &["subject_eq"],
            required: &["subject_eq"],
            ..List::WHOLE
        }),
    },
    about: "Lists the journal of an order or subscription, oldest first. `meta.verified` tells \
            whether the chain of hashes holds, on a page that begins with the first entry and \
            leaves none out.",
    handler: handler!(list),
}];

fn object(entry: &Entry) -> Object {
    let Entry {
        organization: _,
        subject,
        sequence,
        at,
        cause,
        event,
        before,
        after,
        previous,
        hash,
    } = entry;
    Object {
        kind: &KIND,
        id: format!("{subject}:{sequence}"),
        version: None,
        attributes: unkept(json!({
            "subject": subject,
            "sequence": sequence,
            "at": at,
            "actor": cause.actor,
            "reason": cause.reason,
            "event": event,
            "before": before,
            "after": after,
            "previous_hash": previous,
            "hash": hash,
            "created_at": at,
            "updated_at": at,
        })),
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    }
}

/// The entry that is answered.
fn entry(organization: &OrganizationId, object: &Object) -> Option<Entry> {
    let attribute = |name: &str| object.attributes.get(name).cloned();
    let text = |name: &str| Some(attribute(name)?.as_str()?.to_owned());
    Some(Entry {
        organization: organization.clone(),
        subject: text("subject")?,
        sequence: attribute("sequence")?.as_u64()?,
        at: text("at")?.parse().ok()?,
        cause: Cause { actor: text("actor")?, reason: text("reason")? },
        event: text("event")?,
        before: attribute("before")?,
        after: attribute("after")?,
        previous: text("previous_hash")?,
        hash: text("hash")?,
    })
}

/// Whether the chain of hashes holds in what is answered; null where that does not begin with the
/// first entry.
fn verified(context: &Context<'_>, objects: &[Object]) -> Value {
    let organization = &context.caller.organization;
    let entries: Option<Vec<Entry>> =
        objects.iter().map(|object| entry(organization, object)).collect();
    match entries {
        Some(entries) if entries.first().is_some_and(|entry| entry.sequence == 1) => {
            json!(verify(&entries).is_ok())
        }
        Some(_) => Value::Null,
        None => json!(false),
    }
}

async fn list(context: &Context<'_>) -> Outcome<Answer> {
    let wanted = context.query.filters.get("subject_eq").map(String::as_str).unwrap_or_default();
    let Some(journal) = Journal::of_subject(context, wanted).await? else {
        return answer::page(context, &listing::of_all(context, Vec::new())?, &[]).await;
    };
    let told = Told { journal, make: |entry, _| vec![object(entry)] };
    let page = told.page(context).await?;
    let whole = context.query.conditions.is_empty() && context.query.sort.is_empty();
    let verified = if whole { verified(context, &page.objects) } else { Value::Null };
    answer::page(context, &page, &[("verified", verified)]).await
}
