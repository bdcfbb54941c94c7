//! Webhooks, their deliveries, and the messages that are delivered.
//!
//! A delivery stands beside its webhook, in a collection sorted by time, and in the due index while
//! it is pending. What it sends stands in an item of its own, which is written once: so a change of
//! the delivery costs what its story weighs, and not what the message weighs.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    ids::{EventCallbackId, OrganizationId, WebhookId},
    webhook::{Circuit, EventCallback, MAX_WEBHOOKS, Webhook},
};

use crate::{
    Claim, Cursor, CursorError, Direction, DueEntry, DueSubject, Listed, Page, Part, Store,
    StoreError,
    due_index::DELIVER,
    error::held,
    item::{Item, from_item, key_item, n, s, to_item},
    keys::{Key, due_key, due_pk, list_pk, list_sk, partition, shard_of},
    members::Members,
};

/// What sort keys of deliveries begin with, within the collection of their webhook.
pub(crate) const DELIVERY: &str = "E#";
/// What sort keys of their messages begin with.
const PAYLOAD: &str = "P#";
/// What conflicts call a delivery.
const EVENT_CALLBACK: Part = Part::Record("event callback");
/// What conflicts call a webhook.
const WEBHOOK: Part = Part::Record("webhook");

/// How long after its time the tick looks after a delivery: a message on its way to the function
/// comes first.
const GRACE: TimeDelta = TimeDelta::minutes(2);
/// How long deliveries are kept after they were last changed.
const KEPT: TimeDelta = TimeDelta::days(30);

impl Listed for EventCallback {
    const LETTER: &'static str = "E";

    fn from_item(item: Item) -> Result<Self, StoreError> {
        from_item(item)
    }
}

/// The sort key of a delivery's item, or of its message's; none where the id names no webhook.
fn key(organization: &OrganizationId, id: &EventCallbackId, prefix: &str) -> Option<Key> {
    let (webhook, (_, tail)) = (id.webhook()?, id.as_str().rsplit_once('_')?);
    let pk = partition(organization, "W", webhook.as_str());
    Some(Key { pk, sk: format!("{prefix}{tail}") })
}

fn key_or_refuse(
    organization: &OrganizationId,
    id: &EventCallbackId,
    prefix: &str,
) -> Result<Key, StoreError> {
    key(organization, id, prefix)
        .ok_or_else(|| StoreError::Refused(format!("the id {id} names no webhook")))
}

/// The delivery that the sort key of its item tells of, within the collection of `webhook`.
pub(crate) fn delivery_at(webhook: &str, sk: &str) -> Option<EventCallbackId> {
    let (body, tail) = (webhook.strip_prefix(WebhookId::PREFIX)?, sk.strip_prefix(DELIVERY)?);
    format!("{}{body}_{tail}", EventCallbackId::PREFIX).parse().ok()
}

