//! Runs: a later attempt changes a run and leaves the journal entry that it carries.

use chrono::TimeDelta;
use perennial_domain::{
    journal::{append, verify},
    plan::{Outcome, settle_retry},
    run::{Run, RunStatus},
    time::OccurrenceNumber,
};
use perennial_store::{Expect, Part, StoreError};

use crate::{
    TestResult,
    embedded::store,
    fixtures::{DUE, acme, at, cause, claimed, declined, keep, paid, renewed, subscription},
};

#[tokio::test]
async fn a_retry_changes_the_run_and_keeps_its_entry() -> TestResult {
    let (store, acme, mut now) = (store().await?, acme()?, at(DUE)?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let open = renewed(&store, &acme, &declined(), now).await?;
    assert_eq!(open.run.status, RunStatus::Open);
    let mut run = open.run.clone();
    for outcome in [declined(), paid()] {
        now = run.retry_at.ok_or("a retry is planned")?;
        let before = claimed(&store, now).await?;
        let mut after = settle_retry(&before, &run, None, &outcome, now)?;
        let subject = before.id.to_string();
        let head = &mut after.subscription.journal;
        let entry = append(head, &acme, &subject, now, cause(), after.change);
        store
            .commit(&acme)
            .subscription(&after.subscription, Expect::Version(before.version))
            .changed_run(&after.run, run.version)
            .entry("S", &entry)
            .run()
            .await?;
        run = after.run;
    }
    let stored = store.run(&acme, &run.subscription_id, run.number).await?;
    assert_eq!(stored.as_ref(), Some(&run));
    assert_eq!((run.status, run.attempts, run.retry_at), (RunStatus::Successful, 3, None));

    let subscription = store.subscription(&acme, &run.subscription_id).await?.ok_or("gone")?;
    let journal = store.whole_journal(&acme, "S", subscription.id.as_str()).await?;
    assert_eq!(verify(&journal)?, subscription.journal);
    assert_eq!(journal.len(), 4);
    Ok(())
}

#[tokio::test]
async fn what_a_run_loses_is_gone() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let hard = Outcome::Declined {
        kind: perennial_domain::dunning::DeclineKind::Hard,
        code: "stolen_card".to_owned(),
        message: "the card was reported stolen".to_owned(),
        resource: None,
        token: None,
    };
    let failed = renewed(&store, &acme, &hard, now).await?.run;
    let reopened = Run { failed_at: None, retry_at: Some(now), version: 2, ..failed.clone() };
    store.commit(&acme).changed_run(&reopened, failed.version).run().await?;
    let stored = store.run(&acme, &failed.subscription_id, failed.number).await?;
    assert_eq!(stored, Some(reopened));
    Ok(())
}

#[tokio::test]
async fn a_run_is_changed_by_version_only() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let run = renewed(&store, &acme, &declined(), now).await?.run;
    let changed = Run { version: 9, ..run.clone() };
    let stale = store.commit(&acme).changed_run(&changed, run.version + 1).run().await;
    assert!(matches!(stale, Err(StoreError::Conflict(Part::Run))), "{stale:?}");
    let mut never_made = changed;
    never_made.number = OccurrenceNumber::new(99);
    let none = store.commit(&acme).changed_run(&never_made, run.version).run().await;
    assert!(matches!(none, Err(StoreError::Conflict(Part::Run))), "{none:?}");
    Ok(())
}

#[tokio::test]
async fn runs_are_paged_newest_first() -> TestResult {
    let (store, acme, mut now) = (store().await?, acme()?, at(DUE)?);
    let kept = keep(&store, &acme, &subscription("s", 1)?).await?;
    for _ in 0..11 {
        let made = renewed(&store, &acme, &paid(), now).await?;
        now = made.subscription.next_run_at.ok_or("it goes on")?;
    }
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.runs(&acme, &kept.id, 4, cursor.as_ref()).await??;
        seen.extend(page.items.iter().map(|run| run.number.get()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=11).rev().collect::<Vec<_>>());
    assert!(now - at(DUE)? > TimeDelta::days(330));
    Ok(())
}
