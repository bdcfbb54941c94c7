//! What is to be done when a subscription is due, and what becomes of it afterwards. Every
//! function takes values and returns a decision; the functions of `functions/` carry it out.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    dunning::{DeclineKind, FinalAction, GiveUpReason, RetryDecision},
    ids::{OrderId, PaymentSourceId},
    journal::Change,
    lifecycle::{IllegalTransition, SubscriptionStatus, Trigger},
    money::{MinorUnits, MoneyError},
    run::{Run, RunError, RunLine, RunStatus, Skipped},
    subscription::{Subscription, SubscriptionItem, Unsettled, WakeKind},
    time::{CatchUpPlan, Occurrence, OccurrenceNumber, ScheduleError, Slot, plan_catch_up},
};

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
    /// The expiry is reached.
    Expire,
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
        let Some(next) = subscription.next() else {
            return Ok(ClaimPlan::Run(number));
        };
        if begun_before || next.number != number {
            return Ok(ClaimPlan::Run(number));
        }
        let plan = plan_catch_up(&subscription.schedule(), next, now, subscription.catch_up)?;
        return match subscription.expires_at.filter(|end| *end <= now) {
            Some(end) if plan.run.is_none_or(|run| run.at >= end) => {
                plan_last(subscription, next, end, now)
            }
            Some(_) | None => Ok(claim_of(plan, number)),
        };
    }
    Ok(match subscription.wake() {
        Some((at, _)) if at > now => ClaimPlan::Nothing,
        Some((_, WakeKind::Expire)) => ClaimPlan::Expire,
        Some((_, WakeKind::Retry)) => ClaimPlan::Retry(
            subscription
                .unsettled
                .iter()
                .filter(|unsettled| unsettled.retry_at <= now)
                .cloned()
                .collect(),
        ),
        Some((_, WakeKind::Run | WakeKind::Finish)) | None => ClaimPlan::Nothing,
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

/// Plans the last occurrence before an expiry that has passed, when those at or after it were all
/// that catching up would have run: it runs unless policy says that it is too late.
fn plan_last(
    subscription: &Subscription,
    next: Slot,
    end: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<ClaimPlan, PlanError> {
    let before_end = end.checked_sub_signed(TimeDelta::nanoseconds(1)).unwrap_or(end);
    let latest = subscription.schedule().latest_due(next, before_end)?;
    let last = latest.map_or(next, |latest| latest.occurrence.slot());
    if last.at >= end || !subscription.catch_up.tolerates(last.at, now) {
        let skipped = Skipped { first: next.number, last: last.number };
        return Ok(ClaimPlan::Skip { skipped, next: None });
    }
    Ok(if last.number == next.number {
        ClaimPlan::Run(last.number)
    } else {
        ClaimPlan::CatchUp(last.number)
    })
}

/// One run, ready to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRun {
    /// Which occurrence.
    pub number: OccurrenceNumber,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// The order that it makes.
    pub order_id: OrderId,
    /// What it costs, in minor units.
    pub total: MinorUnits,
    /// Occurrences passed over before it.
    pub skipped: Option<Skipped>,
    /// The occurrence after it.
    pub next: Option<Slot>,
}

/// Plans the run that the claim has fixed; `None` when no run is under way.
///
/// # Errors
/// When dates or amounts can't be computed.
pub fn plan_run(subscription: &Subscription) -> Result<Option<PlannedRun>, PlanError> {
    let (Some(number), Some(next)) = (subscription.run_number, subscription.next()) else {
        return Ok(None);
    };
    if number < next.number {
        return Ok(None);
    }
    let schedule = subscription.schedule();
    let mut occurrence = next;
    while occurrence.number < number {
        occurrence = schedule.following(occurrence)?.slot();
    }
    let skipped = number
        .previous()
        .filter(|last| *last >= next.number)
        .map(|last| Skipped { first: next.number, last });
    Ok(Some(PlannedRun {
        number,
        due_at: occurrence.at,
        order_id: OrderId::of_run(&subscription.id, number),
        total: subscription.total()?,
        skipped,
        next: schedule.following(occurrence).ok().map(Occurrence::slot),
    }))
}

/// How an attempt at a run's payment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Collected.
    Paid {
        /// The provider's charge.
        charge_id: String,
    },
    /// There was nothing to collect.
    Free,
    /// The provider declined.
    Declined {
        /// Whether trying again can help.
        kind: DeclineKind,
        /// The provider's code, normalized.
        code: String,
        /// For a person to read.
        message: String,
    },
    /// A rule of ours refused before any payment was tried (`out_of_stock`).
    Refused {
        /// Stable code.
        code: String,
        /// For a person to read.
        message: String,
    },
}

/// A subscription and one of its runs after an attempt, ready to be committed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The subscription as it now is; its version is the new one.
    pub subscription: Subscription,
    /// The run as it now is.
    pub run: Run,
    /// What the journal is told.
    pub change: Change,
}

