//! The order has all that it needs to be placed at all. Nobody can relax this.

use std::collections::BTreeSet;

use super::{Facts, Found};
use crate::{
    catalog::Strategy,
    ids::SkuId,
    order::MAX_SKUS,
    placement::{PAYMENT_SOURCE, SOURCE_MISSING, SOURCE_OF_ANOTHER, code_of, pointer},
};

const CUSTOMER: &str = "/data/relationships/customer";
const LINES: &str = "/data/relationships/line_items";
const MARKET: &str = "/data/relationships/market";

pub(super) fn check(facts: &Facts<'_>) -> Found {
    let mut found = Found::default();
    let (context, order) = (&facts.context, facts.context.order);
    if order.line_items.is_empty() {
        let detail = "an order needs at least one line item to be placed";
        found.finding("line_items_missing", LINES, detail.to_owned());
    }
    match order.total() {
        Err(error) => found.finding("amount_out_of_range", LINES, error.to_string()),
        Ok(total) if !total.is_zero() && context.payment_source.is_none() => {
            let detail = "an order that costs something needs a payment source to be placed";
            found.finding(SOURCE_MISSING, PAYMENT_SOURCE, detail.to_owned());
        }
        Ok(_) => {}
    }
    if let Some(source) = context.payment_source
        && order.customer_id.as_ref() != Some(&source.customer_id)
    {
        let detail = format!("payment source {} belongs to another customer", source.id);
        found.finding(SOURCE_OF_ANOTHER, PAYMENT_SOURCE, detail);
    }
    if let (Some(customer), None) = (&order.customer_id, context.customer) {
        let detail = format!("there is no customer {customer}");
        found.finding("customer_missing", CUSTOMER, detail);
    }
    if context.market.is_none() {
        let detail = format!("there is no market {}", order.market_id);
        found.finding("market_missing", MARKET, detail);
    }
    if let Some(end) = order.subscriptions_expire_at
        && end <= facts.now
    {
        let detail = format!("subscriptions would end at {}, which has passed", end.to_rfc3339());
        found.finding("expiry_in_the_past", "/data/attributes/subscriptions_expire_at", detail);
    }
    let recurs = order.recurring().next().is_some();
    if order.create_subscriptions && recurs && context.model.is_none() {
        let detail = format!(
            "market {} has no subscription model, so its orders make no subscriptions",
            order.market_id
        );
        found.finding("subscription_model_missing", MARKET, detail);
    }
    lines(facts, &mut found);
    found.findings.extend(facts.impossible.iter().cloned());
    found
}

fn lines(facts: &Facts<'_>, found: &mut Found) {
    let order = facts.context.order;
    let alone = facts.context.model.is_some_and(|model| model.strategy == Strategy::ByLineItems);
    for (index, line) in order.line_items.iter().enumerate() {
        for code in line.item.sku_codes() {
            if !facts.context.skus.contains_key(&SkuId::of_code(code)) {
                let at = pointer(index, code_of(&line.item));
                found.finding("sku_unknown", at, format!("there is no sku {code:?}"));
            }
        }
        if line.frequency.is_some() && alone && line.item.is_adjustment() {
            let at = pointer(index, "frequency");
            found.finding("frequency_not_allowed", at, crate::placement::ALONE.to_owned());
        }
    }
    let skus: BTreeSet<&str> =
        order.line_items.iter().flat_map(|line| line.item.sku_codes()).collect();
    if skus.len() > MAX_SKUS {
        let detail = format!(
            "the order holds {} different skus, those within bundles counted; it can hold \
             {MAX_SKUS}",
            skus.len()
        );
        found.finding("too_many_skus", LINES, detail);
    }
}
