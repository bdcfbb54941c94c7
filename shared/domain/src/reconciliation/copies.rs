//! Copies of orders: each that is completed has made its order, and placed it where it was to.

use serde_json::json;

use super::{Code, Discrepancy};
use crate::{
    order::{Order, OrderStatus},
    order_copy::{CopyStatus, OrderCopy},
};

/// Holds a copy against the order that it says it has made, which is `None` where there is none.
#[must_use]
pub fn check_copy(copy: &OrderCopy, order: Option<&Order>) -> Option<Discrepancy> {
    if copy.status != CopyStatus::Completed {
        return None;
    }
    let target = copy.target_order_id.as_ref();
    let numbers = json!({
        "target_order_id": target,
        "order_status": order.map(|order| order.status),
    });
    let (code, detail) = match (target, order) {
        (None, _) => {
            (Code::CopyWithoutOrder, "it is completed, and names no order that it made".to_owned())
        }
        (Some(target), None) => (
            Code::CopyWithoutOrder,
            format!("it is completed, and {target}, which it made, is not there"),
        ),
        (Some(target), Some(order)) if order.order_copy_id.as_ref() != Some(&copy.id) => {
            (Code::CopyWithoutOrder, format!("{target}, which it made, is not of this copy"))
        }
        // What was placed may have been cancelled since.
        (Some(target), Some(order))
            if copy.options.place_target_order
                && !matches!(order.status, OrderStatus::Placed | OrderStatus::Cancelled) =>
        {
            let status = order.status.as_str();
            (Code::CopyNotPlaced, format!("it was to place {target}, which is {status}"))
        }
        (Some(_), Some(_)) => return None,
    };
    Some(Discrepancy::new(code, copy.id.as_str(), detail, numbers))
}

#[cfg(test)]
#[path = "copies_tests.rs"]
mod tests;
