//! Idempotency keys: one request works, its repeats get its answer, others are refused.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use perennial_store::{Begun, StoredAnswer};

use crate::{
    TestResult,
    embedded::{BOOK, Embedded, embedded, store},
    fixtures::{ANCHOR, acme, at},
};

fn answer() -> StoredAnswer {
    StoredAnswer {
        status: 201,
        location: Some("/api/orders/ord_1".to_owned()),
        etag: None,
        body: "{}".to_owned(),
    }
}

#[tokio::test]
async fn a_repeat_gets_the_answer_and_another_request_is_refused() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(ANCHOR)?);
    assert_eq!(store.begin_idempotent(&acme, "k", "f", now).await?, Begun::Fresh);
    store.finish_idempotent(&acme, "k", &answer()).await?;
    let later = now + TimeDelta::hours(23);
    assert_eq!(store.begin_idempotent(&acme, "k", "f", later).await?, Begun::Replay(answer()));
    assert_eq!(store.begin_idempotent(&acme, "k", "g", later).await?, Begun::Mismatch);
    assert_eq!(store.begin_idempotent(&acme, "k 2", "g", later).await?, Begun::Fresh);
    let other = "other".parse()?;
    assert_eq!(store.begin_idempotent(&other, "k", "g", later).await?, Begun::Fresh);
    Ok(())
}

#[tokio::test]
async fn while_a_request_is_worked_on_its_repeats_wait() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(ANCHOR)?);
    let tries = (0..6).map(|_| store.begin_idempotent(&acme, "k", "f", now));
    let mut fresh = 0;
    for begun in futures::future::join_all(tries).await {
        match begun? {
            Begun::Fresh => fresh += 1,
            other => assert_eq!(other, Begun::InProgress),
        }
    }
    assert_eq!(fresh, 1);
    assert_eq!(store.begin_idempotent(&acme, "k", "g", now).await?, Begun::Mismatch);
    Ok(())
}

#[tokio::test]
async fn a_request_that_died_gives_way_to_its_repeat_after_half_a_minute() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(ANCHOR)?);
    assert_eq!(store.begin_idempotent(&acme, "k", "f", now).await?, Begun::Fresh);
    let held = now + TimeDelta::seconds(30);
    assert_eq!(store.begin_idempotent(&acme, "k", "f", held).await?, Begun::InProgress);
    let free = now + TimeDelta::seconds(31);
    assert_eq!(store.begin_idempotent(&acme, "k", "g", free).await?, Begun::Mismatch);
    assert_eq!(store.begin_idempotent(&acme, "k", "f", free).await?, Begun::Fresh);
    assert_eq!(store.begin_idempotent(&acme, "k", "f", free).await?, Begun::InProgress);
    Ok(())
}

#[tokio::test]
async fn a_key_is_free_again_after_a_day_swept_or_not() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(ANCHOR)?);
    store.begin_idempotent(&acme, "k", "f", now).await?;
    store.finish_idempotent(&acme, "k", &answer()).await?;
    let day = now + TimeDelta::hours(24);
    assert_eq!(store.begin_idempotent(&acme, "k", "f", day).await?, Begun::Replay(answer()));
    let next = day + TimeDelta::seconds(1);
    assert_eq!(store.begin_idempotent(&acme, "k", "g", next).await?, Begun::Fresh);
    assert_eq!(store.begin_idempotent(&acme, "k", "g", next).await?, Begun::InProgress);
    Ok(())
}

#[tokio::test]
async fn a_key_given_back_is_free_but_an_answer_stays() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(ANCHOR)?);
    store.begin_idempotent(&acme, "k", "f", now).await?;
    store.release_idempotent(&acme, "k").await?;
    assert_eq!(store.begin_idempotent(&acme, "k", "g", now).await?, Begun::Fresh);
    store.finish_idempotent(&acme, "k", &answer()).await?;
    store.release_idempotent(&acme, "k").await?;
    assert_eq!(store.begin_idempotent(&acme, "k", "g", now).await?, Begun::Replay(answer()));
    Ok(())
}

#[tokio::test]
async fn a_record_always_has_an_expiry() -> TestResult {
    let Embedded { store, client, .. } = embedded().await?;
    let (acme, now) = (acme()?, at(ANCHOR)?);
    store.begin_idempotent(&acme, "k", "f", now).await?;
    store.release_idempotent(&acme, "k").await?;
    store.finish_idempotent(&acme, "k", &answer()).await?;
    let string = |text: &str| AttributeValue::S(text.to_owned());
    let stored = client
        .get_item()
        .table_name(BOOK)
        .key("pk", string("acme#I#k"))
        .key("sk", string("#"))
        .send()
        .await?;
    assert_eq!(stored.item, None, "an answer that came too late is not kept for ever");
    store.begin_idempotent(&acme, "k", "f", now).await?;
    let stored = client
        .get_item()
        .table_name(BOOK)
        .key("pk", string("acme#I#k"))
        .key("sk", string("#"))
        .send()
        .await?;
    let ttl = (now + TimeDelta::hours(24)).timestamp().to_string();
    let item = stored.item.ok_or("the key is taken")?;
    assert_eq!(item.get("ttl"), Some(&AttributeValue::N(ttl)), "TTL wants seconds of Unix time");
    Ok(())
}
