//! Fixing the prices of a run that follows a list, before anything is charged for it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Outcome;
use crate::{
    dunning::DeclineKind,
    ids::SkuId,
    journal::Change,
    order_copy::Culprit,
    pricing::{CurrentPrices, NoPrice, PRICE_MISSING},
    run::Run,
    subscription::Subscription,
};

/// The subscription with the prices that its list has when the run under way is due, fixed until that
/// is made. A change where a price is another than the last time.
///
/// # Errors
/// When the list has no price for an item.
pub fn fix_prices(
    before: &Subscription,
    current: &CurrentPrices,
    due_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(Subscription, Option<Change>), NoPrice> {
    let mut after = before.at_current_prices(current, due_at)?;
    after.prices_fixed = true;
    after.version += 1;
    after.updated_at = now;
    let changed = after.items != before.items;
    let change = changed.then(|| Change {
        event: "order_subscriptions.reprice",
        before: prices(before),
        after: prices(&after),
    });
    Ok((after, change))
}

/// The price of each item, and what they cost together.
fn prices(subscription: &Subscription) -> Value {
    let items: Vec<Value> = subscription
        .items
        .iter()
        .map(|item| json!({"id": item.id, "unit_amount": item.unit_amount}))
        .collect();
    json!({"items": items, "total": subscription.total().ok()})
}

/// A run that had no prices when it was due, with those that the list has by now; the same where
/// its subscription follows none any more.
///
/// # Errors
/// When the list has no price for a line.
pub fn price_run(
    subscription: &Subscription,
    run: &Run,
    current: &CurrentPrices,
) -> Result<(Run, Change), NoPrice> {
    let mut after = match &subscription.price_list_id {
        Some(list) => run.at_current_prices(list, current, run.due_at)?,
        None => run.clone(),
    };
    after.unpriced = false;
    after.version += 1;
    let told = |run: &Run| json!({"run": run.number, "total": run.total, "unpriced": run.unpriced});
    let change =
        Change { event: "order_subscriptions.reprice", before: told(run), after: told(&after) };
    Ok((after, change))
}

/// What becomes of an attempt at a run without prices: it stays open, as one that was declined, and
/// is tried again by policy.
#[must_use]
pub fn unpriced(missing: &NoPrice) -> Outcome {
    let sku = if let NoPrice::Missing { sku_code, .. } = missing {
        Some(Culprit::sku(&SkuId::of_code(sku_code), sku_code))
    } else {
        None
    };
    Outcome::Declined {
        kind: DeclineKind::Soft,
        code: PRICE_MISSING.to_owned(),
        message: missing.to_string(),
        resource: sku,
        token: None,
    }
}

#[cfg(test)]
#[path = "prices_tests.rs"]
mod tests;
