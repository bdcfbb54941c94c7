//! Claims: one holder at a time, the same run however often it is lost, and no trace in the index.

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    lifecycle::SubscriptionStatus,
    plan::{ClaimPlan, abandon_run, cancel, expire, pause, plan_claim},
    subscription::{Subscription, Unsettled},
    time::{OccurrenceNumber, Pause},
};
use perennial_store::{DueSubject, Expect, Part, Store, StoreError};

use crate::{
    TestResult,
    embedded::store,
    fixtures::{
        DUE, acme, at, claim, claimed, job, keep, only_due, paid, renewed, settled, subscription,
        told,
    },
};

const FIRST: OccurrenceNumber = OccurrenceNumber::FIRST;

#[tokio::test]
async fn a_claim_fixes_the_run_and_the_lease() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    let kept = keep(&store, &acme, &subscription("s", 1)?).await?;
    let held = claimed(&store, now).await?;
    let expected = Subscription {
        status: SubscriptionStatus::Running,
        run_number: Some(FIRST),
        lease_until: Some(now + TimeDelta::minutes(15)),
        lease_claims: Some(1),
        job_run_id: Some(job("tick")),
        version: kept.version + 1,
        ..kept
    };
    assert_eq!(held, expected);
    assert_eq!(store.subscription(&acme, &held.id).await?, Some(expected));
    Ok(())
}

#[tokio::test]
async fn of_two_claims_at_once_one_wins() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let entry = only_due(&store, now).await?;
    let claims: Vec<_> = (0..8).map(|n| claim(&format!("tick {n}"), now)).collect();
    let tries = claims.iter().map(|claim| store.claim(&entry, claim));
    let mut won = 0;
    for tried in futures::future::join_all(tries).await {
        won += usize::from(tried?.is_some());
    }
    assert_eq!(won, 1);
    Ok(())
}

#[tokio::test]
async fn a_claim_leaves_the_index_alone_and_others_pass_over_it() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let before = only_due(&store, now).await?;
    claimed(&store, now).await?;
    let still = only_due(&store, now).await?;
    assert_eq!(still, before);
    let almost = now + TimeDelta::minutes(15) - TimeDelta::seconds(1);
    assert_eq!(store.claim(&still, &claim("later", almost)).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_lost_run_is_taken_over_with_the_number_it_had() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    claimed(&store, now).await?;
    let much_later = now + TimeDelta::days(70);
    let entry = only_due(&store, much_later).await?;
    let retaken = store.claim(&entry, &claim("later", much_later)).await?.ok_or("refused")?;
    assert_eq!(retaken.run_number, Some(FIRST));
    assert_eq!(retaken.lease_claims, Some(2));
    assert_eq!(retaken.job_run_id, Some(job("later")));
    assert_eq!(plan_claim(&retaken, much_later)?, ClaimPlan::Run(FIRST));
    Ok(())
}

#[tokio::test]
async fn what_was_made_meanwhile_is_not_claimed_again() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let seen = only_due(&store, now).await?;
    renewed(&store, &acme, &paid(), now).await?;
    let late = now + TimeDelta::days(90);
    assert_eq!(store.claim(&seen, &claim("late", late)).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_writer_who_has_not_seen_the_claim_cannot_write_over_it() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    let read_before = keep(&store, &acme, &subscription("s", 1)?).await?;
    let held = claimed(&store, now).await?;
    let (cancelled, _) = cancel(&read_before, now)?;
    let written = store
        .commit(&acme)
        .subscription(&cancelled, Expect::Version(read_before.version))
        .run()
        .await;
    let refused = matches!(written, Err(StoreError::Conflict(Part::Subscription)));
    assert!(refused, "a paid run would be left without its subscription: {written:?}");
    assert_eq!(store.subscription(&acme, &held.id).await?, Some(held));
    Ok(())
}

#[tokio::test]
async fn a_worker_that_lost_its_claim_cannot_commit() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let slow = claimed(&store, now).await?;
    let later = now + TimeDelta::hours(1);
    claimed(&store, later).await?;
    let (late, entry) = settled(&acme, &slow, &paid(), later)?;
    let written = store
        .commit(&acme)
        .new_run(&late.run, &entry)
        .subscription(&late.subscription, Expect::Version(slow.version))
        .run()
        .await;
    assert!(matches!(written, Err(StoreError::Conflict(Part::Subscription))), "{written:?}");
    assert_eq!(store.run(&acme, &slow.id, FIRST).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_fresh_claim_may_fix_a_later_run_once() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at("2027-06-15T00:00:00Z")?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let fresh = claimed(&store, now).await?;
    let ClaimPlan::CatchUp(latest) = plan_claim(&fresh, now)? else {
        return Err("four months were missed".into());
    };
    assert_eq!(latest, OccurrenceNumber::new(4));
    assert!(store.fix_run(&acme, &fresh, latest).await?);
    let fixed = store.subscription(&acme, &fresh.id).await?.ok_or("gone")?;
    let version = fresh.version + 1;
    assert_eq!(fixed, Subscription { run_number: Some(latest), version, ..fresh });
    Ok(())
}

