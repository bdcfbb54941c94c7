//! Subscriptions: orders that repeat.

use std::num::NonZeroU32;

use crate::time::Zone;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    dunning::RetryPolicy,
    ids::{
        CustomerId, DisputeId, JobRunId, MarketId, ModelId, OrderId, PaymentSourceId, PriceListId,
        SubscriptionId, SubscriptionItemId, TagId,
    },
    journal::Head,
    lifecycle::SubscriptionStatus,
    money::{Currency, MinorUnits, MoneyError},
    order::{Addresses, Annotations},
    order_copy::Factory,
    pricing::{OrderedItem, Totals},
    renewal_alert::RenewalAlertPeriod,
    tax::{Taxes, with_tax},
    time::{
        CatchUp, CutOff, Frequency, NumberedTerm, Occurrence, OccurrenceNumber, Reason, Schedule,
        ScheduleRules, Slot, Source, Term, TermEnd, dormant_rules, resume,
    },
};

/// What a subscription orders each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionItem {
    /// Identifier.
    pub id: SubscriptionItemId,
    /// What is ordered.
    #[serde(flatten)]
    pub item: OrderedItem,
    /// Name for people, copied.
    pub name: String,
    /// Units per run.
    pub quantity: u32,
    /// Price of one unit in minor units, pinned when the item was made or its price last changed.
    pub unit_amount: MinorUnits,
    /// Whether a client has set that price, so that it wins over every list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub price_override: bool,
    /// Whether only the next run orders it. It goes with the run that carries it, whatever becomes
    /// of that; a run that is skipped leaves it for the one after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_off: bool,
    /// What the client keeps with it.
    #[serde(default, skip_serializing_if = "Annotations::is_none")]
    pub annotations: Annotations,
}

/// A run that was made but is not paid yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsettled {
    /// The run.
    pub number: OccurrenceNumber,
    /// Payment attempts so far.
    pub attempts: u32,
    /// When its payment is tried again.
    pub retry_at: DateTime<Utc>,
    /// Whether that is ahead of its policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<AskedRetry>,
}

/// A retry that somebody asked for, or that a new payment method set off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedRetry {
    /// When the policy retries; `None` where it has given the run up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_at: Option<DateTime<Utc>>,
}

