//! Whether an order may be placed, and which subscriptions it becomes.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::{Value, json};

use crate::{
    catalog::{Customer, Market, PaymentSource, Sku, Strategy, SubscriptionModel},
    ids::{OrganizationId, SkuId, SubscriptionId, SubscriptionItemId},
    journal::{Change, Head},
    lifecycle::SubscriptionStatus,
    money::MinorUnits,
    order::{LineItem, Order, OrderStatus, PaymentStatus, Rejection},
    plan::{PlanError, standing},
    subscription::{Subscription, SubscriptionItem},
    time::{CutOff, Frequency, OccurrenceNumber, Slot},
};

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

/// Every reason why the order may not be placed at `now`, but for stock; none means that it may.
#[must_use]
pub fn check_order(context: &OrderContext<'_>, now: DateTime<Utc>) -> Vec<Rejection> {
    let mut rejections = Vec::new();
    let mut reject = |code: &str, pointer: String, detail: String| {
        rejections.push(Rejection { code: code.to_owned(), detail, pointer });
    };
    let order = context.order;
    if order.line_items.is_empty() {
        reject(
            "line_items_missing",
            "/data/relationships/line_items".into(),
            "an order needs at least one line item to be placed".into(),
        );
    }
    let total = order.total();
    match &total {
        Err(error) => reject(
            "amount_out_of_range",
            "/data/relationships/line_items".into(),
            error.to_string(),
        ),
        Ok(total) if !total.is_zero() && context.payment_source.is_none() => reject(
            "payment_source_missing",
            "/data/relationships/customer_payment_source".into(),
            "an order that costs something needs a payment source to be placed".into(),
        ),
        Ok(_) => {}
    }
    if let Some(source) = context.payment_source
        && order.customer_id.as_ref() != Some(&source.customer_id)
    {
        reject(
            "payment_source_of_another",
            "/data/relationships/customer_payment_source".into(),
            format!("payment source {} belongs to another customer", source.id),
        );
    }
    if let (Some(customer), None) = (&order.customer_id, context.customer) {
        reject(
            "customer_missing",
            "/data/relationships/customer".into(),
            format!("there is no customer {customer}"),
        );
    }
    match context.market {
        None => reject(
            "market_missing",
            "/data/relationships/market".into(),
            format!("there is no market {}", order.market_id),
        ),
        Some(market) if market.currency != order.currency => reject(
            "currency_mismatch",
            "/data/attributes/currency_code".into(),
            format!(
                "market {} sells in {}, the order is in {}",
                market.id, market.currency, order.currency
            ),
        ),
        Some(_) => {}
    }
    if let Some(customer) = context.customer {
        if customer.on_hold {
            reject(
                "customer_on_hold",
                "/data/relationships/customer".into(),
                format!("customer {} is on credit hold", customer.id),
            );
        }
        if let (Some(limit), Ok(total)) = (customer.credit_limit, &total)
            && *total > limit
        {
            reject(
                "credit_limit_exceeded",
                "/data/relationships/customer".into(),
                format!(
                    "the order costs {total}, the credit limit of customer {} is {limit}",
                    customer.id
                ),
            );
        }
    }
    if let Some(end) = order.subscriptions_expire_at
        && end <= now
    {
        reject(
            "expiry_in_the_past",
            "/data/attributes/subscriptions_expire_at".into(),
            format!("subscriptions would end at {}, which has passed", end.to_rfc3339()),
        );
    }
    let recurs = order.recurring().next().is_some();
    if order.create_subscriptions && recurs && context.model.is_none() {
        reject(
            "subscription_model_missing",
            "/data/relationships/market".into(),
            format!(
                "market {} has no subscription model, so its orders make no subscriptions",
                order.market_id
            ),
        );
    }
    for (index, line) in order.line_items.iter().enumerate() {
        let Some(sku) = context.skus.get(&line.sku_id) else {
            reject(
                "sku_unknown",
                pointer(index, "sku_code"),
                format!("there is no sku {:?}", line.sku_code),
            );
            continue;
        };
        if sku.currency != order.currency {
            reject(
                "currency_mismatch",
                pointer(index, "sku_code"),
                format!(
                    "sku {:?} is priced in {}, the order is in {}",
                    sku.code, sku.currency, order.currency
                ),
            );
        }
        if let Some(frequency) = &line.frequency {
            for refusal in frequency_refusals(frequency, sku, context.model) {
                reject("frequency_not_allowed", pointer(index, "frequency"), refusal);
            }
        }
    }
    rejections
}