impl Store {
    /// Every webhook of an organization, oldest first. Half a read unit for the list, and one for
    /// each. One that was made within the last moments may be missing.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn webhooks(
        &self,
        organization: &OrganizationId,
    ) -> Result<Vec<Webhook>, StoreError> {
        let limit = u16::try_from(MAX_WEBHOOKS).unwrap_or(u16::MAX);
        let page = self.list::<Webhook>(organization, limit, false, None).await?;
        // Without a cursor there is none that could be of another query.
        Ok(page.map(|page| page.items).unwrap_or_default())
    }

    /// Replaces the circuit of a webhook whose version was `seen`, and disables it where
    /// `disabled_at` says since when. Whatever else the item holds stays. One write unit per KB.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its version is another by now, or it is gone.
    pub async fn put_circuit(
        &self,
        organization: &OrganizationId,
        webhook: &WebhookId,
        circuit: &Circuit,
        disabled_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
        seen: u64,
    ) -> Result<(), StoreError> {
        let refused = |error: serde_dynamo::Error| StoreError::Refused(error.to_string());
        let circuit: AttributeValue = serde_dynamo::to_attribute_value(circuit).map_err(refused)?;
        let mut expression = "SET circuit = :circuit, updated_at = :now".to_owned();
        if disabled_at.is_some() {
            expression.push_str(", disabled_at = :disabled");
        }
        expression.push_str(" ADD version :one");
        let update = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&Key::of(organization, "W", webhook.as_str()))))
            .update_expression(expression)
            .condition_expression("version = :seen")
            .expression_attribute_values(":circuit", circuit)
            .expression_attribute_values(
                ":now",
                serde_dynamo::to_attribute_value(now).map_err(refused)?,
            )
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":seen", n(seen));
        let update = match disabled_at {
            Some(at) => update.expression_attribute_values(
                ":disabled",
                serde_dynamo::to_attribute_value(at).map_err(refused)?,
            ),
            None => update,
        };
        held(update.send().await)?.map(drop).ok_or(StoreError::Conflict(WEBHOOK))
    }

    /// Stores a new delivery with the message that it sends; the message first, so that there is
    /// no delivery without one. `false` when the delivery exists: then nothing changes. One write
    /// unit per KB of both, one for the place in the list and one for that in the due index.
    ///
    /// # Errors
    /// When storage does not answer or refuses the message as too large (400 KB).
    pub async fn create_event_callback(
        &self,
        organization: &OrganizationId,
        delivery: &EventCallback,
        payload: &str,
    ) -> Result<bool, StoreError> {
        let mut message = key_item(&key_or_refuse(organization, &delivery.id, PAYLOAD)?);
        message.insert("payload".to_owned(), s(payload));
        message.insert("ttl".to_owned(), n((delivery.created_at + KEPT).timestamp()));
        match self.put(message, EVENT_CALLBACK, "attribute_not_exists(pk)", None).await {
            // What was going to be sent is sent, even where the event is told again.
            Ok(()) | Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
        let item = self.delivery_item(organization, delivery)?;
        match self.put(item, EVENT_CALLBACK, "attribute_not_exists(pk)", None).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Replaces a delivery whose version was `seen`. One write unit per KB, two where its place in
    /// the due index moves and one where it ends.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its version is another by now.
    pub async fn update_event_callback(
        &self,
        organization: &OrganizationId,
        delivery: &EventCallback,
        seen: u64,
    ) -> Result<(), StoreError> {
        let item = self.delivery_item(organization, delivery)?;
        self.put(item, EVENT_CALLBACK, "version = :seen", Some(n(seen))).await
    }

    fn delivery_item(
        &self,
        organization: &OrganizationId,
        delivery: &EventCallback,
    ) -> Result<Item, StoreError> {
        let id = &delivery.id;
        let mut item = to_item(&key_or_refuse(organization, id, DELIVERY)?, delivery)?;
        item.insert("list_pk".to_owned(), s(list_pk(organization, EventCallback::LETTER)));
        item.insert("list_sk".to_owned(), s(list_sk(delivery.created_at)));
        item.insert("ttl".to_owned(), n((delivery.updated_at + KEPT).timestamp()));
        if let Some(next) = delivery.next_attempt_at {
            let due = delivery.lease_until.map_or(next + GRACE, |lease| lease.max(next + GRACE));
            item.insert("due_pk".to_owned(), s(due_pk(shard_of(id.as_str(), self.shards))));
            item.insert("due_sk".to_owned(), s(due_key(due, DELIVER)));
        }
        Ok(item)
    }

    /// A delivery, read consistently. One read unit per 4 KB.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn event_callback(
        &self,
        organization: &OrganizationId,
        id: &EventCallbackId,
    ) -> Result<Option<EventCallback>, StoreError> {
        let Some(key) = key(organization, id, DELIVERY) else { return Ok(None) };
        self.get_item(&self.book, &key, true).await?.map(from_item).transpose()
    }

    /// What a delivery sends, byte by byte. One read unit per 4 KB.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn event_callback_payload(
        &self,
        organization: &OrganizationId,
        id: &EventCallbackId,
    ) -> Result<Option<String>, StoreError> {
        let Some(key) = key(organization, id, PAYLOAD) else { return Ok(None) };
        let item = self.get_item(&self.book, &key, true).await?;
        Ok(item.as_ref().and_then(|item| crate::item::text(item, "payload")))
    }

    /// The deliveries to one webhook, those of the latest events first. One read unit per 4 KB.
    ///
    /// # Errors
    /// The inner error when the cursor belongs to another query.
    pub async fn event_callbacks_of(
        &self,
        organization: &OrganizationId,
        webhook: &WebhookId,
        limit: u16,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<EventCallback>, CursorError>, StoreError> {
        let pk = partition(organization, "W", webhook.as_str());
        let members = Members {
            name: "deliveries",
            prefix: DELIVERY,
            direction: Direction::Backward,
            consistent: false,
        };
        self.members(&pk, &members, limit, after, from_item).await
    }

    /// Takes a delivery out of the due index: its message became a dead letter, and waits for
    /// somebody.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn rest_event_callback(
        &self,
        organization: &OrganizationId,
        id: &EventCallbackId,
    ) -> Result<(), StoreError> {
        let Some(key) = key(organization, id, DELIVERY) else { return Ok(()) };
        let sent = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&key)))
            .update_expression("REMOVE due_pk, due_sk")
            .condition_expression("attribute_exists(pk)")
            .send()
            .await;
        held(sent).map(drop)
    }

    /// Claims a delivery that the due index shows, by moving its place there on: so each is handed
    /// to the function once in a while, and not at every tick. `None` means that it has ended, or
    /// that somebody else has claimed it. One write unit per KB, and two for the index.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn claim_delivery(
        &self,
        entry: &DueEntry,
        claim: &Claim,
    ) -> Result<Option<EventCallback>, StoreError> {
        let DueSubject::Delivery(id) = &entry.subject else { return Ok(None) };
        let Some(key) = key(&entry.organization, id, DELIVERY) else { return Ok(None) };
        let sent = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&key)))
            .update_expression("SET due_sk = :later")
            .condition_expression("due_sk = :seen")
            .expression_attribute_values(":later", s(due_key(claim.now + claim.lease, DELIVER)))
            .expression_attribute_values(":seen", s(&entry.sk))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match held(sent)? {
            Some(answer) => answer.attributes.map(from_item).transpose(),
            None => Ok(None),
        }
    }
}
