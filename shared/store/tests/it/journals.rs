//! The journal: entries that stand alone and those inside runs, in one unbroken chain.

use chrono::TimeDelta;
use perennial_domain::{
    journal::{Entry, verify},
    subscription::Subscription,
};
use perennial_store::{Cursor, Expect, Store};

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
async fn pages_merge_lone_entries_and_those_of_runs_by_sequence() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let subscription = with_history(&store).await?;
    let whole = store.whole_journal(&acme, "S", subscription.id.as_str()).await?;
    for limit in [1, 2, 3, 5, 8, 9, 50] {
        let mut entries: Vec<Entry> = Vec::new();
        let mut cursor: Option<Cursor> = None;
        loop {
            let id = subscription.id.as_str();
            let page = store.journal(&acme, "S", id, limit, cursor.as_ref()).await??;
            assert!(page.items.len() <= usize::from(limit));
            entries.extend(page.items);
            let Some(next) = page.next else { break };
            cursor = Some(Cursor::decode(&next.encode())?);
        }
        assert_eq!(entries, whole, "pages of {limit}");
    }
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
