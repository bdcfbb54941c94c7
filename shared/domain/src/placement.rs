//! Placing orders: what becomes of them, and which subscriptions they become. Whether they may be
//! placed is told by [`checks`](crate::checks).

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::{Map, Value, json};

use crate::{
    catalog::{Customer, Market, PaymentSource, PricePolicy, Sku, Strategy, SubscriptionModel},
    checks::Verdict,
    ids::{OrganizationId, SkuId, SubscriptionId},
    journal::Change,
    lifecycle::SubscriptionStatus,
    new_subscription::{Beginning, begin_with_source, item_of},
    order::{LineItem, Order, OrderStatus, PaymentStatus, Rejection},
    plan::{PlanError, SkipReason, standing_past},
    pricing::{CurrentPrices, OrderedItem, PRICE_MISSING, PriceSource},
    subscription::Subscription,
    tax::Taxes,
    time::Frequency,
};

/// Where an order says how it is paid.
pub(crate) const PAYMENT_SOURCE: &str = "/data/relationships/customer_payment_source";
/// What costs something needs a payment source.
pub(crate) const SOURCE_MISSING: &str = "payment_source_missing";
/// It must be the customer's own.
pub(crate) const SOURCE_OF_ANOTHER: &str = "payment_source_of_another";

/// Why a discount or a fee can't be a subscription of its own.
pub(crate) const ALONE: &str =
    "an adjustment can't repeat by itself, and under the strategy by_line_items each line does";

/// All that an order refers to, as loaded.
#[derive(Debug, Clone)]
pub struct OrderContext<'a> {
    /// The order.
    pub order: &'a Order,
    /// Its market.
    pub market: Option<&'a Market>,
    /// The market's subscription model.
    pub model: Option<&'a SubscriptionModel>,
    /// Its customer.
    pub customer: Option<&'a Customer>,
    /// Its payment source.
    pub payment_source: Option<&'a PaymentSource>,
    /// The stock keeping units of its lines.
    pub skus: &'a HashMap<SkuId, Sku>,
}

