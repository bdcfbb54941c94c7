//! Price lists, and the prices on them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    ids::{PriceId, PriceListId},
    money::{Currency, MinorUnits},
};

/// A list of prices in one currency, which markets sell by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceList {
    /// Identifier.
    pub id: PriceListId,
    /// Name for people.
    pub name: String,
    /// Currency of every price on it.
    #[serde(rename = "currency_code")]
    pub currency: Currency,
    /// Counts changes.
    pub version: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What one unit of a sku costs by a price list. A list has at most one price for each sku.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Derived from the list and the sku's code: see [`PriceId::on`].
    pub id: PriceId,
    /// The list.
    pub price_list_id: PriceListId,
    /// The sku's code.
    pub sku_code: String,
    /// Currency of the amounts, which is the list's.
    #[serde(rename = "currency_code")]
    pub currency: Currency,
    /// The regular price, in minor units.
    #[serde(rename = "amount_cents")]
    pub amount: MinorUnits,
    /// What it would cost without the offer, for people, in minor units.
    #[serde(rename = "compare_at_amount_cents", default, skip_serializing_if = "Option::is_none")]
    pub compare_at_amount: Option<MinorUnits>,
    /// The price within the promotion's window, in minor units; `None` when there is no promotion.
    #[serde(rename = "promotional_amount_cents", default, skip_serializing_if = "Option::is_none")]
    pub promotional_amount: Option<MinorUnits>,
    /// When the promotion begins; `None` for ever since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion_starts_at: Option<DateTime<Utc>>,
    /// When the promotion ends, exclusive; `None` for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion_ends_at: Option<DateTime<Utc>>,
    /// What one unit costs where several are ordered together. In any order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<VolumeTier>,
    /// Counts changes.
    pub version: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// Most tiers of one price.
pub const MAX_TIERS: usize = 20;

/// What one unit costs where up to so many are ordered together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeTier {
    /// The most units, inclusive; `None` where there is no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<u32>,
    /// What each of them costs, in minor units.
    #[serde(rename = "price_amount_cents")]
    pub amount: MinorUnits,
}

impl Price {
    /// The promotional price, if there is one at this instant.
    #[must_use]
    pub fn promotional_at(&self, at: DateTime<Utc>) -> Option<MinorUnits> {
        let begun = self.promotion_starts_at.is_none_or(|start| start <= at);
        let ended = self.promotion_ends_at.is_some_and(|end| end <= at);
        self.promotional_amount.filter(|_| begun && !ended)
    }

    /// What one of so many units costs at this instant: by the tier that they fall in, else by the
    /// regular price. Within a promotion's window it is no more than the promotional price.
    #[must_use]
    pub fn amount_for(&self, units: u32, at: DateTime<Utc>) -> MinorUnits {
        let reached = |tier: &&VolumeTier| tier.up_to.is_none_or(|most| units <= most);
        let tier = self.tiers.iter().filter(reached).min_by_key(|tier| match tier.up_to {
            Some(most) => (false, most),
            None => (true, 0),
        });
        let regular = tier.map_or(self.amount, |tier| tier.amount);
        match (self.promotional_at(at), tier) {
            (Some(promotional), Some(_)) => promotional.min(regular),
            (Some(promotional), None) => promotional,
            (None, _) => regular,
        }
    }
}

/// Where the price of a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceSource {
    /// What is ordered has a price of its own: the sku, bundle or adjustment.
    #[default]
    Own,
    /// The price list of the market.
    PriceList,
    /// Whoever made the line has set it.
    Given,
}

impl PriceSource {
    /// Whether what is ordered has the price itself.
    #[must_use]
    pub fn is_own(&self) -> bool {
        *self == Self::Own
    }
}

/// The price of one unit on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitPrice {
    /// In minor units.
    pub amount: MinorUnits,
    /// Where it comes from.
    pub source: PriceSource,
}

impl UnitPrice {
    /// The price of a line: the one that was given; else that of the market's price list; else `own`.
    #[must_use]
    pub fn choose(given: Option<MinorUnits>, listed: Option<MinorUnits>, own: MinorUnits) -> Self {
        match (given, listed) {
            (Some(amount), _) => Self { amount, source: PriceSource::Given },
            (None, Some(amount)) => Self { amount, source: PriceSource::PriceList },
            (None, None) => Self { amount: own, source: PriceSource::Own },
        }
    }
}

#[cfg(test)]
#[path = "price_tests.rs"]
mod tests;
