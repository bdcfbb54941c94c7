//! A subscription whose run became a dead letter waits until somebody redrives or discards that.

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{DeadLetterId, OrganizationId, SubscriptionId},
    journal::{Cause, Change, append},
    plan,
    subscription::Subscription,
    time::OccurrenceNumber,
};
use perennial_store::{Expect, Store, StoreError};

use crate::sqs_batch::HandleError;

/// Attempts at a commit that others keep getting ahead of.
const COMMIT_ATTEMPTS: u32 = 5;

/// Blocks a subscription whose run `number` is under way. Anything else is left alone. Answers the
/// subscription as it stood before, if there is one.
pub(crate) async fn block(
    store: &Store,
    organization: &OrganizationId,
    subscription: &SubscriptionId,
    number: OccurrenceNumber,
    letter: &DeadLetterId,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<Option<Subscription>, HandleError> {
    change(store, organization, subscription, cause, now, |before| {
        let under_way = before.run_number == Some(number) && before.blocked_by.is_none();
        Ok(under_way.then(|| plan::block(before, letter.as_str(), now)))
    })
    .await
}

/// Lets a subscription run again that `letter` has blocked.
pub(crate) async fn unblock(
    store: &Store,
    organization: &OrganizationId,
    subscription: &SubscriptionId,
    letter: &DeadLetterId,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), HandleError> {
    change(store, organization, subscription, cause, now, |before| {
        let blocked = before.blocked_by.as_deref() == Some(letter.as_str());
        Ok(blocked.then(|| plan::unblock(before, now)))
    })
    .await
    .map(drop)
}

/// Puts off the payment of a run whose retry became a dead letter, and lets go of the claim, so
/// that the same failure does not come back with every lease, and the subscription can be mended.
pub(crate) async fn postpone(
    store: &Store,
    organization: &OrganizationId,
    subscription: &SubscriptionId,
    number: OccurrenceNumber,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), HandleError> {
    change(store, organization, subscription, cause, now, |before| {
        Ok(plan::postpone_retry(before, number, now))
    })
    .await
    .map(drop)
}

async fn change(
    store: &Store,
    organization: &OrganizationId,
    id: &SubscriptionId,
    cause: &Cause,
    now: DateTime<Utc>,
    decide: impl Fn(&Subscription) -> Result<Option<(Subscription, Change)>, HandleError>,
) -> Result<Option<Subscription>, HandleError> {
    for _ in 0..COMMIT_ATTEMPTS {
        let Some(before) = store.subscription(organization, id).await? else { return Ok(None) };
        let Some((mut after, change)) = decide(&before)? else { return Ok(Some(before)) };
        let entry =
            append(&mut after.journal, organization, id.as_str(), now, cause.clone(), change);
        let committed = store
            .commit(organization)
            .subscription(&after, Expect::Version(before.version))
            .entry("S", &entry)
            .run()
            .await;
        match committed {
            Ok(()) => return Ok(Some(before)),
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(HandleError::Transient(format!("subscription {id} keeps changing")))
}
