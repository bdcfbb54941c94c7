//! Webhooks and their deliveries: made once, found by the tick, changed by whoever has seen them.

use chrono::TimeDelta;
use perennial_domain::{
    ids::{EventCallbackId, JobRunId, WebhookId},
    webhook::{Circuit, DeliveryStatus, EventCallback, Secret, Secrets, Webhook},
};
use perennial_store::{Claim, DueSubject, Part, Store, StoreError, shard_of};

use crate::{
    TestResult,
    embedded::{Embedded, embedded, store},
    fixtures::{acme, at},
};

const MADE: &str = "2027-01-31T12:00:00Z";

fn webhook(name: &str) -> Result<Webhook, Box<dyn std::error::Error>> {
    Ok(Webhook {
        id: WebhookId::derived(&[name]),
        name: Some(name.to_owned()),
        topic: "orders.*".parse()?,
        callback_url: "https://shop.example/hooks".parse()?,
        include_resources: Vec::new(),
        secrets: Secrets::of(Secret::new([7; 32])),
        disabled_at: None,
        circuit: Circuit::default(),
        version: 1,
        created_at: at(MADE)?,
        updated_at: at(MADE)?,
    })
}

fn delivery(webhook: &Webhook, sequence: u64) -> Result<EventCallback, Box<dyn std::error::Error>> {
    let event_id = format!("evt_ord_1_{sequence}_50");
    let event_at = at(MADE)? + TimeDelta::seconds(i64::try_from(sequence)?);
    Ok(EventCallback {
        id: EventCallbackId::of(&webhook.id, event_at, &event_id, None),
        webhook_id: webhook.id.clone(),
        event_id,
        topic: "orders.create".to_owned(),
        subject: "ord_0192aabbccddeeff00112233445566".to_owned(),
        sequence,
        event_at,
        trigger: None,
        status: DeliveryStatus::Pending,
        attempts: 0,
        next_attempt_at: Some(event_at),
        lease_until: None,
        log: Vec::new(),
        failure: None,
        version: 1,
        created_at: event_at,
        updated_at: event_at,
    })
}

/// What the due index shows at an instant.
async fn due(
    store: &Store,
    id: &EventCallbackId,
    instant: &str,
) -> Result<Vec<perennial_store::DueEntry>, Box<dyn std::error::Error>> {
    let shard = shard_of(id.as_str(), store.shards());
    Ok(store.due(shard, at(instant)?, 10, None).await?.items)
}

#[tokio::test]
async fn a_delivery_is_made_once_and_keeps_what_it_was_to_send() -> TestResult {
    let (store, acme, webhook) = (store().await?, acme()?, webhook("a")?);
    let delivery = delivery(&webhook, 1)?;
    assert!(store.create_event_callback(&acme, &delivery, "first").await?);
    assert!(!store.create_event_callback(&acme, &delivery, "second").await?);
    assert_eq!(store.event_callback(&acme, &delivery.id).await?, Some(delivery.clone()));
    let payload = store.event_callback_payload(&acme, &delivery.id).await?;
    assert_eq!(payload.as_deref(), Some("first"));
    let stranger = "globex".parse()?;
    assert_eq!(store.event_callback(&stranger, &delivery.id).await?, None);
    assert_eq!(store.event_callback_payload(&stranger, &delivery.id).await?, None);
    Ok(())
}

#[tokio::test]
async fn the_tick_finds_a_delivery_two_minutes_late_and_claims_it_once() -> TestResult {
    let (store, acme, webhook) = (store().await?, acme()?, webhook("a")?);
    let delivery = delivery(&webhook, 0)?;
    store.create_event_callback(&acme, &delivery, "{}").await?;
    assert!(due(&store, &delivery.id, "2027-01-31T12:01:59Z").await?.is_empty());
    let found = due(&store, &delivery.id, "2027-01-31T12:02:00Z").await?;
    assert_eq!(found.len(), 1, "{found:?}");
    let entry = found.first().ok_or("it is due")?;
    assert_eq!(entry.subject, DueSubject::Delivery(delivery.id.clone()));
    let claim = Claim {
        job_run_id: JobRunId::of_tick(&acme, 0),
        now: at("2027-01-31T12:02:00Z")?,
        lease: TimeDelta::minutes(5),
    };
    let claimed = store.claim_delivery(entry, &claim).await?;
    assert_eq!(claimed.map(|claimed| claimed.id), Some(delivery.id.clone()));
    assert_eq!(store.claim_delivery(entry, &claim).await?, None);
    assert!(due(&store, &delivery.id, "2027-01-31T12:06:59Z").await?.is_empty());
    assert_eq!(due(&store, &delivery.id, "2027-01-31T12:07:00Z").await?.len(), 1);
    // The tick's claim is no change of the delivery: whoever is at it goes on.
    let mut ended = delivery.clone().given_up("test", at("2027-01-31T12:03:00Z")?);
    ended.version = 2;
    store.update_event_callback(&acme, &ended, 1).await?;
    assert!(due(&store, &delivery.id, "2027-03-31T12:00:00Z").await?.is_empty());
    let late = store.update_event_callback(&acme, &ended, 1).await;
    assert!(matches!(late, Err(StoreError::Conflict(Part::Record("event callback")))));
    Ok(())
}

