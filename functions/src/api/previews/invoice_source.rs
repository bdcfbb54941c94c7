//! What a previewed invoice bills: the next run of a subscription, or one that is not yet made.

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    billing_period::{BillingPeriod, BillingTerms, PeriodError, PeriodKind, next_invoice},
    ids::SubscriptionId,
    invoice::{Adjustment, Setup, TaxRate},
    money::{Currency, Ratio},
    time::{Frequency, Schedule, Slot, Source},
};

use super::{
    billing_period_previews::{ENDS_AT, no_periods, read_terms},
    invoice_attributes,
    invoice_items::{self, Item},
    schedule_attributes::{self, STARTS_AT},
};
use crate::{
    api::order_subscriptions,
    http::{
        attributes::Attributes,
        context::Context,
        error::{Code, Outcome, Problem, Problems},
    },
    pricing,
};

pub(super) const AFTER: &str = "after";
pub(super) const ORDER_SUBSCRIPTION_ID: &str = "order_subscription_id";

/// What an invoice bills.
#[derive(Debug)]
pub(super) struct Billed {
    pub(super) currency: Currency,
    pub(super) schedule: Schedule,
    pub(super) billing: BillingTerms,
    pub(super) items: Vec<Item>,
    /// Discounts and fees.
    pub(super) adjustments: Vec<Adjustment>,
    /// The periods that the invoice is for; at least one.
    pub(super) periods: Vec<BillingPeriod>,
    /// When it is drawn up.
    pub(super) issued_at: DateTime<Utc>,
    /// What is charged and given once, by the first invoice.
    pub(super) setup: Setup,
    /// After which instant it was asked for.
    pub(super) after: Option<DateTime<Utc>>,
    /// Whether it is the first one.
    pub(super) is_first: bool,
}

/// What the next run of a subscription bills: every item for a whole period, at its price.
pub(super) async fn next_run(
    context: &Context<'_>,
    id: &str,
    tax_rate: Option<TaxRate>,
) -> Outcome<Billed> {
    let at = format!("/data/attributes/{ORDER_SUBSCRIPTION_ID}");
    let found = match id.parse::<SubscriptionId>() {
        Ok(id) => order_subscriptions::find(context, &id).await?,
        Err(_) => None,
    };
    let Some(subscription) = found else {
        let shown: String = id.chars().take(100).collect();
        let detail = format!("there is no order subscription {shown:?}");
        return Err(Problem::new(Code::NotFound, detail).at(at).with("value", shown).into());
    };
    let schedule = subscription.schedule();
    let next = subscription.next().filter(|_| subscription.status.repeats());
    let Some(period) = next.and_then(|next| period_of_run(&schedule, next)) else {
        let detail = "the subscription makes no more runs, so there is nothing to invoice";
        return Err(Problem::new(Code::InvalidStatus, detail).at(at).into());
    };
    let organization = &context.caller.organization;
    let current =
        pricing::current(context.store(), organization, subscription.wanted_prices()).await?;
    let subscription = subscription
        .at_current_prices(&current, period.invoiced_at)
        .map_err(|missing| Problem::new(Code::InvalidValue, missing.to_string()).at(&at))?;
    let adjustments = invoice_items::adjustments_of(&subscription, tax_rate)
        .map_err(|error| Problem::new(Code::OutOfRange, error.to_string()).at(&at))?;
    Ok(Billed {
        currency: subscription.currency,
        // A run bills its period whole when it starts, whatever comes after.
        billing: BillingTerms::default(),
        items: invoice_items::of_subscription(&subscription, tax_rate),
        adjustments,
        issued_at: period.invoiced_at,
        periods: vec![period],
        schedule,
        setup: Setup::default(),
        after: None,
        is_first: false,
    })
}

