//! What arrives on the queue of webhooks: events from the bus, events that somebody has delivered
//! again, and deliveries whose time has come.

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{EventCallbackId, OrganizationId},
    journal::{Cause, Entry},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A journal entry as it travels on the bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDetail {
    /// Subject and sequence, so that consumers can drop repeats.
    pub id: String,
    /// As [`Entry::organization`], and so on.
    pub organization: OrganizationId,
    /// The order or subscription that changed.
    pub subject: String,
    /// 1, 2, 3, ... without a gap, for each subject.
    pub sequence: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// What happened.
    pub event: String,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// The changed attributes as they were.
    #[serde(default)]
    pub before: Value,
    /// The changed attributes as they became.
    #[serde(default)]
    pub after: Value,
    /// Hash of the entry before.
    pub previous: String,
    /// Hash of the entry.
    pub hash: String,
}

impl From<&Entry> for EventDetail {
    fn from(entry: &Entry) -> Self {
        let Entry {
            organization,
            subject,
            sequence,
            at,
            cause: Cause { actor, reason },
            event,
            before,
            after,
            previous,
            hash,
        } = entry.clone();
        let id = format!("{subject}:{sequence}");
        Self {
            id,
            organization,
            subject,
            sequence,
            at,
            event,
            actor,
            reason,
            before,
            after,
            previous,
            hash,
        }
    }
}

impl From<EventDetail> for Entry {
    fn from(detail: EventDetail) -> Self {
        let EventDetail {
            id: _,
            organization,
            subject,
            sequence,
            at,
            event,
            actor,
            reason,
            before,
            after,
            previous,
            hash,
        } = detail;
        let cause = Cause { actor, reason };
        Self { organization, subject, sequence, at, cause, event, before, after, previous, hash }
    }
}

/// Somebody wants an event delivered again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The request: one that is handled twice makes one delivery.
    pub request_id: String,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// The one event to deliver, of those that the entry stands for.
    pub event_id: String,
}

/// A journal entry whose events are to be delivered: EventBridge's envelope, of which just the
/// detail counts, or a message of our own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventToDeliver {
    /// The entry.
    pub detail: EventDetail,
    /// Who wants it delivered again; `None` when it comes from the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
}

/// A delivery whose time has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryDue {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub event_callback_id: EventCallbackId,
    /// Attempts that had been begun when this was sent: a message that comes late, or twice, finds
    /// more and does nothing.
    pub attempts: u32,
}

/// A message on the queue of webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WebhookWork {
    /// Make a delivery.
    Deliver(DeliveryDue),
    /// Find out whom an event is to be delivered to.
    FanOut(Box<EventToDeliver>),
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use serde_json::json;

    use super::*;

    fn detail() -> Value {
        json!({
            "id": "sub_1:2", "organization": "acme", "subject": "sub_1", "sequence": 2,
            "at": "2027-01-31T12:00:00Z", "event": "order_subscriptions.update",
            "actor": "operator:jane", "reason": "request 1",
            "before": null, "after": {"a": 1}, "previous": "", "hash": "h",
        })
    }

    #[test]
    fn an_envelope_of_the_bus_is_an_event_to_fan_out() {
        let envelope = json!({
            "version": "0", "id": "x", "source": "perennial", "account": "1",
            "detail-type": "order_subscriptions.update", "resources": ["sub_1"],
            "detail": detail(),
        });
        let work: WebhookWork = serde_json::from_value(envelope).unwrap();
        let WebhookWork::FanOut(event) = work else { panic!("{work:?}") };
        assert_eq!(event.trigger, None);
        let entry = Entry::from(event.detail);
        assert_eq!(serde_json::to_value(EventDetail::from(&entry)).unwrap(), detail());
    }

    #[test]
    fn messages_of_our_own_are_told_apart() {
        let deliver = json!({
            "organization": "acme", "event_callback_id": "evc_1_2", "attempts": 3,
        });
        let work: WebhookWork = serde_json::from_value(deliver).unwrap();
        assert!(matches!(work, WebhookWork::Deliver(DeliveryDue { attempts: 3, .. })));
        let trigger = json!({
            "request_id": "r", "at": "2027-01-31T12:00:00Z", "event_id": "evt_sub_1_2_3",
        });
        let again = json!({"detail": detail(), "trigger": trigger});
        let work: WebhookWork = serde_json::from_value(again).unwrap();
        assert!(matches!(work, WebhookWork::FanOut(event) if event.trigger.is_some()));
        assert!(serde_json::from_value::<WebhookWork>(json!({"detail": {}})).is_err());
    }
}
