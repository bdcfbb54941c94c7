//! What a line orders: a sku, a bundle of skus, or nothing but an adjustment of the total.

use serde::{Deserialize, Serialize};

use super::Component;
use crate::ids::AdjustmentId;

/// What a line of an order, a subscription or a run is about. Each variant has members of its own
/// name, so that it can stand flattened within a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OrderedItem {
    /// Units of a stock keeping unit.
    Sku {
        /// Its code.
        sku_code: String,
    },
    /// Bundles of skus, which have one price together.
    Bundle {
        /// Its code.
        bundle_code: String,
        /// What one of them holds, copied when the line was made: what is taken from stock is what
        /// was ordered, whatever the bundle holds by then.
        components: Vec<Component>,
    },
    /// A discount, or a fee.
    Adjustment {
        /// The adjustment.
        adjustment_id: AdjustmentId,
    },
}

impl OrderedItem {
    /// A stock keeping unit.
    #[must_use]
    pub fn sku(code: impl Into<String>) -> Self {
        Self::Sku { sku_code: code.into() }
    }

    /// The sku's code, where it is one.
    #[must_use]
    pub fn sku_code(&self) -> Option<&str> {
        match self {
            Self::Sku { sku_code } => Some(sku_code),
            Self::Bundle { .. } | Self::Adjustment { .. } => None,
        }
    }

    /// The bundle's code, where it is one.
    #[must_use]
    pub fn bundle_code(&self) -> Option<&str> {
        match self {
            Self::Bundle { bundle_code, .. } => Some(bundle_code),
            Self::Sku { .. } | Self::Adjustment { .. } => None,
        }
    }

    /// The adjustment, where it is one.
    #[must_use]
    pub fn adjustment_id(&self) -> Option<&AdjustmentId> {
        match self {
            Self::Adjustment { adjustment_id } => Some(adjustment_id),
            Self::Sku { .. } | Self::Bundle { .. } => None,
        }
    }

    /// Whether it changes a total instead of ordering something.
    #[must_use]
    pub fn is_adjustment(&self) -> bool {
        matches!(self, Self::Adjustment { .. })
    }

    /// The type of resource that it is, as clients name it.
    #[must_use]
    pub fn item_type(&self) -> &'static str {
        match self {
            Self::Sku { .. } => "skus",
            Self::Bundle { .. } => "bundles",
            Self::Adjustment { .. } => "adjustments",
        }
    }

    /// Its code, or the adjustment's id, for people.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Sku { sku_code } => sku_code,
            Self::Bundle { bundle_code, .. } => bundle_code,
            Self::Adjustment { adjustment_id } => adjustment_id.as_str(),
        }
    }

    /// The codes of the skus within.
    #[must_use]
    pub fn sku_codes(&self) -> Vec<&str> {
        self.units(1).into_iter().map(|(code, _)| code).collect()
    }

    /// The skus within so many of it, each with its units.
    #[must_use]
    pub fn units(&self, quantity: u32) -> Vec<(&str, u32)> {
        match self {
            Self::Sku { sku_code } => vec![(sku_code, quantity)],
            // The bounds of both factors keep the product far below the range of 32 bits.
            Self::Bundle { components, .. } => components
                .iter()
                .map(|part| (part.sku_code.as_str(), part.quantity.saturating_mul(quantity)))
                .collect(),
            Self::Adjustment { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
#[path = "ordered_item_tests.rs"]
mod tests;
