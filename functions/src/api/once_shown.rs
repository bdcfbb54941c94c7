//! Secrets that are told once, in the answer to the request that makes them. The record keeps which
//! request that was: one that died before it could answer, and is sent again under its idempotency
//! key, is told the secret it has made. Another one in its place would drive out the one before, which
//! the other side still goes by.

use chrono::{DateTime, TimeDelta, Utc};
use perennial_store::Record;
use serde_json::Value;

use super::{
    asked_before,
    catalog::{Change, text},
};
use crate::http::context::Context;

/// The members of a record that say which request has made its secret, and when.
pub(super) const MADE_BY: &str = "secret_made_by";
pub(super) const MADE_AT: &str = "secret_made_at";

/// How long a request is known again: as long as its idempotency key is kept.
const KNOWN: TimeDelta = TimeDelta::days(1);

fn request(context: &Context<'_>) -> Option<String> {
    asked_before::request(context, "secret")
}

/// Lets a record tell that this request has made its secret.
pub(super) fn made(context: &Context<'_>, change: &mut Change) {
    let request = request(context);
    change.set(MADE_AT, request.as_ref().map(|_| context.now));
    change.set(MADE_BY, request);
}

/// Lets a record tell of no request: the secret was given, or there is none.
pub(super) fn forget(change: &mut Change) {
    change.set(MADE_AT, Value::Null);
    change.set(MADE_BY, Value::Null);
}

/// Whether this very request has made the secret of a record, now or before it died.
pub(super) fn is_made(context: &Context<'_>, record: &Record) -> bool {
    let Some(request) = request(context) else { return false };
    let at = text(record, MADE_AT).and_then(|at| at.parse::<DateTime<Utc>>().ok());
    text(record, MADE_BY) == Some(request.as_str()) && at.is_some_and(|at| context.now < at + KNOWN)
}

/// Whether the answer to this request tells the secret, which is another than before where it is
/// `changed`.
pub(super) fn is_told(context: &Context<'_>, record: &Record, changed: bool) -> bool {
    if context.once.is_some() { is_made(context, record) } else { changed }
}
