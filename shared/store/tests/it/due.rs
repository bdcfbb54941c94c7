//! The due index: everything up to now, oldest first, however long ago.

use perennial_domain::{ids::SubscriptionId, subscription::Unsettled, time::OccurrenceNumber};
use perennial_store::{DueSubject, Expect, Store, shard_of};

use crate::{
    TestResult,
    embedded::{BOOK, OPERATIONS, embedded, store},
    fixtures::{acme, at, keep, subscription},
};

async fn due_at(
    store: &Store,
    name: &str,
    instant: &str,
) -> Result<SubscriptionId, Box<dyn std::error::Error>> {
    let mut due = subscription(name, 1)?;
    due.next_run_at = Some(at(instant)?);
    Ok(keep(store, &acme()?, &due).await?.id)
}

#[tokio::test]
async fn everything_up_to_now_is_due_however_long_ago() -> TestResult {
    let (store, now) = (store().await?, at("2027-06-01T12:00:00Z")?);
    let mut expected = Vec::new();
    for instant in [
        "2019-12-31T23:59:59Z",
        "2027-05-31T12:00:00Z",
        "2027-06-01T11:59:59Z",
        "2027-06-01T12:00:00Z",
    ] {
        expected.push((at(instant)?, DueSubject::Run(due_at(&store, instant, instant).await?)));
    }
    due_at(&store, "next second", "2027-06-01T12:00:01Z").await?;
    due_at(&store, "next year", "2028-06-01T12:00:00Z").await?;

    let page = store.due(0, now, 100, None).await?;
    let seen: Vec<_> = page.items.into_iter().map(|entry| (entry.due_at, entry.subject)).collect();
    assert_eq!(seen, expected);
    assert_eq!(page.next, None);
    Ok(())
}

#[tokio::test]
async fn what_is_due_within_this_second_waits_for_the_next() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let mut waiting = subscription("s", 1)?;
    let retry_at = at("2027-02-03T10:00:00.750Z")?;
    waiting.unsettled =
        vec![Unsettled { number: OccurrenceNumber::ANCHOR, attempts: 1, retry_at, asked: None }];
    keep(&store, &acme, &waiting).await?;
    let early = store.due(0, at("2027-02-03T10:00:00.200Z")?, 10, None).await?;
    assert!(early.items.is_empty(), "a claim would find nothing to do: {early:?}");
    assert_eq!(store.due(0, at("2027-02-03T10:00:01Z")?, 10, None).await?.items.len(), 1);
    Ok(())
}

#[tokio::test]
async fn pages_of_what_is_due_follow_on_without_gap_or_repeat() -> TestResult {
    let (store, now) = (store().await?, at("2027-06-01T12:00:00Z")?);
    let mut expected = Vec::new();
    for n in 0..10 {
        let instant = format!("2027-05-{:02}T00:00:00Z", 1 + n / 2);
        expected.push(due_at(&store, &format!("s{n}"), &instant).await?);
    }
    for limit in [1, 3, 10] {
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = store.due(0, now, limit, cursor.as_ref()).await?;
            assert!(page.items.len() <= usize::from(limit));
            for entry in page.items {
                let DueSubject::Run(id) = entry.subject else { return Err("not a run".into()) };
                seen.push((entry.due_at, id));
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert!(seen.is_sorted_by_key(|(due_at, _)| *due_at), "{seen:?}");
        let mut ids: Vec<_> = seen.into_iter().map(|(_, id)| id).collect();
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected, "pages of {limit}");
    }
    Ok(())
}

#[tokio::test]
async fn what_sleeps_is_not_in_the_index() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let active = keep(&store, &acme, &subscription("s", 1)?).await?;
    let mut blocked = active.clone();
    blocked.blocked_by = Some("dlt_1".to_owned());
    blocked.version += 1;
    let version = Expect::Version(active.version);
    store.commit(&acme).subscription(&blocked, version).run().await?;
    assert!(store.due(0, at("2040-01-01T00:00:00Z")?, 10, None).await?.items.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_entry_stands_in_the_shard_of_its_id() -> TestResult {
    let embedded = embedded().await?;
    let shards = 16;
    let store = Store::new(embedded.client, BOOK.to_owned(), OPERATIONS.to_owned(), shards);
    let now = at("2027-06-01T12:00:00Z")?;
    let mut left = std::collections::BTreeSet::new();
    for n in 0..20 {
        left.insert(due_at(&store, &format!("s{n}"), "2027-05-01T00:00:00Z").await?);
    }
    for shard in 0..shards {
        for entry in store.due(shard, now, 100, None).await?.items {
            let DueSubject::Run(id) = entry.subject else { return Err("not a run".into()) };
            assert_eq!(shard_of(id.as_str(), shards), shard);
            assert!(left.remove(&id));
        }
    }
    assert!(left.is_empty(), "in no shard: {left:?}");
    Ok(())
}
