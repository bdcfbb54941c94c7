use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    money::MinorUnits,
    plan::{
        Outcome, plan_run, settle_run, skip_next_run,
        tests::{TestResult, at, claimed, monthly},
    },
    pricing::{Component, OrderedItem},
    subscription::tests::subscription,
};

const NOW: &str = "2027-02-10T00:00:00Z";

/// A copy of the first item under another name, quantity and price.
fn item(like: &Subscription, name: &str, quantity: u32, unit_amount: i64) -> SubscriptionItem {
    let first = like.items.first().cloned();
    let mut item = first.unwrap_or_else(|| unreachable!("every subscription has an item"));
    item.id = SubscriptionItemId::derived(&[name]);
    name.clone_into(&mut item.name);
    item.quantity = quantity;
    item.unit_amount = MinorUnits::new(unit_amount);
    item
}

#[test]
fn each_change_is_one_entry_that_tells_the_item_before_and_after() -> TestResult {
    let before = monthly()?;
    let now = at(NOW)?;
    let added = item(&before, "TEA", 3, 500);
    let (one, change) = change_items(&before, &ItemsChange::Add(added.clone()), now)?;
    assert_eq!(change.event, "order_subscriptions.add_item");
    assert_eq!(change.before, json!({"item": null, "total": 3_000}));
    assert_eq!(change.after, json!({"item": added, "total": 4_500}));
    assert_eq!((one.version, one.updated_at), (before.version + 1, now));

    let more = SubscriptionItem { quantity: 4, ..added.clone() };
    let (two, change) = change_items(&one, &ItemsChange::Update(more.clone()), now)?;
    assert_eq!(change.event, "order_subscriptions.update_item");
    assert_eq!(change.before, json!({"item": added, "total": 4_500}));
    assert_eq!(change.after, json!({"item": more, "total": 5_000}));

    let other = SubscriptionItem { name: "COCOA".to_owned(), ..more.clone() };
    let (three, change) = change_items(&two, &ItemsChange::Swap(other.clone()), now)?;
    assert_eq!(change.event, "order_subscriptions.swap_item");
    assert_eq!(three.items.last(), Some(&other));

    let (four, change) = change_items(&three, &ItemsChange::Remove(other.id.clone()), now)?;
    assert_eq!(change.event, "order_subscriptions.remove_item");
    assert_eq!(change.after, json!({"item": Value::Null, "total": 3_000}));
    assert_eq!(four.items, before.items);
    Ok(())
}

#[test]
fn no_more_skus_are_ordered_than_one_transaction_takes_from_stock() -> TestResult {
    let (mut before, now) = (monthly()?, at(NOW)?);
    let bundle = |like: &Subscription, name: &str, skus: usize| {
        let part = |index| Component { sku_code: format!("{name}-{index}"), quantity: 1 };
        let components = (0..skus).map(part).collect();
        let ordered = OrderedItem::Bundle { bundle_code: name.to_owned(), components };
        SubscriptionItem { item: ordered, ..item(like, name, 1, 500) }
    };
    for name in ["A", "B", "C", "D"] {
        let added = ItemsChange::Add(bundle(&before, name, 20));
        before = change_items(&before, &added, now)?.0;
    }
    let own: usize = monthly()?.items.len();
    let fits = ItemsChange::Add(bundle(&before, "E", 10 - own));
    let full = change_items(&before, &fits, now)?.0;
    for one_more in [bundle(&full, "F", 1), bundle(&full, "E", 11 - own)] {
        let refused = change_items(&full, &ItemsChange::Add(one_more), now);
        assert_eq!(refused.err(), Some(ItemsError::TooManySkus(91)));
    }
    let again = ItemsChange::Add(bundle(&full, "A", 20));
    assert!(change_items(&full, &again, now).is_ok(), "the same skus");
    Ok(())
}

#[test]
fn an_item_of_the_next_run_goes_with_the_run_that_carries_it_and_stays_over_a_skip() -> TestResult {
    let now = at(NOW)?;
    let before = monthly()?;
    let extra = SubscriptionItem { one_off: true, ..item(&before, "TEA", 1, 500) };
    let (with, _) = change_items(&before, &ItemsChange::Add(extra), now)?;
    let (skipped, _) = skip_next_run(&with, now)?;
    assert_eq!(skipped.items.len(), 3, "a skip keeps it");
    for outcome in [
        Outcome::Free,
        Outcome::Refused {
            code: "out_of_stock".to_owned(),
            message: String::new(),
            resource: None,
        },
    ] {
        let held = claimed(&skipped);
        let planned = plan_run(&held)?.ok_or("a run is under way")?;
        let made = settle_run(&held, &planned, &outcome, now)?;
        assert_eq!((made.run.lines.len(), made.run.total), (3, MinorUnits::new(3_500)));
        assert_eq!(made.subscription.items, before.items, "{outcome:?}");
    }
    Ok(())
}

