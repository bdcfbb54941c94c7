//! Webhooks: who is told of which events. Where, and by which secret messages are signed, is told
//! by [`super::receivers`].

use futures::future::BoxFuture;
use perennial_domain::{
    event_topics::{self, TOPICS},
    webhook::{Circuit, MAX_WEBHOOKS, Topic},
};
use perennial_store::{Part, Record};
use serde_json::{Map, Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, Change, METADATA, REFERENCE, REFERENCE_ORIGIN},
    receivers::{
        ROTATE_SECRET, SHARED_SECRET, changed, check_url, hide_secret, reveal_secret, take_secret,
    },
    resource_type,
};
use crate::http::{
    attributes::{Access, Attribute, Kind},
    context::Context,
    error::{Code, Outcome, Problem},
    object::{Relationship, ResourceType},
};

/// Most paths of relationships that come along.
const MAX_INCLUDES: usize = 10;
/// How many relationships a path may follow.
const MAX_DEPTH: usize = 3;

pub(crate) static KIND: ResourceType = ResourceType {
    name: "webhooks",
    singular: "webhook",
    about: "Somebody who is told of events, over HTTP.",
    attributes: &[
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write(
            "topic",
            Kind::Text(100),
            "Which events: `orders.place`, `orders.*` or `*`. The topics stand under `webhooks` in \
             this document.",
        ),
        Attribute::write(
            "callback_url",
            Kind::Text(2_000),
            "Where they are sent to: https, without user and password, at a public address.",
        ),
        Attribute::write(
            "include_resources",
            Kind::List(&Kind::Text(200), MAX_INCLUDES),
            "Relationships whose resources come along, as in `include`: \
             `customer,line_items` is [\"customer\", \"line_items\"].",
        ),
        Attribute::read("disabled_at", Kind::Instant, "Since when nothing is sent to it."),
        Attribute::read(
            "circuit_state",
            Kind::Choice(&["closed", "open", "half_open"]),
            "Open while it is left alone because it failed again and again; half open while one \
             message tries whether it answers again.",
        ),
        Attribute::read(
            "circuit_failure_count",
            Kind::Integer(0, u32::MAX as i64),
            "Failures in a row.",
        ),
        SHARED_SECRET,
        Attribute::of("_disable", Kind::Boolean, Access::Trigger, "Sends it nothing any more."),
        Attribute::of("_enable", Kind::Boolean, Access::Trigger, "Sends to it again."),
        Attribute::of(
            "_reset_circuit",
            Kind::Boolean,
            Access::UpdateTrigger,
            "Closes its circuit: what waits is sent when it is next due.",
        ),
        ROTATE_SECRET,
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[Relationship::listed("last_event_callbacks", "event_callbacks")],
};

pub(super) static CATALOG: Catalog = Catalog {
    required: &["topic", "callback_url"],
    defaults: || json!({"include_resources": []}),
    take,
    settle,
    show,
    reveal: reveal_secret,
    ..Catalog::new(&KIND, "W", Part::Record("webhook"), "whk_")
};

/// Reads the triggers, and gives a new webhook what only the server sets.
fn take(context: &Context<'_>, change: &mut Change) {
    take_secret(context, change);
    if change.is_new() {
        change.set(CIRCUIT, Circuit::default());
    }
    let mut asked = |name: &str| change.attributes.trigger(name, &mut change.problems);
    let (disable, enable) = (asked("_disable"), asked("_enable"));
    let reset = asked("_reset_circuit");
    if disable && enable {
        let detail = "a webhook is either enabled or disabled";
        let at = change.attributes.pointer("_disable");
        change.problems.add(Problem::new(Code::InvalidValue, detail).at(at));
    }
    if disable && change.text("disabled_at").is_none() {
        change.set("disabled_at", context.now);
    }
    if enable {
        change.set("disabled_at", Value::Null);
    }
    if reset {
        change.set(CIRCUIT, Circuit::default());
    }
}

/// The member of a record that is not shown as it is stored.
const CIRCUIT: &str = "circuit";

fn show(record: &Record, attributes: &mut Map<String, Value>) {
    let circuit =
        record.get(CIRCUIT).cloned().and_then(|circuit| serde_json::from_value(circuit).ok());
    let circuit: Circuit = circuit.unwrap_or_default();
    attributes.insert("circuit_state".to_owned(), json!(circuit.state));
    attributes.insert("circuit_failure_count".to_owned(), json!(circuit.failure_count));
    hide_secret(attributes);
}

fn settle<'a>(context: &'a Context<'_>, change: &'a mut Change) -> BoxFuture<'a, Outcome<()>> {
    Box::pin(async move {
        check_topic(change);
        check_url(context, change, "callback_url");
        check_includes(change);
        if change.is_new() {
            let webhooks = context.store().webhooks(&context.caller.organization).await?;
            if webhooks.len() >= MAX_WEBHOOKS {
                let detail = format!("an organization has at most {MAX_WEBHOOKS} webhooks");
                change.problems.add(Problem::new(Code::OutOfRange, detail).at("/data"));
            }
        }
        Ok(())
    })
}