/// The period that a run bills: that of the schedule, where the run is the one that begins it. A
/// run that was put on another date bills from there up to the date of the following one. Days off
/// move neither end. Either way it bills a whole price, and so counts as whole.
fn period_of_run(schedule: &Schedule, run: Slot) -> Option<BillingPeriod> {
    let before = run.at.checked_sub_signed(TimeDelta::nanoseconds(1))?;
    // Firings are counted from the anchor, and runs go on with their numbers: only instants agree.
    let is_cron = matches!(schedule.frequency(), Frequency::Cron(_));
    let served = |period: &BillingPeriod| {
        (is_cron || period.number == run.number)
            && period.invoiced_at == run.at
            && !period.kind.is_stub()
    };
    // Where a run serves a neighbour that is left out too, its own period begins nearer to it.
    let near = |period: &BillingPeriod| (period.start - run.at).abs();
    let of_schedule = next_invoice(schedule, BillingTerms::default(), before)
        .ok()
        .and_then(|periods| periods.into_iter().filter(served).min_by_key(near))
        .map(|period| BillingPeriod { number: run.number, ..period });
    of_schedule.or_else(|| {
        let following = schedule.following(run).ok()?.slot();
        let start = unmoved(schedule, run);
        let end = Some(unmoved(schedule, following)).filter(|end| *end > start);
        Some(BillingPeriod {
            number: run.number,
            start,
            end: end.unwrap_or(following.at),
            kind: PeriodKind::Whole,
            fraction: Ratio::ONE,
            invoiced_at: run.at,
        })
    })
}

/// The date of a run before days off move it; that of one that somebody has put elsewhere is its own.
fn unmoved(schedule: &Schedule, run: Slot) -> DateTime<Utc> {
    let computed = schedule.explained_in_full(run).ok();
    if computed.is_none_or(|computed| computed.reason.source == Source::Recorded)
        || matches!(schedule.frequency(), Frequency::Cron(_))
    {
        return run.at;
    }
    schedule.unadjusted().occurrence(run.number).map_or(run.at, |date| date.at)
}

/// What the next invoice of a subscription that is not yet made bills.
pub(super) async fn not_yet_made(
    context: &Context<'_>,
    attributes: &mut Attributes,
    tax_rate: Option<TaxRate>,
    mut problems: Problems,
) -> Outcome<Billed> {
    let currency: Option<Currency> = attributes.required("currency", &mut problems);
    let schedule = schedule_attributes::read(attributes, &mut problems);
    let billing = read_terms(attributes, &mut problems);
    let after: Option<DateTime<Utc>> = attributes.optional(AFTER, &mut problems).value();
    let setup = invoice_attributes::read_setup(attributes, tax_rate, &mut problems);
    let items = invoice_items::read(context, attributes, currency, tax_rate, &mut problems).await?;
    let (currency, schedule) = problems.finish(currency.zip(schedule))?;
    let (periods, is_first) = periods(&schedule, billing, after).map_err(|e| no_periods(&e))?;
    let Some(issued_at) = periods.first().map(|period| period.invoiced_at) else {
        return Err(nothing_left(&billing, after).into());
    };
    let adjustments = Vec::new();
    Ok(Billed {
        currency,
        schedule,
        billing,
        items,
        adjustments,
        periods,
        issued_at,
        setup,
        after,
        is_first,
    })
}

/// The problem of a subscription that has nothing left to invoice, told about the attribute that is
/// why.
fn nothing_left(billing: &BillingTerms, after: Option<DateTime<Utc>>) -> Problem {
    let (name, detail) = if after.is_some() {
        (AFTER, "nothing is invoiced any more after this")
    } else if billing.ends_at.is_some() {
        (ENDS_AT.name, "the subscription ends before anything is invoiced")
    } else {
        (STARTS_AT.name, "no period that begins here ends before the calendar does")
    };
    Problem::new(Code::OutOfRange, detail).at(format!("/data/attributes/{name}"))
}

/// The periods of the next invoice, and whether it is the first one.
fn periods(
    schedule: &Schedule,
    billing: BillingTerms,
    after: Option<DateTime<Utc>>,
) -> Result<(Vec<BillingPeriod>, bool), PeriodError> {
    let start = schedule.anchor();
    let before = start.checked_sub_signed(TimeDelta::nanoseconds(1)).unwrap_or(start);
    let first = next_invoice(schedule, billing, before)?;
    let Some(after) = after else { return Ok((first, true)) };
    let next = next_invoice(schedule, billing, after)?;
    let is_first = next == first;
    Ok((next, is_first))
}

#[cfg(test)]
#[path = "invoice_source_tests.rs"]
mod tests;
