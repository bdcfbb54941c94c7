//! Refunds: money given back, in whole or in part, never more than was collected. The amount is
//! reserved on the order before the provider is asked, so that two refunds at once can't exceed it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Collected, NotRefundable, Reversals};
use crate::{
    ids::{CustomerId, MarketId, OrderId, OrganizationId, RefundId, SubscriptionId},
    journal::{Change, Head},
    money::{Currency, MinorUnits, MoneyError},
};

/// Most refunds of one order: each is an item, and keeps the count small.
pub const MAX_REFUNDS: u32 = 1_000;

/// How long a refund whose outcome got lost waits before it is looked up.
const SETTLED_WITHIN: TimeDelta = TimeDelta::minutes(2);

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// Its amount is reserved, and the provider's answer is not known.
    Pending,
    /// The money went back.
    Succeeded,
    /// The provider refused it; nothing went back.
    Failed,
}

/// A refund, stored under the names that the API gives its attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Identifier: the order's, and which of its refunds. The provider's idempotency key derives from
    /// it.
    pub id: RefundId,
    /// Where it stands.
    pub status: RefundStatus,
    /// How much, in minor units; more than zero.
    #[serde(rename = "amount_cents")]
    pub amount: MinorUnits,
    /// Currency of the amount: the order's.
    #[serde(rename = "currency_code")]
    pub currency: Currency,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The order of which it gives back.
    pub order_id: OrderId,
    /// The subscription whose run has made that order, if one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_subscription_id: Option<SubscriptionId>,
    /// Where that order was taken.
    pub market_id: MarketId,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// The provider's charge of which it gives back.
    pub charge_id: String,
    /// The provider's id of it, once it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_transaction_id: Option<String>,
    /// Why it failed, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The same, for a person to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Who asked for it.
    pub requested_by: String,
    /// The client's own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Where the reference comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_origin: Option<String>,
    /// The client's own data.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub metadata: Value,
    /// What tells the request by which it was asked for from every other: that request, made again,
    /// finds it, and makes no second one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// When it succeeded or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<DateTime<Utc>>,
    /// When its outcome is looked up, in case the answer was lost; only while it is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wakes_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Counts changes.
    pub version: u64,
    /// The last entry of its journal.
    pub journal: Head,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    /// How much; all that is left where `None`.
    pub amount: Option<MinorUnits>,
    /// Why, for people.
    pub reason: Option<String>,
    /// Who asks.
    pub requested_by: String,
    /// The client's own id for it.
    pub reference: Option<String>,
    /// Where the reference comes from.
    pub reference_origin: Option<String>,
    /// The client's own data.
    pub metadata: Value,
    /// What tells the request by which it is asked for from every other, if it can be told.
    pub request: Option<String>,
}

/// What the provider made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOutcome {
    /// The money went back.
    Succeeded {
        /// The provider's id of the refund.
        gateway_transaction_id: String,
    },
    /// Nothing went back, nor will it under this key.
    Failed {
        /// Stable code.
        code: String,
        /// For a person to read.
        message: String,
    },
}

/// The provider's idempotency key of a refund.
#[must_use]
pub fn refund_key(organization: &OrganizationId, id: &RefundId) -> String {
    format!("{organization}:{id}")
}

