//! Planning one run, and what becomes of it and its subscription after an attempt at its payment.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{PlanError, pass_over::SUBSCRIPTION_CANCELLED, standing, tell_factory};
use crate::{
    dunning::{DeclineKind, FinalAction, GiveUpReason, RetryDecision},
    ids::{OrderId, PaymentSourceId},
    journal::Change,
    lifecycle::{SubscriptionStatus, Trigger},
    money::MinorUnits,
    order_copy::Culprit,
    pricing::PRICE_MISSING,
    run::{Run, RunError, RunLine, RunStatus, Skipped},
    subscription::{Subscription, SubscriptionItem, Unsettled},
    time::{Occurrence, OccurrenceNumber, Slot},
};

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
    let (Some(number), Some(next)) = (subscription.run_number, subscription.expected()) else {
        return Ok(None);
    };
    if number < next.number {
        return Ok(None);
    }
    plan_number(subscription, next, number).map(Some)
}

/// Plans the next run as it would be made if nothing changed until it is due.
pub(super) fn plan_next(subscription: &Subscription, next: Slot) -> Result<PlannedRun, PlanError> {
    plan_number(subscription, next, next.number)
}

/// Plans a run, which is the next or a later one.
fn plan_number(
    subscription: &Subscription,
    next: Slot,
    number: OccurrenceNumber,
) -> Result<PlannedRun, PlanError> {
    let schedule = subscription.schedule();
    let mut occurrence = next;
    while occurrence.number < number {
        occurrence = schedule.following(occurrence)?.slot();
    }
    let skipped = number
        .previous()
        .filter(|last| *last >= next.number)
        .map(|last| Skipped { first: next.number, last });
    Ok(PlannedRun {
        number,
        due_at: occurrence.at,
        order_id: if subscription.place_target_order {
            OrderId::of_run(&subscription.id, number)
        } else {
            OrderId::left_by_run(&subscription.id, number)
        },
        total: subscription.total()?,
        skipped,
        next: schedule.following(served_by(subscription, occurrence)).ok().map(Occurrence::slot),
    })
}

/// The occurrence that a run stands for: a run that was brought forward serves the date it had.
fn served_by(subscription: &Subscription, occurrence: Slot) -> Slot {
    let own = subscription.stands_for.filter(|_| subscription.expected() == Some(occurrence));
    Slot { at: own.unwrap_or(occurrence.at), ..occurrence }
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
        /// What it is for want of; the run's payment source where `None`.
        resource: Option<Culprit>,
    },
    /// A rule of ours refused before any payment was tried (`out_of_stock`).
    Refused {
        /// Stable code.
        code: String,
        /// For a person to read.
        message: String,
        /// What is missing or bad.
        resource: Option<Culprit>,
    },
    /// Its subscription was cancelled before anything was collected.
    Cancelled,
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

/// The run that was planned, before anything was tried.
pub(super) fn begin_run(before: &Subscription, planned: &PlannedRun, now: DateTime<Utc>) -> Run {
    Run {
        subscription_id: before.id.clone(),
        number: planned.number,
        due_at: planned.due_at,
        status: RunStatus::Open,
        factory: before.factory,
        place_target_order: before.place_target_order,
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
        addresses: before.addresses.clone(),
        currency: before.currency,
        lines: before.items.iter().map(line_of).collect(),
        total: planned.total,
        unpriced: false,
        charge_id: None,
        reversals: None,
        jumped_numbers: before.jumped_numbers,
        next_run_at: planned.next.map(|next| next.at),
        version: 0,
    }
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
    let run = begin_run(before, planned, now);
    let mut after = before.clone();
    after.status = after.status.after(Trigger::EndRun)?;
    after.set_next(planned.next);
    after.last_run_at = Some(now);
    after.last_ordered_at = None;
    after.drop_one_off_items();
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
    after.last_ordered_at = Some(now);
    if after.run_number.is_none() {
        after.release();
    }
    settle(before, after, run, outcome, now)
}

fn line_of(item: &SubscriptionItem) -> RunLine {
    RunLine {
        item: item.item.clone(),
        name: item.name.clone(),
        quantity: item.quantity,
        unit_amount: item.unit_amount,
        price_override: item.price_override,
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
    run.unpriced = match outcome {
        Outcome::Declined { code, .. } => code == PRICE_MISSING,
        Outcome::Paid { .. } | Outcome::Free => false,
        // Nothing was charged: what had no prices has none yet.
        Outcome::Refused { .. } | Outcome::Cancelled => run.unpriced,
    };
    run.version += 1;
    let declined =
        matches!(outcome, Outcome::Declined { code, .. } if code.as_str() != PRICE_MISSING);
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
        Outcome::Declined { kind, code, message, resource } => {
            run.attempts += 1;
            after.last_ordered_at = before.last_ordered();
            let source = || run.payment_source_id.as_ref().map(Culprit::payment_source);
            let culprit = resource.clone().or_else(source);
            fail(&mut after, &mut run, code, message, culprit.clone(), now);
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
                    log(&mut run, give_up_code(reason), give_up_message(reason), culprit, now);
                    finally(&mut after, action, now)?;
                }
            }
            "order_subscriptions.last_run_failed"
        }
        Outcome::Refused { code, message, resource } => {
            after.last_ordered_at = before.last_ordered();
            fail(&mut after, &mut run, code, message, resource.clone(), now);
            give_up(&mut run, now);
            "order_subscriptions.last_run_failed"
        }
        Outcome::Cancelled => {
            after.last_ordered_at = before.last_ordered();
            let message = "the subscription was cancelled before the run was paid";
            let subscription = Some(Culprit::new("order_subscriptions", &before.id));
            log(&mut run, SUBSCRIPTION_CANCELLED, message, subscription, now);
            run.status = RunStatus::Aborted;
            "order_subscriptions.run_abandoned"
        }
    };
    after.version += 1;
    after.updated_at = now;
    let mut told = standing_with(&after, &run);
    if let (Value::Object(members), true) = (&mut told, declined) {
        members.insert("declined".to_owned(), json!(true));
    }
    let change = Change { event, before: standing(before), after: told };
    Ok(Settled { subscription: after, run, change })
}

fn fail(
    after: &mut Subscription,
    run: &mut Run,
    code: &str,
    message: &str,
    resource: Option<Culprit>,
    now: DateTime<Utc>,
) {
    after.errors_count = after.errors_count.saturating_add(1);
    after.succeeded_on_last_run = Some(false);
    log(run, code, message, resource, now);
}

fn log(run: &mut Run, code: &str, message: &str, resource: Option<Culprit>, at: DateTime<Utc>) {
    let (code, message) = (code.to_owned(), message.to_owned());
    run.errors_log.push(RunError { at, code, message, resource });
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

fn finally(
    after: &mut Subscription,
    action: FinalAction,
    now: DateTime<Utc>,
) -> Result<(), PlanError> {
    let trigger = match action {
        FinalAction::KeepActive | FinalAction::Skip => return Ok(()),
        FinalAction::Pause => Trigger::Deactivate,
        FinalAction::Cancel => Trigger::Cancel,
    };
    if after.status.repeats() {
        after.status = after.status.after(trigger)?;
    }
    if after.status == SubscriptionStatus::Cancelled {
        after.cancelled_at.get_or_insert(now);
    }
    if trigger == Trigger::Cancel {
        after.close_open_runs(now);
    }
    Ok(())
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
    tell_factory(&mut standing, run.factory);
    standing
}
