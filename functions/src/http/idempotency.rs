//! `Idempotency-Key`: a write that is sent again gets the stored answer instead of happening again.
//!
//! Only answers of writes that happened are kept. A refused write has changed nothing, so its key is
//! given back and may be used for the corrected request.

use std::fmt::Write;

use perennial_store::{Begun, StoredAnswer};
use serde_json::Value;

use super::{
    attributes::{Attribute, Kind},
    caller::Caller,
    context::{Context, digest},
    error::{ApiError, Code, Outcome, Problem},
    event::{Answer, Request},
    media_type::JSON_API,
    object::ResourceType,
    operation::Operation,
};

/// Longest key, in characters.
const MAX_KEY: usize = 255;
/// Longest body that is kept as it is, in bytes: with the rest of its item it stays below the 400 KB that
/// the table takes.
const MAX_KEPT: usize = 380_000;

/// What makes a request happen once only.
#[derive(Debug)]
pub(crate) struct Once<'a> {
    /// The client's key.
    pub(crate) key: &'a str,
    /// What two requests have in common only when they are the same one.
    pub(crate) fingerprint: String,
}

impl<'a> Once<'a> {
    /// The key of a request with what the request asks.
    pub(crate) fn read(key: &'a str, request: &Request, caller: &Caller) -> Outcome<Self> {
        check_key(key)?;
        Ok(Self { key, fingerprint: fingerprint(request, caller)? })
    }
}

/// Checks the form of a key.
fn check_key(key: &str) -> Outcome<()> {
    if (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let shown: String = key.chars().take(100).collect();
    Err(Problem::new(
        Code::InvalidIdempotencyKey,
        format!("Idempotency-Key must be 1 to {MAX_KEY} visible ASCII characters, not {shown:?}"),
    )
    .in_header("Idempotency-Key")
    .with("value", shown)
    .into())
}

/// Carries out an operation, once per key.
pub(crate) async fn guarded(operation: &Operation, context: &Context<'_>) -> Outcome<Answer> {
    let Some(Once { key, fingerprint }) = &context.once else {
        return (operation.handler)(context).await;
    };
    let organization = &context.caller.organization;
    let store = context.store();
    let refuse = |code: Code, detail: &str| -> ApiError {
        Problem::new(code, detail).in_header("Idempotency-Key").with("value", *key).into()
    };
    match store.begin_idempotent(organization, key, fingerprint, context.now).await? {
        Begun::Fresh => {}
        Begun::Replay(stored) => return Ok(replayed(stored)),
        Begun::Mismatch => {
            return Err(refuse(
                Code::IdempotencyKeyReused,
                "this key was used for another request: take a new one",
            ));
        }
        Begun::InProgress => {
            let mut error = refuse(
                Code::IdempotencyInProgress,
                "the same request is being worked on: ask again in a moment",
            );
            error.headers.push(("retry-after", "1".to_owned()));
            return Err(error);
        }
    }
    let outcome = (operation.handler)(context).await;
    let kept = match &outcome {
        Ok(answer) => {
            store.finish_idempotent(organization, key, &stored(operation.kind, answer)).await
        }
        Err(_) => store.release_idempotent(organization, key).await,
    };
    if let Err(error) = kept {
        // The work is done or not, whatever becomes of the key: ids that derive from it keep a
        // repeat from doing it twice.
        tracing::error!(%error, "the idempotency key could not be settled");
    }
    outcome
}

/// What makes two requests the same one. A token for one market never gets the answer of another.
fn fingerprint(request: &Request, caller: &Caller) -> Outcome<String> {
    let market = caller.market.as_ref().map(ToString::to_string).unwrap_or_default();
    let body = request.body()?.unwrap_or_default();
    let bytes = digest(&[&request.method, &request.path, &market, &body]);
    Ok(bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// What is kept of an answer: all but secrets, which stand as null in an answer that is repeated, and but
/// what is too long.
fn stored(kind: &ResourceType, answer: &Answer) -> StoredAnswer {
    StoredAnswer {
        status: answer.status,
        location: answer.header("location").map(str::to_owned),
        etag: answer.header("etag").map(str::to_owned),
        body: shortened(without_secrets(kind, answer.body.clone().unwrap_or_default())),
    }
}

/// A body that is short enough to be kept: of resources that are too long, which they are.
fn shortened(body: String) -> String {
    if body.len() <= MAX_KEPT {
        return body;
    }
    let Ok(Value::Object(mut document)) = serde_json::from_str(&body) else { return String::new() };
    document.remove("included");
    let resources = match document.get_mut("data") {
        Some(Value::Array(all)) => all.as_mut_slice(),
        Some(one) => std::slice::from_mut(one),
        None => &mut [],
    };
    for resource in resources.iter_mut().filter_map(Value::as_object_mut) {
        resource.retain(|name, _| matches!(name.as_str(), "type" | "id" | "links"));
    }
    Value::Object(document).to_string()
}

fn without_secrets(kind: &ResourceType, body: String) -> String {
    let secret = |attribute: &&Attribute| matches!(attribute.kind, Kind::Secret);
    let mut secrets = kind.attributes.iter().filter(secret).peekable();
    if secrets.peek().is_none() {
        return body;
    }
    // A body that can't be read is not kept at all.
    let Ok(mut document) = serde_json::from_str::<Value>(&body) else { return String::new() };
    for attribute in secrets {
        let pointer = format!("/data/attributes/{}", attribute.name);
        if let Some(value) = document.pointer_mut(&pointer) {
            *value = Value::Null;
        }
    }
    document.to_string()
}

fn replayed(stored: StoredAnswer) -> Answer {
    let StoredAnswer { status, location, etag, body } = stored;
    let mut answer = Answer::empty(status).with_header("idempotent-replayed", "true");
    if let Some(location) = location {
        answer = answer.with_header("location", location);
    }
    if let Some(etag) = etag {
        answer = answer.with_header("etag", etag);
    }
    if !body.is_empty() {
        answer = answer.with_header("content-type", JSON_API);
        answer.body = Some(body);
    }
    answer
}