/// The lines for which there is not enough in stock. Not part of [`check_order`]: an order that
/// holds its units already finds fewer, and must not be refused for what it took itself.
#[must_use]
pub fn check_stock(order: &Order, skus: &HashMap<SkuId, Sku>) -> Vec<Rejection> {
    let mut wanted: BTreeMap<&SkuId, u64> = BTreeMap::new();
    let mut rejections = Vec::new();
    for (index, line) in order.line_items.iter().enumerate() {
        let Some((sku, stock)) = skus.get(&line.sku_id).and_then(|sku| Some((sku, sku.stock?)))
        else {
            continue;
        };
        let asked = wanted.entry(&sku.id).or_default();
        *asked += u64::from(line.quantity);
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

fn pointer(index: usize, attribute: &str) -> String {
    format!("/data/relationships/line_items/data/{index}/attributes/{attribute}")
}

/// Why `sku` can't be ordered at `frequency` under `model`, in words; empty when it can.
#[must_use]
pub fn frequency_refusals(
    frequency: &Frequency,
    sku: &Sku,
    model: Option<&SubscriptionModel>,
) -> Vec<String> {
    let allowed = |offered: &[Frequency]| offered.is_empty() || offered.contains(frequency);
    let mut refusals = Vec::new();
    if !allowed(&sku.frequencies) {
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

fn listed(frequencies: &[Frequency]) -> String {
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
    (touched(after, now), change("orders.place", before, OrderStatus::Placed, Value::Null))
}

/// The order back in draft, with the reasons.
#[must_use]
pub fn reject(before: &Order, rejections: Vec<Rejection>, now: DateTime<Utc>) -> (Order, Change) {
    let mut after = before.clone();
    after.status = OrderStatus::Draft;
    let codes: Vec<_> = rejections.iter().map(|rejection| rejection.code.clone()).collect();
    after.rejections = rejections;
    (touched(after, now), change("orders.reject", before, OrderStatus::Draft, json!(codes)))
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
    (touched(after, now), change("orders.placing", before, OrderStatus::Placing, Value::Null))
}

fn touched(mut order: Order, now: DateTime<Utc>) -> Order {
    order.version += 1;
    order.updated_at = now;
    order
}

fn change(event: &'static str, before: &Order, after: OrderStatus, reasons: Value) -> Change {
    let mut told = json!({"status": after});
    if let (Value::Object(members), false) = (&mut told, reasons.is_null()) {
        members.insert("reasons".to_owned(), reasons);
    }
    Change { event, before: json!({"status": before.status}), after: told }
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
    skus: &HashMap<SkuId, Sku>,
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
            let items = lines.iter().map(|line| item_of(&id, line, skus)).collect();
            let status = if model.auto_activate {
                SubscriptionStatus::Active
            } else {
                SubscriptionStatus::Inactive
            };
            let mut subscription = Subscription {
                id,
                status,
                market_id: market.id.clone(),
                model_id: Some(model.id.clone()),
                source_order_id: order.id.clone(),
                customer_id: order.customer_id.clone(),
                payment_source_id: order.payment_source_id.clone(),
                currency: order.currency,
                items,
                frequency,
                anchor,
                time_zone: market.time_zone,
                rules: model.rules.clone(),
                next_number: None,
                next_run_at: None,
                expires_at: order.subscriptions_expire_at,
                max_occurrences: model.max_occurrences,
                jumped_numbers: 0,
                rescheduled: None,
                cut_off: CutOff::default(),
                resumes_at: None,
                renewal_alert_period: model.renewal_alert_period,
                alerted: None,
                last_run_at: order.placed_at,
                occurrencies: 0,
                errors_count: 0,
                succeeded_on_last_run: None,
                unsettled: Vec::new(),
                catch_up: model.catch_up,
                retry: model.retry.clone(),
                reference: None,
                metadata: Value::Null,
                created_at: now,
                updated_at: now,
                version: 1,
                journal: Head::default(),
                run_number: None,
                lease_until: None,
                lease_claims: None,
                job_run_id: None,
                blocked_by: None,
            };
            let source = Slot { number: OccurrenceNumber::ANCHOR, at: anchor };
            let next = subscription.schedule().following(source)?;
            subscription.set_next(Some(next.slot()));
            let change = Change {
                event: "order_subscriptions.create",
                before: Value::Null,
                after: standing(&subscription),
            };
            Ok((subscription, change))
        })
        .collect()
}

fn item_of(
    subscription: &SubscriptionId,
    line: &LineItem,
    skus: &HashMap<SkuId, Sku>,
) -> SubscriptionItem {
    SubscriptionItem {
        id: SubscriptionItemId::derived(&[subscription.as_str(), line.id.as_str()]),
        sku_code: line.sku_code.clone(),
        name: line.name.clone(),
        quantity: line.quantity,
        unit_amount: line.unit_amount,
        stock_tracked: skus.get(&line.sku_id).is_some_and(|sku| sku.stock.is_some()),
    }
}

/// The price of a line, in minor units, for people.
#[must_use]
pub fn line_total(line: &LineItem) -> Option<MinorUnits> {
    line.unit_amount.checked_mul(line.quantity).ok()
}

#[cfg(test)]
#[path = "placement_tests.rs"]
mod tests;