#[tokio::test]
async fn a_delivery_that_became_a_dead_letter_rests() -> TestResult {
    let (store, acme, webhook) = (store().await?, acme()?, webhook("a")?);
    let delivery = delivery(&webhook, 1)?;
    store.create_event_callback(&acme, &delivery, "{}").await?;
    store.rest_event_callback(&acme, &delivery.id).await?;
    assert!(due(&store, &delivery.id, "2027-03-31T12:00:00Z").await?.is_empty());
    store.rest_event_callback(&acme, &EventCallbackId::derived(&["none"])).await?;
    Ok(())
}

#[tokio::test]
async fn deliveries_of_a_webhook_come_newest_first_and_only_its_own() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let (one, other) = (webhook("one")?, webhook("other")?);
    for sequence in [2, 1, 3] {
        store.create_event_callback(&acme, &delivery(&one, sequence)?, "{}").await?;
    }
    store.create_event_callback(&acme, &delivery(&other, 9)?, "{}").await?;
    store.create(&acme, &one).await?;
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.event_callbacks_of(&acme, &one.id, 2, cursor.as_ref()).await??;
        found.extend(page.items.into_iter().map(|delivery| delivery.sequence));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, [3, 2, 1]);
    let page = store.event_callbacks_of(&acme, &one.id, 2, None).await??;
    let foreign = store.event_callbacks_of(&acme, &other.id, 2, page.next.as_ref()).await?;
    assert!(foreign.is_err(), "a cursor of another webhook was taken");
    let listed = store.list::<EventCallback>(&acme, 10, false, None).await??;
    let listed: Vec<u64> = listed.items.iter().map(|delivery| delivery.sequence).collect();
    assert_eq!(listed, [1, 2, 3, 9]);
    Ok(())
}

#[tokio::test]
async fn a_circuit_is_replaced_by_whoever_has_seen_it() -> TestResult {
    let (store, acme, before) = (store().await?, acme()?, webhook("a")?);
    store.create(&acme, &before).await?;
    let now = at("2027-01-31T13:00:00Z")?;
    let failed = before.circuit.failed(now);
    store.put_circuit(&acme, &before.id, &failed, Some(now), now, 1).await?;
    let after = store.get::<Webhook>(&acme, before.id.as_str()).await?;
    let expected = Webhook {
        circuit: failed,
        disabled_at: Some(now),
        version: 2,
        updated_at: now,
        ..before.clone()
    };
    assert_eq!(after, Some(expected.clone()));
    let late = store.put_circuit(&acme, &before.id, &failed, None, now, 1).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))));
    // A webhook that was deleted meanwhile does not come back.
    let gone = store.put_circuit(&acme, &WebhookId::derived(&["no"]), &failed, None, now, 1).await;
    assert!(matches!(gone, Err(StoreError::Conflict(_))));
    assert_eq!(store.webhooks(&acme).await?, [expected]);
    assert!(store.webhooks(&"globex".parse()?).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_message_of_two_kilobytes_that_is_taken_at_once_costs_eight_write_units() -> TestResult {
    let Embedded { store, client: _, meter } = embedded().await?;
    let (acme, webhook) = (acme()?, webhook("a")?);
    let delivery = delivery(&webhook, 1)?;
    meter.read();
    store.create_event_callback(&acme, &delivery, &"x".repeat(1_900)).await?;
    let now = delivery.created_at + TimeDelta::seconds(1);
    let mut claimed = delivery.clone().claimed(now + TimeDelta::minutes(1), now);
    claimed.version = 2;
    store.update_event_callback(&acme, &claimed, 1).await?;
    let outcome =
        perennial_domain::webhook::Outcome::Answered { code: 200, message: "x".repeat(200) };
    let attempt =
        perennial_domain::webhook::Attempt::new(now, &webhook.callback_url, 120, &outcome);
    let mut settled = claimed.attempted(attempt, &outcome, now);
    settled.version = 3;
    store.update_event_callback(&acme, &settled, 2).await?;
    let units: f64 = meter.read().iter().map(|(_, units)| units).sum();
    assert!(units <= 8.0, "{units} write units");
    Ok(())
}