/// A run that was given up for want of a payment method that pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitsMethod {
    /// The run.
    pub number: OccurrenceNumber,
    /// Payment attempts so far.
    pub attempts: u32,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Identifier.
    pub id: SubscriptionId,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// Where it was ordered.
    pub market_id: MarketId,
    /// The model that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_id: Option<ModelId>,
    /// The order that it repeats; its first run. `None` where that was made in another book, from
    /// which it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_order_id: Option<OrderId>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// How runs are paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_source_id: Option<PaymentSourceId>,
    /// Where its orders go, and where their bills go.
    #[serde(default, skip_serializing_if = "Addresses::is_none")]
    pub addresses: Addresses,
    /// The tags that it carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagId>,
    /// Currency of every amount.
    pub currency: Currency,
    /// What each run orders.
    pub items: Vec<SubscriptionItem>,
    /// The list whose prices its items follow from run to run; `None` where they are pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_list_id: Option<PriceListId>,
    /// How often.
    pub frequency: Frequency,
    /// The instant from which all dates are computed; never moved by a run.
    pub anchor: DateTime<Utc>,
    /// IANA zone whose wall clock the schedule follows.
    pub time_zone: Zone,
    /// How dates are computed, beyond frequency, anchor and zone. A rule that the frequency has no
    /// use for lies dormant until a frequency comes that has.
    #[serde(default, skip_serializing_if = "ScheduleRules::is_default")]
    pub rules: ScheduleRules,
    /// The number of the next occurrence of the schedule, be it within the term or not: no run has
    /// had it, nor any above it. `None` when the calendar has come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_number: Option<OccurrenceNumber>,
    /// When that occurrence is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_run_at: Option<DateTime<Utc>>,
    /// No occurrence at or after this instant is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// How many occurrences there are at all, the source order included. One that is skipped or
    /// passed over counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_occurrences: Option<NonZeroU32>,
    /// How many numbers changes of frequency have jumped over. No occurrence had them, so they do
    /// not count towards `max_occurrences`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub jumped_numbers: u32,
    /// The next occurrence, if somebody chose its date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescheduled: Option<Slot>,
    /// The date that the next occurrence has by its crontab expression, if it was brought forward from
    /// there and stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands_for: Option<DateTime<Utc>>,
    /// How long before each run it closes for changes of that run.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cut_off: CutOff,
    /// When it becomes active again by itself; only while it rests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes_at: Option<DateTime<Utc>>,
    /// When it was cancelled; only while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<DateTime<Utc>>,
    /// How long before each run it is announced; `None` for not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_alert_period: Option<RenewalAlertPeriod>,
    /// The occurrence that was announced last, on the date that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerted: Option<Slot>,
    /// Which kind of copy makes its runs' orders.
    #[serde(default, skip_serializing_if = "is_default")]
    pub factory: Factory,
    /// Whether its source order, once placed, is its occurrence 0 and makes it active. Where not, it
    /// begins at its anchor, as soon as somebody has activated it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub activate_by_source_order: bool,
    /// Whether its runs place and charge the orders that they make; else they leave drafts.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub place_target_order: bool,
    /// When it last made a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run_at: Option<DateTime<Utc>>,
    /// When an order was placed for it last, where that was not when it last made a run: see
    /// [`Subscription::last_ordered`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ordered_at: Option<DateTime<Utc>>,
    /// Runs that ended in a placed order, the source order not counted.
    #[serde(default)]
    pub occurrencies: u32,
    /// Attempts at runs that failed.
    #[serde(default)]
    pub errors_count: u32,
    /// Whether the last attempt succeeded; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_on_last_run: Option<bool>,
    /// Runs waiting for their payment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<Unsettled>,
    /// The run that a new payment method tries again, though it was given up. Only until the next
    /// run is made, so that nobody pays for several periods at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits_method: Option<AwaitsMethod>,
    /// Until when the customer keeps access, as long as the last run is not paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_until: Option<DateTime<Utc>>,
    /// What happens to runs missed during downtime.
    #[serde(default, skip_serializing_if = "is_default")]
    pub catch_up: CatchUp,
    /// What happens after a declined payment.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retry: RetryPolicy,
    /// The client's own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Where the reference comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_origin: Option<String>,
    /// The client's own data.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub metadata: Value,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Counts changes, claims too, so that nobody writes over a claim that they have not seen.
    pub version: u64,
    /// The last entry of its journal.
    pub journal: Head,
    /// The run under way, fixed when it was claimed and kept until it is committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_number: Option<OccurrenceNumber>,
    /// Until when the claim holds; after that a tick takes the work up again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<DateTime<Utc>>,
    /// How often the work under way was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_claims: Option<u32>,
    /// The job run that claimed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_run_id: Option<JobRunId>,
    /// Whether the prices of the run under way are fixed: it may have been charged at them, and is
    /// not to cost anything else when its message comes again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prices_fixed: bool,
    /// What the run under way bears of tax, fixed together with its prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Taxes>,
    /// The dead letter that keeps it from running, until that is redriven or discarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// The dispute that has put it on hold, until somebody activates it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<DisputeId>,
}

/// The default of what is done unless somebody does not want it.
pub(crate) const fn yes() -> bool {
    true
}

/// Whether it is left out of items.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(crate) const fn is_yes(value: &bool) -> bool {
    *value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a subscription wakes for. The names stand in the due index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WakeKind {
    /// Its expiry is reached; goes before a run due at the same instant.
    Expire,
    /// The payment of an unsettled run is to be tried again.
    Retry,
    /// Its next occurrence is due.
    Run,
    /// It was cancelled or paused while a run was under way, and that run is to be finished.
    Finish,
    /// Its pause ends.
    Resume,
    /// Its next run is to be announced.
    Alert,
}

impl WakeKind {
    /// The name in the due index.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expire => "expire",
            Self::Retry => "retry",
            Self::Run => "run",
            Self::Finish => "finish",
            Self::Resume => "resume",
            Self::Alert => "alert",
        }
    }
}

