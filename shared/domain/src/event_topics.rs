//! Topics: what a journal entry means to those who subscribe to events. One entry may stand for
//! several topics (a run that was paid is a completed copy, a placed order and a subscription whose
//! last run succeeded), so that no further item has to be written for them.

use std::{fmt, str::FromStr};

use serde_json::Value;
use thiserror::Error;

use crate::{
    ids::{DisputeId, JobRunId, OrderCopyId, OrderId, PaymentSourceId, RefundId, SubscriptionId},
    import::IMPORTED,
    journal::Entry,
    time::OccurrenceNumber,
};

mod derive;
mod table;

pub use derive::events;
pub use table::TOPICS;

/// Something that happens, to which webhooks can subscribe.
#[derive(Debug, PartialEq, Eq)]
pub struct Topic {
    /// Part of event ids: given once, never given again.
    pub number: u16,
    /// `<resource>.<event>`.
    pub name: &'static str,
    /// The type of resource that its payload holds.
    pub resource: &'static str,
    /// When it is sent.
    pub about: &'static str,
}

/// The number in ids of events whose journal entry has a name that [`TOPICS`] does not know.
const UNLISTED: u16 = 0;

/// The topic of this name.
#[must_use]
pub fn topic(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|topic| topic.name == name)
}

/// A resource that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Concerned {
    /// Its type, as the API names it.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
}

impl Concerned {
    /// The subject of a journal, or the run or order of a run that an id tells of.
    #[must_use]
    pub fn subject(id: &str) -> Self {
        let kind = KINDS.iter().find(|(prefix, _)| id.starts_with(prefix)).map(|(_, kind)| *kind);
        Self { kind: kind.unwrap_or("order_subscriptions"), id: id.to_owned() }
    }
}

/// What ids of recurring order copies begin with; the rest is the body of the target order's.
const RUN_PREFIX: &str = "roc_";

/// The types of resources by what their ids begin with; other ids are those of subscriptions.
const KINDS: [(&str, &str); 7] = [
    (OrderId::PREFIX, "orders"),
    (OrderCopyId::PREFIX, "order_copies"),
    (RefundId::PREFIX, "refunds"),
    (DisputeId::PREFIX, "disputes"),
    (PaymentSourceId::PREFIX, "customer_payment_sources"),
    (JobRunId::PREFIX, "job_runs"),
    (RUN_PREFIX, "recurring_order_copies"),
];

/// One thing that an entry means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Always the same for the same thing.
    pub id: EventId,
    /// The name of its topic.
    pub topic: String,
    /// What it is about, and what its payload holds.
    pub resource: Concerned,
}

/// The identifier of an event: which entry, and which of the entry's topics. Text without full
/// stops, as the Standard Webhooks specification wants it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventId {
    /// The subject whose journal it stands in.
    pub subject: String,
    /// The entry's sequence number.
    pub sequence: u64,
    /// The topic's [`Topic::number`]; 0 for a topic that is not in the table.
    pub topic: u16,
}

/// A text that is not an event's id.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{value:?} is not an event's id, which has the form evt_<subject>_<sequence>_<topic>")]
pub struct EventIdError {
    /// The text that was given.
    pub value: String,
}

impl EventId {
    /// What every event's id begins with.
    pub const PREFIX: &'static str = "evt_";
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, sequence, topic } = self;
        write!(f, "{}{subject}_{sequence}_{topic}", Self::PREFIX)
    }
}

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, EventIdError> {
        parsed(text).ok_or_else(|| EventIdError { value: text.chars().take(200).collect() })
    }
}

fn parsed(text: &str) -> Option<EventId> {
    let (rest, topic) = text.strip_prefix(EventId::PREFIX)?.rsplit_once('_')?;
    let (subject, sequence) = rest.rsplit_once('_')?;
    // Only the number's own form, so that one event has one id.
    let plain = |number: &str| {
        number.bytes().all(|b| b.is_ascii_digit()) && (number == "0" || !number.starts_with('0'))
    };
    if subject.is_empty() || !plain(sequence) || !plain(topic) {
        return None;
    }
    Some(EventId {
        subject: subject.to_owned(),
        sequence: sequence.parse().ok().filter(|sequence| *sequence > 0)?,
        topic: topic.parse().ok()?,
    })
}

/// A webhook's topic that no event has.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("there is no topic {given:?}{}", suggestions(near))]
pub struct UnknownTopic {
    /// What was given.
    pub given: String,
    /// Topics with names like it, the nearest first.
    pub near: Vec<String>,
}

fn suggestions(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; near it are: {}", near.join(", ")) }
}

/// Checks that a webhook's topic (`orders.place`, `orders.*` or `*`) covers something that is sent.
///
/// # Errors
/// When nothing in [`TOPICS`] fits it.
pub fn check(text: &str) -> Result<(), UnknownTopic> {
    let covered = |topic: &Topic| match text.strip_suffix(".*") {
        Some(resource) => topic.name.split_once('.').is_some_and(|(of, _)| of == resource),
        None => text == "*" || text == topic.name,
    };
    if TOPICS.iter().any(covered) {
        Ok(())
    } else {
        Err(UnknownTopic { given: text.chars().take(100).collect(), near: near(text) })
    }
}

/// Most names that are suggested.
const SUGGESTIONS: usize = 5;

/// Topics and patterns with names like `text`, the nearest first.
fn near(text: &str) -> Vec<String> {
    let text: String = text.to_ascii_lowercase().chars().take(100).collect();
    let mut resources: Vec<String> = Vec::new();
    for topic in TOPICS {
        let (resource, _) = topic.name.split_once('.').unwrap_or_default();
        let whole = format!("{resource}.*");
        if !resources.contains(&whole) {
            resources.push(whole);
        }
    }
    let names = TOPICS.iter().map(|topic| topic.name.to_owned()).chain(resources);
    let mut ranked: Vec<(usize, String)> =
        names.map(|name| (distance(&text, &name), name)).collect();
    ranked.sort();
    ranked
        .into_iter()
        .filter(|(distance, name)| *distance <= name.len() / 2)
        .take(SUGGESTIONS)
        .map(|(_, name)| name)
        .collect()
}

/// How many bytes must be put in, left out or replaced to make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal + usize::from(from != to);
            diagonal = *cell;
            left = replaced.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
#[path = "event_topics_tests.rs"]
mod tests;
