//! Subscriptions made by hand from a source order: what they begin with, and how the order makes
//! them active when it is placed.

use std::{collections::HashMap, num::NonZeroU32};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::{
    catalog::{Market, Sku, SubscriptionModel},
    ids::{SkuId, SubscriptionId},
    journal::Change,
    lifecycle::{SubscriptionStatus, Trigger},
    new_subscription::{Beginning, begin_with_source, item_of},
    order::{Order, OrderStatus, Rejection},
    order_copy::Factory,
    placement::frequency_refusals,
    plan::{PlanError, SkipReason, standing, standing_past},
    subscription::{Subscription, SubscriptionItem},
    time::{Frequency, OccurrenceNumber, ScheduleRules, Slot, Zone, dormant_rules, whole_second},
};

/// Most subscriptions made by hand from one order: they are placed or cancelled with it, in one
/// transaction.
pub const MAX_MANUAL_SUBSCRIPTIONS: usize = 8;

/// What is asked of a subscription that is made by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualTerms {
    /// How often it repeats.
    pub frequency: Frequency,
    /// By which rules.
    pub rules: ScheduleRules,
    /// Whose wall clock it follows.
    pub time_zone: Zone,
    /// Whether its source order, once placed, is its occurrence 0 and makes it active.
    pub activate_by_source_order: bool,
    /// Its first run, where the source order is not; only without `activate_by_source_order`.
    pub starts_at: Option<DateTime<Utc>>,
    /// No occurrence at or after this is run.
    pub expires_at: Option<DateTime<Utc>>,
    /// How many occurrences there are at all.
    pub max_occurrences: Option<NonZeroU32>,
    /// Whether its runs place and charge the orders that they make.
    pub place_target_order: bool,
}

/// What it is made from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The order that it repeats.
    pub order: &'a Order,
    /// The order's market.
    pub market: &'a Market,
    /// With one, its runs copy its items, which can be edited; without, they copy the order.
    pub model: Option<&'a SubscriptionModel>,
    /// The stock keeping units of the order's lines.
    pub skus: &'a HashMap<SkuId, Sku>,
}

/// A subscription made by hand, with the first entry of its journal.
///
/// Lines of the order that repeat by themselves are left to the subscriptions that they become. A
/// draft whose order is still to be placed copies the lines when it is.
///
/// # Errors
/// Every reason why it can't be made; the pointers lead into the document that asks for it.
pub fn create_manual(
    id: SubscriptionId,
    source: Source<'_>,
    terms: &ManualTerms,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), Vec<Rejection>> {
    let Source { order, market, model, skus: _ } = source;
    let mut rejections = refusals(source, terms, now);
    let waits = waits_for_source(order, terms);
    let anchor = match (terms.starts_at, order.placed_at) {
        (Some(starts_at), _) if !terms.activate_by_source_order => starts_at,
        (_, Some(placed_at)) => placed_at,
        (_, None) => now,
    };
    let items = items_of(&id, order);
    let active = terms.activate_by_source_order && !waits;
    let status = if active { SubscriptionStatus::Active } else { SubscriptionStatus::Draft };
    let frequency = terms.frequency.clone();
    let origin = order.into();
    let beginning = Beginning { id, status, origin, market, model, items, frequency, anchor, now };
    let mut subscription = beginning.subscription();
    if model.is_none() {
        subscription.factory = Factory::OrderCopies;
    }
    subscription.rules = terms.rules.clone();
    subscription.time_zone = terms.time_zone;
    subscription.expires_at = terms.expires_at.map(whole_second);
    subscription.max_occurrences = terms.max_occurrences;
    subscription.activate_by_source_order = terms.activate_by_source_order;
    subscription.place_target_order = terms.place_target_order;
    let begun = if terms.activate_by_source_order {
        begin_with_source(&mut subscription, now)
    } else {
        begin_at_start(&mut subscription);
        Ok(None)
    };
    let skipped = begun.unwrap_or_else(|error| {
        rejections.push(rejection(
            "invalid_value",
            "/data/attributes/frequency",
            error.to_string(),
        ));
        None
    });
    if !rejections.is_empty() {
        return Err(rejections);
    }
    let change = Change {
        event: "order_subscriptions.create",
        before: Value::Null,
        after: standing_past(&subscription, skipped, SkipReason::BeforeCreation),
    };
    Ok((subscription, change))
}

/// Its anchor is its first run, number 1: the source order is none of its occurrences.
fn begin_at_start(subscription: &mut Subscription) {
    let first = OccurrenceNumber::new(1);
    subscription.last_run_at = None;
    subscription.rules.anchor_number = first;
    subscription.jumped_numbers = first.get();
    subscription.set_next(Some(Slot { number: first, at: subscription.anchor }));
}

/// Whether the order is still to be placed that makes it active.
fn waits_for_source(order: &Order, terms: &ManualTerms) -> bool {
    terms.activate_by_source_order && order.status != OrderStatus::Placed
}

fn items_of(id: &SubscriptionId, order: &Order) -> Vec<SubscriptionItem> {
    let lines = order.line_items.iter().filter(|line| line.frequency.is_none());
    lines.map(|line| item_of(id, line)).collect()
}

