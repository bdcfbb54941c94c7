//! What operators decide about orders that checks held or refused.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use thiserror::Error;

use super::{CheckName, Overturn, Verdict, findings, hindering};
use crate::{
    ids::OrderId,
    journal::Change,
    order::{Order, OrderStatus},
    placement::{begin_placing, reject},
};

/// Why an operator can't decide so.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum OperatorError {
    /// No check stands in the way of the order.
    #[error(
        "order {order} is {status} and no check holds it or has refused it: there is nothing to \
         overturn"
    )]
    NothingToOverturn {
        /// The order.
        order: OrderId,
        /// Where it stands.
        status: &'static str,
    },
    /// A check has found what makes the order impossible.
    #[error("order {order} can't be placed as it is, whoever allows it: {}", names(checks))]
    Impossible {
        /// The order.
        order: OrderId,
        /// The checks.
        checks: Vec<CheckName>,
    },
    /// The order is not held.
    #[error("order {order} is {status}, and only a held order can be rejected by an operator")]
    NotHeld {
        /// The order.
        order: OrderId,
        /// Where it stands.
        status: &'static str,
    },
}

fn names(checks: &[CheckName]) -> String {
    checks.iter().map(|check| check.as_str()).collect::<Vec<_>>().join(", ")
}

/// Sends an order that checks hold, or have refused, to be placed in spite of what they found.
///
/// # Errors
/// When no check stands in its way, or one that nobody can overturn.
pub fn overturn(
    before: &Order,
    (by, reason): (&str, &str),
    now: DateTime<Utc>,
) -> Result<(Order, Vec<Change>), OperatorError> {
    let checks = hindering(before);
    let stopped = matches!(before.status, OrderStatus::Held | OrderStatus::Draft);
    if checks.is_empty() || !stopped {
        let (order, status) = (before.id.clone(), before.status.as_str());
        return Err(OperatorError::NothingToOverturn { order, status });
    }
    let fixed: Vec<CheckName> = checks.iter().copied().filter(|check| check.is_fixed()).collect();
    if !fixed.is_empty() {
        return Err(OperatorError::Impossible { order: before.id.clone(), checks: fixed });
    }
    let overturned = Change {
        event: "orders.overturn",
        before: Value::Null,
        after: json!({"checks": checks, "reason": reason}),
    };
    let earlier = before.overturn.iter().flat_map(|earlier| earlier.checks.iter().copied());
    let mut all: Vec<CheckName> = earlier.chain(checks).collect();
    all.sort();
    all.dedup();
    let (mut after, placing) = begin_placing(before, false, now);
    let (by, reason) = (by.to_owned(), reason.to_owned());
    after.overturn = Some(Overturn { by, reason, at: now, checks: all });
    Ok((after, vec![overturned, placing]))
}

/// Sends a held order back to draft.
///
/// # Errors
/// When the order is not held.
pub fn uphold(
    before: &Order,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(Order, Change), OperatorError> {
    if before.status != OrderStatus::Held {
        let (order, status) = (before.id.clone(), before.status.as_str());
        return Err(OperatorError::NotHeld { order, status });
    }
    let (after, mut change) = reject(before, findings(&before.checks, Verdict::Held), now);
    if let Value::Object(told) = &mut change.after {
        told.insert("reason".to_owned(), json!(reason));
    }
    Ok((after, change))
}

#[cfg(test)]
#[path = "operator_tests.rs"]
mod tests;
