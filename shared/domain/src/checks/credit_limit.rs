//! The customer owes no more than their limit: with this order alone or, where `exposure_days` is set,
//! with what is open and what falls due within so many days.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{Facts, Found, Setting, upcoming::Lookahead};
use crate::{
    money::{Currency, MinorUnits, MoneyError},
    order::{Order, OrderStatus},
    subscription::Subscription,
};

const POINTER: &str = "/data/relationships/customer";

/// What a customer owes, in minor units of the order's currency.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Exposure {
    /// Runs that wait for their payment, and orders that wait to be placed.
    open: MinorUnits,
    /// Runs that fall due within the time that is looked ahead, this order's own included.
    upcoming: MinorUnits,
    /// Whether there was more than could be counted.
    more: bool,
    /// The other currencies in which something is open or falls due: the limit holds in each by itself.
    others: BTreeSet<Currency>,
}

pub(super) fn check(facts: &Facts<'_>, setting: &Setting) -> Found {
    let mut found = Found::default();
    let order = facts.context.order;
    let Some(customer) = facts.context.customer else { return found };
    // What costs more than an amount can be is refused as incomplete.
    let Ok(total) = order.total() else { return found };
    let Some(limit) = customer.credit_limit.or(setting.limit_cents) else { return found };
    found.number("order_cents", total);
    found.number("limit_cents", limit);
    let Some(days) = setting.exposure_days else {
        if total > limit {
            let detail = format!(
                "the order costs {total}, the credit limit of customer {} is {limit}",
                customer.id
            );
            found.finding("credit_limit_exceeded", POINTER, detail);
        }
        return found;
    };
    found.number("exposure_days", days);
    let owed = exposure(facts, days).and_then(|exposure| {
        let sum = MinorUnits::checked_total([total, exposure.open, exposure.upcoming])?;
        Ok((exposure, sum))
    });
    match owed {
        Ok((exposure, sum)) => {
            found.number("open_cents", exposure.open);
            found.number("upcoming_cents", exposure.upcoming);
            found.number("exposure_cents", sum);
            if !exposure.others.is_empty() {
                found.number("other_currencies", &exposure.others);
            }
            if sum > limit {
                let detail = format!(
                    "customer {} would owe {sum}: {total} for the order, {} open, and {} falling due \
                     within {days} days; the credit limit is {limit}",
                    customer.id, exposure.open, exposure.upcoming
                );
                found.finding("credit_limit_exceeded", POINTER, detail);
            } else if exposure.more {
                let detail = format!(
                    "customer {} has more subscriptions or runs within {days} days than are counted",
                    customer.id
                );
                found.finding("exposure_not_counted", POINTER, detail);
            }
        }
        Err(error) => found.finding("credit_limit_exceeded", POINTER, error.to_string()),
    }
    found
}

fn exposure(facts: &Facts<'_>, days: u16) -> Result<Exposure, MoneyError> {
    let order = facts.context.order;
    let until = facts.now + TimeDelta::days(i64::from(days));
    let mut lookahead = Lookahead::until(until);
    let mut exposure = Exposure::default();
    for subscription in facts.becoming {
        let runs = lookahead.runs_of(subscription, subscription.next());
        exposure.upcoming = exposure.upcoming.checked_add(cost_of(subscription, runs)?)?;
    }
    let Some(holdings) = facts.holdings else { return Ok(exposure) };
    for subscription in holdings.subscriptions.iter().filter(|one| !is_own(one, order)) {
        let runs = lookahead.runs_of(subscription, subscription.coming());
        if subscription.currency != order.currency {
            if runs + subscription.unsettled.len() > 0 {
                exposure.others.insert(subscription.currency);
            }
            continue;
        }
        exposure.upcoming = exposure.upcoming.checked_add(cost_of(subscription, runs)?)?;
        let open = cost_of(subscription, subscription.unsettled.len())?;
        exposure.open = exposure.open.checked_add(open)?;
    }
    for other in &holdings.orders {
        let waits = matches!(other.status, OrderStatus::Placing | OrderStatus::Held);
        if !waits || other.id == order.id {
            continue;
        }
        if other.currency == order.currency {
            exposure.open = exposure.open.checked_add(other.total()?)?;
        } else {
            exposure.others.insert(other.currency);
        }
    }
    exposure.more = holdings.more || lookahead.is_exhausted();
    Ok(exposure)
}

/// What so many runs cost, each at today's prices.
fn cost_of(subscription: &Subscription, runs: usize) -> Result<MinorUnits, MoneyError> {
    let runs = u32::try_from(runs).unwrap_or(u32::MAX);
    subscription.total()?.checked_mul(runs)
}

/// Whether a subscription was made from the order.
pub(super) fn is_own(subscription: &Subscription, order: &Order) -> bool {
    subscription.source_order_id.as_ref() == Some(&order.id)
}
