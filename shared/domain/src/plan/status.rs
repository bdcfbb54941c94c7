//! Changes of status: by a person or client, or because the end is reached.

use chrono::{DateTime, TimeDelta, Utc};

use serde_json::{Value, json};

use super::{
    PlanError,
    pause::{GoingOn, go_on},
    standing,
};
use crate::{
    ids::OrderId,
    journal::Change,
    lifecycle::{SubscriptionStatus, Trigger},
    subscription::Subscription,
    time::TermEnd,
};

/// Ends a subscription whose expiry, or last occurrence, is reached.
///
/// # Errors
/// When the state machine does not allow it.
pub fn expire(
    before: &Subscription,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), PlanError> {
    let mut after = before.clone();
    after.status = after.status.after(Trigger::Expire)?;
    after.release();
    after.version += 1;
    after.updated_at = now;
    let reason = if before.maximum_reached() { TermEnd::MaximumReached } else { TermEnd::Expired };
    let mut told = standing(&after);
    if let Value::Object(members) = &mut told {
        members.insert("reason".to_owned(), json!(reason));
    }
    let change =
        Change { event: "order_subscriptions.expire", before: standing(before), after: told };
    Ok((after, change))
}

/// Lets a subscription repeat, from `now` on, because a person or client asks for it.
///
/// It does not make up for the occurrences that passed while it rested: the journal tells which
/// these are. One whose run is under way keeps that run.
///
/// # Errors
/// When the state machine does not allow it, when its end is reached, or when the schedule has no
/// such date.
pub fn activate(
    before: &Subscription,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), PlanError> {
    let never_was = before.status == SubscriptionStatus::Draft;
    if let Some(source) = waits_for(before).filter(|_| never_was) {
        return Err(PlanError::WaitsForSource(source));
    }
    let going_on = if never_was { GoingOn::Creation } else { GoingOn::Pause };
    let (after, change, _) = go_on(before, going_on, now, now)?;
    within_term(&after, now)?;
    Ok((after, change))
}

/// The order whose placement makes it active, if one does.
fn waits_for(before: &Subscription) -> Option<OrderId> {
    before.source_order_id.clone().filter(|_| before.activate_by_source_order)
}

/// Refuses to let something go on that would end again at once.
fn within_term(after: &Subscription, now: DateTime<Utc>) -> Result<(), PlanError> {
    let expired = after.expires_at.filter(|end| *end <= now).map(|_| TermEnd::Expired);
    let reached = after.maximum_reached().then_some(TermEnd::MaximumReached);
    match reached.or(expired).filter(|_| after.run_number.is_none()) {
        Some(end) => Err(PlanError::Ended { end }),
        None => Ok(()),
    }
}

/// Takes up a subscription again that was cancelled at most so many days ago. Its dates are those
/// that they would have been; what fell due while it was cancelled is not made up for, and the
/// journal tells which these are.
///
/// # Errors
/// When it is not cancelled, when that is too long ago, or when its end is reached.
pub fn reactivate(
    before: &Subscription,
    days: u16,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), PlanError> {
    let (after, change, _) = go_on(before, GoingOn::Cancellation, now, now)?;
    if let Some(source) = waits_for(before).filter(|_| before.expected().is_none()) {
        return Err(PlanError::WaitsForSource(source));
    }
    let cancelled_at = before.cancelled_at.unwrap_or(before.updated_at);
    let until = cancelled_at.checked_add_signed(TimeDelta::days(i64::from(days)));
    if days == 0 || until.is_some_and(|until| until < now) {
        return Err(PlanError::CancelledForGood { days, cancelled_at });
    }
    within_term(&after, now)?;
    Ok((after, change))
}

/// Ends a subscription, because a person or client asks for it. Its open runs are closed by the next
/// tick.
///
/// # Errors
/// When the state machine does not allow it.
pub fn cancel(
    before: &Subscription,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), PlanError> {
    if before.is_retrying() {
        return Err(PlanError::Retrying);
    }
    let mut after = before.clone();
    after.status = after.status.after(Trigger::Cancel)?;
    after.awaits_method = None;
    if after.run_number.is_none() {
        after.release();
    }
    after.resumes_at = None;
    after.cancelled_at = Some(now);
    if before.status == SubscriptionStatus::Draft && before.activate_by_source_order {
        // It has never begun: its dates were to come from its source order.
        after.set_next(None);
    }
    after.close_open_runs(now);
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event: "order_subscriptions.cancel",
        before: standing(before),
        after: standing(&after),
    };
    Ok((after, change))
}

#[cfg(test)]
#[path = "reactivate_tests.rs"]
mod tests;
