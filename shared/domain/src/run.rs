//! Runs: what became of one occurrence of a subscription. The pair (subscription, number) is a
//! licence that exists once; the target order and the provider's keys derive from it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    ids::{
        CustomerId, JobRunId, MarketId, OrderId, OrganizationId, PaymentSourceId, SubscriptionId,
    },
    money::{Currency, MinorUnits, MoneyError},
    order::{Addresses, OrderStatus, PaymentStatus},
    order_copy::{Culprit, Factory},
    payment::Reversals,
    pricing::{OrderedItem, Totals},
    subscription::{is_yes, yes},
    tax::Taxes,
    time::OccurrenceNumber,
};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Its order is made and waits for payment; a retry is planned.
    Open,
    /// Its order is placed and paid.
    Successful,
    /// Given up; nothing more is tried unless a person asks for it.
    Failed,
    /// Ended before anything was collected, because its subscription was cancelled or somebody
    /// discarded it.
    Aborted,
}

/// Most errors that a run or a copy keeps. Of more, the newest are kept and the others counted: each
/// try by hand may add one, and the item must stay small.
pub const MAX_LOGGED_ERRORS: usize = 50;

/// One thing that went wrong in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// When, in UTC.
    pub at: DateTime<Utc>,
    /// Stable code: a decline code of the provider, `out_of_stock`, `payment_source_missing`.
    pub code: String,
    /// For a person to read.
    pub message: String,
    /// What is missing or bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Culprit>,
}

/// Keeps the newest of the errors, and counts the others as forgotten.
pub(crate) fn keep_newest(log: &mut Vec<RunError>, forgotten: &mut u32) {
    let surplus = log.len().saturating_sub(MAX_LOGGED_ERRORS);
    log.drain(..surplus);
    *forgotten = forgotten.saturating_add(u32::try_from(surplus).unwrap_or(u32::MAX));
}

/// What a customer has to do before a payment goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerAction {
    /// Where they do it, if the provider has a page for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// One line of the order that a run makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLine {
    /// What is ordered.
    #[serde(flatten)]
    pub item: OrderedItem,
    /// Name for people.
    pub name: String,
    /// Units.
    pub quantity: u32,
    /// Price of one unit, in minor units.
    pub unit_amount: MinorUnits,
    /// Whether a client has set that price, so that it wins over every list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub price_override: bool,
}

/// Occurrences that passed during downtime and were not run, first and last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The first one skipped.
    pub first: OccurrenceNumber,
    /// The last one skipped.
    pub last: OccurrenceNumber,
}

