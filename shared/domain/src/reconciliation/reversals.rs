//! What went back by our books: each refund against the provider's, and what an order says of its
//! refunds and disputes against what those come to.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Code, Discrepancy};
use crate::payment::{Collected, Dispute, DisputeStatus, Refund, RefundStatus};

/// What the provider has under the key of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenBack {
    /// The charge of which it gives back.
    pub charge_id: String,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// Whether the money went back: not where it is still on its way, or was refused.
    pub done: bool,
}

/// Holds a refund of ours against what the provider has under its key, which is `None` where it has
/// nothing. A refund that waits is not settled when it should have been looked up before `patience`.
#[must_use]
pub fn check_our_refund(
    refund: &Refund,
    given: Option<&GivenBack>,
    patience: DateTime<Utc>,
) -> Option<Discrepancy> {
    let (subject, amount) = (refund.id.as_str(), refund.amount.get());
    let done = given.filter(|given| given.done);
    let numbers = json!({
        "order_id": refund.order_id,
        "status": refund.status,
        "charge_id": refund.charge_id,
        "amount_cents": amount,
        "currency_code": refund.currency,
        "given_back_cents": done.map(|given| given.amount_minor),
    });
    let forgotten = refund.wakes_at.is_none_or(|at| at < patience);
    let (code, detail) = match (refund.status, done) {
        (RefundStatus::Succeeded, None) => (
            Code::RefundMissing,
            format!(
                "{amount} were refunded by our books, and the provider has not given them back"
            ),
        ),
        (RefundStatus::Failed, Some(given)) => (
            Code::RefundNotSettled,
            format!("the provider has given back {}, and our refund failed", given.amount_minor),
        ),
        (RefundStatus::Pending, Some(given)) if forgotten => (
            Code::RefundNotSettled,
            format!("the provider has given back {}, and our refund waits", given.amount_minor),
        ),
        (RefundStatus::Pending, None) if forgotten => {
            (Code::Overdue, "the refund waits, and nobody has looked it up".to_owned())
        }
        (RefundStatus::Succeeded, Some(given)) => {
            let ours = (refund.charge_id.as_str(), amount, refund.currency.to_string());
            let theirs = (given.charge_id.as_str(), given.amount_minor, given.currency.clone());
            if ours == theirs {
                return None;
            }
            let detail = format!(
                "our refund is {} {} of {}, and the provider has given back {} {} of {}",
                ours.1, ours.2, ours.0, theirs.1, theirs.2, theirs.0
            );
            (Code::RefundDiffers, detail)
        }
        (RefundStatus::Failed, None) | (RefundStatus::Pending, _) => return None,
    };
    Some(Discrepancy::new(code, subject, detail, numbers))
}

/// Holds what an order says went back of it against its refunds and disputes, which are all that it
/// knows of, and against what was captured.
#[must_use]
pub fn check_reversals(
    of: &Collected,
    refunds: &[Refund],
    disputes: &[Dispute],
) -> Option<Discrepancy> {
    let reversals = &of.reversals;
    let refunded = |status| {
        let of_status = refunds.iter().filter(|refund| refund.status == status);
        sum(of_status.map(|refund| refund.amount.get()))
    };
    let disputed = |status| {
        let of_status = disputes.iter().filter(|dispute| dispute.status == status);
        sum(of_status.map(|dispute| dispute.amount.get()))
    };
    let sums = [
        ("refunded", reversals.refunded.get(), refunded(RefundStatus::Succeeded)),
        ("being refunded", reversals.refunding.get(), refunded(RefundStatus::Pending)),
        ("disputed", reversals.disputed.get(), disputed(DisputeStatus::Open)),
        ("charged back", reversals.charged_back.get(), disputed(DisputeStatus::Lost)),
        ("refunds", i64::from(reversals.refunds), count(refunds.len())),
        ("disputes", count(reversals.disputes.len()), count(disputes.len())),
    ];
    let numbers = json!({
        "captured_cents": of.captured,
        "said": sums.map(|(_, said, _)| said),
        "found": sums.map(|(_, _, found)| found),
    });
    let subject = of.order_id.as_str();
    let differing = sums.iter().filter(|(_, said, found)| said != found);
    let differing: Vec<String> = differing
        .map(|(what, said, found)| format!("{what} {said} where its records come to {found}"))
        .collect();
    if !differing.is_empty() {
        let detail = format!("the order says {}", differing.join(", "));
        return Some(Discrepancy::new(Code::ReversalsDiffer, subject, detail, numbers));
    }
    let gone = sum([reversals.refunded.get(), reversals.refunding.get()].into_iter());
    (gone > of.captured.get()).then(|| {
        let detail = format!("{gone} are refunded of {}, which were captured", of.captured);
        Discrepancy::new(Code::RefundedTooMuch, subject, detail, numbers)
    })
}

/// A refund or dispute whose order is not there.
#[must_use]
pub fn without_order(subject: &str, order: &str) -> Discrepancy {
    let detail = format!("it is about {order}, which is no order of ours");
    Discrepancy::new(Code::ReversalWithoutOrder, subject, detail, json!({"order_id": order}))
}

/// A dispute whose subscriptions should have been seen to before `patience`.
#[must_use]
pub fn check_dispute(dispute: &Dispute, patience: DateTime<Utc>) -> Option<Discrepancy> {
    let waits_since = dispute.wakes_at.filter(|at| *at < patience)?;
    let detail = "nobody has seen to the subscriptions behind it".to_owned();
    let numbers = json!({"order_id": dispute.order_id, "wakes_at": waits_since});
    Some(Discrepancy::new(Code::Overdue, dispute.id.as_str(), detail, numbers))
}

fn sum(amounts: impl Iterator<Item = i64>) -> i64 {
    amounts.fold(0_i64, i64::saturating_add)
}

fn count(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "reversals_tests.rs"]
mod tests;
