//! Webhooks: who is told of which events, how each message is signed, when it is sent again, and
//! when a receiver that fails is left alone for a while. Headers and signatures follow the
//! [Standard Webhooks](https://www.standardwebhooks.com) specification.

mod address;
mod callback_url;
mod circuit;
mod event_callback;
mod incoming;
mod retry;
mod secret;
mod signature;
mod topic;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::WebhookId;

pub use address::{Refusal, refused};
pub use callback_url::{CallbackUrl, CallbackUrlError};
pub use circuit::{Circuit, CircuitState, Gate, OPENS_AFTER};
pub use event_callback::{Attempt, DeliveryStatus, EventCallback, Outcome};
pub use incoming::{Encoding, Incoming, Scheme, SenderSecret, SenderSecretError, TOLERANCE};
pub use retry::{GIVE_UP_AFTER, MAX_ATTEMPTS, retry_delay};
pub use secret::{ROTATION, Secret, SecretError, Secrets};
pub use signature::{body_signature, signatures};
pub use topic::{Topic, TopicError};

/// Most webhooks of one organization: each event is held against every one of them.
pub const MAX_WEBHOOKS: usize = 100;

/// Somebody who wants to be told of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Identifier.
    pub id: WebhookId,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The events it is told of.
    pub topic: Topic,
    /// Where messages are sent to.
    pub callback_url: CallbackUrl,
    /// The relationships whose resources come with the one that the event is about, as in the
    /// API's `include`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include_resources: Vec<String>,
    /// What messages are signed with.
    pub secrets: Secrets,
    /// Since when nothing is sent to it; `None` while it is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<DateTime<Utc>>,
    /// Whether its receiver is left alone for a while, because it failed again and again.
    #[serde(default)]
    pub circuit: Circuit,
    /// Counts changes, those of the circuit included.
    pub version: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Webhook {
    /// Whether it is told of events with this name.
    #[must_use]
    pub fn listens_to(&self, event: &str) -> bool {
        self.disabled_at.is_none() && self.topic.covers(event)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn only_an_enabled_webhook_listens_and_only_to_its_topic() {
        let made: DateTime<Utc> = "2027-01-31T12:00:00Z".parse().unwrap();
        let mut webhook = Webhook {
            id: WebhookId::derived(&["test"]),
            name: None,
            topic: "orders.*".parse().unwrap(),
            callback_url: "https://shop.example/hooks".parse().unwrap(),
            include_resources: Vec::new(),
            secrets: Secrets::of(Secret::new([1; 32])),
            disabled_at: None,
            circuit: Circuit::default(),
            version: 1,
            created_at: made,
            updated_at: made,
        };
        assert!(webhook.listens_to("orders.place"));
        assert!(!webhook.listens_to("order_copies.create"));
        webhook.disabled_at = Some(made);
        assert!(!webhook.listens_to("orders.place"));
        assert!(!webhook.listens_to("order_copies.create"));
    }
}