/// What became of one occurrence, with the order that it made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The subscription.
    pub subscription_id: SubscriptionId,
    /// Which occurrence.
    pub number: OccurrenceNumber,
    /// When the occurrence was due.
    pub due_at: DateTime<Utc>,
    /// Where it stands.
    pub status: RunStatus,
    /// Which kind of copy it is.
    #[serde(default, skip_serializing_if = "Factory::is_recurring")]
    pub factory: Factory,
    /// Whether it places the order that it makes; else it leaves a draft, an order of its own.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub place_target_order: bool,
    /// The job run that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_run_id: Option<JobRunId>,
    /// When it was made.
    pub started_at: DateTime<Utc>,
    /// When it was paid and placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<DateTime<Utc>>,
    /// When it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<DateTime<Utc>>,
    /// Payment attempts so far.
    pub attempts: u32,
    /// When the payment is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<DateTime<Utc>>,
    /// Those of the attempts that somebody asked for, or that a new payment method set off, and that
    /// its policy does not count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uncounted_attempts: u32,
    /// Tries that found the payment still waiting for its customer. They use up no attempt, but a
    /// retry of the policy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waits: u32,
    /// What its customer has to do before the payment of the next attempt goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<CustomerAction>,
    /// Until when its customer keeps access, as long as it is not paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_until: Option<DateTime<Utc>>,
    /// What went wrong, oldest first: the newest [`MAX_LOGGED_ERRORS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors_log: Vec<RunError>,
    /// How many errors before those the log has let go of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub errors_forgotten: u32,
    /// Occurrences passed over before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Skipped>,
    /// Where the order was taken.
    pub market_id: MarketId,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// How it is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_source_id: Option<PaymentSourceId>,
    /// Where the order goes, and where its bill goes.
    #[serde(default, skip_serializing_if = "Addresses::is_none")]
    pub addresses: Addresses,
    /// Currency of every amount.
    pub currency: Currency,
    /// What the order holds.
    pub lines: Vec<RunLine>,
    /// What is to be paid for it, in minor units: tax that comes on top is in it.
    pub total: MinorUnits,
    /// What it bears of tax, by the place of each line from 1; `None` where its market computes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Taxes>,
    /// Whether its prices or taxes could not be told yet: what it costs is what it cost last time, and it is
    /// not charged before they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpriced: bool,
    /// The payment sources that were declined for good, where another was charged after them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declined_sources: Vec<PaymentSourceId>,
    /// The provider's charge, once paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_id: Option<String>,
    /// What went back of what was collected; `None` as long as nothing has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversals: Option<Reversals>,
    /// How many of the numbers before it no occurrence had: see [`Run::instalment`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub jumped_numbers: u32,
    /// When the occurrence after it was due, as seen when it was made. Stored within its journal
    /// entry only.
    #[serde(default, skip_serializing)]
    pub next_run_at: Option<DateTime<Utc>>,
    /// Counts changes.
    pub version: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(crate) const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Run {
    /// How often its payment was tried as its policy counts: the first time, and each retry.
    #[must_use]
    pub fn tries(&self) -> u32 {
        self.attempts.saturating_sub(self.uncounted_attempts).saturating_add(self.waits)
    }

    /// Notes what went wrong.
    pub(crate) fn note_error(&mut self, error: RunError) {
        self.errors_log.push(error);
        keep_newest(&mut self.errors_log, &mut self.errors_forgotten);
    }

    /// How much went wrong, with what the log has let go of.
    #[must_use]
    pub fn errors_count(&self) -> usize {
        self.errors_log.len().saturating_add(self.errors_forgotten as usize)
    }

    /// Which instalment it is: 1 is the first after the source order. One that was skipped or passed
    /// over counts; numbers that changes of frequency jumped over do not.
    #[must_use]
    pub fn instalment(&self) -> u32 {
        self.number.get().saturating_sub(self.jumped_numbers)
    }

    /// The order that it makes.
    #[must_use]
    pub fn order_id(&self) -> OrderId {
        if self.place_target_order {
            OrderId::of_run(&self.subscription_id, self.number)
        } else {
            OrderId::left_by_run(&self.subscription_id, self.number)
        }
    }

    /// What its lines cost together, without the tax that comes on top.
    ///
    /// # Errors
    /// When a sum is out of range.
    pub fn totals(&self) -> Result<Totals, MoneyError> {
        let lines = &self.lines;
        Totals::of(lines.iter().map(|line| (&line.item, line.unit_amount, line.quantity)))
    }

    /// Whether it has left a draft, an order of its own, for somebody to place.
    #[must_use]
    pub fn leaves_draft(&self) -> bool {
        !self.place_target_order && self.status == RunStatus::Successful
    }

    /// Where that order stands.
    #[must_use]
    pub fn order_status(&self) -> OrderStatus {
        match self.status {
            RunStatus::Open => OrderStatus::Pending,
            RunStatus::Successful => OrderStatus::Placed,
            RunStatus::Failed | RunStatus::Aborted => OrderStatus::Cancelled,
        }
    }

    /// When its order was cancelled: with the run that was given up.
    #[must_use]
    pub fn cancelled_at(&self) -> Option<DateTime<Utc>> {
        match self.status {
            RunStatus::Open | RunStatus::Successful => None,
            RunStatus::Failed => self.failed_at,
            // What ended it is the last that its log tells.
            RunStatus::Aborted => self.errors_log.last().map(|error| error.at),
        }
    }

    /// Where that order's payment stands: what has gone back of it counts.
    #[must_use]
    pub fn payment_status(&self) -> PaymentStatus {
        let collected = self.collected_status();
        self.reversals.as_ref().map_or(collected, |back| back.status(collected, self.total))
    }

    /// Where that order's payment stood before anything went back.
    #[must_use]
    pub fn collected_status(&self) -> PaymentStatus {
        match self.status {
            RunStatus::Successful if self.total == MinorUnits::ZERO => PaymentStatus::Free,
            RunStatus::Successful => PaymentStatus::Paid,
            RunStatus::Open | RunStatus::Failed | RunStatus::Aborted => PaymentStatus::Unpaid,
        }
    }
}

/// The payment provider's idempotency key for one attempt at one run. Whoever makes the attempt,
/// however often and from wherever, makes it under this key.
#[must_use]
pub fn charge_key(
    organization: &OrganizationId,
    subscription: &SubscriptionId,
    number: OccurrenceNumber,
    attempt: u32,
) -> String {
    format!("{organization}:{}:{attempt}", OrderId::of_run(subscription, number))
}

/// The attempt at a run that a key of [`charge_key`] names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Whose it is.
    pub organization: OrganizationId,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Which occurrence.
    pub number: OccurrenceNumber,
    /// Which attempt, from 1.
    pub attempt: u32,
}

impl Attempt {
    /// Reads a key; `None` where it is not that of a run.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        let (rest, attempt) = key.rsplit_once(':')?;
        let (organization, order) = rest.split_once(':')?;
        let (subscription, number) = order.parse::<OrderId>().ok()?.run()?;
        let attempt = attempt.parse().ok().filter(|attempt| *attempt > 0)?;
        Some(Self { organization: organization.parse().ok()?, subscription, number, attempt })
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
