//! Bundles: skus that are sold together, at one price.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    ids::{BundleId, MarketId},
    money::{Currency, MinorUnits, MoneyError},
};

/// Most different skus in one bundle.
pub const MAX_COMPONENTS: usize = 20;

/// Most units of one sku in one bundle: with the most bundles of a line, still countable in 32 bits.
pub const MAX_COMPONENT_QUANTITY: u32 = 1_000;

/// A sku within a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// The sku's code.
    pub sku_code: String,
    /// Units of it in one bundle, 1 to [`MAX_COMPONENT_QUANTITY`].
    pub quantity: u32,
}

/// Skus that are sold together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Derived from the code.
    pub id: BundleId,
    /// The merchant's code, unique within the organization and final.
    pub code: String,
    /// Name for people.
    pub name: String,
    /// More about it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The one market in which it is sold; `None` for every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market_id: Option<MarketId>,
    /// Currency of its amounts.
    #[serde(rename = "currency_code")]
    pub currency: Currency,
    /// The category by which tax rules know it; `None` for every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_category: Option<String>,
    /// What one costs, in minor units; `None` for what its skus cost together.
    #[serde(rename = "price_amount_cents", default, skip_serializing_if = "Option::is_none")]
    pub price_amount: Option<MinorUnits>,
    /// What one would cost without the offer, for people, in minor units.
    #[serde(rename = "compare_at_amount_cents", default, skip_serializing_if = "Option::is_none")]
    pub compare_at_amount: Option<MinorUnits>,
    /// What one holds; no sku twice.
    pub components: Vec<Component>,
    /// Counts changes.
    pub version: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What components cost together, in minor units; `price_of` tells what one unit of a sku costs in a
/// bundle that has so many of it.
///
/// # Errors
/// The inner error names the first sku that has no price.
pub fn sum_of_parts(
    components: &[Component],
    price_of: impl Fn(&str, u32) -> Option<MinorUnits>,
) -> Result<Result<MinorUnits, &str>, MoneyError> {
    let mut parts = Vec::with_capacity(components.len());
    for part in components {
        let Some(unit_amount) = price_of(&part.sku_code, part.quantity) else {
            return Ok(Err(&part.sku_code));
        };
        parts.push(unit_amount.checked_mul(part.quantity)?);
    }
    MinorUnits::checked_total(parts).map(Ok)
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
