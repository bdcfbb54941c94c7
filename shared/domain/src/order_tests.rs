use super::*;
use crate::order_fixture::{TestResult, placed_order};

#[test]
fn an_order_costs_the_sum_of_its_lines() -> TestResult {
    // 2 at 12.50 and one at 8.00.
    assert_eq!(placed_order()?.total()?, MinorUnits::new(3_300));
    Ok(())
}

#[test]
fn only_the_lines_with_a_frequency_recur() -> TestResult {
    let mut order = placed_order()?;
    assert_eq!(order.recurring().count(), 0);
    let weekly: Frequency = "weekly".parse()?;
    let mug = order.line_items.last_mut().ok_or("a mug")?;
    mug.frequency = Some(weekly.clone());
    let recurring: Vec<(&str, &Frequency)> =
        order.recurring().map(|(line, frequency)| (line.name.as_str(), frequency)).collect();
    assert_eq!(recurring, [("mug", &weekly)]);
    Ok(())
}

#[test]
fn what_a_client_did_not_give_is_nothing_and_takes_no_room() -> TestResult {
    let (ship, bill): (AddressId, AddressId) = ("adr_ship".parse()?, "adr_bill".parse()?);
    let none = Addresses::default();
    assert!(none.is_none());
    let both = Addresses { shipping: Some(ship.clone()), billing: Some(bill.clone()) };
    assert!(!both.is_none());
    assert_eq!(both.iter().collect::<Vec<_>>(), [&ship, &bill]);
    assert!(Annotations::default().is_none());
    let reference = Some("line-7".to_owned());
    assert!(!Annotations { reference, ..Annotations::default() }.is_none());
    let stored = serde_json::to_value(placed_order()?)?;
    assert_eq!(stored.get("addresses"), None);
    Ok(())
}
