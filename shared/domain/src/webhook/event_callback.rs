//! One message to one receiver: what became of it, and when it is sent again.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{CallbackUrl, GIVE_UP_AFTER, MAX_ATTEMPTS, retry::spread, retry_delay};
use crate::ids::{EventCallbackId, WebhookId};

/// Longest text that is kept of an answer or an error, in characters.
const MAX_TEXT: usize = 200;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It is still to be made.
    Pending,
    /// The receiver has taken it.
    Delivered,
    /// It was given up.
    Failed,
}

impl DeliveryStatus {
    /// Its name, as clients see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// What came of sending a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered, with this status and the beginning of its body.
    Answered {
        /// The status code.
        code: u16,
        /// What it said.
        message: String,
    },
    /// No answer came, and why.
    Unanswered(String),
}

impl Outcome {
    /// Whether the message has arrived.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Answered { code: 200..=299, .. })
    }

    /// Whether the receiver wants no message any more (410 Gone).
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Answered { code: 410, .. })
    }
}

/// One attempt at a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it was begun.
    pub at: DateTime<Utc>,
    /// Where it was sent to.
    pub callback_url: CallbackUrl,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The status of the answer; `None` when none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_code: Option<u16>,
    /// The beginning of the answer, or why there was none.
    pub response_message: String,
}

impl Attempt {
    /// What is kept of an attempt.
    #[must_use]
    pub fn new(
        at: DateTime<Utc>,
        callback_url: &CallbackUrl,
        duration_ms: u64,
        outcome: &Outcome,
    ) -> Self {
        let (response_code, text) = match outcome {
            Outcome::Answered { code, message } => (Some(*code), message),
            Outcome::Unanswered(reason) => (None, reason),
        };
        let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self {
            at,
            callback_url: callback_url.clone(),
            duration_ms,
            response_code,
            response_message: plain.take(MAX_TEXT).collect(),
        }
    }
}

/// The delivery of one event to one webhook, with its story: also the timer of its next attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCallback {
    /// Derived from webhook and event, so that an event that is told twice is delivered once.
    pub id: EventCallbackId,
    /// To whom.
    pub webhook_id: WebhookId,
    /// The event: what receivers tell repeats by.
    pub event_id: String,
    /// The event's name.
    pub topic: String,
    /// The order, subscription or other subject that the event is about.
    pub subject: String,
    /// The event's place among those of its subject: 1, 2, 3, ... without a gap.
    pub sequence: u64,
    /// When the event happened.
    pub event_at: DateTime<Utc>,
    /// The request by which somebody had the event delivered again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Attempts that were begun.
    #[serde(default)]
    pub attempts: u32,
    /// When it is tried next, or looked after if nobody does; `None` once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Until when somebody is at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<DateTime<Utc>>,
    /// The attempts that ended, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<Attempt>,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Counts changes.
    pub version: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl EventCallback {
    /// Whether nothing is left to be done.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.status != DeliveryStatus::Pending
    }

    /// Whether nobody is at it at `now`, and there is something to be done by then.
    #[must_use]
    pub fn is_free_at(&self, now: DateTime<Utc>) -> bool {
        self.next_attempt_at.is_some_and(|next| next <= now)
            && self.lease_until.is_none_or(|lease| lease <= now)
    }

    /// The delivery with one more attempt begun, which others leave alone until `lease`.
    #[must_use]
    pub fn claimed(mut self, lease: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        self.attempts = self.attempts.saturating_add(1);
        self.lease_until = Some(lease);
        self.updated_at = now;
        self
    }

    /// The last attempt that ended.
    #[must_use]
    pub fn last_attempt(&self) -> Option<&Attempt> {
        self.log.last()
    }

    /// The delivery after an attempt with this outcome: delivered, given up, or to be tried again.
    #[must_use]
    pub fn attempted(mut self, attempt: Attempt, outcome: &Outcome, now: DateTime<Utc>) -> Self {
        self.log.push(attempt);
        self.lease_until = None;
        self.updated_at = now;
        if outcome.is_success() {
            self.status = DeliveryStatus::Delivered;
            self.next_attempt_at = None;
            return self;
        }
        if outcome.is_gone() {
            return self.given_up("the receiver answered 410 Gone", now);
        }
        let next = retry_delay(self.id.as_str(), self.attempts)
            .map(|delay| now + delay)
            .filter(|next| *next <= self.last_chance());
        match next {
            Some(next) => {
                self.next_attempt_at = Some(next);
                self
            }
            None => self.given_up("every attempt failed", now),
        }
    }

    /// The delivery while its receiver is left alone: it waits until then and up to a minute more,
    /// so that not all come back at once, or is given up when it has waited for too long. Nothing
    /// was sent.
    #[must_use]
    pub fn held_back(mut self, until: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        if now > self.last_chance() {
            return self.given_up("the receiver's circuit stayed open", now);
        }
        self.lease_until = None;
        self.next_attempt_at = Some(until + spread(self.id.as_str(), self.version));
        self.updated_at = now;
        self
    }

    /// The delivery, given up.
    #[must_use]
    pub fn given_up(mut self, why: &str, now: DateTime<Utc>) -> Self {
        self.status = DeliveryStatus::Failed;
        self.failure = Some(why.to_owned());
        self.lease_until = None;
        self.next_attempt_at = None;
        self.updated_at = now;
        self
    }

    /// Whether an attempt may be begun.
    #[must_use]
    pub fn may_be_tried(&self) -> bool {
        !self.has_ended() && self.attempts < MAX_ATTEMPTS
    }

    /// After this it is not tried any more.
    fn last_chance(&self) -> DateTime<Utc> {
        self.created_at + GIVE_UP_AFTER
    }
}

#[cfg(test)]
#[path = "event_callback_tests.rs"]
mod tests;