impl Subscription {
    /// The rule of its dates.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        dormant_rules::schedule(&self.frequency, self.anchor, self.time_zone, &self.rules)
    }

    /// The next occurrence of its schedule, also where the term ends before it.
    #[must_use]
    pub fn expected(&self) -> Option<Slot> {
        let (number, at) = self.next_number.zip(self.next_run_at)?;
        Some(Slot { number, at })
    }

    /// The next occurrence within its term, if there is one.
    #[must_use]
    pub fn next(&self) -> Option<Slot> {
        self.expected().filter(|slot| self.end_at(*slot).is_none())
    }

    /// The next run that really comes: while it rests, the one after the date on which it resumes;
    /// none where there is no such date, and none after its end.
    #[must_use]
    pub fn coming(&self) -> Option<Slot> {
        if self.run_number.is_some() && self.status.repeats() {
            return self.expected();
        }
        if self.status.repeats() {
            return self.next();
        }
        let resumes_at = self.resumes_at?;
        let resumption = resume(&self.schedule(), self.expected()?, resumes_at).ok()?;
        resumption.next.map(Occurrence::slot).filter(|slot| self.end_at(*slot).is_none())
    }

    /// The next run that really comes, and why then.
    #[must_use]
    pub fn coming_explained(&self) -> Option<Occurrence> {
        let coming = self.coming()?;
        if self.rescheduled == Some(coming) {
            let reason = Reason::plain(Source::Rescheduled);
            return Some(Occurrence { number: coming.number, at: coming.at, reason });
        }
        self.schedule().explained_in_full(coming).ok()
    }

    /// The next occurrence of its schedule on the date that it serves by `now`: one that was brought
    /// forward stands for a date of its crontab expression, and serves that once it has passed.
    #[must_use]
    pub fn served(&self, now: DateTime<Utc>) -> Option<Slot> {
        let expected = self.expected()?;
        let at = self.stands_for.filter(|at| *at <= now).unwrap_or(expected.at);
        Some(Slot { at, ..expected })
    }

    /// The open run whose payment is tried again first.
    #[must_use]
    pub fn next_retry(&self) -> Option<&Unsettled> {
        self.unsettled.iter().min_by_key(|unsettled| (unsettled.retry_at, unsettled.number))
    }

    /// Whether it is claimed, and not for a run that is to be made: a payment may be tried right
    /// now, and what that finds must not change under it.
    #[must_use]
    pub fn is_retrying(&self) -> bool {
        self.lease_claims.is_some() && self.run_number.is_none() && self.blocked_by.is_none()
    }

    /// Sets the next occurrence of its schedule.
    pub fn set_next(&mut self, next: Option<Slot>) {
        self.stands_for = None;
        self.next_number = next.map(|next| next.number);
        self.next_run_at = next.map(|next| next.at);
    }

    /// How long it goes on.
    #[must_use]
    pub fn term(&self) -> Term {
        Term { max_occurrences: self.max_occurrences, expires_at: self.expires_at }
    }

    /// How long it goes on, and which numbers do not count.
    #[must_use]
    pub fn numbered_term(&self) -> NumberedTerm {
        NumberedTerm { term: self.term(), jumped_numbers: self.jumped_numbers }
    }

    /// Why an occurrence is not run: its term has ended before it. `None` when it is within.
    #[must_use]
    pub fn end_at(&self, slot: Slot) -> Option<TermEnd> {
        self.numbered_term().end_at(slot)
    }

    /// How many occurrences there are before this number, the source order included.
    #[must_use]
    pub fn occurrences_before(&self, number: OccurrenceNumber) -> u32 {
        self.numbered_term().occurrences_before(number)
    }

    /// Whether all occurrences that there may be have been.
    #[must_use]
    pub fn maximum_reached(&self) -> bool {
        let ended = self.expected().and_then(|expected| self.end_at(expected));
        ended == Some(TermEnd::MaximumReached)
    }

    /// When an order was placed for it last, the source order included; `None` before the first.
    #[must_use]
    pub fn last_ordered(&self) -> Option<DateTime<Utc>> {
        let placed = self.succeeded_on_last_run != Some(false);
        self.last_ordered_at.or(self.last_run_at.filter(|_| placed))
    }

    /// When it is to be woken next, and what for; `None` lets it sleep for good.
    #[must_use]
    pub fn wake(&self) -> Option<(DateTime<Utc>, WakeKind)> {
        if self.blocked_by.is_some() {
            return None;
        }
        let repeats = self.status.repeats();
        let run = match (repeats, self.run_number) {
            // A run under way is finished, whatever was changed about its subscription meanwhile.
            (true, Some(_)) => self.expected().map(|slot| (slot.at, WakeKind::Run)),
            (true, None) => self.next().map(|slot| (slot.at, WakeKind::Run)),
            (false, Some(_)) => self.expected().map(|slot| (slot.at, WakeKind::Finish)),
            (false, None) => None,
        };
        // After the last occurrence there is nothing to wait for.
        let last_was = self.maximum_reached().then_some(self.updated_at);
        // What is still owed is settled first: no occurrence runs after the end anyway.
        let end = [self.expires_at, last_was]
            .into_iter()
            .flatten()
            .min()
            .filter(|_| repeats && self.unsettled.is_empty())
            .map(|at| (at, WakeKind::Expire));
        let resumption = self
            .resumes_at
            .filter(|_| self.status == SubscriptionStatus::Inactive)
            .map(|at| (at, WakeKind::Resume));
        let retry = self
            .unsettled
            .iter()
            // What was cancelled is woken to close its open runs; what rests keeps them for later.
            .filter(|_| repeats || self.status == SubscriptionStatus::Cancelled)
            .map(|unsettled| (unsettled.retry_at, WakeKind::Retry))
            .min();
        let alert = self
            .alert_at()
            .filter(|_| repeats && self.run_number.is_none())
            .map(|at| (at, WakeKind::Alert));
        [run, end, resumption, retry, alert].into_iter().flatten().min()
    }

    /// When its next run is to be announced; `None` where nobody wants that, or where it was done
    /// for this occurrence on this date.
    ///
    /// An alert whose time had come before the last change is due from that change on. What was due
    /// by then itself is not announced any more.
    #[must_use]
    pub fn alert_at(&self) -> Option<DateTime<Utc>> {
        let period = self.renewal_alert_period?;
        let next = self.next().filter(|next| self.alerted != Some(*next))?;
        (next.at > self.updated_at).then(|| period.before(next.at).max(self.updated_at))
    }

    /// What its items cost together, each time.
    ///
    /// # Errors
    /// When a sum is out of range.
    pub fn totals(&self) -> Result<Totals, MoneyError> {
        let items = &self.items;
        Totals::of(items.iter().map(|item| (&item.item, item.unit_amount, item.quantity)))
    }

    /// What one run costs, in minor units, without the tax that comes on top.
    ///
    /// # Errors
    /// When the sum is out of range.
    pub fn total(&self) -> Result<MinorUnits, MoneyError> {
        Ok(self.totals()?.total)
    }

    /// What is to be paid for the run under way, in minor units: its tax is in it once that is fixed.
    ///
    /// # Errors
    /// When the sum is out of range.
    pub fn due_total(&self) -> Result<MinorUnits, MoneyError> {
        with_tax(self.total()?, self.tax.as_ref())
    }

    /// Brings the runs that wait for their payment up at once: what is cancelled is not charged
    /// any more, and the next tick closes them.
    pub fn close_open_runs(&mut self, now: DateTime<Utc>) {
        for unsettled in &mut self.unsettled {
            unsettled.retry_at = now;
        }
    }

    /// Gives the claim back: the work under way was committed.
    pub fn release(&mut self) {
        self.run_number = None;
        self.lease_until = None;
        self.lease_claims = None;
        self.job_run_id = None;
        self.prices_fixed = false;
        self.tax = None;
    }
}

#[cfg(test)]
#[path = "subscription_tests.rs"]
pub(crate) mod tests;
