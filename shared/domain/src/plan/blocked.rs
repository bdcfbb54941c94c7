//! A subscription whose run became a dead letter.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{PlanError, SkipReason, pass_over::pass_over, plan_run, standing};
use crate::{journal::Change, run::Skipped, subscription::Subscription, time::OccurrenceNumber};

/// How long the payment of a run rests whose retry became a dead letter.
const POSTPONED: TimeDelta = TimeDelta::days(1);

/// Keeps a subscription from running until the dead letter that its run became is redriven or
/// discarded; the run stays fixed.
#[must_use]
pub fn block(before: &Subscription, letter: &str, now: DateTime<Utc>) -> (Subscription, Change) {
    let mut after = before.clone();
    after.blocked_by = Some(letter.to_owned());
    after.lease_until = None;
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event: "order_subscriptions.block",
        before: standing(before),
        after: json!({"status": after.status, "run": after.run_number, "dead_letter": letter}),
    };
    (after, change)
}

/// Lets a blocked subscription run again; its run is taken up where it was.
#[must_use]
pub fn unblock(before: &Subscription, now: DateTime<Utc>) -> (Subscription, Change) {
    let mut after = before.clone();
    after.blocked_by = None;
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event: "order_subscriptions.unblock",
        before: json!({"status": before.status, "dead_letter": before.blocked_by}),
        after: standing(&after),
    };
    (after, change)
}

/// Gives up the run under way without an order, and moves on to the occurrence after it. Nothing
/// happens where no run is under way.
///
/// # Errors
/// When dates can't be computed, or the state machine does not allow the run to end.
pub fn discard_run(
    before: &Subscription,
    now: DateTime<Utc>,
) -> Result<Option<(Subscription, Change)>, PlanError> {
    let (Some(number), Some(next)) = (before.run_number, before.expected()) else {
        return Ok(None);
    };
    let planned = plan_run(before)?;
    let skipped = Skipped { first: next.number, last: number };
    let following = planned.and_then(|planned| planned.next);
    let mut unblocked = before.clone();
    unblocked.blocked_by = None;
    pass_over(&unblocked, skipped, SkipReason::Discarded, following, now).map(Some)
}

/// Puts off the payment of an open run by a day, because trying it fails for another reason than a
/// decline. `None` where the run is not open.
#[must_use]
pub fn postpone_retry(
    before: &Subscription,
    number: OccurrenceNumber,
    now: DateTime<Utc>,
) -> Option<(Subscription, Change)> {
    let mut after = before.clone();
    let unsettled = after.unsettled.iter_mut().find(|unsettled| unsettled.number == number)?;
    let retry_at = now.checked_add_signed(POSTPONED).unwrap_or(now);
    unsettled.retry_at = retry_at;
    if after.run_number.is_none() {
        after.release();
    }
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event: "order_subscriptions.postpone_retry",
        before: standing(before),
        after: json!({"status": after.status, "run": number, "retry_at": retry_at}),
    };
    Some((after, change))
}

#[cfg(test)]
#[path = "blocked_tests.rs"]
mod tests;
