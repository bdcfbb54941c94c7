//! Subscriptions that come from another book: where they stand there is where they go on here.
//!
//! Nothing that fell due before is made or charged. The anchor, the numbers and the counters are those
//! of the other book, so that dates and "the 12th of 24" stay what the customer was told.

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    catalog::{Market, Sku, SubscriptionModel},
    ids::{CustomerId, PaymentSourceId, SubscriptionId},
    journal::Change,
    lifecycle::SubscriptionStatus,
    new_subscription::{Beginning, Origin},
    order::{Addresses, MAX_LINE_ITEMS, MAX_SKUS, Rejection},
    placement::frequency_refusals,
    plan::{rest_until, standing},
    renewal_alert::RenewalAlertPeriod,
    subscription::{Subscription, SubscriptionItem},
    time::{
        AnchorChange, CutOff, Frequency, OccurrenceNumber, Pause, Schedule, ScheduleError,
        ScheduleRules, Slot, Zone, dormant_rules, reschedule_next, whole_second,
    },
};

/// Where an imported subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It repeats.
    Active,
    /// It rests, until this instant if there is one.
    Paused(Option<DateTime<Utc>>),
    /// It has ended, at this instant.
    Cancelled(DateTime<Utc>),
}

/// Where a subscription comes from; the same origin is the same subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provenance<'a> {
    /// The other book.
    pub source: &'a str,
    /// What the other book calls it.
    pub external_id: &'a str,
    /// A hash of all that was said of it, so that the same can be told from another.
    pub content: &'a str,
}

impl Provenance<'_> {
    /// The id of the subscription that this one becomes.
    #[must_use]
    pub fn subscription(&self, organization: &str) -> SubscriptionId {
        SubscriptionId::derived(&["import", organization, self.source, self.external_id])
    }
}

/// What another book says of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedTerms {
    /// Where it stands.
    pub standing: Standing,
    /// How often it repeats.
    pub frequency: Frequency,
    /// By which rules.
    pub rules: ScheduleRules,
    /// Whose wall clock it follows.
    pub time_zone: Zone,
    /// The instant of its occurrence 0, from which dates are computed.
    pub starts_at: DateTime<Utc>,
    /// The number of the last occurrence that was. Where it is not known, every date of the schedule
    /// up to now counts as one that was.
    pub reached: Option<OccurrenceNumber>,
    /// When the next run is due, where that is not the schedule's own next date.
    pub next_run_at: Option<DateTime<Utc>>,
    /// No occurrence at or after this is run.
    pub expires_at: Option<DateTime<Utc>>,
    /// How many occurrences there are at all.
    pub max_occurrences: Option<NonZeroU32>,
    /// Runs that ended in a placed order; as many as the number reached where it is not known.
    pub occurrencies: Option<u32>,
    /// Attempts at runs that failed.
    pub errors_count: u32,
    /// When an order was last made for it.
    pub last_run_at: Option<DateTime<Utc>>,
    /// How long before each run it is announced.
    pub renewal_alert_period: Option<RenewalAlertPeriod>,
    /// How long before each run it closes for changes.
    pub cut_off: CutOff,
    /// Whether its runs place and charge the orders that they make.
    pub place_target_order: bool,
}

/// What it refers to, and what it orders.
#[derive(Debug, Clone)]
pub struct ImportedParts<'a> {
    /// Its market.
    pub market: &'a Market,
    /// Its model, if it has one.
    pub model: Option<&'a SubscriptionModel>,
    /// Whose it is.
    pub customer_id: Option<CustomerId>,
    /// How its runs are paid.
    pub payment_source_id: Option<PaymentSourceId>,
    /// Where its goods and bills go.
    pub addresses: Addresses,
    /// What each run orders.
    pub items: Vec<SubscriptionItem>,
    /// The stock keeping units within the items.
    pub skus: Vec<&'a Sku>,
}

