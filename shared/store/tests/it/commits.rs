//! Commits: all of one decision or nothing, and a conflict that names its part.

use perennial_domain::{order::OrderStatus, subscription::Subscription, time::OccurrenceNumber};
use perennial_store::{Expect, Part, StoreError, StoredOrder};

use crate::{
    TestResult,
    embedded::store,
    fixtures::{DUE, acme, at, claimed, keep, order, paid, renewed, settled, subscription, told},
};

#[tokio::test]
async fn a_renewal_writes_subscription_run_order_and_journal_together() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    keep(&store, &acme, &subscription("s", 2)?).await?;
    let made = renewed(&store, &acme, &paid(), now).await?;
    let id = &made.subscription.id;
    assert_eq!(store.subscription(&acme, id).await?, Some(made.subscription.clone()));
    assert_eq!(store.run(&acme, id, OccurrenceNumber::FIRST).await?, Some(made.run.clone()));
    let order = store.order(&acme, &made.run.order_id()).await?;
    assert_eq!(order, Some(StoredOrder::Run(Box::new(made.run.clone()))));
    let journal = store.whole_journal(&acme, "S", id.as_str()).await?;
    let events: Vec<_> = journal.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events, ["order_subscriptions.create", "order_subscriptions.last_run_succeeded"]);
    Ok(())
}

#[tokio::test]
async fn where_the_run_exists_the_subscription_stays_as_it_was() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let before = claimed(&store, now).await?;
    let (made, entry) = settled(&acme, &before, &paid(), now)?;
    // The run alone: as if a subscription had been set back to before it.
    store.commit(&acme).new_run(&made.run, &entry).run().await?;

    let again = store
        .commit(&acme)
        .subscription(&made.subscription, Expect::Version(before.version))
        .new_run(&made.run, &entry)
        .run()
        .await;
    assert!(matches!(again, Err(StoreError::Conflict(Part::Run))), "{again:?}");
    assert_eq!(store.subscription(&acme, &before.id).await?, Some(before));
    Ok(())
}

#[tokio::test]
async fn where_the_subscription_changed_no_run_is_written() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let before = claimed(&store, now).await?;
    let (made, entry) = settled(&acme, &before, &paid(), now)?;
    let stale = store
        .commit(&acme)
        .new_run(&made.run, &entry)
        .subscription(&made.subscription, Expect::Version(before.version + 1))
        .run()
        .await;
    assert!(matches!(stale, Err(StoreError::Conflict(Part::Subscription))), "{stale:?}");
    assert_eq!(store.run(&acme, &before.id, OccurrenceNumber::FIRST).await?, None);
    assert!(store.list::<StoredOrder>(&acme, 10, false, None).await??.items.is_empty());
    Ok(())
}

#[tokio::test]
async fn of_the_same_commit_twice_at_once_one_is_written() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let before = claimed(&store, now).await?;
    let (made, entry) = settled(&acme, &before, &paid(), now)?;
    let tries = (0..6).map(|_| {
        store
            .commit(&acme)
            .subscription(&made.subscription, Expect::Version(before.version))
            .new_run(&made.run, &entry)
            .run()
    });
    let done = futures::future::join_all(tries).await;
    assert_eq!(done.iter().filter(|sent| sent.is_ok()).count(), 1, "{done:?}");
    assert!(done.iter().filter_map(|sent| sent.as_ref().err()).all(StoreError::is_transient));
    Ok(())
}

#[tokio::test]
async fn an_entry_is_written_once() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    let kept = keep(&store, &acme, &subscription("s", 1)?).await?;
    let mut again = subscription("s", 1)?;
    let entry = told(&acme, &mut again, "order_subscriptions.create", now);
    again.version += 1;
    let written = store
        .commit(&acme)
        .subscription(&again, Expect::Version(kept.version))
        .entry("S", &entry)
        .run()
        .await;
    assert!(matches!(written, Err(StoreError::Conflict(Part::Journal))), "{written:?}");
    assert_eq!(store.subscription(&acme, &kept.id).await?, Some(kept));
    Ok(())
}

#[tokio::test]
async fn an_order_is_replaced_by_version_only() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let draft = order("o")?;
    store.commit(&acme).order(&draft, Expect::New).run().await?;
    let twice = store.commit(&acme).order(&draft, Expect::New).run().await;
    assert!(matches!(twice, Err(StoreError::Conflict(Part::Order))), "{twice:?}");
    let mut placed = draft.clone();
    placed.status = OrderStatus::Placed;
    placed.version = 2;
    store.commit(&acme).order(&placed, Expect::Version(1)).run().await?;
    let stale = store.commit(&acme).order(&draft, Expect::Version(1)).run().await;
    assert!(matches!(stale, Err(StoreError::Conflict(Part::Order))), "{stale:?}");
    let stored = store.order(&acme, &draft.id).await?;
    assert_eq!(stored, Some(StoredOrder::Client(Box::new(placed))));
    Ok(())
}

#[tokio::test]
async fn one_organization_never_reaches_what_another_has() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    let other = "acme-2".parse()?;
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let made = renewed(&store, &acme, &paid(), now).await?;
    let id = &made.subscription.id;
    assert_eq!(store.subscription(&other, id).await?, None);
    assert_eq!(store.run(&other, id, OccurrenceNumber::FIRST).await?, None);
    assert_eq!(store.order(&other, &made.run.order_id()).await?, None);
    assert!(store.list::<Subscription>(&other, 10, false, None).await??.items.is_empty());
    assert!(store.list::<StoredOrder>(&other, 10, false, None).await??.items.is_empty());
    assert!(store.runs(&other, id, 10, None).await??.items.is_empty());
    assert!(store.whole_journal(&other, "S", id.as_str()).await?.is_empty());
    let both = [(acme.clone(), id.clone()), (other.clone(), id.clone())];
    let found = store.subscriptions(both).await?;
    assert_eq!(found.into_keys().collect::<Vec<_>>(), [(acme.clone(), id.clone())]);

    let mut theirs = made.subscription.clone();
    theirs.version += 1;
    let version = Expect::Version(made.subscription.version);
    let written = store.commit(&other).subscription(&theirs, version).run().await;
    assert!(matches!(written, Err(StoreError::Conflict(Part::Subscription))), "{written:?}");
    Ok(())
}