#[tokio::test]
async fn a_claim_taken_over_keeps_its_run() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at("2027-06-15T00:00:00Z")?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let stale = claimed(&store, now).await?;
    let later = now + TimeDelta::hours(1);
    let retaken = claimed(&store, later).await?;
    for held in [&stale, &retaken] {
        assert!(!store.fix_run(&acme, held, OccurrenceNumber::new(4)).await?);
    }
    let kept = store.subscription(&acme, &stale.id).await?.ok_or("gone")?;
    assert_eq!(kept.run_number, Some(FIRST));
    Ok(())
}

/// Writes `after` over `before` with an entry of its journal.
async fn change(
    store: &Store,
    before: &Subscription,
    after: &Subscription,
    now: DateTime<Utc>,
) -> TestResult {
    let acme = acme()?;
    let mut after = after.clone();
    let entry = told(&acme, &mut after, "order_subscriptions.changed", now);
    store
        .commit(&acme)
        .subscription(&after, Expect::Version(before.version))
        .entry("S", &entry)
        .run()
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_run_under_way_is_finished_after_its_subscription_was_cancelled() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let held = claimed(&store, now).await?;
    let (cancelled, _) = cancel(&held, now)?;
    change(&store, &held, &cancelled, now).await?;

    let during = now + TimeDelta::minutes(5);
    let entry = only_due(&store, during).await?;
    assert_eq!(entry.subject, DueSubject::Other(held.id.clone()));
    assert_eq!(store.claim(&entry, &claim("early", during)).await?, None, "the lease holds");

    let later = now + TimeDelta::hours(1);
    let retaken = store.claim(&entry, &claim("later", later)).await?.ok_or("refused")?;
    assert_eq!(retaken.status, SubscriptionStatus::Cancelled);
    assert_eq!(retaken.run_number, Some(FIRST));
    assert_eq!(plan_claim(&retaken, later)?, ClaimPlan::Run(FIRST));
    let (after, _) = abandon_run(&retaken, later);
    change(&store, &retaken, &after, later).await?;
    assert!(store.due(0, at("2040-01-01T00:00:00Z")?, 10, None).await?.items.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_paused_subscription_is_not_claimed_for_a_run() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    let kept = keep(&store, &acme, &subscription("s", 1)?).await?;
    let seen = only_due(&store, now).await?;
    let (paused, _) = pause(&kept, Pause::default(), now)?;
    change(&store, &kept, &paused, now).await?;
    assert_eq!(store.claim(&seen, &claim("tick", now)).await?, None);
    assert!(store.due(0, now, 10, None).await?.items.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_payment_retry_and_an_expiry_are_claimed_without_a_run() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let mut with_both = subscription("s", 1)?;
    let retry_at = at("2027-02-03T00:00:00Z")?;
    with_both.unsettled =
        vec![Unsettled { number: OccurrenceNumber::ANCHOR, attempts: 1, retry_at, asked: None }];
    with_both.expires_at = Some(at("2027-02-10T00:00:00Z")?);
    with_both.set_next(None);
    keep(&store, &acme, &with_both).await?;

    let held = claimed(&store, retry_at).await?;
    assert_eq!((held.status, held.run_number), (SubscriptionStatus::Active, None));
    assert_eq!(plan_claim(&held, retry_at)?, ClaimPlan::Retry(held.unsettled.clone()));
    let mut without = held.clone();
    without.unsettled.clear();
    without.release();
    without.version += 1;
    change(&store, &held, &without, retry_at).await?;

    let end = at("2027-02-10T00:00:00Z")?;
    let held = claimed(&store, end).await?;
    assert_eq!(plan_claim(&held, end)?, ClaimPlan::Expire);
    let (ended, _) = expire(&held, end)?;
    change(&store, &held, &ended, end).await?;
    assert!(store.due(0, at("2040-01-01T00:00:00Z")?, 10, None).await?.items.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_entry_for_an_alert_is_claimed_for_its_run_once_that_is_due() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let mut announcing = subscription("s", 1)?;
    announcing.renewal_alert_period = Some(24.try_into()?);
    let kept = keep(&store, &acme, &announcing).await?;
    let (due, alert_at) = (at(DUE)?, at(DUE)? - TimeDelta::hours(24));
    let entry = only_due(&store, alert_at).await?;
    assert_eq!((entry.subject.clone(), entry.due_at), (DueSubject::Alert(kept.id), alert_at));
    let early = due - TimeDelta::seconds(1);
    assert_eq!(store.claim(&entry, &claim("early", early)).await?, None);
    let held = store.claim(&entry, &claim("tick", due)).await?.ok_or("refused")?;
    assert_eq!((held.run_number, held.status), (Some(FIRST), SubscriptionStatus::Running));
    assert_eq!(plan_claim(&held, due)?, ClaimPlan::Run(FIRST));
    assert_eq!(store.claim(&entry, &claim("other", due)).await?, None, "the lease holds");
    Ok(())
}

#[tokio::test]
async fn the_claim_of_a_run_forgets_its_alert() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let mut announced = subscription("s", 1)?;
    announced.renewal_alert_period = Some(24.try_into()?);
    announced.alerted = announced.next();
    keep(&store, &acme, &announced).await?;
    let held = claimed(&store, at(DUE)?).await?;
    assert_eq!((held.run_number, held.alerted), (Some(FIRST), None));
    Ok(())
}
