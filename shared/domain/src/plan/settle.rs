//! Planning one run, and what becomes of it and its subscription after an attempt at its payment.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    PlanError,
    pass_over::SUBSCRIPTION_CANCELLED,
    prices::is_unpriced,
    standing, tell_factory,
    unpaid::{Attempt, Wanting},
};
use crate::{
    dunning::DeclineKind,
    ids::{OrderId, PaymentSourceId},
    journal::Change,
    lifecycle::Trigger,
    money::{MinorUnits, MoneyError},
    order_copy::Culprit,
    run::{CustomerAction, Run, RunError, RunLine, RunStatus, Skipped},
    subscription::{Subscription, SubscriptionItem},
    tax::{Taxes, with_tax},
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
    /// What is to be paid for it, in minor units: tax that comes on top is in it.
    pub total: MinorUnits,
    /// What it bears of tax, where that is fixed.
    pub tax: Option<Taxes>,
    /// Occurrences passed over before it.
    pub skipped: Option<Skipped>,
    /// The occurrence after it.
    pub next: Option<Slot>,
}

impl PlannedRun {
    /// The same with the tax that it bears.
    ///
    /// # Errors
    /// When the total is out of range.
    pub fn with_tax(self, tax: Taxes) -> Result<Self, MoneyError> {
        Ok(Self { total: with_tax(self.total, Some(&tax))?, tax: Some(tax), ..self })
    }
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

/// Plans a run that was passed over, for when its money is found. What it ordered is not known any
/// more: it orders what its subscription orders now, and is [booked](Settled::book_at) at what was
/// paid.
///
/// # Errors
/// When amounts are out of range.
pub fn plan_passed(
    subscription: &Subscription,
    number: OccurrenceNumber,
) -> Result<PlannedRun, PlanError> {
    let date = subscription.schedule().occurrence(number).ok().map(|occurrence| occurrence.at);
    Ok(PlannedRun {
        number,
        due_at: date.or(subscription.last_run_at).unwrap_or(subscription.anchor),
        order_id: OrderId::of_run(&subscription.id, number),
        total: subscription.total()?,
        tax: None,
        skipped: None,
        next: None,
    })
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
        occurrence = schedule.following(served_by(subscription, occurrence))?.slot();
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
        total: subscription.due_total()?,
        tax: subscription.tax.clone(),
        skipped,
        next: schedule.following(served_by(subscription, occurrence)).ok().map(Occurrence::slot),
    })
}