/// Settles the first attempt at a run.
///
/// # Errors
/// When the state machine does not allow the run to end.
pub fn settle_run(
    before: &Subscription,
    planned: &PlannedRun,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Result<Settled, PlanError> {
    let run = Run {
        subscription_id: before.id.clone(),
        number: planned.number,
        due_at: planned.due_at,
        status: RunStatus::Open,
        job_run_id: before.job_run_id.clone(),
        started_at: now,
        completed_at: None,
        failed_at: None,
        attempts: 0,
        retry_at: None,
        errors_log: Vec::new(),
        skipped: planned.skipped,
        market_id: before.market_id.clone(),
        customer_id: before.customer_id.clone(),
        payment_source_id: before.payment_source_id.clone(),
        currency: before.currency,
        lines: before.items.iter().map(line_of).collect(),
        total: planned.total,
        charge_id: None,
        version: 0,
    };
    let mut after = before.clone();
    after.status = after.status.after(Trigger::EndRun)?;
    after.set_next(planned.next);
    after.last_run_at = Some(now);
    after.release();
    settle(before, after, run, outcome, now)
}

/// Settles another attempt at a run that was made before.
///
/// # Errors
/// When a policy's final step is not allowed by the state machine.
pub fn settle_retry(
    before: &Subscription,
    run: &Run,
    payment_source: Option<PaymentSourceId>,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Result<Settled, PlanError> {
    let mut run = run.clone();
    if payment_source.is_some() {
        run.payment_source_id = payment_source;
    }
    let mut after = before.clone();
    if after.run_number.is_none() {
        after.release();
    }
    settle(before, after, run, outcome, now)
}

fn line_of(item: &SubscriptionItem) -> RunLine {
    RunLine {
        sku_code: item.sku_code.clone(),
        name: item.name.clone(),
        quantity: item.quantity,
        unit_amount: item.unit_amount,
    }
}

fn settle(
    before: &Subscription,
    mut after: Subscription,
    mut run: Run,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Result<Settled, PlanError> {
    after.unsettled.retain(|unsettled| unsettled.number != run.number);
    run.retry_at = None;
    run.version += 1;
    let event = match outcome {
        Outcome::Paid { .. } | Outcome::Free => {
            if let Outcome::Paid { charge_id } = outcome {
                run.attempts += 1;
                run.charge_id = Some(charge_id.clone());
            }
            run.status = RunStatus::Successful;
            run.completed_at = Some(now);
            run.failed_at = None;
            after.occurrencies = after.occurrencies.saturating_add(1);
            after.succeeded_on_last_run = Some(true);
            "order_subscriptions.last_run_succeeded"
        }
        Outcome::Declined { kind, code, message } => {
            run.attempts += 1;
            fail(&mut after, &mut run, code, message, now);
            match after.retry.decide(run.attempts - 1, *kind, now) {
                RetryDecision::RetryAt { at, .. } if after.status.repeats() => {
                    run.status = RunStatus::Open;
                    run.retry_at = Some(at);
                    after.unsettled.push(Unsettled {
                        number: run.number,
                        attempts: run.attempts,
                        retry_at: at,
                    });
                }
                // What has ended or rests is not charged again behind its owner's back.
                RetryDecision::RetryAt { .. } => give_up(&mut run, now),
                RetryDecision::GiveUp { reason, action } => {
                    give_up(&mut run, now);
                    log(&mut run, give_up_code(reason), give_up_message(reason), now);
                    finally(&mut after, action)?;
                }
            }
            "order_subscriptions.last_run_failed"
        }
        Outcome::Refused { code, message } => {
            fail(&mut after, &mut run, code, message, now);
            give_up(&mut run, now);
            "order_subscriptions.last_run_failed"
        }
    };
    after.version += 1;
    after.updated_at = now;
    let change = Change { event, before: standing(before), after: standing_with(&after, &run) };
    Ok(Settled { subscription: after, run, change })
}

fn fail(after: &mut Subscription, run: &mut Run, code: &str, message: &str, now: DateTime<Utc>) {
    after.errors_count = after.errors_count.saturating_add(1);
    after.succeeded_on_last_run = Some(false);
    log(run, code, message, now);
}

fn log(run: &mut Run, code: &str, message: &str, at: DateTime<Utc>) {
    run.errors_log.push(RunError { at, code: code.to_owned(), message: message.to_owned() });
}

fn give_up(run: &mut Run, now: DateTime<Utc>) {
    run.status = RunStatus::Failed;
    run.failed_at = Some(now);
}

fn give_up_code(reason: GiveUpReason) -> &'static str {
    match reason {
        GiveUpReason::HardDecline => "hard_decline",
        GiveUpReason::RetriesExhausted => "retries_exhausted",
    }
}

fn give_up_message(reason: GiveUpReason) -> &'static str {
    match reason {
        GiveUpReason::HardDecline => "the decline is final: a new payment source is needed",
        GiveUpReason::RetriesExhausted => "every retry that the policy allows has been made",
    }
}

fn finally(after: &mut Subscription, action: FinalAction) -> Result<(), PlanError> {
    let trigger = match action {
        FinalAction::KeepActive | FinalAction::Skip => return Ok(()),
        FinalAction::Pause => Trigger::Deactivate,
        FinalAction::Cancel => Trigger::Cancel,
    };
    if after.status.repeats() {
        after.status = after.status.after(trigger)?;
    }
    Ok(())
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

fn standing_with(subscription: &Subscription, run: &Run) -> Value {
    let mut standing = json!({
        "status": subscription.status,
        "next_number": subscription.next_number,
        "next_run_at": subscription.next_run_at,
        "run": run.number,
        "run_status": run.status,
        "order_id": run.order_id(),
        "total": run.total,
        "currency": run.currency,
    });
    if let (Value::Object(members), Some(error)) = (&mut standing, run.errors_log.last())
        && run.status != RunStatus::Successful
    {
        members.insert("error".to_owned(), json!(error.code));
    }
    standing
}

/// Keeps a subscription from running until the dead letter that its run became is redriven or
/// discarded; the run stays fixed.
#[must_use]
pub fn block(before: &Subscription, letter: &str, now: DateTime<Utc>) -> (Subscription, Change) {
    let mut after = before.clone();
    after.blocked_by = Some(letter.to_owned());
    after.lease_until = None;
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event: "order_subscriptions.block",
        before: standing(before),
        after: json!({"status": after.status, "run": after.run_number, "dead_letter": letter}),
    };
    (after, change)
}

/// Lets a blocked subscription run again; its run is taken up where it was.
#[must_use]
pub fn unblock(before: &Subscription, now: DateTime<Utc>) -> (Subscription, Change) {
    let mut after = before.clone();
    after.blocked_by = None;
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event: "order_subscriptions.unblock",
        before: json!({"status": before.status, "dead_letter": before.blocked_by}),
        after: standing(&after),
    };
    (after, change)
}