#[test]
fn something_that_repeats_stays_and_a_run_can_hold_it_all() -> TestResult {
    let now = at(NOW)?;
    let mut one = monthly()?;
    one.items.truncate(1);
    let only = one.items.first().cloned().ok_or("one item")?;
    let removed = change_items(&one, &ItemsChange::Remove(only.id.clone()), now);
    assert_eq!(removed.err(), Some(ItemsError::Last));
    let once = SubscriptionItem { one_off: true, ..only.clone() };
    let turned = change_items(&one, &ItemsChange::Update(once), now);
    assert_eq!(turned.err(), Some(ItemsError::Last));
    for index in 1..MAX_LINE_ITEMS {
        let next = item(&one, &format!("SKU{index}"), 1, 100);
        one = change_items(&one, &ItemsChange::Add(next), now)?.0;
    }
    let over = item(&one, "OVER", 1, 100);
    assert_eq!(change_items(&one, &ItemsChange::Add(over), now).err(), Some(ItemsError::TooMany));
    let unknown = SubscriptionItemId::derived(&["unknown"]);
    let missing = change_items(&one, &ItemsChange::Remove(unknown.clone()), now);
    assert_eq!(missing.err(), Some(ItemsError::Missing(unknown)));
    let dear = SubscriptionItem { unit_amount: MinorUnits::new(i64::MAX), quantity: 2, ..only };
    let countless = change_items(&one, &ItemsChange::Update(dear), now);
    assert!(matches!(countless, Err(ItemsError::Money(_))));
    Ok(())
}

/// What is done to one of the items: which, how, and with what quantity and price.
type Step = (usize, u8, u32, i64);

fn fails(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

proptest! {
    /// Whatever is asked in whatever order, the items are those that a plain list would have, within
    /// the bounds, and what is refused changes nothing.
    #[test]
    fn items_are_what_was_asked_for_within_the_bounds(
        steps in proptest::collection::vec(
            (0_usize..45, 0_u8..5, 1_u32..1_000, 0_i64..100_000), 1..120,
        ),
    ) {
        let steps: Vec<Step> = steps;
        let mut one = subscription("monthly", "2027-01-31T10:00:00Z").map_err(fails)?;
        let mut expected = one.items.clone();
        for (index, (place, kind, quantity, unit_amount)) in steps.into_iter().enumerate() {
            let found = expected.get(place).cloned();
            let id = found.map_or_else(
                || SubscriptionItemId::derived(&["nowhere"]),
                |found| found.id,
            );
            let given = item(&one, &format!("{index}"), quantity, unit_amount);
            let (change, mut wanted) = match kind {
                0 | 1 => {
                    let given = SubscriptionItem { one_off: kind == 1, ..given };
                    let wanted = [expected.clone(), vec![given.clone()]].concat();
                    (ItemsChange::Add(given), wanted)
                }
                2 | 3 => {
                    let given = SubscriptionItem { id: id.clone(), ..given };
                    let wanted = expected.iter().cloned();
                    let wanted: Vec<_> =
                        wanted.map(|one| if one.id == id { given.clone() } else { one }).collect();
                    let change = if kind == 2 { ItemsChange::Update } else { ItemsChange::Swap };
                    (change(given), wanted)
                }
                _ => {
                    let wanted = expected.iter().filter(|one| one.id != id).cloned().collect();
                    (ItemsChange::Remove(id.clone()), wanted)
                }
            };
            let known = expected.iter().any(|one| one.id == id) || kind < 2;
            let sound = known
                && wanted.len() <= MAX_LINE_ITEMS
                && wanted.iter().any(|one| !one.one_off);
            let changed = change_items(&one, &change, one.updated_at);
            prop_assert_eq!(changed.is_ok(), sound, "{:?}", change);
            if let Ok((after, _)) = changed {
                one = after;
                std::mem::swap(&mut expected, &mut wanted);
            }
            prop_assert_eq!(&one.items, &expected);
        }
    }
}
