//! A rest, until a date or until somebody ends it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use thiserror::Error;

use super::{
    PlanError, SkipReason,
    dates_error::text,
    pass_over::{standing_past, told_skipped},
    standing,
};
use crate::{
    journal::Change,
    lifecycle::{SubscriptionStatus, Trigger},
    run::Skipped,
    subscription::Subscription,
    time::{self, Occurrence, Pause, Resumption, ScheduleError},
};

/// Why a pause cannot end when it is to. The text names the field, the value and the rule.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum PauseError {
    /// The date is not in the future.
    #[error("resumes_at must be in the future: {} is not after {}", text(*.resumes_at), text(*.now))]
    NotInFuture {
        /// The date that was asked for.
        resumes_at: DateTime<Utc>,
        /// The present.
        now: DateTime<Utc>,
    },
    /// It would have expired by then.
    #[error("resumes_at must be before expires_at ({}), not {}", text(*.expires_at), text(*.resumes_at))]
    NotBeforeExpiry {
        /// The date that was asked for.
        resumes_at: DateTime<Utc>,
        /// When the subscription expires.
        expires_at: DateTime<Utc>,
    },
}

/// Lets a subscription rest; nothing runs while it does.
///
/// # Errors
/// When the state machine does not allow it, or the pause cannot end when it is to.
pub fn pause(
    before: &Subscription,
    pause: Pause,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), PlanError> {
    if before.is_retrying() {
        return Err(PlanError::Retrying);
    }
    let mut after = before.clone();
    after.status = after.status.after(Trigger::Deactivate)?;
    if after.run_number.is_none() {
        after.release();
    }
    rest_until(&mut after, pause, now)?;
    after.version += 1;
    after.updated_at = now;
    let mut told = standing(&after);
    if let (Value::Object(members), Some(at)) = (&mut told, after.resumes_at) {
        members.insert("resumes_at".to_owned(), json!(at));
    }
    let change =
        Change { event: "order_subscriptions.deactivate", before: standing(before), after: told };
    Ok((after, change))
}

/// Says when a subscription that rests goes on by itself, if it does.
///
/// # Errors
/// [`PauseError`] when it cannot be then.
pub fn rest_until(
    subscription: &mut Subscription,
    pause: Pause,
    now: DateTime<Utc>,
) -> Result<(), PauseError> {
    if let Some(resumes_at) = pause.resumes_at {
        if resumes_at <= now {
            return Err(PauseError::NotInFuture { resumes_at, now });
        }
        if let Some(expires_at) = subscription.expires_at.filter(|end| *end <= resumes_at) {
            return Err(PauseError::NotBeforeExpiry { resumes_at, expires_at });
        }
    }
    subscription.resumes_at = pause.resumes_at;
    Ok(())
}

/// Ends a pause whose date of resumption is reached. Its schedule goes on from that date, however
/// late this is done; what is due since then is caught up on by policy. Answers what was passed
/// over with it.
///
/// # Errors
/// When the state machine does not allow it, or dates can't be computed.
pub fn end_pause(
    before: &Subscription,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change, Option<Skipped>), PlanError> {
    let from = before.resumes_at.map_or(now, |at| at.min(now));
    go_on(before, GoingOn::Pause, from, now)
}

/// What a subscription goes on after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GoingOn {
    /// A rest.
    Pause,
    /// Nothing: it was never active.
    Creation,
    /// A cancellation that was taken back.
    Cancellation,
}

impl GoingOn {
    const fn words(self) -> (Trigger, SkipReason, &'static str) {
        match self {
            Self::Pause => (Trigger::Activate, SkipReason::Paused, "order_subscriptions.activate"),
            Self::Creation => {
                (Trigger::Activate, SkipReason::NotActivated, "order_subscriptions.activate")
            }
            Self::Cancellation => {
                (Trigger::Reactivate, SkipReason::Cancelled, "order_subscriptions.reactivate")
            }
        }
    }
}

/// Passes over what fell due before an instant.
fn pass_until(
    after: &mut Subscription,
    from: DateTime<Utc>,
) -> Result<Option<Skipped>, ScheduleError> {
    let Some(expected) = after.served(from) else { return Ok(None) };
    let Resumption { passed, next } = time::resume(&after.schedule(), expected, from)?;
    if passed.is_some() {
        after.set_next(next.map(Occurrence::slot));
    }
    Ok(passed.map(|passed| Skipped { first: passed.first, last: passed.last }))
}

/// What a subscription that rests has passed over by now, as the journal tells, and the subscription
/// past it: other dates count from there. `None` where nothing fell due, or where it does not rest.
///
/// # Errors
/// When dates can't be computed.
pub fn rest_so_far(
    before: &Subscription,
    now: DateTime<Utc>,
) -> Result<Option<(Subscription, Value)>, ScheduleError> {
    if before.status != SubscriptionStatus::Inactive || before.run_number.is_some() {
        return Ok(None);
    }
    let mut after = before.clone();
    let passed = pass_until(&mut after, now)?;
    Ok(passed.map(|passed| (after, told_skipped(passed, SkipReason::Paused))))
}

/// Lets a subscription go on from an instant. It does not make up for what fell due while it
/// rested; one whose run is under way keeps that run.
pub(super) fn go_on(
    before: &Subscription,
    going_on: GoingOn,
    from: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change, Option<Skipped>), PlanError> {
    let (trigger, reason, event) = going_on.words();
    let mut after = before.clone();
    after.status = after.status.after(trigger)?;
    after.resumes_at = None;
    after.cancelled_at = None;
    after.held_by = None;
    let mut skipped = None;
    if after.run_number.is_none() {
        after.release();
        skipped = pass_until(&mut after, from)?;
    }
    after.version += 1;
    after.updated_at = now;
    let change =
        Change { event, before: standing(before), after: standing_past(&after, skipped, reason) };
    Ok((after, change, skipped))
}
