//! Triggers that do something each time they are pulled: the journal entry of what one did tells which
//! request it was, so that a request that died before it could answer, and is sent again under its
//! idempotency key, finds what it has done.

use perennial_domain::journal::{Change, Entry};
use perennial_store::Direction;
use serde_json::{Value, json};

use crate::http::{context::Context, error::Outcome};

/// Journal entries among which a request looks for what it has done itself before it died.
const LATEST: u16 = 50;
/// Where a journal entry tells which request it was.
const REQUEST: &str = "request";

/// The name of this request for one trigger; `None` without an idempotency key.
pub(super) fn request(context: &Context<'_>, trigger: &str) -> Option<String> {
    context.once.as_ref().map(|_| context.new_uuid(trigger).to_string())
}

/// Lets the journal entry of a change tell which request it was.
pub(super) fn mark(change: &mut Change, request: Option<String>) {
    if let (Value::Object(told), Some(request)) = (&mut change.after, request) {
        told.insert(REQUEST.to_owned(), json!(request));
    }
}

/// The journal entry of what this request has done before, in the journal of a subject of this kind.
pub(super) async fn entry(
    context: &Context<'_>,
    of: (&str, &str),
    request: Option<&str>,
) -> Outcome<Option<Entry>> {
    let Some(request) = request else { return Ok(None) };
    let organization = &context.caller.organization;
    let page = context.store().journal(organization, of, Direction::Backward, LATEST, None).await?;
    let entries = page.map(|page| page.items).unwrap_or_default();
    let told = |entry: &Entry| entry.after.get(REQUEST).and_then(Value::as_str) == Some(request);
    Ok(entries.into_iter().find(told))
}
