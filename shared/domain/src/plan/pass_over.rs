//! Runs that are not made: passed over, by policy or by request, or abandoned.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{PlanError, standing};
use crate::{
    journal::Change, lifecycle::Trigger, run::Skipped, subscription::Subscription, time::Slot,
};

/// Why occurrences are passed over, as the journal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// They were missed, and policy does not make up for them.
    Missed,
    /// They fell due while the subscription rested.
    Paused,
    /// Somebody asked for it.
    Requested,
    /// Their run became a dead letter, and somebody discarded that.
    Discarded,
}

impl SkipReason {
    /// The words in the journal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Paused => "paused",
            Self::Requested => "skipped by request",
            Self::Discarded => "discarded",
        }
    }
}

/// What a journal entry tells of where a subscription stands, and which occurrences were passed
/// over on the way there.
pub(super) fn standing_past(
    after: &Subscription,
    skipped: Option<Skipped>,
    reason: SkipReason,
) -> Value {
    let mut told = standing(after);
    if let (Value::Object(members), Some(Skipped { first, last })) = (&mut told, skipped) {
        let skipped = json!({"first": first, "last": last, "reason": reason.as_str()});
        members.insert("skipped".to_owned(), skipped);
    }
    told
}

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
    pass_over(before, skipped, SkipReason::Missed, next, now)
}

/// Ends the claimed run without an order, and goes on with `next`.
pub(super) fn pass_over(
    before: &Subscription,
    skipped: Skipped,
    reason: SkipReason,
    next: Option<Slot>,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), PlanError> {
    let mut after = before.clone();
    after.status = after.status.after(Trigger::EndRun)?;
    after.set_next(next);
    after.release();
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event: "order_subscriptions.runs_skipped",
        before: standing(before),
        after: standing_past(&after, Some(skipped), reason),
    };
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
