//! The customer has not ordered the same just now.

use chrono::TimeDelta;

use super::{Facts, Found, Setting};
use crate::order::{Order, OrderStatus};

/// Hours in which the same order is a duplicate, where no policy says how many.
const WINDOW_HOURS: u16 = 24;

pub(super) fn check(facts: &Facts<'_>, setting: &Setting) -> Found {
    let mut found = Found::default();
    let Some(holdings) = facts.holdings else { return found };
    let (order, hours) = (facts.context.order, setting.window_hours.unwrap_or(WINDOW_HOURS));
    let since = facts.now - TimeDelta::hours(i64::from(hours));
    let within = |other: &&Order| {
        let counts =
            matches!(other.status, OrderStatus::Placing | OrderStatus::Held | OrderStatus::Placed);
        // Of two that are placed at once, the one that was made first is the original.
        let before = (other.created_at, &other.id) < (order.created_at, &order.id);
        counts && before && other.placing_at.is_some_and(|at| since <= at && at <= facts.now)
    };
    let compared: Vec<&Order> = holdings.orders.iter().filter(within).collect();
    found.number("window_hours", hours);
    found.number("compared", compared.len());
    let own = goods(order);
    let same = compared.iter().filter(|other| goods(other) == own).map(|other| other.id.as_str());
    let same: Vec<&str> = same.take(5).collect();
    if !same.is_empty() {
        let detail =
            format!("the customer has ordered the same within {hours} hours: {}", same.join(", "));
        found.number("order_ids", same);
        found.finding("duplicate_order", "/data/relationships/line_items", detail);
    }
    found
}

/// What is ordered, how often and how much of it, in a fixed order.
fn goods(order: &Order) -> Vec<(&str, u32, Option<String>)> {
    let lines = order.line_items.iter().map(|line| {
        let frequency = line.frequency.as_ref().map(ToString::to_string);
        (line.item.code(), line.quantity, frequency)
    });
    let mut goods: Vec<_> = lines.collect();
    goods.sort();
    goods
}
