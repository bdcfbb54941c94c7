//! What is to be done when a subscription is due, and what becomes of it afterwards. Every
//! function takes values and returns a decision; the functions of `functions/` carry it out.

mod alert;
mod blocked;
mod claim;
mod convert;
mod cut_off;
mod dates;
mod dates_error;
mod items;
mod paid_late;
mod pass_over;
mod pause;
mod prices;
mod retry_now;
mod run_now;
mod settle;
mod skip;
mod status;
mod unpaid;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    ids::OrderId,
    lifecycle::IllegalTransition,
    money::MoneyError,
    order_copy::Factory,
    subscription::Subscription,
    time::{ScheduleError, TermEnd},
};

pub use alert::{AlertPlan, TaxTold, alert, plan_alert};
pub use blocked::{block, discard_run, postpone_retry, unblock};
pub use claim::{ClaimPlan, plan_claim};
pub use convert::convert;
pub use cut_off::{ClosedForChanges, closed_for_changes};
pub use dates::{DatesChange, change_dates};
pub use dates_error::DatesError;
pub use items::{ItemsChange, ItemsError, change_items};
pub(crate) use pass_over::standing_past;
pub use pass_over::{AbortReason, SkipReason, abandon_run, abort_run, skip_missed};
pub use pause::{PauseError, end_pause, pause, rest_so_far, rest_until};
pub use prices::{TAX_CALCULATOR_MISSING, fix_prices, fix_run, price_run, unpriced, untaxed};
pub use retry_now::{RetryClaim, begin_anew, claim_retry, retry_open_runs, retry_run_now};
pub use run_now::run_now;
pub use settle::{
    Outcome, PlannedRun, Settled, plan_passed, plan_run, settle_passed, settle_retry, settle_run,
};
pub use skip::skip_next_run;
pub use status::{activate, cancel, expire, reactivate};
pub use unpaid::NO_PAYMENT_SOURCE;

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
    /// A pause cannot end then.
    #[error(transparent)]
    Pause(#[from] PauseError),
    /// It has come to its end, and would end again at once.
    #[error("its {} is reached: set a later one, or none, to let it go on", match end {
        TermEnd::MaximumReached => "max_occurrences",
        TermEnd::Expired => "expires_at",
    })]
    Ended {
        /// Why there is no further occurrence.
        end: TermEnd,
    },
    /// It was cancelled too long ago to be taken up again.
    #[error(
        "it was cancelled at {}: it could be reactivated within reactivation_days ({days}) of its \
         subscription model",
        dates_error::text(*.cancelled_at)
    )]
    CancelledForGood {
        /// The window.
        days: u16,
        /// When it was cancelled.
        cancelled_at: DateTime<Utc>,
    },
    /// Its source order makes it active.
    #[error("it becomes active when its source order {0} is placed: place that")]
    WaitsForSource(OrderId),
    /// Its runs copy its items already.
    #[error(
        "its runs copy its items already: only one whose runs copy its source order is converted"
    )]
    Converted,
    /// The model does not offer its frequency.
    #[error("{0}")]
    NotOffered(String),
    /// What a payment finds that is under way must be settled first.
    #[error("a payment of it is being tried again right now: ask again when that has ended")]
    Retrying,
    /// There is no next run to be skipped, or made now.
    #[error("there is no next run: none comes before its end")]
    NoNextRun,
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

/// Adds to a journal entry which kind of copies a run is one of, where that is not the usual one.
fn tell_factory(told: &mut Value, factory: Factory) {
    if let (Value::Object(members), Factory::OrderCopies) = (told, factory) {
        members.insert("factory".to_owned(), json!(factory));
    }
}

#[cfg(test)]
pub(crate) mod tests;
