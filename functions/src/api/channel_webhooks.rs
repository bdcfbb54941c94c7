//! How a channel's sender signs what it posts without a token: scheme, header and secret.
//!
//! The secret is answered in the one answer to whoever makes or rotates it, and never again, except
//! where the sender has given it: then nobody needs to be told.

use perennial_domain::webhook::{Encoding, Scheme, Secret, Secrets, SenderSecret};
use perennial_store::Record;
use serde_json::{Map, Value, json};

use super::{
    catalog::{Change, text},
    once_shown,
    receivers::new_secret,
};
use crate::http::{
    attributes::{Access, Attribute, Given, Kind},
    context::Context,
    error::{Code, Problem},
    object::Object,
};

pub(super) const SCHEME: Attribute = Attribute::write(
    "webhook_scheme",
    Kind::Choice(&["body", "standard_webhooks"]),
    "How what is posted to its webhook address is signed: body is the HMAC-SHA256 of the body in \
     webhook_header, standard_webhooks that of id, time and body as that specification says. Null takes \
     no webhooks.",
);
pub(super) const HEADER: Attribute = Attribute::write(
    "webhook_header",
    Kind::Text(100),
    "The header that the signature of a body stands in, such as X-Shopify-Hmac-Sha256.",
);
pub(super) const ENCODING: Attribute = Attribute::write(
    "webhook_encoding",
    Kind::Choice(&["base64", "hex"]),
    "How the signature of a body is written. base64 unless given.",
);
pub(super) const SECRET: Attribute = Attribute::read(
    "webhook_secret",
    Kind::Secret,
    "What the sender signs with. Answered once, when it is made; null otherwise.",
);
pub(super) const GIVE: Attribute = Attribute::of(
    "_webhook_secret",
    Kind::Dictated(200),
    Access::Trigger,
    "A secret that the sender dictates, of 16 to 200 visible ASCII characters. The one before is good \
     for 24 hours more.",
);
pub(super) const ROTATE: Attribute = Attribute::of(
    "_rotate_webhook_secret",
    Kind::Boolean,
    Access::UpdateTrigger,
    "Makes a new secret. The one before is good for 24 hours more.",
);

/// The member of a record that holds the secrets, and the one that says that the sender has given the
/// current one.
pub(super) const SECRETS: &str = "webhook_secrets";
const GIVEN: &str = "webhook_secret_given";

/// The secrets of a channel's sender.
pub(crate) fn secrets(channel: &Record) -> Option<Secrets<SenderSecret>> {
    serde_json::from_value(channel.get(SECRETS)?.clone()).ok()
}

/// How a channel's sender signs; `None` where it takes no webhooks.
pub(crate) fn scheme(channel: &Record) -> Option<Scheme> {
    match text(channel, SCHEME.name)? {
        "standard_webhooks" => Some(Scheme::StandardWebhooks),
        "body" => Some(Scheme::Body {
            header: text(channel, HEADER.name)?.to_owned(),
            encoding: match text(channel, ENCODING.name) {
                Some("hex") => Encoding::Hex,
                _ => Encoding::Base64,
            },
        }),
        _ => None,
    }
}

/// Reads what is asked for about the secret. It is settled when all else was read.
pub(super) fn take(context: &Context<'_>, change: &mut Change) {
    let rotate = change.attributes.trigger(ROTATE.name, &mut change.problems)
        && !once_shown::is_made(context, &change.before);
    let given = change.attributes.optional::<String>(GIVE.name, &mut change.problems);
    let next = match given {
        Given::Value(given) => match given.parse::<SenderSecret>() {
            Ok(given) => Some((given, true)),
            Err(error) => {
                let length = given.chars().count();
                let detail = format!("{}: {error}; this one has {length} in all", GIVE.name);
                let problem = Problem::new(Code::InvalidValue, detail);
                change.problems.add(problem.at(change.attributes.pointer(GIVE.name)));
                return;
            }
        },
        Given::Absent | Given::Null => rotate.then(|| (SenderSecret::from(new_secret()), false)),
    };
    let Some((next, given)) = next else { return };
    let secrets = match secrets(&change.before) {
        // Given twice, it must not drive out the one before it, which may still sign.
        Some(before) if before.current == next => before,
        Some(before) => before.rotated(next, context.now),
        None => Secrets::of(next),
    };
    change.set(SECRETS, secrets);
    change.set(GIVEN, given);
    if given {
        once_shown::forget(change);
    } else {
        once_shown::made(context, change);
    }
}

/// Checks how messages are signed, and gives a channel that takes them its first secret. One that
/// takes none has none.
pub(super) fn settle(context: &Context<'_>, change: &mut Change) {
    let Some(scheme_name) = change.text(SCHEME.name).map(str::to_owned) else {
        if secrets(&change.after) != secrets(&change.before) {
            let detail = "a channel without webhook_scheme takes no webhooks and has no secret";
            let at = change.attributes.pointer(SCHEME.name);
            change.problems.add(Problem::new(Code::Required, detail).at(at));
        }
        change.set(SECRETS, Value::Null);
        change.set(GIVEN, Value::Null);
        once_shown::forget(change);
        return;
    };
    if scheme_name == "body" {
        check_header(change);
    }
    if secrets(&change.after).is_none() {
        change.set(SECRETS, Secrets::of(SenderSecret::from(new_secret())));
        change.set(GIVEN, false);
        once_shown::made(context, change);
    }
    let standard = scheme_name == "standard_webhooks";
    let current = secrets(&change.after).map(|secrets| secrets.current);
    if standard && current.is_some_and(|current| current.expose().parse::<Secret>().is_err()) {
        let detail = format!(
            "{}: a secret of standard_webhooks is whsec_ and the base64 of 24 to 64 bytes: give one, or \
             rotate it",
            GIVE.name
        );
        let at = change.attributes.pointer(GIVE.name);
        change.problems.add(Problem::new(Code::InvalidValue, detail).at(at));
    }
}

fn check_header(change: &mut Change) {
    let token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match change.text(HEADER.name) {
        Some(header) if header.chars().all(token) => {}
        Some(header) => {
            let detail = format!("webhook_header must be the name of a header, not {header:?}");
            change.refuse(HEADER.name, Code::InvalidValue, detail);
        }
        None => {
            let detail =
                "webhook_header is required: the header that the signature of a body stands in";
            let at = change.attributes.pointer(HEADER.name);
            change.problems.add(Problem::new(Code::Required, detail).at(at));
        }
    }
}

/// Leaves the secret out of what anybody is shown.
pub(super) fn show(attributes: &mut Map<String, Value>) {
    attributes.insert(SECRET.name.to_owned(), Value::Null);
}

/// Shows a secret to the request that has made it, and to no other.
pub(super) fn reveal(
    context: &Context<'_>,
    before: Option<&Record>,
    record: &Record,
    object: &mut Object,
) {
    let (was, is) = (before.and_then(secrets), secrets(record));
    let made = record.get(GIVEN) == Some(&json!(false));
    if made
        && once_shown::is_told(context, record, was != is)
        && let (Value::Object(attributes), Some(secrets)) = (&mut object.attributes, is)
    {
        attributes.insert(SECRET.name.to_owned(), json!(secrets.current.expose()));
    }
}