fn check_topic(change: &mut Change) {
    let Some(topic) = change.text("topic").filter(|_| changed(change, "topic")) else { return };
    let form = topic.parse::<Topic>().map(drop).map_err(|error| error.to_string());
    if let Err(unknown) = event_topics::check(topic) {
        let detail =
            format!("topic: {unknown}; all of them stand under webhooks in /api/openapi.json");
        change.refuse("topic", Code::InvalidValue, detail);
    } else if let Err(detail) = form {
        change.refuse("topic", Code::InvalidValue, detail);
    }
}

/// The types of resources that the events of a topic are about.
fn resources(topic: &str) -> Vec<&'static ResourceType> {
    let Ok(topic) = topic.parse::<Topic>() else { return Vec::new() };
    let mut kinds: Vec<&'static ResourceType> = Vec::new();
    for covered in TOPICS.iter().filter(|covered| topic.covers(covered.name)) {
        if let Some(kind) = resource_type(covered.resource)
            && kinds.iter().all(|known| known.name != kind.name)
        {
            kinds.push(kind);
        }
    }
    kinds
}

/// What lies at the end of a path of relationships; the names that are possible where it breaks off.
fn follow(
    kind: &'static ResourceType,
    path: &str,
) -> Result<&'static ResourceType, Vec<&'static str>> {
    path.split('.').try_fold(kind, |kind, step| {
        let next = kind.relationship(step).and_then(|next| resource_type(next.to));
        next.ok_or_else(|| kind.relationships.iter().map(|known| known.name).collect())
    })
}

/// A path must lead somewhere from one of the resources that the topic's events are about.
fn check_includes(change: &mut Change) {
    if !changed(change, INCLUDES) && !changed(change, "topic") {
        return;
    }
    let kinds = resources(change.text("topic").unwrap_or_default());
    let given = change.after.get(INCLUDES).and_then(Value::as_array).cloned().unwrap_or_default();
    for (index, path) in given.iter().filter_map(Value::as_str).enumerate() {
        let deep = path.split('.').count() > MAX_DEPTH;
        let mut known: Vec<&str> = Vec::new();
        let leads =
            kinds.iter().any(|kind| follow(kind, path).map_err(|names| known = names).is_ok());
        if leads && !deep || kinds.is_empty() {
            continue;
        }
        let detail = if deep {
            format!("{INCLUDES}: {path:?} follows more than {MAX_DEPTH} relationships")
        } else {
            format!("{INCLUDES}: {path:?} leads nowhere; there are, here: {}", known.join(", "))
        };
        let at = format!("{}/{index}", change.attributes.pointer(INCLUDES));
        change.problems.add(Problem::new(Code::InvalidValue, detail).at(at).with("value", path));
    }
}

const INCLUDES: &str = "include_resources";
