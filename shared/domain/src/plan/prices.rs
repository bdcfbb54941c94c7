//! Fixing what a run costs, by the prices of the list that it follows and its taxes, before anything is
//! charged for it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Outcome;
use crate::{
    dunning::DeclineKind,
    ids::SkuId,
    journal::Change,
    money::MoneyError,
    order_copy::Culprit,
    pricing::{CurrentPrices, NoPrice, PRICE_MISSING},
    run::Run,
    subscription::Subscription,
    tax::{Taxes, with_tax},
};

/// The code of what could not be charged because nothing computes its tax any more.
pub const TAX_CALCULATOR_MISSING: &str = "tax_calculator_missing";

/// The subscription with the prices and taxes of the run under way fixed until that is made: `priced`
/// is the same with the prices that its list has when the run is due. A change where a price is
/// another than the last time.
#[must_use]
pub fn fix_prices(
    before: &Subscription,
    priced: Subscription,
    tax: Option<Taxes>,
    now: DateTime<Utc>,
) -> (Subscription, Option<Change>) {
    let mut after = Subscription { tax, prices_fixed: true, ..priced };
    after.version = before.version + 1;
    after.updated_at = now;
    let changed = after.items != before.items;
    let change = changed.then(|| Change {
        event: "order_subscriptions.reprice",
        before: prices(before),
        after: prices(&after),
    });
    (after, change)
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
/// its subscription follows none any more. What tax it bears then is still to be told.
///
/// # Errors
/// When the list has no price for a line.
pub fn price_run(
    subscription: &Subscription,
    run: &Run,
    current: &CurrentPrices,
) -> Result<Run, NoPrice> {
    match &subscription.price_list_id {
        Some(list) => run.at_current_prices(list, current, run.due_at),
        None => Ok(run.clone()),
    }
}

/// A run that could not be charged for want of a price or a tax, with both; and what the journal is
/// told.
///
/// # Errors
/// When the total is out of range.
pub fn fix_run(before: &Run, priced: Run, tax: Option<Taxes>) -> Result<(Run, Change), MoneyError> {
    let mut after = Run { tax, unpriced: false, ..priced };
    after.total = with_tax(after.totals()?.total, after.tax.as_ref())?;
    after.version = before.version + 1;
    let told = |run: &Run| json!({"run": run.number, "total": run.total, "unpriced": run.unpriced});
    let change =
        Change { event: "order_subscriptions.reprice", before: told(before), after: told(&after) };
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

/// The same for want of a tax: what computes it is gone.
#[must_use]
pub fn untaxed(message: String, calculator: Culprit) -> Outcome {
    Outcome::Declined {
        kind: DeclineKind::Soft,
        code: TAX_CALCULATOR_MISSING.to_owned(),
        message,
        resource: Some(calculator),
        token: None,
    }
}

/// Whether what an attempt has come to is that nobody could tell yet what the run costs.
pub(super) fn is_unpriced(code: &str) -> bool {
    [PRICE_MISSING, TAX_CALCULATOR_MISSING].contains(&code)
}

#[cfg(test)]
#[path = "prices_tests.rs"]
mod tests;
