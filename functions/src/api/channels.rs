//! Channels: where orders come from in a form of their own, and by which mapping they are read.

use perennial_store::Part;
use serde_json::json;

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, Change, Identity, METADATA, Need, REFERENCE, REFERENCE_ORIGIN, done, text},
    channel_webhooks, once_shown,
};
use crate::http::{
    attributes::{Attribute, Kind},
    error::Code,
    object::{Relationship, ResourceType},
};

/// The code under which the plain API is a source; no channel may have it.
pub(crate) const PLAIN_API: &str = "api";
/// How many mappings were made for a channel: the number of the latest.
pub(crate) const MAPPINGS_COUNT: &str = "mappings_count";
/// What its ids begin with.
pub(crate) const PREFIX: &str = "chn_";

pub(crate) static KIND: ResourceType = ResourceType {
    name: "channels",
    singular: "channel",
    about: "Where orders come from in a form of their own: a shop system, a form, a file. What it \
            sends is read by its mapping.",
    attributes: &[
        Attribute::create(
            "code",
            Kind::Text(40),
            "Its name in paths, unique and final: lower-case letters, digits, - and _.",
        ),
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write(
            "on_change",
            Kind::Choice(&["update", "conflict"]),
            "What another payload about a known order does: update changes the draft, conflict is \
             refused. update unless given.",
        ),
        Attribute::write(
            "trusts_prices",
            Kind::Boolean,
            "Whether prices in its payloads count, whoever sends them. Otherwise sales channels can't \
             set any, as in the plain API. False unless given.",
        ),
        Attribute::write(
            "expected_every_minutes",
            Kind::Integer(1, 44_640),
            "How long it may be silent before its health says so; null expects nothing.",
        ),
        channel_webhooks::SCHEME,
        channel_webhooks::HEADER,
        channel_webhooks::ENCODING,
        channel_webhooks::SECRET,
        channel_webhooks::GIVE,
        channel_webhooks::ROTATE,
        Attribute::read(
            MAPPINGS_COUNT,
            Kind::Integer(0, u32::MAX as i64),
            "How many versions of its mapping were made.",
        ),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship { on_update: false, ..Relationship::optional("market", "markets") },
        Relationship::optional("channel_mapping", "channel_mappings"),
    ],
};

pub(crate) static CATALOG: Catalog = Catalog {
    identity: Identity::Of { members: &["code"], filters: &["code_eq"] },
    required: &["code", "name"],
    defaults: || {
        json!({
            "on_change": "update",
            "trusts_prices": false,
            MAPPINGS_COUNT: 0,
            "webhook_encoding": "base64",
        })
    },
    market: Some("market_id"),
    take: channel_webhooks::take,
    settle: |context, change| {
        check_code(change);
        check_mapping(change);
        channel_webhooks::settle(context, change);
        done()
    },
    show: |_, attributes| channel_webhooks::show(attributes),
    reveal: channel_webhooks::reveal,
    anew: &[channel_webhooks::SECRETS, once_shown::MADE_AT],
    needed_by: &[Need::of("channel_mappings", "Z", "channel_id")],
    on_update: "Another mapping counts from the next payload on.",
    ..Catalog::new(&KIND, "H", Part::Record("channel"), PREFIX)
};

/// The id of the channel that a path names by its id or its code.
pub(crate) fn id_of(named: &str) -> String {
    if CATALOG.is_id(named) { named.to_owned() } else { CATALOG.derived_id(&[named]) }
}

fn check_code(change: &mut Change) {
    let Some(code) = change.text("code").filter(|_| change.is_new()) else { return };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !code.chars().all(plain) || code.starts_with(PREFIX) {
        let detail = format!(
            "code must be of lower-case letters, digits, - and _, and not begin with {PREFIX}, not \
             {code:?}"
        );
        change.refuse("code", Code::InvalidValue, detail);
    } else if code == PLAIN_API {
        let detail = format!("code can't be {PLAIN_API:?}: that is the plain API");
        change.refuse("code", Code::InvalidValue, detail);
    }
}

/// A channel is read by a mapping of its own.
fn check_mapping(change: &mut Change) {
    let Some(mapping) = change.related("channel_mapping") else { return };
    let of = text(mapping, "channel_id").map(str::to_owned);
    if of.is_some() && of.as_deref() == change.text("id") {
        return;
    }
    let id = text(mapping, "id").unwrap_or_default().to_owned();
    let detail = format!("channel mapping {id} was made for another channel");
    change.problems.add(
        crate::http::error::Problem::new(Code::InvalidValue, detail)
            .at("/data/relationships/channel_mapping/data/id")
            .with("value", id),
    );
}
