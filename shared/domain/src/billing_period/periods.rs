//! All billing periods of a schedule, one after the other.

use std::iter::FusedIterator;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Billing, BillingPeriod, PeriodKind,
    fraction::{Stretch, fraction},
    notional::notional_start,
    run_dates::RunDates,
};
use crate::{
    money::MoneyError,
    time::{Frequency, Occurrence, Schedule, ScheduleError, Slot},
};

/// Most periods that one invoice bills.
pub const MAX_PERIODS_PER_INVOICE: usize = 1_000;

/// How a subscription is billed. Every field has a default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BillingTerms {
    /// In advance or in arrears.
    pub billing: Billing,
    /// When the subscription ends; the period that it falls into is cut there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
    /// No period is invoiced before this instant: what would have been is invoiced then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_invoice_at: Option<DateTime<Utc>>,
}

/// How far [`periods`] goes, whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Only periods that begin before this instant.
    pub until: Option<DateTime<Utc>>,
    /// At most so many periods.
    pub count: usize,
}

/// Why periods cannot be told. Trying again cannot help.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PeriodError {
    /// The schedule has no answer.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A fraction could not be computed.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The initial invoice date, or the days off, leave too much to one invoice.
    #[error(
        "one invoice bills at most {MAX_PERIODS_PER_INVOICE} periods: an earlier \
         initial_invoice_at, or fewer days off, leave less to it"
    )]
    TooManyPeriods,
}

/// The billing periods of a schedule, in order, from its start on. They tile the time up to
/// [`BillingTerms::ends_at`], or to the end of the calendar, within the `reach`. An error is the
/// last item.
#[must_use]
pub fn periods(schedule: &Schedule, terms: BillingTerms, reach: Reach) -> Periods<'_> {
    let first = first_slot(schedule);
    Periods::starting_at(first, RunDates::from(first, schedule), schedule, terms, reach)
}

/// The periods of the first invoice dated strictly after an instant; empty when there is none.
///
/// Several periods share one invoice where all of them would have been invoiced before the initial
/// invoice date, and where one run serves those that were left out.
///
/// # Errors
/// [`PeriodError`].
pub fn next_invoice(
    schedule: &Schedule,
    terms: BillingTerms,
    after: DateTime<Utc>,
) -> Result<Vec<BillingPeriod>, PeriodError> {
    let first = first_slot(schedule);
    // What the runs up to `after` serve was invoiced by then, unless held back.
    let held_back = terms.initial_invoice_at.is_some_and(|initial| initial > after);
    let last_run = if held_back { None } else { schedule.latest_due(first, after)? };
    let run = last_run.map_or(first, |due| due.occurrence.slot());
    let start = boundary_of(run, schedule)?;
    // Those that begin and end with that run may be invoiced already, so a few more than an invoice
    // may bill are looked at.
    let reach = Reach { until: None, count: MAX_PERIODS_PER_INVOICE + 2 };
    let mut due: Vec<BillingPeriod> = Vec::new();
    let run_dates = RunDates::from(run, schedule);
    for period in Periods::starting_at(start, run_dates, schedule, terms, reach) {
        let period = period?;
        if period.invoiced_at <= after {
            continue;
        }
        if due.first().is_some_and(|first| first.invoiced_at != period.invoiced_at) {
            break;
        }
        if due.len() == MAX_PERIODS_PER_INVOICE {
            return Err(PeriodError::TooManyPeriods);
        }
        due.push(period);
    }
    Ok(due)
}

fn first_slot(schedule: &Schedule) -> Slot {
    Slot { number: schedule.rules().anchor_number, at: schedule.anchor() }
}

/// The boundary that a run belongs to; for cron, the last one up to it.
fn boundary_of(run: Slot, schedule: &Schedule) -> Result<Slot, ScheduleError> {
    let boundaries = schedule.unadjusted();
    match schedule.frequency() {
        Frequency::Named(_) | Frequency::Every(_) => {
            boundaries.occurrence(run.number).map(Occurrence::slot)
        }
        Frequency::Cron(_) => {
            let first = first_slot(schedule);
            let latest = boundaries.latest_due(first, run.at)?;
            Ok(latest.map_or(first, |due| due.occurrence.slot()))
        }
    }
}

/// See [`periods`].
#[derive(Clone, Debug)]
pub struct Periods<'a> {
    /// The schedule whose dates the boundaries are.
    boundaries: Schedule,
    run_dates: RunDates<'a>,
    terms: BillingTerms,
    /// The start of the next period; `None` when all were told.
    next: Option<Slot>,
    reach: Reach,
}

impl<'a> Periods<'a> {
    fn starting_at(
        start: Slot,
        run_dates: RunDates<'a>,
        schedule: &Schedule,
        terms: BillingTerms,
        reach: Reach,
    ) -> Self {
        Self { boundaries: schedule.unadjusted(), run_dates, terms, next: Some(start), reach }
    }

    fn period_from(&mut self, start: Slot) -> Result<Option<BillingPeriod>, PeriodError> {
        let over = |limit: Option<DateTime<Utc>>| limit.is_some_and(|limit| start.at >= limit);
        if self.reach.count == 0 || over(self.reach.until) || over(self.terms.ends_at) {
            return Ok(None);
        }
        self.reach.count -= 1;
        let following = match self.boundaries.following(start) {
            Ok(following) => following.slot(),
            Err(error) if error.is_end() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        self.next = Some(following);
        let Self { boundaries, run_dates, terms, .. } = self;
        let whole_start = if start == first_slot(boundaries) {
            notional_start(boundaries)?.unwrap_or(start.at)
        } else {
            start.at
        };
        let whole = Stretch { start: whole_start, end: following.at };
        let ends_at = terms.ends_at.filter(|ends_at| *ends_at <= following.at);
        let end = ends_at.unwrap_or(following.at);
        let invoiced_at = match (terms.billing, ends_at) {
            (Billing::Advance, _) => run_dates.invoiced_at(start)?,
            (Billing::Arrears, Some(ends_at)) => ends_at,
            (Billing::Arrears, None) => run_dates.invoiced_at(following)?,
        };
        Ok(Some(BillingPeriod {
            number: start.number,
            start: start.at,
            end,
            kind: PeriodKind::of(whole_start < start.at, end < following.at),
            fraction: fraction(boundaries, Stretch { start: start.at, end }, whole)?,
            invoiced_at: terms
                .initial_invoice_at
                .map_or(invoiced_at, |initial| initial.max(invoiced_at)),
        }))
    }
}

impl Iterator for Periods<'_> {
    type Item = Result<BillingPeriod, PeriodError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next.take()?;
        self.period_from(start).transpose()
    }
}

impl FusedIterator for Periods<'_> {}

#[cfg(test)]
#[path = "periods_tests.rs"]
pub(super) mod tests;
