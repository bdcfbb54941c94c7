//! What a subscription that was just claimed is to do.

use chrono::{DateTime, Utc};

use super::PlanError;
use crate::{
    run::Skipped,
    subscription::{Subscription, Unsettled, WakeKind},
    time::{CatchUpPlan, Occurrence, OccurrenceNumber, Slot, plan_catch_up},
};

/// What to do about a subscription that was just claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimPlan {
    /// Make the run that the claim has fixed.
    Run(OccurrenceNumber),
    /// Occurrences were missed: fix this later one in the claim first, then make it.
    CatchUp(OccurrenceNumber),
    /// Occurrences were missed and policy runs none of them.
    Skip {
        /// The occurrences passed over.
        skipped: Skipped,
        /// The next one.
        next: Option<Slot>,
    },
    /// Try the payments of these runs again: one at a time, as long as anything may be charged, so that
    /// none is without a claim when another one ends it.
    Retry(Vec<Unsettled>),
    /// Its expiry or its last occurrence is reached.
    Expire,
    /// Its pause is over.
    Resume,
    /// Nothing is due any more.
    Nothing,
}

/// Decides what a claimed subscription is to do at `now`.
///
/// A claim that was taken before and lost (`lease_claims` above 1) finishes the run it began with,
/// however late: its payment may have been collected. Only a fresh claim may catch up.
///
/// # Errors
/// When the schedule can't be computed.
pub fn plan_claim(subscription: &Subscription, now: DateTime<Utc>) -> Result<ClaimPlan, PlanError> {
    if let Some(number) = subscription.run_number {
        let begun_before = subscription.lease_claims.is_some_and(|claims| claims > 1);
        let Some(next) = subscription.expected() else {
            return Ok(ClaimPlan::Run(number));
        };
        if begun_before || next.number != number {
            return Ok(ClaimPlan::Run(number));
        }
        let schedule = subscription.schedule();
        let term = subscription.numbered_term();
        let next = subscription.served(now).unwrap_or(next);
        let plan = plan_catch_up(&schedule, next, now, subscription.catch_up, term)?;
        return Ok(claim_of(plan, number));
    }
    Ok(match subscription.wake() {
        Some((at, _)) if at > now => ClaimPlan::Nothing,
        Some((_, WakeKind::Expire)) => ClaimPlan::Expire,
        Some((_, WakeKind::Resume)) => ClaimPlan::Resume,
        Some((_, WakeKind::Retry)) if subscription.status.repeats() => {
            ClaimPlan::Retry(subscription.next_retry().into_iter().cloned().collect())
        }
        Some((_, WakeKind::Retry)) => ClaimPlan::Retry(
            subscription
                .unsettled
                .iter()
                .filter(|unsettled| unsettled.retry_at <= now)
                .cloned()
                .collect(),
        ),
        Some((_, WakeKind::Run | WakeKind::Finish | WakeKind::Alert)) | None => ClaimPlan::Nothing,
    })
}

fn claim_of(plan: CatchUpPlan, number: OccurrenceNumber) -> ClaimPlan {
    match (plan.run, plan.skipped) {
        (Some(run), _) if run.number == number => ClaimPlan::Run(number),
        (Some(run), _) => ClaimPlan::CatchUp(run.number),
        (None, Some(skipped)) => ClaimPlan::Skip {
            skipped: Skipped { first: skipped.first, last: skipped.last },
            next: plan.next.map(Occurrence::slot),
        },
        (None, None) => ClaimPlan::Nothing,
    }
}
