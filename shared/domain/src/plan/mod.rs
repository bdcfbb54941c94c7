//! What is to be done when a subscription is due, and what becomes of it afterwards. Every
//! function takes values and returns a decision; the functions of `functions/` carry it out.

mod blocked;
mod claim;
mod pass_over;
mod settle;
mod status;

use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    lifecycle::IllegalTransition, money::MoneyError, subscription::Subscription,
    time::ScheduleError,
};

pub use blocked::{block, discard_run, postpone_retry, unblock};
pub use claim::{ClaimPlan, plan_claim};
pub use pass_over::{abandon_run, skip_missed};
pub use settle::{Outcome, PlannedRun, Settled, plan_run, settle_retry, settle_run};
pub use status::{change_status, expire};

/// Why no decision could be made. None of these passes by waiting.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// The schedule has no such date.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The amounts are out of range.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The state machine does not allow it.
    #[error(transparent)]
    Transition(#[from] IllegalTransition),
}

/// What a journal entry tells of where a subscription stands.
#[must_use]
pub fn standing(subscription: &Subscription) -> Value {
    json!({
        "status": subscription.status,
        "next_number": subscription.next_number,
        "next_run_at": subscription.next_run_at,
    })
}

#[cfg(test)]
mod tests;
