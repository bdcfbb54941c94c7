//! Disputes: a customer has their bank take a payment back. While one is open the bank holds the
//! money; won, it stays with the merchant; lost, it is gone.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

use super::{Collected, Reversals};
use crate::{
    ids::{CustomerId, DisputeId, MarketId, OrderId, OrganizationId, SubscriptionId},
    journal::{Change, Head},
    lifecycle::SubscriptionStatus,
    money::{Currency, MinorUnits, MoneyError},
    plan::{PlanError, pause, standing},
    subscription::Subscription,
    time::Pause,
};

/// How long until the subscriptions behind a dispute are seen to by the tick.
const SEEN_TO_WITHIN: TimeDelta = TimeDelta::minutes(2);

/// Where a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    /// The bank holds the money and decides.
    Open,
    /// The money stays with the merchant.
    Won,
    /// The money went back to the customer.
    Lost,
}

/// What happens to the subscriptions behind an order whose payment is disputed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDispute {
    /// They rest until somebody activates them.
    #[default]
    Hold,
    /// They go on.
    Keep,
}

/// What a provider tells of a dispute. It may tell it twice, late, and out of order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeTold {
    /// The provider's id of the dispute.
    pub gateway_dispute_id: String,
    /// Where it stands.
    pub status: DisputeStatus,
    /// How much is disputed, in minor units.
    pub amount: MinorUnits,
    /// ISO 4217 code of that, as the provider tells it: the order's, or it is not taken. `None` where
    /// the provider tells none, and means the order's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Why, as the provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A dispute, stored under the names that the API gives its attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// Identifier; derives from the provider's.
    pub id: DisputeId,
    /// Where it stands.
    pub status: DisputeStatus,
    /// How much is disputed, in minor units.
    #[serde(rename = "amount_cents")]
    pub amount: MinorUnits,
    /// Currency of the amount: the order's.
    #[serde(rename = "currency_code")]
    pub currency: Currency,
    /// Why, as the provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The provider's id of it.
    pub gateway_dispute_id: String,
    /// The order whose payment is disputed.
    pub order_id: OrderId,
    /// Where that order was taken.
    pub market_id: MarketId,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// The provider's charge that is disputed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_id: Option<String>,
    /// The subscriptions that it has put on hold.
    #[serde(rename = "held_subscriptions", default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<SubscriptionId>,
    /// When it was won or lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<DateTime<Utc>>,
    /// When its subscriptions are seen to, in case that was cut short; `None` once that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wakes_at: Option<DateTime<Utc>>,
    /// When we learned of it.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Counts changes.
    pub version: u64,
    /// The last entry of its journal.
    pub journal: Head,
}

/// Why what a provider tells of a dispute can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotTaken {
    /// An amount that can't be set against what was collected.
    #[error(
        "dispute {dispute} is over {amount} minor units of {told}, order {order} was paid in {currency}: a \
         person is to see to it at the provider"
    )]
    Currency {
        /// The provider's id of the dispute.
        dispute: String,
        /// How much is disputed.
        amount: i64,
        /// Of what.
        told: String,
        /// The order whose payment is disputed.
        order: OrderId,
        /// What that was paid in.
        currency: Currency,
    },
    /// Nothing, or less.
    #[error("dispute {dispute} is over {amount} minor units: an amount is more than zero")]
    Amount {
        /// The provider's id of the dispute.
        dispute: String,
        /// How much is disputed.
        amount: i64,
    },
    /// A sum is out of range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

fn check(of: &Collected, told: &DisputeTold) -> Result<(), NotTaken> {
    let dispute = || told.gateway_dispute_id.clone();
    let amount = told.amount.get();
    if amount <= 0 {
        return Err(NotTaken::Amount { dispute: dispute(), amount });
    }
    match &told.currency {
        Some(currency) if *currency != of.currency.to_string() => Err(NotTaken::Currency {
            dispute: dispute(),
            amount,
            told: currency.clone(),
            order: of.order_id.clone(),
            currency: of.currency,
        }),
        _ => Ok(()),
    }
}

