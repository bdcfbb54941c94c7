//! Subscriptions on hold: what a dispute has put on hold rests until somebody lifts that on record.

use serde_json::json;

use super::{Code, Discrepancy};
use crate::{
    ids::{DisputeId, SubscriptionId},
    journal::Entry,
    payment::Dispute,
    subscription::Subscription,
};

/// What lifts a hold.
const LIFTS: [&str; 2] = ["order_subscriptions.activate", "order_subscriptions.reactivate"];
/// What puts on hold.
const HOLD: &str = "order_subscriptions.hold";

/// What a subscription's journal tells of one dispute's hold, gathered entry by entry from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HoldTold {
    stands: bool,
    was: bool,
}

impl HoldTold {
    /// Takes the next entry.
    pub fn take(&mut self, dispute: &DisputeId, entry: &Entry) {
        if entry.event == HOLD {
            let by = entry.after.get("held_by").and_then(|by| by.as_str());
            // Another dispute's hold takes its place.
            self.stands = by == Some(dispute.as_str());
            self.was |= self.stands;
        } else if LIFTS.contains(&entry.event.as_str()) {
            self.stands = false;
        }
    }
}

/// Holds a subscription that a dispute says it has put on hold, and that does not say so itself,
/// against what its journal tells.
#[must_use]
pub fn check_hold(dispute: &Dispute, held: &SubscriptionId, told: HoldTold) -> Option<Discrepancy> {
    let detail = match told {
        HoldTold { was: false, .. } => {
            format!("dispute {} says it was put on hold, and its journal does not", dispute.id)
        }
        HoldTold { stands: true, .. } => {
            format!("dispute {} has put it on hold, and nobody has lifted that", dispute.id)
        }
        HoldTold { stands: false, .. } => return None,
    };
    let numbers = json!({"dispute_id": dispute.id, "order_id": dispute.order_id});
    Some(Discrepancy::new(Code::HoldLost, held.as_str(), detail, numbers))
}

/// Holds a subscription that says it is on hold for a dispute against that, which is `None` where
/// there is none.
#[must_use]
pub fn check_held(subscription: &Subscription, dispute: Option<&Dispute>) -> Option<Discrepancy> {
    let by = subscription.held_by.as_ref()?;
    let numbers = json!({"dispute_id": by});
    let id = subscription.id.as_str();
    if dispute.is_none_or(|dispute| !dispute.held.contains(&subscription.id)) {
        let detail = format!("it is on hold for dispute {by}, which knows nothing of it");
        return Some(Discrepancy::new(Code::HoldWithoutDispute, id, detail, numbers));
    }
    subscription.status.repeats().then(|| {
        let detail = format!("dispute {by} has put it on hold, and it goes on");
        Discrepancy::new(Code::HoldLost, id, detail, numbers)
    })
}

#[cfg(test)]
#[path = "holds_tests.rs"]
mod tests;
