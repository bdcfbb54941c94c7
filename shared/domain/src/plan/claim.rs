//! What a subscription that was just claimed is to do.

use chrono::{DateTime, TimeDelta, Utc};

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
    /// Try the payments of these runs again.
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
        let plan = plan_catch_up(&subscription.schedule(), next, now, subscription.catch_up)?;
        return if ends_before(subscription, &plan, now) {
            plan_last(subscription, next, now)
        } else {
            Ok(claim_of(plan, number))
        };
    }
    Ok(match subscription.wake() {
        Some((at, _)) if at > now => ClaimPlan::Nothing,
        Some((_, WakeKind::Expire)) => ClaimPlan::Expire,
        Some((_, WakeKind::Resume)) => ClaimPlan::Resume,
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

/// Whether the term ends before what catching up comes to.
fn ends_before(subscription: &Subscription, plan: &CatchUpPlan, now: DateTime<Utc>) -> bool {
    let expired = subscription
        .expires_at
        .is_some_and(|end| end <= now && plan.run.is_none_or(|run| run.at >= end));
    let last = plan.run.map(|run| run.number).or(plan.skipped.map(|skipped| skipped.last));
    expired || last.is_some_and(|last| !within_maximum(subscription, last))
}

fn within_maximum(subscription: &Subscription, number: OccurrenceNumber) -> bool {
    let before_it = subscription.occurrences_before(number);
    subscription.max_occurrences.is_none_or(|maximum| before_it < maximum.get())
}

/// Plans the last occurrence of a term that has ended, when those after it were all that catching up
/// would have run: it runs unless policy says that it is too late.
fn plan_last(
    subscription: &Subscription,
    next: Slot,
    now: DateTime<Utc>,
) -> Result<ClaimPlan, PlanError> {
    let schedule = subscription.schedule();
    let until = match subscription.expires_at.filter(|end| *end <= now) {
        Some(end) => end.checked_sub_signed(TimeDelta::nanoseconds(1)).unwrap_or(end),
        None => now,
    };
    let mut last = schedule.latest_due(next, until)?.map_or(next, |due| due.occurrence.slot());
    if !within_maximum(subscription, last.number) {
        last = next;
        loop {
            let following = schedule.following(last)?.slot();
            if !within_maximum(subscription, following.number) {
                break;
            }
            last = following;
        }
    }
    let skip = || ClaimPlan::Skip {
        skipped: Skipped { first: next.number, last: last.number },
        next: schedule.following(last).ok().map(Occurrence::slot),
    };
    if subscription.end_at(last).is_some() || !subscription.catch_up.tolerates(last.at, now) {
        return Ok(skip());
    }
    Ok(if last.number == next.number {
        ClaimPlan::Run(last.number)
    } else {
        ClaimPlan::CatchUp(last.number)
    })
}
