//! Adjustments: discounts and fees.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    ids::AdjustmentId,
    money::{Currency, MinorUnits},
};

/// An amount that changes the total of an order: below zero a discount, above it a fee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// Identifier.
    pub id: AdjustmentId,
    /// Name for people.
    pub name: String,
    /// Currency of the amount.
    #[serde(rename = "currency_code")]
    pub currency: Currency,
    /// In minor units.
    #[serde(rename = "amount_cents")]
    pub amount: MinorUnits,
    /// Counts changes.
    pub version: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}
