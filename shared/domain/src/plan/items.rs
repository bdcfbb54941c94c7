//! Other items for a subscription: what its runs order, from the next one on.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::json;
use thiserror::Error;

use crate::{
    ids::SubscriptionItemId,
    journal::Change,
    money::MoneyError,
    order::{MAX_LINE_ITEMS, MAX_SKUS},
    subscription::{Subscription, SubscriptionItem},
};

/// What is to be done about the items of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemsChange {
    /// One more.
    Add(SubscriptionItem),
    /// The one with this id is to be as given here.
    Update(SubscriptionItem),
    /// The same, because something else is wanted in its place.
    Swap(SubscriptionItem),
    /// One less.
    Remove(SubscriptionItemId),
}

/// Why the items of a subscription can't be changed as asked. The text names the rule.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ItemsError {
    /// There are as many items as a run can order.
    #[error(
        "a subscription holds at most {MAX_LINE_ITEMS} items, those of the next run only included"
    )]
    TooMany,
    /// A run could not take all of it from stock in one transaction.
    #[error(
        "the items hold {0} different skus, those within bundles counted; a run can order {MAX_SKUS}"
    )]
    TooManySkus(usize),
    /// Without it, nothing would repeat.
    #[error("a subscription keeps at least one item that repeats: add another first, or cancel it")]
    Last,
    /// No item has this id.
    #[error("there is no item {0}")]
    Missing(SubscriptionItemId),
    /// What a run costs can't be counted.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// The subscription with other items, and the journal entry of it. Runs that were made before, paid
/// or not, keep what they ordered.
///
/// # Errors
/// [`ItemsError`] says which rule the change breaks.
pub fn change_items(
    before: &Subscription,
    change: &ItemsChange,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), ItemsError> {
    let mut after = before.clone();
    let (event, was, is) = match change {
        ItemsChange::Add(item) => {
            after.items.push(item.clone());
            ("order_subscriptions.add_item", None, Some(item))
        }
        ItemsChange::Update(item) => {
            ("order_subscriptions.update_item", Some(replace(&mut after, item)?), Some(item))
        }
        ItemsChange::Swap(item) => {
            ("order_subscriptions.swap_item", Some(replace(&mut after, item)?), Some(item))
        }
        ItemsChange::Remove(id) => {
            let place = place_of(&after, id)?;
            let removed = after.items.remove(place);
            ("order_subscriptions.remove_item", Some(removed), None)
        }
    };
    if after.items.len() > MAX_LINE_ITEMS {
        return Err(ItemsError::TooMany);
    }
    let skus: BTreeSet<&str> = after.items.iter().flat_map(|item| item.item.sku_codes()).collect();
    if skus.len() > MAX_SKUS && !matches!(change, ItemsChange::Remove(_)) {
        return Err(ItemsError::TooManySkus(skus.len()));
    }
    if after.items.iter().all(|item| item.one_off) {
        return Err(ItemsError::Last);
    }
    let total = after.total()?;
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event,
        before: json!({"item": was, "total": before.total().ok()}),
        after: json!({"item": is, "total": total}),
    };
    Ok((after, change))
}

fn place_of(subscription: &Subscription, id: &SubscriptionItemId) -> Result<usize, ItemsError> {
    let place = subscription.items.iter().position(|item| item.id == *id);
    place.ok_or_else(|| ItemsError::Missing(id.clone()))
}

/// Puts an item in the place of the one with its id; answers that.
fn replace(
    after: &mut Subscription,
    item: &SubscriptionItem,
) -> Result<SubscriptionItem, ItemsError> {
    let place = after.items.iter_mut().find(|found| found.id == item.id);
    let place = place.ok_or_else(|| ItemsError::Missing(item.id.clone()))?;
    Ok(std::mem::replace(place, item.clone()))
}

impl Subscription {
    /// What is left of its items once a run was made: those of one run only have gone with it.
    pub(super) fn drop_one_off_items(&mut self) {
        self.items.retain(|item| !item.one_off);
    }
}

#[cfg(test)]
#[path = "items_tests.rs"]
mod tests;
