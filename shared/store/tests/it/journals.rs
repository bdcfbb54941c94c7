//! The journal: entries that stand alone and those inside runs, in one unbroken chain.

use chrono::TimeDelta;
use perennial_domain::{
    journal::{Entry, verify},
    subscription::Subscription,
    time::OccurrenceNumber,
};
use perennial_store::{Cursor, CursorError, Direction, Expect, Store};

use crate::{
    TestResult,
    embedded::{BOOK, Embedded, embedded, store},
    fixtures::{DUE, acme, at, keep, paid, renewed, subscription, told},
};

/// A subscription with nine entries: its own stand alone as the 1st, 4th, 6th and 7th, the others
/// came with runs.
async fn with_history(store: &Store) -> Result<Subscription, Box<dyn std::error::Error>> {
    let acme = acme()?;
    keep(store, &acme, &subscription("s", 1)?).await?;
    let mut now = at(DUE)?;
    for alone in [0, 1, 2, 0] {
        let mut current = renewed(store, &acme, &paid(), now).await?.subscription;
        for _ in 0..alone {
            let before = current.clone();
            current.version += 1;
            let entry = told(&acme, &mut current, "order_subscriptions.update", now);
            store
                .commit(&acme)
                .subscription(&current, Expect::Version(before.version))
                .entry("S", &entry)
                .run()
                .await?;
        }
        now = current.next_run_at.ok_or("it goes on")?;
    }
    now += TimeDelta::days(1);
    Ok(renewed(store, &acme, &paid(), now).await?.subscription)
}

#[tokio::test]
async fn a_stored_chain_is_whole() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let subscription = with_history(&store).await?;
    let journal = store.whole_journal(&acme, "S", subscription.id.as_str()).await?;
    assert_eq!(journal.len(), 9);
    assert_eq!(verify(&journal)?, subscription.journal);
    let other = store.whole_journal(&acme, "O", subscription.id.as_str()).await?;
    assert!(other.is_empty());
    Ok(())
}

#[tokio::test]
async fn pages_merge_lone_entries_and_those_of_runs_by_sequence_both_ways() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let subscription = with_history(&store).await?;
    let of = ("S", subscription.id.as_str());
    let mut whole = store.whole_journal(&acme, of.0, of.1).await?;
    for direction in [Direction::Forward, Direction::Backward] {
        for limit in [1, 2, 3, 5, 8, 9, 50] {
            let mut entries: Vec<Entry> = Vec::new();
            let mut cursor: Option<Cursor> = None;
            loop {
                let page = store.journal(&acme, of, direction, limit, cursor.as_ref()).await??;
                assert!(page.items.len() <= usize::from(limit));
                entries.extend(page.items);
                let Some(next) = page.next else { break };
                cursor = Some(Cursor::decode(&next.encode())?);
            }
            assert_eq!(entries, whole, "pages of {limit}, {direction:?}");
        }
        whole.reverse();
    }
    let first = store.journal(&acme, of, Direction::Forward, 1, None).await??.next;
    let turned = store.journal(&acme, of, Direction::Backward, 1, first.as_ref()).await?;
    assert_eq!(turned.err(), Some(CursorError::OtherQuery));
    Ok(())
}

#[tokio::test]
async fn every_entry_is_found_by_its_sequence_wherever_it_stands() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let subscription = with_history(&store).await?;
    let of = ("S", subscription.id.as_str());
    for entry in store.whole_journal(&acme, of.0, of.1).await? {
        let found = store.journal_entry(&acme, of, entry.sequence).await?;
        assert_eq!(found.as_ref(), Some(&entry));
    }
    for none in [0, 10, u64::MAX] {
        assert_eq!(store.journal_entry(&acme, of, none).await?, None, "{none}");
    }
    assert_eq!(store.journal_entry(&acme, ("S", "sub_none"), 1).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_journal_can_be_read_from_a_run_on() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let subscription = with_history(&store).await?;
    let of = ("S", subscription.id.as_str());
    // The second run came with the third entry; the fourth stands alone.
    let start = store.journal_from_run(&acme, &subscription.id, OccurrenceNumber::new(2)).await?;
    let page = store.journal(&acme, of, Direction::Forward, 50, start.as_ref()).await??;
    let sequences: Vec<u64> = page.items.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, [3, 4, 5, 6, 7, 8, 9]);
    let none = store.journal_from_run(&acme, &subscription.id, OccurrenceNumber::new(99)).await?;
    assert_eq!(none, None);
    Ok(())
}

#[tokio::test]
async fn an_altered_or_missing_item_breaks_the_chain() -> TestResult {
    let Embedded { store, client, .. } = embedded().await?;
    let acme = acme()?;
    let subscription = with_history(&store).await?;
    let key = |sk: &str| {
        let string = |text: String| aws_sdk_dynamodb::types::AttributeValue::S(text);
        std::collections::HashMap::from([
            ("pk".to_owned(), string(format!("acme#S#{}", subscription.id))),
            ("sk".to_owned(), string(sk.to_owned())),
        ])
    };
    client
        .update_item()
        .table_name(BOOK)
        .set_key(Some(key("R#0000000002")))
        .update_expression("SET #entry.#by = :by")
        .expression_attribute_names("#entry", "entry")
        .expression_attribute_names("#by", "by")
        .expression_attribute_values(
            ":by",
            aws_sdk_dynamodb::types::AttributeValue::S("somebody".to_owned()),
        )
        .send()
        .await?;
    let altered = store.whole_journal(&acme, "S", subscription.id.as_str()).await?;
    assert!(verify(&altered).is_err());
    client.delete_item().table_name(BOOK).set_key(Some(key("R#0000000002"))).send().await?;
    let short = store.whole_journal(&acme, "S", subscription.id.as_str()).await?;
    assert_eq!(short.len(), 8);
    assert!(verify(&short).is_err());
    Ok(())
}