/// Reserves an amount: the refund, and what the order has of it from now on.
///
/// # Errors
/// [`NotRefundable`] where there is not as much left.
pub fn begin_refund(
    of: &Collected,
    new: NewRefund,
    now: DateTime<Utc>,
) -> Result<(Refund, Reversals, Change), NotRefundable> {
    let nothing = || NotRefundable::NothingCollected(of.order_id.to_string());
    let charge_id = of.charge_id.clone().ok_or_else(nothing)?;
    let mut reversals = of.reversals.clone();
    let (captured, left) = (of.captured, reversals.refundable(of.captured)?);
    if left.is_zero() {
        return Err(NotRefundable::NothingLeft {
            captured: captured.get(),
            refunded: reversals.refunded.get(),
            refunding: reversals.refunding.get(),
            disputed: reversals.disputed.checked_add(reversals.charged_back)?.get(),
        });
    }
    let amount = new.amount.unwrap_or(left);
    if amount > left {
        let (asked, left, captured) = (amount.get(), left.get(), captured.get());
        return Err(NotRefundable::TooMuch { asked, left, captured });
    }
    if reversals.refunds >= MAX_REFUNDS {
        return Err(NotRefundable::TooMany(MAX_REFUNDS));
    }
    reversals.refunding = reversals.refunding.checked_add(amount)?;
    reversals.refunds += 1;
    let refund = Refund {
        id: RefundId::of(&of.order_id, reversals.refunds),
        status: RefundStatus::Pending,
        amount,
        currency: of.currency,
        reason: new.reason,
        order_id: of.order_id.clone(),
        order_subscription_id: of.order_subscription_id.clone(),
        market_id: of.market_id.clone(),
        customer_id: of.customer_id.clone(),
        charge_id,
        gateway_transaction_id: None,
        error_code: None,
        message: None,
        requested_by: new.requested_by,
        reference: new.reference,
        reference_origin: new.reference_origin,
        metadata: new.metadata,
        request: new.request,
        completed_at: None,
        wakes_at: Some(now + SETTLED_WITHIN),
        created_at: now,
        updated_at: now,
        version: 1,
        journal: Head::default(),
    };
    let change = Change {
        event: "refunds.create",
        before: Value::Null,
        after: told(&refund, of, &reversals),
    };
    Ok((refund, reversals, change))
}

/// Settles a pending refund: the refund, and what the order has of it from now on.
///
/// # Errors
/// When a sum is out of range.
pub fn settle_refund(
    before: &Refund,
    of: &Collected,
    outcome: &RefundOutcome,
    now: DateTime<Utc>,
) -> Result<(Refund, Reversals, Change), MoneyError> {
    let (mut refund, mut reversals) = (before.clone(), of.reversals.clone());
    reversals.refunding = reversals.refunding.checked_sub(before.amount)?;
    let event = match outcome {
        RefundOutcome::Succeeded { gateway_transaction_id } => {
            reversals.refunded = reversals.refunded.checked_add(before.amount)?;
            refund.status = RefundStatus::Succeeded;
            refund.gateway_transaction_id = Some(gateway_transaction_id.clone());
            "refunds.succeed"
        }
        RefundOutcome::Failed { code, message } => {
            refund.status = RefundStatus::Failed;
            refund.error_code = Some(code.clone());
            refund.message = Some(message.clone());
            "refunds.fail"
        }
    };
    refund.completed_at = Some(now);
    refund.wakes_at = None;
    refund.updated_at = now;
    refund.version += 1;
    let change = Change {
        event,
        before: json!({"status": before.status, "payment_status": of.status()}),
        after: told(&refund, of, &reversals),
    };
    Ok((refund, reversals, change))
}

/// What its journal tells of it.
fn told(refund: &Refund, of: &Collected, reversals: &Reversals) -> Value {
    let mut told = json!({
        "status": refund.status,
        "amount_cents": refund.amount,
        "currency_code": refund.currency,
        "order_id": refund.order_id,
        "captured_amount_cents": of.captured,
        "refunded_amount_cents": reversals.refunded,
        "payment_status": reversals.status(of.collected_status, of.captured),
    });
    let more = [
        ("reason", &refund.reason),
        ("gateway_transaction_id", &refund.gateway_transaction_id),
        ("error_code", &refund.error_code),
        ("message", &refund.message),
    ];
    if let Value::Object(members) = &mut told {
        for (name, value) in more {
            if let Some(value) = value {
                members.insert(name.to_owned(), json!(value));
            }
        }
    }
    told
}

#[cfg(test)]
#[path = "refund_tests.rs"]
mod tests;