/// Takes what a provider tells: the dispute, and what the order has of it from now on. `None` where
/// it is nothing new: one that was won or lost stays so, whatever comes late.
///
/// # Errors
/// When its amount is none, is in another currency than the order's, or makes a sum out of range.
pub fn dispute(
    organization: &OrganizationId,
    before: Option<&Dispute>,
    of: &Collected,
    told: &DisputeTold,
    now: DateTime<Utc>,
) -> Result<Option<(Dispute, Reversals, Change)>, NotTaken> {
    use DisputeStatus::{Lost, Open, Won};
    check(of, told)?;
    let was = before.map(|before| before.status);
    if matches!(was, Some(Won | Lost)) || was == Some(told.status) {
        return Ok(None);
    }
    let mut reversals = of.reversals.clone();
    let amount = before.map_or(told.amount, |before| before.amount);
    if was == Some(Open) {
        reversals.disputed = reversals.disputed.checked_sub(amount)?;
    }
    let event = match told.status {
        Open => {
            reversals.disputed = reversals.disputed.checked_add(amount)?;
            "disputes.open"
        }
        Won => "disputes.win",
        Lost => {
            reversals.charged_back = reversals.charged_back.checked_add(amount)?;
            "disputes.lose"
        }
    };
    let mut after = before.cloned().unwrap_or_else(|| Dispute {
        id: DisputeId::derived(&[organization.as_str(), &told.gateway_dispute_id]),
        status: told.status,
        amount,
        currency: of.currency,
        reason: told.reason.clone(),
        gateway_dispute_id: told.gateway_dispute_id.clone(),
        order_id: of.order_id.clone(),
        market_id: of.market_id.clone(),
        customer_id: of.customer_id.clone(),
        charge_id: of.charge_id.clone(),
        held: Vec::new(),
        closed_at: None,
        wakes_at: (told.status != Won).then(|| now + SEEN_TO_WITHIN),
        created_at: now,
        updated_at: now,
        version: 0,
        journal: Head::default(),
    });
    if !reversals.disputes.contains(&after.id) {
        reversals.disputes.push(after.id.clone());
    }
    after.status = told.status;
    after.closed_at = (told.status != Open).then_some(now);
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event,
        before: match was {
            Some(status) => json!({"status": status, "payment_status": of.status()}),
            None => Value::Null,
        },
        after: json!({
            "status": after.status,
            "amount_cents": after.amount,
            "currency_code": after.currency,
            "reason": after.reason,
            "order_id": after.order_id,
            "payment_status": reversals.status(of.collected_status, of.captured),
        }),
    };
    Ok(Some((after, reversals, change)))
}

/// Puts a subscription on hold because a payment of it is disputed: it rests until somebody
/// activates it, also where it was to go on by itself at a date. `None` where it does not repeat
/// anyway.
///
/// # Errors
/// When the state machine does not allow it.
pub fn hold(
    before: &Subscription,
    dispute: &DisputeId,
    now: DateTime<Utc>,
) -> Result<Option<(Subscription, Change)>, PlanError> {
    let rests = before.status == SubscriptionStatus::Inactive;
    let mut after = if before.status.repeats() {
        pause(before, Pause { resumes_at: None }, now)?.0
    } else if rests && before.resumes_at.is_some() {
        let mut after = before.clone();
        after.resumes_at = None;
        after.version += 1;
        after.updated_at = now;
        after
    } else {
        return Ok(None);
    };
    after.held_by = Some(dispute.clone());
    let mut told = standing(&after);
    if let Value::Object(members) = &mut told {
        members.insert("reason".to_owned(), json!("a payment is disputed"));
        members.insert("held_by".to_owned(), json!(dispute));
    }
    let change =
        Change { event: "order_subscriptions.hold", before: standing(before), after: told };
    Ok(Some((after, change)))
}

/// A dispute that has held a subscription.
#[must_use]
pub fn note_held(before: &Dispute, subscription: &SubscriptionId, now: DateTime<Utc>) -> Dispute {
    let mut after = before.clone();
    after.held.push(subscription.clone());
    after.version += 1;
    after.updated_at = now;
    after
}

/// A dispute whose subscriptions were all seen to: none is held by it from now on, though the
/// provider tells of it again after somebody has lifted a hold.
#[must_use]
pub fn holds_settled(before: &Dispute, now: DateTime<Utc>) -> Dispute {
    let mut after = before.clone();
    after.wakes_at = None;
    after.version += 1;
    after.updated_at = now;
    after
}

#[cfg(test)]
#[path = "dispute_tests.rs"]
mod tests;