/// The occurrence that a run stands for: a run that was brought forward serves the date it had, and
/// the one after it is the next after that date.
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
        /// The digest of the token that was declined, where the provider tells it: not always that of
        /// the payment source that the run is to be paid with by now.
        token: Option<String>,
    },
    /// The provider declined for good, and there is another payment source, or another token of the
    /// same, which is charged next: at once, as an attempt of its own.
    FallsBack {
        /// The provider's code, normalized.
        code: String,
        /// For a person to read.
        message: String,
        /// The payment source that was declined; `None` where none has that token any more.
        declined: Option<PaymentSourceId>,
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
    /// Nothing was collected yet: somebody else has to act first.
    NeedsAction {
        /// Whether it is the customer, who has to confirm the payment; else the provider or a bank
        /// is still about it.
        by_customer: bool,
        /// Where they do it, if the provider has a page for it.
        url: Option<String>,
        /// For a person to read.
        message: String,
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
        uncounted_attempts: 0,
        waits: 0,
        action: None,
        access_until: None,
        errors_log: Vec::new(),
        errors_forgotten: 0,
        skipped: planned.skipped,
        market_id: before.market_id.clone(),
        customer_id: before.customer_id.clone(),
        payment_source_id: before.payment_source_id.clone(),
        addresses: before.addresses.clone(),
        currency: before.currency,
        lines: before.items.iter().map(line_of).collect(),
        total: planned.total,
        tax: planned.tax.clone(),
        unpriced: false,
        charge_id: None,
        reversals: None,
        declined_sources: Vec::new(),
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
    after.awaits_method = None;
    after.drop_one_off_items();
    after.release();
    settle(before, after, run, outcome, now)
}

/// Settles a run whose money was found though it was passed over meanwhile: it is made after all, as
/// it was planned when it was charged. The schedule has moved on without it, and stays where it is.
///
/// # Errors
/// When the state machine does not allow it.
pub fn settle_passed(
    before: &Subscription,
    charged: &Subscription,
    planned: &PlannedRun,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Result<Settled, PlanError> {
    settle_retry(before, &begin_run(charged, planned, now), None, outcome, now)
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
    let attempt = Attempt::at(before, &after, &run, now);
    after.unsettled.retain(|unsettled| unsettled.number != run.number);
    if after.awaits_method.as_ref().is_some_and(|awaits| awaits.number == run.number) {
        after.awaits_method = None;
    }
    run.retry_at = None;
    run.unpriced = match outcome {
        Outcome::Declined { code, .. } => is_unpriced(code),
        Outcome::Paid { .. }
        | Outcome::Free
        | Outcome::NeedsAction { .. }
        | Outcome::FallsBack { .. } => false,
        // Nothing was charged: what had no prices has none yet.
        Outcome::Refused { .. } | Outcome::Cancelled => run.unpriced,
    };
    run.version += 1;
    let mut wanting = Wanting::Nothing;
    let event = match outcome {
        Outcome::Paid { .. } | Outcome::Free => {
            if let Outcome::Paid { charge_id } = outcome {
                run.attempts += 1;
                run.charge_id = Some(charge_id.clone());
            }
            attempt.paid(&mut after, &mut run);
            "order_subscriptions.last_run_succeeded"
        }
        Outcome::Declined { kind, code, message, resource, token: _ } => {
            let source = || run.payment_source_id.as_ref().map(Culprit::payment_source);
            let culprit = resource.clone().or_else(source);
            wanting = attempt.declined(&mut after, &mut run, *kind, (code, message), culprit)?;
            "order_subscriptions.last_run_failed"
        }
        Outcome::FallsBack { code, message, declined } => {
            wanting =
                attempt.falls_back(&mut after, &mut run, (code, message), declined.as_ref())?;
            "order_subscriptions.last_run_failed"
        }
        Outcome::Refused { code, message, resource } => {
            wanting = attempt.refused(&mut after, &mut run, (code, message), resource.clone());
            "order_subscriptions.last_run_failed"
        }
        Outcome::NeedsAction { by_customer, url, message } => {
            let action = CustomerAction { url: url.clone() };
            wanting = attempt.needs_action(&mut after, &mut run, *by_customer, action, message)?;
            "order_subscriptions.last_run_failed"
        }
        // It was given up before; what was to be tried again is not.
        Outcome::Cancelled if run.status == RunStatus::Failed => {
            "order_subscriptions.run_abandoned"
        }
        Outcome::Cancelled => {
            let message = "the subscription was cancelled before the run was paid";
            run.note_error(RunError {
                at: now,
                code: SUBSCRIPTION_CANCELLED.to_owned(),
                message: message.to_owned(),
                resource: Some(Culprit::new("order_subscriptions", &before.id)),
            });
            run.action = None;
            run.status = RunStatus::Aborted;
            "order_subscriptions.run_abandoned"
        }
    };
    if !matches!(outcome, Outcome::Paid { .. } | Outcome::Free) {
        after.last_ordered_at = before.last_ordered();
    }
    after.version += 1;
    after.updated_at = now;
    let given_up_before = matches!(outcome, Outcome::Cancelled) && run.status == RunStatus::Failed;
    let mut told = if given_up_before { standing(&after) } else { standing_with(&after, &run) };
    let declined = match outcome {
        Outcome::Declined { code, .. } => !is_unpriced(code),
        outcome => matches!(outcome, Outcome::FallsBack { .. }),
    };
    if let Value::Object(members) = &mut told {
        for (name, _) in [
            ("declined", declined),
            ("payment_method_required", wanting == Wanting::Method),
            ("action_required", wanting == Wanting::Action),
        ]
        .into_iter()
        .filter(|(_, so)| *so)
        {
            members.insert(name.to_owned(), json!(true));
        }
    }
    let change = Change { event, before: standing(before), after: told };
    Ok(Settled { subscription: after, run, change })
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
