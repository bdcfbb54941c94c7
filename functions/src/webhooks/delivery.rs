//! One attempt at one delivery: claimed, let through by the receiver's circuit, sent, and settled.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    ids::OrganizationId,
    webhook::{Attempt, EventCallback, Gate, Outcome, Webhook, body_signature, signatures},
};
use perennial_https::Limits;
use perennial_messages::DeliveryDue;
use perennial_store::StoreError;
use tokio::time::Instant;

use super::Webhooks;
use crate::sqs_batch::HandleError;

/// How long a delivery may take, and how much of the answer is read.
const LIMITS: Limits =
    Limits { connect: Duration::from_secs(5), total: Duration::from_secs(15), answer: 64 * 1024 };
/// How long others leave a claimed delivery alone: longer than the client takes.
const LEASE: TimeDelta = TimeDelta::minutes(1);
/// How far the clocks of two workers may be apart: a message that comes so much too early counts.
const SKEW: TimeDelta = TimeDelta::seconds(1);
/// Attempts at a write that others keep getting ahead of.
const WRITE_ATTEMPTS: u32 = 5;

impl Webhooks {
    /// Makes an attempt, unless it was made already, or another worker is at it.
    pub(super) async fn deliver(&self, due: &DeliveryDue) -> Result<(), HandleError> {
        let DeliveryDue { organization, event_callback_id: id, attempts } = due;
        let store = &self.services.store;
        let Some(delivery) = store.event_callback(organization, id).await? else { return Ok(()) };
        let now = self.clock.now();
        if delivery.attempts != *attempts || !delivery.is_free_at(now + SKEW) {
            return Ok(());
        }
        let webhook = store.get::<Webhook>(organization, delivery.webhook_id.as_str()).await?;
        let ended = match &webhook {
            None => Some("the webhook was deleted"),
            Some(webhook) if webhook.disabled_at.is_some() => Some("the webhook is disabled"),
            Some(_) if !delivery.may_be_tried() => Some("every attempt failed"),
            Some(_) => None,
        };
        let seen = delivery.version;
        let (Some(webhook), None) = (webhook, ended) else {
            let why = ended.unwrap_or_default();
            self.put(organization, delivery.given_up(why, now), seen).await?;
            return Ok(());
        };
        let webhook = match self.pass(organization, webhook, now).await? {
            Passed::Through(webhook) => webhook,
            Passed::Not(until) => {
                let held = self.put(organization, delivery.held_back(until, now), seen).await?;
                return match held {
                    Some(held) => self.hand_on(organization, &held).await,
                    None => Ok(()),
                };
            }
        };
        let claimed = self.put(organization, delivery.claimed(now + LEASE, now), seen).await?;
        let Some(claimed) = claimed else { return Ok(()) };
        self.attempt(organization, &webhook, claimed).await
    }

