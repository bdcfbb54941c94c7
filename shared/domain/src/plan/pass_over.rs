//! Runs that are not made: passed over, by policy or by request, or abandoned.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{PlanError, PlannedRun, Settled, settle::begin_run, standing, tell_factory};
use crate::{
    journal::Change,
    lifecycle::Trigger,
    order_copy::Culprit,
    run::{RunError, RunStatus, Skipped},
    subscription::Subscription,
    time::Slot,
};

/// Why occurrences are passed over, as the journal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// They were missed, and policy does not make up for them.
    Missed,
    /// They fell due while the subscription rested.
    Paused,
    /// They fell due while the subscription was cancelled.
    Cancelled,
    /// They fell due before the subscription was active for the first time.
    NotActivated,
    /// They fell due between the source order and the subscription that was made from it later.
    BeforeCreation,
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
            Self::Cancelled => "cancelled",
            Self::NotActivated => "not activated in time",
            Self::BeforeCreation => "before it was made",
            Self::Requested => "skipped by request",
            Self::Discarded => "discarded",
        }
    }
}

/// Why a run that was claimed is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbortReason {
    /// Its subscription was cancelled meanwhile.
    Cancelled,
    /// Its subscription was paused meanwhile.
    Paused,
    /// It became a dead letter, and somebody discarded that.
    Discarded,
}

/// The code of what ended because its subscription was cancelled.
pub(super) const SUBSCRIPTION_CANCELLED: &str = "subscription_cancelled";

/// What a journal entry tells of occurrences that were passed over.
pub(super) fn told_skipped(skipped: Skipped, reason: SkipReason) -> Value {
    json!({"first": skipped.first, "last": skipped.last, "reason": reason.as_str()})
}

/// What a journal entry tells of where a subscription stands, and which occurrences were passed
/// over on the way there.
pub(crate) fn standing_past(
    after: &Subscription,
    skipped: Option<Skipped>,
    reason: SkipReason,
) -> Value {
    let mut told = standing(after);
    if let (Value::Object(members), Some(skipped)) = (&mut told, skipped) {
        members.insert("skipped".to_owned(), told_skipped(skipped, reason));
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

/// Ends a run without an order before anything was collected, and goes on with the one after it:
/// its number is used. The copy says that it was aborted, and why.
///
/// # Errors
/// When the state machine does not allow the claimed run to end.
pub fn abort_run(
    before: &Subscription,
    planned: &PlannedRun,
    reason: AbortReason,
    now: DateTime<Utc>,
) -> Result<Settled, PlanError> {
    let first = before.expected().map_or(planned.number, |next| next.number);
    let skipped = Skipped { first, last: planned.number };
    let (skip_reason, code, event) = match reason {
        AbortReason::Cancelled => {
            (SkipReason::Cancelled, SUBSCRIPTION_CANCELLED, "order_subscriptions.run_abandoned")
        }
        AbortReason::Paused => {
            (SkipReason::Paused, "subscription_paused", "order_subscriptions.run_abandoned")
        }
        AbortReason::Discarded => {
            (SkipReason::Discarded, "dead_letter_discarded", "order_subscriptions.runs_skipped")
        }
    };
    let (subscription, change) = pass_over(before, skipped, skip_reason, planned.next, now)?;
    let mut change = Change { event, ..change };
    tell_factory(&mut change.after, before.factory);
    let mut run = begin_run(before, planned, now);
    run.status = RunStatus::Aborted;
    run.version = 1;
    run.skipped = None;
    run.errors_log.push(RunError {
        at: now,
        code: code.to_owned(),
        message: format!(
            "the run was given up before anything was collected: {}",
            skip_reason.as_str()
        ),
        resource: Some(Culprit::new("order_subscriptions", &before.id)),
    });
    Ok(Settled { subscription, run, change })
}

/// Ends a run without an order where it can't even be planned.
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