/// The subscription that another book's becomes, with the first entry of its journal.
///
/// It has no source order: the first order was made elsewhere, and one that was made up would stand
/// in lists, totals and reconciliations as a sale that nobody made here. Its next run is the first of
/// its dates that is still to come, with the number after the last that was.
///
/// # Errors
/// Every reason why it can't be; the pointers are names of fields of the row.
pub fn import_subscription(
    id: SubscriptionId,
    parts: ImportedParts<'_>,
    terms: &ImportedTerms,
    from: Provenance<'_>,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), Vec<Rejection>> {
    let mut rejections = Rejections(Vec::new());
    rejections.of_items(&parts, &terms.frequency);
    rejections.of_terms(&parts, terms, now);
    let ImportedParts { market, model, customer_id, payment_source_id, addresses, items, skus: _ } =
        parts;
    let status = match terms.standing {
        Standing::Active => SubscriptionStatus::Active,
        Standing::Paused(_) => SubscriptionStatus::Inactive,
        Standing::Cancelled(_) => SubscriptionStatus::Cancelled,
    };
    let origin = Origin {
        order_id: None,
        customer_id,
        payment_source_id,
        addresses,
        currency: market.currency,
        placed_at: None,
    };
    let (frequency, anchor) = (terms.frequency.clone(), terms.starts_at);
    let beginning = Beginning { id, status, origin, market, model, items, frequency, anchor, now };
    let mut made = beginning.subscription();
    made.rules = terms.rules.clone();
    made.time_zone = terms.time_zone;
    // Where it is still to begin, its anchor is its first run.
    made.activate_by_source_order = made.anchor <= now;
    made.place_target_order = terms.place_target_order;
    made.expires_at = terms.expires_at.map(whole_second);
    made.max_occurrences = terms.max_occurrences;
    made.renewal_alert_period = terms.renewal_alert_period;
    made.cut_off = terms.cut_off;
    made.errors_count = terms.errors_count;
    made.last_run_at = terms.last_run_at;
    if let Err(error) = made.total() {
        rejections.add("out_of_range", "items", error.to_string());
    }
    if !rejections.0.is_empty() {
        return Err(rejections.0);
    }
    rejections.follow(&mut made, terms, now);
    rejections.rest(&mut made, terms.standing, now);
    if !rejections.0.is_empty() {
        return Err(rejections.0);
    }
    let mut told = standing(&made);
    if let Value::Object(members) = &mut told {
        let Provenance { source, external_id, content } = from;
        let imported = json!({
            "source": source,
            "external_id": external_id,
            "content": content,
            // Reconciliation answers for the numbers after these.
            "jumped_numbers": made.jumped_numbers,
        });
        members.insert("imported".to_owned(), imported);
    }
    let change = Change { event: IMPORTED, before: Value::Null, after: told };
    Ok((made, change))
}

/// The name of the entry with which the journal of an imported subscription begins.
pub const IMPORTED: &str = "order_subscriptions.import";

/// What the first entry of a subscription's journal keeps of the row that it came from; `None` where
/// it was not imported.
#[must_use]
pub fn imported_content(after: &Value) -> Option<&str> {
    after.pointer("/imported/content")?.as_str()
}

struct Rejections(Vec<Rejection>);

impl Rejections {
    fn add(&mut self, code: &str, field: &str, detail: String) {
        self.0.push(Rejection { code: code.to_owned(), detail, pointer: field.to_owned() });
    }

    fn of_items(&mut self, parts: &ImportedParts<'_>, frequency: &Frequency) {
        let ImportedParts { model, items, skus, .. } = parts;
        if items.is_empty() || items.iter().all(|item| item.one_off) {
            let detail = "a subscription has at least one item that repeats".to_owned();
            self.add("required", "items", detail);
        }
        if items.len() > MAX_LINE_ITEMS {
            let detail = format!("a subscription holds at most {MAX_LINE_ITEMS} items");
            self.add("out_of_range", "items", detail);
        }
        let codes: std::collections::BTreeSet<&str> =
            items.iter().flat_map(|item| item.item.sku_codes()).collect();
        if codes.len() > MAX_SKUS {
            let found = codes.len();
            let detail =
                format!("the items hold {found} different skus; a run can order {MAX_SKUS}");
            self.add("out_of_range", "items", detail);
        }
        for refusal in frequency_refusals(frequency, skus, *model) {
            self.add("frequency_not_allowed", "frequency", refusal);
        }
    }

    fn of_terms(&mut self, parts: &ImportedParts<'_>, terms: &ImportedTerms, now: DateTime<Utc>) {
        let model_rules = parts.model.map(|model| model.rules.clone()).unwrap_or_default();
        if let Err(error) = dormant_rules::check_new(&model_rules, &terms.rules, &terms.frequency) {
            self.add("invalid_value", error.field(), error.to_string());
        }
        let ended = matches!(terms.standing, Standing::Cancelled(_));
        if let Some(end) = terms.expires_at.filter(|end| !ended && *end <= now) {
            let detail = format!("expires_at has passed ({end}): it is cancelled, or has another");
            self.add("out_of_range", "expires_at", detail);
        }
        if let Some(end) = terms.expires_at.filter(|end| *end <= terms.starts_at) {
            let starts_at = terms.starts_at;
            let detail = format!("expires_at must be after starts_at ({starts_at}), not {end}");
            self.add("out_of_range", "expires_at", detail);
        }
        if let Some(last) = terms.last_run_at.filter(|last| *last > now) {
            let detail = format!("last_run_at can't be in the future: {last} is after {now}");
            self.add("out_of_range", "last_run_at", detail);
        }
        if let Standing::Cancelled(at) = terms.standing
            && at > now
        {
            let detail = format!("cancelled_at can't be in the future: {at} is after {now}");
            self.add("out_of_range", "cancelled_at", detail);
        }
        if let Some(next) = terms.next_run_at {
            if ended {
                let detail = "what is cancelled has no next run: leave next_run_at out".to_owned();
                self.add("invalid_value", "next_run_at", detail);
            } else if next <= now {
                let detail = format!(
                    "next_run_at must be in the future: {next} is not after {now}. Leave it out for the \
                     first date still to come: nothing is charged for the past"
                );
                self.add("out_of_range", "next_run_at", detail);
            }
        }
    }

