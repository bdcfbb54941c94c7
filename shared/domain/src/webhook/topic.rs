//! Topics: which events a webhook is told of.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Longest topic, in bytes. No event's name comes near it.
const MAX_BYTES: usize = 100;

/// One event (`orders.place`), every event of one resource (`orders.*`), or every event (`*`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic(String);

/// A text that is no topic.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error(
    "{0:?} is no topic: it must be <resource>.<event> in lower-case letters, digits and \
     underscores, <resource>.* for every event of a resource, or * for every event"
)]
pub struct TopicError(String);

impl Topic {
    /// The topic's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an event of this name belongs to it.
    #[must_use]
    pub fn covers(&self, event: &str) -> bool {
        match self.0.strip_suffix('*') {
            // `*` leaves nothing, `orders.*` leaves `orders.`, with its dot.
            Some(beginning) => event.starts_with(beginning),
            None => self.0 == event,
        }
    }

    /// The one event that it names; `None` where it covers several.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        (!self.0.ends_with('*')).then_some(self.as_str())
    }

    /// The resource whose events it covers; `None` where it covers those of all.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.0.split_once('.').map(|(resource, _)| resource)
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        let word = |word: &str| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            !word.is_empty() && word.bytes().all(plain)
        };
        let valid = text == "*"
            || text
                .split_once('.')
                .is_some_and(|(resource, event)| word(resource) && (event == "*" || word(event)));
        if valid && text.len() <= MAX_BYTES {
            Ok(Self(text.to_owned()))
        } else {
            Err(TopicError(text.chars().take(MAX_BYTES).collect()))
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Topic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Topic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn a_topic_covers_one_event_those_of_a_resource_or_all() {
        for (topic, event, covers) in [
            ("orders.place", "orders.place", true),
            ("orders.place", "orders.placed", false),
            ("orders.place", "orders.pla", false),
            ("orders.*", "orders.place", true),
            ("orders.*", "order_subscriptions.create", false),
            ("orders.*", "orders_archive.place", false),
            ("*", "orders.place", true),
        ] {
            let topic: Topic = topic.parse().unwrap();
            assert_eq!(topic.covers(event), covers, "{topic} and {event}");
        }
    }

    #[test]
    fn texts_that_are_no_topics_are_refused() {
        for text in ["", "orders", "orders.", ".place", "*.place", "orders.pl*", "**", "Orders.x"] {
            assert!(text.parse::<Topic>().is_err(), "{text:?} was accepted");
        }
        assert!("orders.a.b".parse::<Topic>().is_err());
        assert!(format!("orders.{}", "a".repeat(100)).parse::<Topic>().is_err());
    }

    #[test]
    fn a_topic_tells_its_text_its_resource_and_the_one_event_that_it_names() {
        for (text, resource, event) in [
            ("orders.place", Some("orders"), Some("orders.place")),
            ("order_copies.*", Some("order_copies"), None),
            ("v2_orders.step_3", Some("v2_orders"), Some("v2_orders.step_3")),
            ("*", None, None),
        ] {
            let topic: Topic = text.parse().unwrap();
            assert_eq!((topic.as_str(), topic.to_string().as_str()), (text, text));
            assert_eq!((topic.resource(), topic.event()), (resource, event), "{text}");
        }
    }

    #[test]
    fn the_longest_topic_has_a_hundred_bytes() {
        // `orders.` has 7 of them.
        let of = |bytes: usize| format!("orders.{}", "a".repeat(bytes - 7));
        assert!(of(100).parse::<Topic>().is_ok());
        assert!(of(101).parse::<Topic>().is_err());
    }
}
