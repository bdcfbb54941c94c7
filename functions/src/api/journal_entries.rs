//! The journal of an order or a subscription: every change, chained by hashes.

use perennial_domain::{
    ids::{OrderId, OrganizationId, SubscriptionId},
    journal::{Cause, Entry, verify},
};
use perennial_store::{Cursor, CursorError, Page};
use serde_json::{Value, json};

use super::{answer, listing, order_subscriptions, orders};
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
        Attribute::read("at", Kind::Instant, "When."),
        Attribute::read("actor", Kind::Text(300), "Who."),
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
        attributes: json!({
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
        }),
        relationships: Vec::new(),
        meta: None,
        brings: Vec::new(),
    }
}

/// The subject as it is stored: the letter of its kind and its id. `None` where there is nothing
/// that this caller may see. An order made by a run has its journal with its subscription.
async fn subject(context: &Context<'_>, text: &str) -> Outcome<Option<(&'static str, String)>> {
    let order: Option<OrderId> = text.parse().ok();
    let of_run = order.as_ref().and_then(OrderId::run).map(|(subscription, _)| subscription);
    let subscription: Option<SubscriptionId> = of_run.or_else(|| text.parse().ok());
    if let Some(id) = subscription {
        let found = order_subscriptions::find(context, &id).await?;
        return Ok(found.map(|found| ("S", found.id.to_string())));
    }
    if let Some(id) = order {
        // A deleted draft's journal stays, for those who see every market.
        let visible =
            context.caller.market.is_none() || orders::find(context, &id).await?.is_some();
        return Ok(visible.then(|| ("O", id.to_string())));
    }
    Ok(None)
}

/// The journal of one subject: the letter of its kind, and its id.
struct Journal(&'static str, String);

impl listing::Source for Journal {
    async fn after(
        &self,
        context: &Context<'_>,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Outcome<Result<Page<Object>, CursorError>> {
        let Self(kind, subject) = self;
        let organization = &context.caller.organization;
        let page = context.store().journal(organization, kind, subject, limit, cursor).await?;
        Ok(page
            .map(|page| Page { items: page.items.iter().map(object).collect(), next: page.next }))
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
    let Some((kind, subject)) = subject(context, wanted).await? else {
        return answer::page(context, &listing::of_all(context, Vec::new())?, &[]).await;
    };
    let page = listing::select(context, &Journal(kind, subject)).await?;
    let whole = context.query.conditions.is_empty() && context.query.sort.is_empty();
    let verified = if whole { verified(context, &page.objects) } else { Value::Null };
    answer::page(context, &page, &[("verified", verified)]).await
}
