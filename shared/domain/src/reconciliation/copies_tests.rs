//! Every way in which a copy and its order can differ, by hand.

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::{
    copy_order::new_copy,
    ids::{OrderCopyId, OrderId},
    order_copy::CopyOptions,
    order_fixture::{TestResult, placed_order},
};

#[test]
fn a_completed_copy_has_made_its_order_and_placed_it_where_it_was_to() -> TestResult {
    let source = placed_order()?;
    let id = OrderCopyId::of(&source.id, Uuid::nil());
    let place = CopyOptions { place_target_order: true, ..CopyOptions::default() };
    let asked = new_copy(id.clone(), &source, place, DateTime::UNIX_EPOCH);
    let target = OrderId::derived(&["target"]);
    let made = Order { id: target.clone(), order_copy_id: Some(id), ..source.clone() };
    let of = |status| Order { status, ..made.clone() };
    let (placed, draft) = (of(OrderStatus::Placed), of(OrderStatus::Draft));
    let completed =
        OrderCopy { status: CopyStatus::Completed, target_order_id: Some(target), ..asked.clone() };
    let nameless = OrderCopy { target_order_id: None, ..completed.clone() };
    let leaves_draft = OrderCopy { options: CopyOptions::default(), ..completed.clone() };
    let without = Some(Code::CopyWithoutOrder);
    for (copy, order, expected) in [
        (&asked, None, None),
        (&completed, Some(&placed), None),
        (&completed, Some(&of(OrderStatus::Cancelled)), None),
        (&completed, None, without),
        (&nameless, None, without),
        // The order of somebody else.
        (&completed, Some(&source), without),
        (&completed, Some(&draft), Some(Code::CopyNotPlaced)),
        (&completed, Some(&of(OrderStatus::Held)), Some(Code::CopyNotPlaced)),
        (&leaves_draft, Some(&draft), None),
        (&leaves_draft, None, without),
    ] {
        let found = check_copy(copy, order).map(|found| found.code);
        assert_eq!(found, expected, "{copy:?} and {order:?}");
    }
    Ok(())
}