/// Gives up the run under way without an order, and moves on to the occurrence after it. Nothing
/// happens where no run is under way.
///
/// # Errors
/// When dates can't be computed, or the state machine does not allow the run to end.
pub fn discard_run(
    before: &Subscription,
    now: DateTime<Utc>,
) -> Result<Option<(Subscription, Change)>, PlanError> {
    let (Some(number), Some(next)) = (before.run_number, before.next()) else { return Ok(None) };
    let planned = plan_run(before)?;
    let skipped = Skipped { first: next.number, last: number };
    let following = planned.and_then(|planned| planned.next);
    let mut unblocked = before.clone();
    unblocked.blocked_by = None;
    skip_missed(&unblocked, skipped, following, now).map(Some)
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
                    Some(next) if next.at <= now => Some(first_after(&after, next, now)?),
                    other => other,
                };
                after.set_next(next);
            }
            "order_subscriptions.activate"
        }
        Trigger::Deactivate => "order_subscriptions.deactivate",
        Trigger::Cancel => {
            after.unsettled.clear();
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

/// The first occurrence after `now`, when `next` has passed.
fn first_after(
    subscription: &Subscription,
    next: Slot,
    now: DateTime<Utc>,
) -> Result<Slot, PlanError> {
    let schedule = subscription.schedule();
    let latest = schedule.latest_due(next, now)?.map_or(next, |due| due.occurrence.slot());
    Ok(schedule.following(latest)?.slot())
}

/// Ends a run without an order, because its subscription was cancelled or blocked before anything
/// was collected.
#[must_use]
pub fn abandon_run(before: &Subscription, now: DateTime<Utc>) -> (Subscription, Change) {
    let mut after = before.clone();
    after.status = after.status.after(Trigger::EndRun).unwrap_or(SubscriptionStatus::Cancelled);
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

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
