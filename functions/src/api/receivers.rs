//! Receivers: whom we send signed requests to, be it webhooks or tax services. Each has a URL that
//! never leads inside, and a secret.
//!
//! The secret is answered to whoever makes a receiver or rotates its secret, in that answer only, and
//! to operators who read one. Lists, included resources and what idempotency keys keep never hold it.

use perennial_domain::webhook::{CallbackUrl, Secret, Secrets, refused};
use perennial_store::Record;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{catalog::Change, once_shown};
use crate::http::{
    attributes::{Access, Attribute, Kind},
    caller::Role,
    context::Context,
    error::{Code, Problem},
    kind::shown,
    object::Object,
};

/// The current secret.
pub(super) const SHARED_SECRET: Attribute = Attribute::read(
    "shared_secret",
    Kind::Secret,
    "What is sent there is signed with. Answered when it is made or rotated, and to operators who read \
     this one alone; null otherwise.",
);
/// Lets another take its place.
pub(super) const ROTATE_SECRET: Attribute = Attribute::of(
    "_rotate_secret",
    Kind::Boolean,
    Access::UpdateTrigger,
    "Gives it a new secret. The one before signs too, for 24 hours.",
);

/// The member of a record that holds the secrets.
const SECRETS: &str = "secrets";

/// A secret that nobody can guess: three random UUIDs, of 122 random bits each, mixed into 32 bytes.
pub(super) fn new_secret() -> Secret {
    let random = std::iter::repeat_with(Uuid::new_v4).take(3);
    let mixed = random.fold(Sha256::new(), |hash, uuid| hash.chain_update(uuid.as_bytes()));
    Secret::new(mixed.finalize().into())
}

fn secrets(record: &Record) -> Option<Secrets> {
    serde_json::from_value(record.get(SECRETS)?.clone()).ok()
}

/// Gives a new receiver its secret, and one that exists another where that is asked for.
pub(super) fn take_secret(context: &Context<'_>, change: &mut Change) {
    let rotate = change.attributes.trigger(ROTATE_SECRET.name, &mut change.problems);
    if change.is_new() {
        change.set(SECRETS, Secrets::of(new_secret()));
        once_shown::made(context, change);
    } else if rotate
        && !once_shown::is_made(context, &change.before)
        && let Some(secrets) = secrets(&change.after)
    {
        change.set(SECRETS, secrets.rotated(new_secret(), context.now));
        once_shown::made(context, change);
    }
}

/// Leaves the secret out of what anybody is shown.
pub(super) fn hide_secret(attributes: &mut Map<String, Value>) {
    attributes.insert(SHARED_SECRET.name.to_owned(), Value::Null);
}

/// Shows the secret to whoever has just been given it, and to operators. What it is shown in is kept
/// by no idempotency key.
pub(super) fn reveal_secret(
    context: &Context<'_>,
    before: Option<&Record>,
    record: &Record,
    object: &mut Object,
) {
    let (was, is) = (before.and_then(secrets), secrets(record));
    let given = once_shown::is_told(context, record, was != is);
    let reads = context.request.method == "GET" && context.caller.role == Role::Operator;
    if (given || reads)
        && let (Value::Object(attributes), Some(secrets)) = (&mut object.attributes, is)
    {
        attributes.insert(SHARED_SECRET.name.to_owned(), json!(secrets.current.expose()));
    }
}

/// Whether an attribute is another than it was: what is stored is not checked again, for rules that
/// have become stricter since.
pub(super) fn changed(change: &Change, name: &str) -> bool {
    change.before.get(name) != change.after.get(name)
}

/// Refuses a URL that is none, or that leads inside as it stands. Where its name leads is looked at
/// each time that something is sent.
pub(super) fn check_url(context: &Context<'_>, change: &mut Change, name: &'static str) {
    let Some(given) = change.text(name).filter(|_| changed(change, name)) else { return };
    let problem = match given.parse::<CallbackUrl>() {
        Err(error) => Some(error.to_string()),
        Ok(_) if context.services.private_webhooks => None,
        Ok(url) if !url.is_https() => Some("it must begin with https://".to_owned()),
        Ok(url) => url.literal().and_then(refused).map(ToString::to_string),
    };
    let Some(problem) = problem else { return };
    if given.contains('@') {
        // Perhaps with a password, which is repeated nowhere.
        let at = change.attributes.pointer(name);
        let problem = Problem::new(Code::InvalidValue, format!("{name}: {problem}"));
        change.problems.add(problem.at(at));
    } else {
        let detail = format!("{name}: {problem}, not {}", shown(&json!(given)));
        change.refuse(name, Code::InvalidValue, detail);
    }
}