    /// Asks the receiver's circuit; where it takes a probe, this delivery is the probe.
    async fn pass(
        &self,
        organization: &OrganizationId,
        mut webhook: Webhook,
        now: DateTime<Utc>,
    ) -> Result<Passed, HandleError> {
        let store = &self.services.store;
        for _ in 0..WRITE_ATTEMPTS {
            let probing = match webhook.circuit.gate(now) {
                Gate::Pass => return Ok(Passed::Through(Box::new(webhook))),
                Gate::Wait(until) => return Ok(Passed::Not(until)),
                Gate::Probe(probing) => probing,
            };
            let (id, seen) = (&webhook.id, webhook.version);
            match store.put_circuit(organization, id, &probing, None, now, seen).await {
                Ok(()) => {
                    webhook.circuit = probing;
                    webhook.version = seen + 1;
                    return Ok(Passed::Through(Box::new(webhook)));
                }
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
            match store.get::<Webhook>(organization, webhook.id.as_str()).await? {
                Some(again) => webhook = again,
                // Whoever comes next finds it deleted.
                None => return Ok(Passed::Not(now)),
            }
        }
        Err(HandleError::Transient(format!("webhook {} keeps changing", webhook.id)))
    }

    /// Sends a claimed delivery, and writes down what came of it.
    async fn attempt(
        &self,
        organization: &OrganizationId,
        webhook: &Webhook,
        claimed: EventCallback,
    ) -> Result<(), HandleError> {
        let store = &self.services.store;
        let Some(body) = store.event_callback_payload(organization, &claimed.id).await? else {
            let seen = claimed.version;
            let why = "its message is not kept any more";
            self.put(organization, claimed.given_up(why, self.clock.now()), seen).await?;
            return Ok(());
        };
        let (at, begun) = (self.clock.now(), Instant::now());
        let headers = headers(webhook, &claimed, &body, at);
        let outcome = match self.client.post(&webhook.callback_url, &headers, body, LIMITS).await {
            // The status says all; what can't be read of the rest is not missed.
            Ok(reply) => Outcome::Answered {
                code: reply.status,
                message: String::from_utf8_lossy(&reply.body).into_owned(),
            },
            Err(error) => Outcome::Unanswered(error.reason),
        };
        let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let attempt = Attempt::new(at, &webhook.callback_url, took, &outcome);
        tracing::info!(
            %organization,
            event_callback = %claimed.id,
            attempt = claimed.attempts,
            code = attempt.response_code,
            took_ms = took,
            "message sent"
        );
        let settled = self.settle(organization, claimed, attempt, &outcome).await?;
        self.tell_circuit(organization, webhook.clone(), &outcome).await?;
        self.hand_on(organization, &settled).await
    }

    /// Writes the outcome of an attempt. One that took longer than its lease may find another
    /// attempt begun: then a success counts nonetheless, and a failure is left to that one.
    async fn settle(
        &self,
        organization: &OrganizationId,
        claimed: EventCallback,
        attempt: Attempt,
        outcome: &Outcome,
    ) -> Result<EventCallback, HandleError> {
        let (id, attempts) = (claimed.id.clone(), claimed.attempts);
        let mut current = claimed;
        for _ in 0..WRITE_ATTEMPTS {
            let (seen, now) = (current.version, self.clock.now());
            let after = current.attempted(attempt.clone(), outcome, now);
            if let Some(written) = self.put(organization, after, seen).await? {
                return Ok(written);
            }
            let found = self.services.store.event_callback(organization, &id).await?;
            let found = found.ok_or_else(|| HandleError::Permanent(format!("{id} is gone")))?;
            if found.has_ended() || (found.attempts != attempts && !outcome.is_success()) {
                return Ok(found);
            }
            current = found;
        }
        Err(HandleError::Transient(format!("event callback {id} keeps changing")))
    }

    /// Lets the receiver's circuit know, and disables a webhook whose receiver wants no more.
    async fn tell_circuit(
        &self,
        organization: &OrganizationId,
        mut webhook: Webhook,
        outcome: &Outcome,
    ) -> Result<(), HandleError> {
        let store = &self.services.store;
        for _ in 0..WRITE_ATTEMPTS {
            let now = self.clock.now();
            let (before, id) = (webhook.circuit, webhook.id.clone());
            let after = if outcome.is_success() { before.succeeded() } else { before.failed(now) };
            let disabled_at = (outcome.is_gone() && webhook.disabled_at.is_none()).then_some(now);
            if after == before && disabled_at.is_none() {
                return Ok(());
            }
            let seen = webhook.version;
            match store.put_circuit(organization, &id, &after, disabled_at, now, seen).await {
                Ok(()) => {
                    if after.state != before.state {
                        let state = after.state.as_str();
                        tracing::warn!(%organization, webhook = %id, state, "circuit changed");
                    }
                    return Ok(());
                }
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
            let Some(again) = store.get::<Webhook>(organization, id.as_str()).await? else {
                return Ok(());
            };
            webhook = again;
        }
        // One outcome more or less: the next ones tell the same.
        tracing::warn!(%organization, webhook = %webhook.id, "an outcome was not counted");
        Ok(())
    }

    /// Replaces a delivery whose version was `seen`; `None` when somebody else was faster.
    async fn put(
        &self,
        organization: &OrganizationId,
        mut delivery: EventCallback,
        seen: u64,
    ) -> Result<Option<EventCallback>, HandleError> {
        delivery.version = seen + 1;
        match self.services.store.update_event_callback(organization, &delivery, seen).await {
            Ok(()) => Ok(Some(delivery)),
            Err(StoreError::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a circuit let a delivery through.
enum Passed {
    /// Yes; with the webhook as it is by now.
    Through(Box<Webhook>),
    /// Not before this instant.
    Not(DateTime<Utc>),
}

/// The headers of a message: those of Standard Webhooks, those that receivers of the public
/// Commerce Layer API know, and our own.
fn headers(
    webhook: &Webhook,
    delivery: &EventCallback,
    body: &str,
    at: DateTime<Utc>,
) -> Vec<(&'static str, String)> {
    let (timestamp, event) = (at.timestamp(), &delivery.event_id);
    let signed = signatures(webhook.secrets.valid_at(at), event, timestamp, body.as_bytes());
    vec![
        ("content-type", "application/vnd.api+json".to_owned()),
        ("user-agent", concat!("perennial/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("webhook-id", event.clone()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signed),
        ("x-commercelayer-topic", delivery.topic.clone()),
        ("x-commercelayer-signature", body_signature(&webhook.secrets.current, body.as_bytes())),
        ("perennial-delivery-id", delivery.id.to_string()),
        ("perennial-attempt", delivery.attempts.to_string()),
        ("perennial-sequence", delivery.sequence.to_string()),
    ]
}
