//! Changes of status: by a person or client, or because the expiry is reached.

use chrono::{DateTime, Utc};

use super::{PlanError, standing};
use crate::{journal::Change, lifecycle::Trigger, subscription::Subscription};

/// Ends a subscription whose expiry is reached.
///
/// # Errors
/// When the state machine does not allow it.
pub fn expire(
    before: &Subscription,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), PlanError> {
    let mut after = before.clone();
    after.status = after.status.after(Trigger::Expire)?;
    after.set_next(None);
    after.release();
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event: "order_subscriptions.expire",
        before: standing(before),
        after: standing(&after),
    };
    Ok((after, change))
}

/// Carries out what a person or client asks of a subscription's status.
///
/// A subscription that becomes active again does not make up for the occurrences that passed while
/// it rested: its next one is the first after `now`. One whose run is under way keeps that run.
///
/// # Errors
/// When the state machine does not allow it, or the schedule has no further date.
pub fn change_status(
    before: &Subscription,
    trigger: Trigger,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), PlanError> {
    let mut after = before.clone();
    after.status = after.status.after(trigger)?;
    if after.run_number.is_none() {
        after.release();
    }
    let event = match trigger {
        Trigger::Activate => {
            if after.run_number.is_none() {
                let next = match after.next() {
                    Some(next) if next.at <= now => {
                        Some(after.schedule().first_after(next, now)?.slot())
                    }
                    other => other,
                };
                after.set_next(next);
            }
            "order_subscriptions.activate"
        }
        Trigger::Deactivate => "order_subscriptions.deactivate",
        Trigger::Cancel => {
            after.close_open_runs(now);
            "order_subscriptions.cancel"
        }
        Trigger::StartRun => "order_subscriptions.run_started",
        Trigger::EndRun => "order_subscriptions.run_ended",
        Trigger::Expire => "order_subscriptions.expire",
    };
    after.version += 1;
    after.updated_at = now;
    let change = Change { event, before: standing(before), after: standing(&after) };
    Ok((after, change))
}
