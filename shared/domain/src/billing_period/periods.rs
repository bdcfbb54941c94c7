//! All billing periods of a schedule, one after the other.

use std::iter::FusedIterator;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Billing, BillingPeriod, PeriodKind,
    fraction::{Stretch, fraction},
    notional::notional_start,
};
use crate::{
    money::MoneyError,
    time::{Schedule, ScheduleError, Slot},
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
    /// The initial invoice date leaves too much to one invoice.
    #[error("one invoice bills at most {MAX_PERIODS_PER_INVOICE} periods; bring it forward")]
    TooManyPeriods,
}

/// The billing periods of a schedule, in order, from its start on. They tile the time up to
/// [`BillingTerms::ends_at`], or to the end of the calendar, within the `reach`. An error is the
/// last item.
#[must_use]
pub fn periods(schedule: &Schedule, terms: BillingTerms, reach: Reach) -> Periods<'_> {
    Periods::starting_at(first_slot(schedule), schedule, terms, reach)
}

/// The periods of the first invoice dated strictly after an instant; empty when there is none.
///
/// Several periods share one invoice where all of them would have been invoiced before the initial
/// invoice date.
///
/// # Errors
/// [`PeriodError`].
pub fn next_invoice(
    schedule: &Schedule,
    terms: BillingTerms,
    after: DateTime<Utc>,
) -> Result<Vec<BillingPeriod>, PeriodError> {
    let first = first_slot(schedule);
    // Periods before the one that runs at `after` were invoiced by then, unless held back.
    let held_back = terms.initial_invoice_at.is_some_and(|initial| initial > after);
    let running = if held_back { None } else { schedule.latest_due(first, after)? };
    let start = running.map_or(first, |due| due.occurrence.slot());
    // The one that runs may be invoiced already, so one more than an invoice may bill is looked at.
    let reach = Reach { until: None, count: MAX_PERIODS_PER_INVOICE + 2 };
    let mut due: Vec<BillingPeriod> = Vec::new();
    for period in Periods::starting_at(start, schedule, terms, reach) {
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

/// See [`periods`].
#[derive(Clone, Debug)]
pub struct Periods<'a> {
    schedule: &'a Schedule,
    terms: BillingTerms,
    /// The start of the next period; `None` when all were told.
    next: Option<Slot>,
    reach: Reach,
}

impl<'a> Periods<'a> {
    fn starting_at(start: Slot, schedule: &'a Schedule, terms: BillingTerms, reach: Reach) -> Self {
        Self { schedule, terms, next: Some(start), reach }
    }

    fn period_from(&mut self, start: Slot) -> Result<Option<BillingPeriod>, PeriodError> {
        let over = |limit: Option<DateTime<Utc>>| limit.is_some_and(|limit| start.at >= limit);
        if self.reach.count == 0 || over(self.reach.until) || over(self.terms.ends_at) {
            return Ok(None);
        }
        self.reach.count -= 1;
        let following = match self.schedule.following(start) {
            Ok(following) => following.slot(),
            Err(error) if error.is_end() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        self.next = Some(following);
        let Self { schedule, terms, .. } = self;
        let whole_start = if start == first_slot(schedule) {
            notional_start(schedule, following)?.unwrap_or(start.at)
        } else {
            start.at
        };
        let whole = Stretch { start: whole_start, end: following.at };
        let end = terms.ends_at.map_or(following.at, |ends_at| ends_at.min(following.at));
        let invoiced_at = terms.billing.invoiced_at(start.at, end);
        Ok(Some(BillingPeriod {
            number: start.number,
            start: start.at,
            end,
            kind: PeriodKind::of(whole_start < start.at, end < following.at),
            fraction: fraction(schedule, Stretch { start: start.at, end }, whole)?,
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
mod tests;
