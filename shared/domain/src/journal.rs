//! The journal: every state change of an order or a subscription, chained by hashes, so that no
//! entry can be altered, dropped or slipped in without the chain breaking.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::ids::OrganizationId;

/// The last entry of a subject's journal, kept on the subject itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Head {
    /// Sequence number of the last entry; 0 before the first.
    pub sequence: u64,
    /// Its hash, in URL-safe base64; empty before the first.
    pub hash: String,
}

/// Who changed something, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Who: `integration:web-shop`, `operator:jane`, `system:renewal-tick`.
    pub actor: String,
    /// Why: the request, message or job run that led to it.
    pub reason: String,
}

/// One state change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whose data it is.
    pub organization: OrganizationId,
    /// The order or subscription that changed.
    pub subject: String,
    /// 1, 2, 3, ... without a gap, for each subject.
    pub sequence: u64,
    /// When, in UTC.
    pub at: DateTime<Utc>,
    /// Who and why.
    pub cause: Cause,
    /// What happened, as `<resource>.<event>`: `order_subscriptions.renewed`.
    pub event: String,
    /// The changed attributes as they were.
    pub before: Value,
    /// The changed attributes as they are now, and what else the event tells.
    pub after: Value,
    /// Hash of the entry before; empty for the first.
    pub previous: String,
    /// SHA-256 over all of the above, in URL-safe base64 without padding.
    pub hash: String,
}

/// What a change says of itself; [`append`] makes it an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// As [`Entry::event`].
    pub event: &'static str,
    /// As [`Entry::before`].
    pub before: Value,
    /// As [`Entry::after`].
    pub after: Value,
}

/// What is wrong with a chain.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ChainError {
    /// A sequence number is missing or repeated.
    #[error("entry {found} of {subject} stands where entry {expected} belongs")]
    Sequence {
        /// Whose journal.
        subject: String,
        /// The number that belongs there.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// An entry does not follow from the one before it.
    #[error("entry {sequence} of {subject} does not name the hash of the entry before it")]
    Link {
        /// Whose journal.
        subject: String,
        /// The entry.
        sequence: u64,
    },
    /// An entry's content is not what was hashed.
    #[error("entry {sequence} of {subject} was altered: its hash does not fit its content")]
    Content {
        /// Whose journal.
        subject: String,
        /// The entry.
        sequence: u64,
    },
}

/// Makes the entry that follows `head`, and moves `head` on to it.
pub fn append(
    head: &mut Head,
    organization: &OrganizationId,
    subject: &str,
    at: DateTime<Utc>,
    cause: Cause,
    change: Change,
) -> Entry {
    let mut entry = Entry {
        organization: organization.clone(),
        subject: subject.to_owned(),
        sequence: head.sequence + 1,
        at,
        cause,
        event: change.event.to_owned(),
        before: change.before,
        after: change.after,
        previous: std::mem::take(&mut head.hash),
        hash: String::new(),
    };
    entry.hash = entry.computed_hash();
    *head = Head { sequence: entry.sequence, hash: entry.hash.clone() };
    entry
}

/// Proves that `entries`, in order from the first, are an unbroken chain.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Head, ChainError> {
    entries.into_iter().try_fold(Head::default(), |head, entry| head.follow(entry))
}

impl Head {
    /// The head after `entry`, which must follow from this one.
    ///
    /// # Errors
    /// What is wrong with the entry.
    pub fn follow(&self, entry: &Entry) -> Result<Self, ChainError> {
        let subject = || entry.subject.clone();
        if entry.sequence != self.sequence + 1 {
            return Err(ChainError::Sequence {
                subject: subject(),
                expected: self.sequence + 1,
                found: entry.sequence,
            });
        }
        if entry.previous != self.hash {
            return Err(ChainError::Link { subject: subject(), sequence: entry.sequence });
        }
        if entry.computed_hash() != entry.hash {
            return Err(ChainError::Content { subject: subject(), sequence: entry.sequence });
        }
        Ok(Self { sequence: entry.sequence, hash: entry.hash.clone() })
    }
}

impl Entry {
    /// The hash that the entry's content demands. Each field is preceded by its length, so that
    /// moving text from one field to its neighbour changes the hash.
    #[must_use]
    pub fn computed_hash(&self) -> String {
        let mut hash = Sha256::new();
        let mut field = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        field(self.organization.as_str());
        field(&self.subject);
        field(&self.sequence.to_string());
        field(&self.at.to_rfc3339_opts(SecondsFormat::Nanos, true));
        field(&self.cause.actor);
        field(&self.cause.reason);
        field(&self.event);
        field(&canonical(&self.before));
        field(&canonical(&self.after));
        field(&self.previous);
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }
}

/// JSON text with sorted keys and no spaces: the same value gives the same text, whichever order
/// its members were stored in.
fn canonical(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members: Vec<String> = members
                .into_iter()
                .map(|(name, value)| {
                    format!("{}:{}", Value::String(name.clone()), canonical(value))
                })
                .collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]
    use chrono::TimeZone;
    use serde_json::json;

    use super::*;

    fn chain(length: u32) -> Vec<Entry> {
        let organization: OrganizationId = "acme".parse().unwrap();
        let mut head = Head::default();
        (1..=length)
            .map(|n| {
                append(
                    &mut head,
                    &organization,
                    "sub_1",
                    Utc.timestamp_opt(1_800_000_000 + i64::from(n), 0).unwrap(),
                    Cause { actor: "system:test".into(), reason: format!("step {n}") },
                    Change {
                        event: "order_subscriptions.renewed",
                        before: json!({"n": n - 1}),
                        after: json!({"n": n, "b": [1, {"y": 1, "x": 2}]}),
                    },
                )
            })
            .collect()
    }

    #[test]
    fn an_untouched_chain_is_whole() {
        let entries = chain(5);
        let head = verify(&entries).unwrap();
        assert_eq!(head, Head { sequence: 5, hash: entries[4].hash.clone() });
    }

    #[test]
    fn an_altered_entry_is_found() {
        let mut entries = chain(3);
        entries[1].after = json!({"n": 99});
        let broken = ChainError::Content { subject: "sub_1".into(), sequence: 2 };
        assert_eq!(verify(&entries), Err(broken));
    }

    #[test]
    fn an_altered_entry_with_a_new_hash_breaks_the_link_after_it() {
        let mut entries = chain(3);
        entries[1].cause.actor = "someone else".into();
        entries[1].hash = entries[1].computed_hash();
        let broken = ChainError::Link { subject: "sub_1".into(), sequence: 3 };
        assert_eq!(verify(&entries), Err(broken));
    }

    #[test]
    fn a_dropped_entry_is_found() {
        let mut entries = chain(3);
        entries.remove(1);
        let broken = ChainError::Sequence { subject: "sub_1".into(), expected: 2, found: 3 };
        assert_eq!(verify(&entries), Err(broken));
    }

    #[test]
    fn the_hash_does_not_depend_on_the_order_of_members() {
        let mut entry = chain(1).remove(0);
        let before = entry.computed_hash();
        entry.after = serde_json::from_str(r#"{"b":[1,{"x":2,"y":1}],"n":1}"#).unwrap();
        assert_eq!(entry.computed_hash(), before);
    }
}