/// Every line that can't repeat as it asks to, under a model, or whose skus are gone.
#[must_use]
pub fn check_repeating(
    order: &Order,
    model: &SubscriptionModel,
    skus: &HashMap<SkuId, Sku>,
) -> Vec<Rejection> {
    let lines = order.line_items.iter().enumerate();
    lines
        .flat_map(|(index, line)| {
            let reject = |code: &str, attribute, detail: String| Rejection {
                code: code.to_owned(),
                detail: format!("line item {}: {detail}", line.id),
                pointer: pointer(index, attribute),
            };
            let repeats = line.frequency.is_some();
            let codes = line.item.sku_codes().into_iter();
            let (known, gone): (Vec<_>, Vec<_>) = codes
                .map(|code| (code, skus.get(&SkuId::of_code(code))))
                .partition(|(_, sku)| sku.is_some());
            let known: Vec<&Sku> = known.into_iter().filter_map(|(_, sku)| sku).collect();
            let refused = repeating_refusals(line, &known, Some(model)).into_iter();
            let gone = gone.into_iter().filter(|_| repeats).map(|(code, _)| {
                reject("sku_unknown", code_of(&line.item), format!("there is no sku {code:?}"))
            });
            refused
                .map(|detail| reject("frequency_not_allowed", "frequency", detail))
                .chain(gone)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Why a line can't repeat as it asks to, in words; empty when it can, or does not ask.
fn repeating_refusals(
    line: &LineItem,
    skus: &[&Sku],
    model: Option<&SubscriptionModel>,
) -> Vec<String> {
    let Some(frequency) = &line.frequency else { return Vec::new() };
    let mut refusals = frequency_refusals(frequency, skus, model);
    let alone = model.is_some_and(|model| model.strategy == Strategy::ByLineItems);
    if alone && line.item.is_adjustment() {
        refusals.push(ALONE.to_owned());
    }
    refusals
}

/// The lines for which there is not enough in stock. Not looked at before units are taken: an order
/// that holds its units already finds fewer, and must not be refused for what it took itself.
#[must_use]
pub fn check_stock(order: &Order, skus: &HashMap<SkuId, Sku>) -> Vec<Rejection> {
    let mut wanted: BTreeMap<&SkuId, u64> = BTreeMap::new();
    let mut rejections = Vec::new();
    let units = order.line_items.iter().enumerate().flat_map(|(index, line)| {
        line.item.units(line.quantity).into_iter().map(move |unit| (index, unit))
    });
    for (index, (code, units)) in units {
        let sku = skus.get(&SkuId::of_code(code));
        let Some((sku, stock)) = sku.and_then(|sku| Some((sku, sku.stock?))) else { continue };
        let asked = wanted.entry(&sku.id).or_default();
        *asked += u64::from(units);
        if *asked > u64::from(stock) {
            rejections.push(Rejection {
                code: "out_of_stock".to_owned(),
                detail: format!("{asked} of sku {:?} are ordered, {stock} are in stock", sku.code),
                pointer: pointer(index, "quantity"),
            });
        }
    }
    rejections
}

pub(crate) fn pointer(index: usize, attribute: &str) -> String {
    format!("/data/relationships/line_items/data/{index}/attributes/{attribute}")
}

/// The attribute of a line that names what it orders.
pub(crate) fn code_of(item: &OrderedItem) -> &'static str {
    match item {
        OrderedItem::Sku { .. } => "sku_code",
        OrderedItem::Bundle { .. } => "bundle_code",
        OrderedItem::Adjustment { .. } => "adjustment_id",
    }
}

/// The lines that would become items of a subscription that follows the market's price list, and
/// have no price to follow. Nothing where the model pins prices.
#[must_use]
pub fn check_followed_prices(
    order: &Order,
    market: &Market,
    model: &SubscriptionModel,
    current: &CurrentPrices,
    now: DateTime<Utc>,
) -> Vec<Rejection> {
    let reject = |code: &str, pointer: String, detail: String| Rejection {
        code: code.to_owned(),
        detail,
        pointer,
    };
    let recurs = order.recurring().next().is_some();
    if !order.create_subscriptions || !recurs || model.price_policy != PricePolicy::FollowList {
        return Vec::new();
    }
    let Some(list) = &market.price_list_id else {
        let detail = format!(
            "subscription model {:?} follows the market's price list, and market {} has none",
            model.name, market.id
        );
        return vec![reject("price_list_missing", "/data/relationships/market".into(), detail)];
    };
    let lines = order.line_items.iter().enumerate();
    lines
        .filter(|(_, line)| line.frequency.is_some() && line.price_source != PriceSource::Given)
        .filter_map(|(index, line)| {
            let error = current
                .unit_amount(list, order.currency, (&line.item, line.quantity), now)
                .err()?;
            Some(reject(PRICE_MISSING, pointer(index, code_of(&line.item)), error.to_string()))
        })
        .collect()
}

/// Why `skus` can't be ordered at `frequency` under `model`, in words; empty when they can.
#[must_use]
pub fn frequency_refusals(
    frequency: &Frequency,
    skus: &[&Sku],
    model: Option<&SubscriptionModel>,
) -> Vec<String> {
    let allowed = |offered: &[Frequency]| offered.is_empty() || offered.contains(frequency);
    let mut refusals = Vec::new();
    for sku in skus.iter().filter(|sku| !allowed(&sku.frequencies)) {
        refusals.push(format!(
            "sku {:?} can't be ordered {frequency}; it can be ordered: {}",
            sku.code,
            listed(&sku.frequencies)
        ));
    }
    if let Some(model) = model
        && !allowed(&model.frequencies)
    {
        refusals.push(format!(
            "subscription model {:?} does not offer {frequency}; it offers: {}",
            model.name,
            listed(&model.frequencies)
        ));
    }
    refusals
}

pub(crate) fn listed(frequencies: &[Frequency]) -> String {
    frequencies.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// How the payment of an order that is being placed ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collected {
    /// Paid, with the provider's charge.
    Paid(String),
    /// Nothing was due.
    Nothing,
}

/// The order once it is placed.
#[must_use]
pub fn place(before: &Order, collected: Collected, now: DateTime<Utc>) -> (Order, Change) {
    let mut after = before.clone();
    after.status = OrderStatus::Placed;
    (after.payment_status, after.charge_id) = match collected {
        Collected::Paid(charge_id) => (PaymentStatus::Paid, Some(charge_id)),
        Collected::Nothing => (PaymentStatus::Free, None),
    };
    after.rejections.clear();
    after.placed_at = Some(now.trunc_subsecs(0));
    let mut told = vec![("payment_status", json!(after.payment_status))];
    // Taxes are settled without an entry of their own.
    told.extend(after.tax.as_ref().map(|tax| ("tax", tax.told())));
    (touched(after, now), change("orders.place", before, OrderStatus::Placed, &told))
}

/// The order back in draft, with the reasons.
#[must_use]
pub fn reject(before: &Order, rejections: Vec<Rejection>, now: DateTime<Utc>) -> (Order, Change) {
    let mut after = before.clone();
    after.status = OrderStatus::Draft;
    let codes: Vec<_> = rejections.iter().map(|rejection| rejection.code.clone()).collect();
    let mut told = vec![("reasons", json!(codes))];
    if rejections.iter().any(is_decline) {
        told.push(("payment_declined", json!(true)));
    }
    after.rejections = rejections;
    after.forget_tax();
    (touched(after, now), change("orders.reject", before, OrderStatus::Draft, &told))
}

/// The order as it waits for an operator.
#[must_use]
pub fn hold(before: &Order, now: DateTime<Utc>) -> (Order, Change) {
    let mut after = before.clone();
    after.status = OrderStatus::Held;
    let found = crate::checks::findings(&after.checks, Verdict::Held);
    let codes: Vec<_> = found.into_iter().map(|finding| finding.code).collect();
    let told = [("reasons", json!(codes))];
    (touched(after, now), change("orders.hold", before, OrderStatus::Held, &told))
}

/// The order with its tax, or without any, settled before anything is charged.
#[must_use]
pub fn fix_tax(before: &Order, tax: Option<Taxes>, now: DateTime<Utc>) -> Order {
    touched(Order { tax, tax_fixed: true, ..before.clone() }, now)
}

/// Whether an order was refused by the payment provider, and not by a rule of ours.
fn is_decline(rejection: &Rejection) -> bool {
    let ours = [SOURCE_MISSING, SOURCE_OF_ANOTHER];
    rejection.pointer == PAYMENT_SOURCE && !ours.contains(&rejection.code.as_str())
}

/// The order on its way to be placed.
#[must_use]
pub fn begin_placing(
    before: &Order,
    create_subscriptions: bool,
    now: DateTime<Utc>,
) -> (Order, Change) {
    let mut after = before.clone();
    after.status = OrderStatus::Placing;
    after.create_subscriptions |= create_subscriptions;
    after.placements = after.placements.saturating_add(1);
    after.placing_at = Some(now);
    after.rejections.clear();
    after.checks.clear();
    after.overturn = None;
    after.forget_tax();
    (touched(after, now), change("orders.placing", before, OrderStatus::Placing, &[]))
}

fn touched(mut order: Order, now: DateTime<Utc>) -> Order {
    order.version += 1;
    order.updated_at = now;
    order
}

fn change(
    event: &'static str,
    before: &Order,
    after: OrderStatus,
    more: &[(&str, Value)],
) -> Change {
    let mut told = Map::from_iter([("status".to_owned(), json!(after))]);
    told.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Change { event, before: json!({"status": before.status}), after: Value::Object(told) }
}

/// The subscriptions that a placed order becomes, each with the first entry of its journal.
///
/// The order is their occurrence 0: it anchors the schedule, and the next run is occurrence 1.
/// Identifiers derive from the order's, so making them twice makes the same ones.
///
/// # Errors
/// When a frequency has no next date from the order's placement.
pub fn create_subscriptions(
    organization: &OrganizationId,
    order: &Order,
    market: &Market,
    model: &SubscriptionModel,
    now: DateTime<Utc>,
) -> Result<Vec<(Subscription, Change)>, PlanError> {
    let mut groups: BTreeMap<String, (Frequency, Vec<&LineItem>)> = BTreeMap::new();
    for (line, frequency) in order.recurring() {
        let key = match model.strategy {
            Strategy::ByFrequency => frequency.to_string(),
            Strategy::ByLineItems => line.id.to_string(),
        };
        groups.entry(key).or_insert_with(|| (frequency.clone(), Vec::new())).1.push(line);
    }
    let anchor = order.placed_at.unwrap_or(now).trunc_subsecs(0);
    groups
        .into_iter()
        .map(|(key, (frequency, lines))| {
            let id = SubscriptionId::derived(&[organization.as_str(), order.id.as_str(), &key]);
            let items = lines.iter().map(|line| item_of(&id, line)).collect();
            let status = if model.auto_activate {
                SubscriptionStatus::Active
            } else {
                SubscriptionStatus::Inactive
            };
            let beginning = Beginning {
                id,
                status,
                origin: order.into(),
                market,
                model: Some(model),
                items,
                frequency,
                anchor,
                now,
            };
            let mut subscription = beginning.subscription();
            subscription.expires_at = order.subscriptions_expire_at;
            let skipped = begin_with_source(&mut subscription, now)?;
            let change = Change {
                event: "order_subscriptions.create",
                before: Value::Null,
                after: standing_past(&subscription, skipped, SkipReason::BeforeCreation),
            };
            Ok((subscription, change))
        })
        .collect()
}

#[cfg(test)]
#[path = "placement_tests.rs"]
mod tests;