fn rejection(code: &str, pointer: &str, detail: String) -> Rejection {
    Rejection { code: code.to_owned(), detail, pointer: pointer.to_owned() }
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn refusals(source: Source<'_>, terms: &ManualTerms, now: DateTime<Utc>) -> Vec<Rejection> {
    let Source { order, model, skus, .. } = source;
    let mut rejections = Vec::new();
    let at_source = "/data/relationships/source_order";
    let mut reject =
        |code: &str, pointer: &str, detail| rejections.push(rejection(code, pointer, detail));
    let status = json!(order.status);
    let status = status.as_str().unwrap_or_default();
    match order.status {
        OrderStatus::Draft | OrderStatus::Placing | OrderStatus::Held | OrderStatus::Placed => {}
        OrderStatus::Pending | OrderStatus::Cancelled => reject(
            "invalid_status",
            at_source,
            format!(
                "order {} is {status}: a subscription is made from a placed order, or from one \
                 that is to be placed",
                order.id
            ),
        ),
    }
    if order.manual_subscription_ids.len() >= MAX_MANUAL_SUBSCRIPTIONS {
        reject(
            "out_of_range",
            at_source,
            format!(
                "order {} has {MAX_MANUAL_SUBSCRIPTIONS} subscriptions that were made from it by \
                 hand, and can't have more: copy the order first",
                order.id
            ),
        );
    }
    let copied: Vec<_> = order.line_items.iter().filter(|line| line.frequency.is_none()).collect();
    if copied.is_empty() && !waits_for_source(order, terms) {
        reject(
            "invalid_value",
            at_source,
            format!(
                "order {} has no line item without a frequency of its own to be copied",
                order.id
            ),
        );
    }
    for line in copied {
        let codes = line.item.sku_codes();
        let skus: Vec<&Sku> =
            codes.into_iter().filter_map(|code| skus.get(&SkuId::of_code(code))).collect();
        for refusal in frequency_refusals(&terms.frequency, &skus, None) {
            let detail = format!("line item {}: {refusal}", line.id);
            reject("frequency_not_allowed", "/data/attributes/frequency", detail);
        }
    }
    for refusal in frequency_refusals(&terms.frequency, &[], model) {
        reject("frequency_not_allowed", "/data/attributes/frequency", refusal);
    }
    let model_rules = model.map(|model| model.rules.clone()).unwrap_or_default();
    if let Err(error) = dormant_rules::check_new(&model_rules, &terms.rules, &terms.frequency) {
        let pointer = format!("/data/attributes/{}", error.field());
        reject("invalid_value", &pointer, error.to_string());
    }
    let starts_at = "/data/attributes/starts_at";
    match terms.starts_at {
        Some(_) if terms.activate_by_source_order => reject(
            "invalid_value",
            starts_at,
            "starts_at goes with activate_by_source_order false: else it starts when its source \
             order is placed"
                .to_owned(),
        ),
        None if !terms.activate_by_source_order => reject(
            "required",
            starts_at,
            "starts_at is required where activate_by_source_order is false".to_owned(),
        ),
        Some(at) if at <= now => reject(
            "out_of_range",
            starts_at,
            format!("starts_at must be in the future: {} is not after {}", text(at), text(now)),
        ),
        Some(_) | None => {}
    }
    let start = terms.starts_at.filter(|_| !terms.activate_by_source_order).unwrap_or(now).max(now);
    if let Some(end) = terms.expires_at.filter(|end| *end <= start) {
        let detail = format!(
            "expires_at must be after starts_at and now ({}), not {}",
            text(start),
            text(end)
        );
        reject("out_of_range", "/data/attributes/expires_at", detail);
    }
    rejections
}

/// A draft that waited for its source order, now that the order is placed: it copies what the order
/// holds, which is its occurrence 0.
///
/// # Errors
/// When it is no draft any more, or has no date after the order's placement.
pub fn activate_by_source(
    before: &Subscription,
    order: &Order,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), PlanError> {
    let mut after = before.clone();
    after.status = after.status.after(Trigger::PlaceSource)?;
    let placed_at = order.placed_at.unwrap_or(now);
    after.items = items_of(&after.id, order);
    after.customer_id.clone_from(&order.customer_id);
    if after.payment_source_id.is_none() {
        after.payment_source_id.clone_from(&order.payment_source_id);
    }
    after.currency = order.currency;
    after.anchor = whole_second(placed_at);
    after.rules.anchor_number = OccurrenceNumber::ANCHOR;
    after.rules.anchor_local = None;
    after.jumped_numbers = 0;
    after.rescheduled = None;
    after.last_run_at = Some(placed_at);
    let skipped = begin_with_source(&mut after, now)?;
    after.version += 1;
    after.updated_at = now;
    let mut told = standing_past(&after, skipped, SkipReason::BeforeCreation);
    if let Value::Object(members) = &mut told {
        members.insert("source_order_id".to_owned(), json!(order.id));
    }
    let change =
        Change { event: "order_subscriptions.activate", before: standing(before), after: told };
    Ok((after, change))
}

#[cfg(test)]
#[path = "manual_subscription_tests.rs"]
mod tests;
