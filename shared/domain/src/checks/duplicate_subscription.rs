//! The customer does not subscribe to the same goods at the same frequency already.

use std::collections::BTreeSet;

use super::{Facts, Found, credit_limit::is_own};
use crate::{lifecycle::SubscriptionStatus, subscription::Subscription};

pub(super) fn check(facts: &Facts<'_>) -> Found {
    let mut found = Found::default();
    let Some(holdings) = facts.holdings else { return found };
    let mut same: BTreeSet<&str> = BTreeSet::new();
    let others = holdings.subscriptions.iter().filter(|one| one.created_at <= facts.now);
    for other in others.filter(|one| goes_on(one) && !is_own(one, facts.context.order)) {
        let is_same = |becoming: &Subscription| {
            becoming.frequency == other.frequency && goods(becoming) == goods(other)
        };
        if facts.becoming.iter().any(is_same) {
            same.insert(other.id.as_str());
        }
    }
    found.number("compared", holdings.subscriptions.len());
    if !same.is_empty() {
        let same: Vec<&str> = same.into_iter().take(5).collect();
        let detail = format!(
            "the customer subscribes to the same goods at the same frequency already: {}",
            same.join(", ")
        );
        found.number("order_subscription_ids", same);
        found.finding("duplicate_subscription", "/data/relationships/line_items", detail);
    } else if holdings.more {
        let detail = "the customer has more subscriptions than are compared";
        found.finding("not_compared", "/data/relationships/customer", detail.to_owned());
    }
    found
}

/// What it orders, whatever quantity.
fn goods(subscription: &Subscription) -> BTreeSet<&str> {
    let items = subscription.items.iter().filter(|item| !item.item.is_adjustment());
    items.map(|item| item.item.code()).collect()
}

/// Whether it makes runs, or may again.
fn goes_on(subscription: &Subscription) -> bool {
    let ended = subscription.expected().is_none_or(|next| subscription.end_at(next).is_some());
    match subscription.status {
        SubscriptionStatus::Draft | SubscriptionStatus::Cancelled => false,
        SubscriptionStatus::Inactive | SubscriptionStatus::Active | SubscriptionStatus::Running => {
            !ended
        }
    }
}
