//! What is kept of each order that was held or refused, so that rejections can be counted exactly.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CheckName, CheckOutcome, Overturn, Severity, Verdict};
use crate::{
    ids::{CheckRecordId, CustomerId, MarketId, OrderId},
    money::{Currency, MinorUnits},
    order::Order,
};

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordOutcome {
    /// It waited for an operator.
    Held,
    /// It went back to draft.
    Rejected,
}

/// What an operator made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The findings do not count.
    Overturned,
    /// The findings count.
    Upheld,
}

/// A check that held an order, or had it refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Which.
    pub check: CheckName,
    /// How severe it was.
    pub severity: Severity,
    /// The codes of what it found.
    pub codes: Vec<String>,
    /// What it looked at.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub numbers: Map<String, Value>,
}

/// One placement of an order that was held or refused by checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// Identifier, derived from the order and how often it was sent to be placed: there is one.
    pub id: CheckRecordId,
    /// The order.
    pub order_id: OrderId,
    /// How often it had been sent to be placed, this time included.
    pub placement: u32,
    /// What became of it.
    pub outcome: RecordOutcome,
    /// Where it came from.
    #[serde(rename = "channel_code", default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Its market.
    pub market_id: MarketId,
    /// Its customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// What it costs; `None` where that can't be said.
    #[serde(rename = "total_amount_cents", default, skip_serializing_if = "Option::is_none")]
    pub total: Option<MinorUnits>,
    /// In which currency.
    #[serde(rename = "currency_code")]
    pub currency: Currency,
    /// What it failed.
    pub failures: Vec<Failure>,
    /// What an operator made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<DateTime<Utc>>,
    /// Counts changes.
    pub version: u64,
    /// When it was held or refused.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl CheckRecord {
    /// The id of the record of this placement of an order.
    #[must_use]
    pub fn id_of(order: &OrderId, placement: u32) -> CheckRecordId {
        CheckRecordId::derived(&[order.as_str(), &placement.to_string()])
    }

    /// The record of an order that its checks held or refused; `None` where they did neither.
    #[must_use]
    pub fn of(order: &Order, outcomes: &[CheckOutcome], now: DateTime<Utc>) -> Option<Self> {
        let outcome = match super::decide(outcomes) {
            super::Decision::Place => return None,
            super::Decision::Hold => RecordOutcome::Held,
            super::Decision::Reject => RecordOutcome::Rejected,
        };
        let failed = outcomes
            .iter()
            .filter(|outcome| matches!(outcome.verdict, Verdict::Held | Verdict::Rejected));
        let failures = failed.map(|outcome| Failure {
            check: outcome.check,
            severity: outcome.severity,
            codes: codes(outcome),
            numbers: outcome.numbers.clone(),
        });
        Some(Self {
            id: Self::id_of(&order.id, order.placements),
            order_id: order.id.clone(),
            placement: order.placements,
            outcome,
            channel: order.channel.clone(),
            market_id: order.market_id.clone(),
            customer_id: order.customer_id.clone(),
            total: order.total().ok(),
            currency: order.currency,
            failures: failures.collect(),
            resolution: None,
            resolved_by: None,
            reason: None,
            resolved_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }
}

fn codes(outcome: &CheckOutcome) -> Vec<String> {
    let mut codes: Vec<String> =
        outcome.findings.iter().map(|finding| finding.code.clone()).collect();
    codes.sort();
    codes.dedup();
    codes
}

/// The record once an operator has looked at it.
#[must_use]
pub fn resolved(
    before: &CheckRecord,
    resolution: Resolution,
    Overturn { by, reason, at, .. }: &Overturn,
) -> CheckRecord {
    CheckRecord {
        resolution: Some(resolution),
        resolved_by: Some(by.clone()),
        reason: Some(reason.clone()),
        resolved_at: Some(*at),
        version: before.version + 1,
        updated_at: *at,
        ..before.clone()
    }
}
