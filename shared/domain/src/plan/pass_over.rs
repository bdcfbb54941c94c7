//! Runs that are not made: passed over by policy, or abandoned.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{PlanError, standing};
use crate::{
    journal::Change, lifecycle::Trigger, run::Skipped, subscription::Subscription, time::Slot,
};

/// Passes over missed occurrences without a run, by policy.
///
/// # Errors
/// When the state machine does not allow the claimed run to end.
pub fn skip_missed(
    before: &Subscription,
    skipped: Skipped,
    next: Option<Slot>,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), PlanError> {
    let mut after = before.clone();
    after.status = after.status.after(Trigger::EndRun)?;
    after.set_next(next);
    after.release();
    after.version += 1;
    after.updated_at = now;
    let mut told = standing(&after);
    if let Value::Object(members) = &mut told {
        members.insert("skipped".to_owned(), json!(skipped));
    }
    let change =
        Change { event: "order_subscriptions.runs_skipped", before: standing(before), after: told };
    Ok((after, change))
}

/// Ends a run without an order, because its subscription was cancelled or paused before anything
/// was collected.
#[must_use]
pub fn abandon_run(before: &Subscription, now: DateTime<Utc>) -> (Subscription, Change) {
    let mut after = before.clone();
    after.status = after.status.after(Trigger::EndRun).unwrap_or(before.status);
    after.release();
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event: "order_subscriptions.run_abandoned",
        before: standing(before),
        after: standing(&after),
    };
    (after, change)
}