    /// Sets the first occurrence that is still to come, and the counters.
    fn follow(&mut self, made: &mut Subscription, terms: &ImportedTerms, now: DateTime<Utc>) {
        let schedule = made.schedule();
        let next_run_at = terms.next_run_at.map(whole_second);
        let placed = place(&schedule, terms.reached, next_run_at, now);
        let Placed { anchor_number, next, been } = match placed {
            Ok(placed) => placed,
            Err(ScheduleError::TooManyFirings) => {
                let detail = "the expression has fired too often since starts_at to be counted: \
                              current_recurrence is required";
                return self.add("required", "current_recurrence", detail.to_owned());
            }
            Err(error) => return self.add("invalid_value", "frequency", error.to_string()),
        };
        made.rules.anchor_number = anchor_number;
        made.jumped_numbers = next.number.get().saturating_sub(been);
        made.occurrencies = terms.occurrencies.unwrap_or_else(|| been.saturating_sub(1));
        made.set_next(Some(next));
        if made.maximum_reached() && !matches!(terms.standing, Standing::Cancelled(_)) {
            let maximum = terms.max_occurrences.map_or(0, NonZeroU32::get);
            let detail = format!(
                "{been} occurrences have been, the source order included; max_occurrences is {maximum}: \
                 it has ended"
            );
            return self.add("out_of_range", "max_occurrences", detail);
        }
        let Some(to) = next_run_at.filter(|to| *to != next.at) else { return };
        match reschedule_next(&made.schedule(), next, to, now, AnchorChange::Keep) {
            Ok(moved) => {
                made.set_next(Some(moved.next.slot()));
                made.rescheduled = Some(moved.next.slot());
                if let Some(end) = made.expires_at.filter(|end| *end <= to) {
                    let detail = format!("next_run_at must be before expires_at ({end}), not {to}");
                    self.add("out_of_range", "next_run_at", detail);
                }
            }
            Err(error) => self.add("invalid_value", "next_run_at", error.to_string()),
        }
    }

    fn rest(&mut self, made: &mut Subscription, standing: Standing, now: DateTime<Utc>) {
        match standing {
            Standing::Active => {}
            Standing::Cancelled(at) => made.cancelled_at = Some(at),
            Standing::Paused(resumes_at) => {
                if let Err(error) = rest_until(made, Pause { resumes_at }, now) {
                    self.add("out_of_range", "resumes_at", error.to_string());
                }
            }
        }
    }
}

/// Where a schedule goes on.
struct Placed {
    /// The number of the anchor, so that the next occurrence has the number after the last that was.
    anchor_number: OccurrenceNumber,
    next: Slot,
    /// How many occurrences were.
    been: u32,
}

/// The first occurrence still to come, or the one that was put on `next_run_at`: the last of the
/// schedule's dates up to there. Its number is the one after the last that was, or the schedule's own
/// where that is higher, as numbers never get smaller than their dates' place.
fn place(
    schedule: &Schedule,
    reached: Option<OccurrenceNumber>,
    next_run_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Placed, ScheduleError> {
    let anchor = Slot { number: OccurrenceNumber::ANCHOR, at: schedule.anchor() };
    let begun = anchor.at <= now;
    let been = match reached {
        Some(reached) => reached.get().checked_add(1).ok_or(ScheduleError::NumbersExhausted)?,
        None if begun => schedule.first_after(anchor, now)?.number.get(),
        None => 0,
    };
    let unused = OccurrenceNumber::new(been.max(1));
    if matches!(schedule.frequency(), Frequency::Cron(_)) {
        // The dates of a crontab expression need no anchor, so its numbers just go on.
        let second = chrono::TimeDelta::seconds(1);
        let before = anchor.at.checked_sub_signed(second).unwrap_or(anchor.at);
        let from = Slot { number: unused.previous().unwrap_or_default(), at: before.max(now) };
        let mut next = schedule.following(from)?.slot();
        if let Some(to) = next_run_at
            && let Some(latest) = schedule.latest_due(next, to)?
        {
            next = Slot { number: unused, at: latest.occurrence.at };
        }
        return Ok(Placed { anchor_number: OccurrenceNumber::ANCHOR, next, been });
    }
    let first = schedule.first_after(anchor, now)?.slot();
    let put_off = match next_run_at {
        Some(to) => schedule.latest_due(first, to)?.map(|latest| latest.occurrence.at),
        None => None,
    };
    let after = put_off.and_then(|at| at.checked_sub_signed(chrono::TimeDelta::seconds(1)));
    let (numbered, next) = schedule.going_on(after.unwrap_or(now), unused)?;
    Ok(Placed { anchor_number: numbered.rules().anchor_number, next: next.slot(), been })
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
