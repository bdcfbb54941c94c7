//! What a calculator is asked.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{SoldLine, TaxBehavior, taxable_lines};
use crate::{
    catalog::Market,
    ids::{MarketId, OrderId, OrganizationId},
    money::{Currency, MinorUnits, MoneyError},
    order::Addresses,
};

/// What is sold, as orders and runs know it: neither where its addresses lead nor what category its
/// goods have is looked up yet.
#[derive(Debug, Clone)]
pub struct Sale<'a> {
    /// Whose it is.
    pub organization: &'a OrganizationId,
    /// Where it is sold.
    pub market: &'a Market,
    /// The order, or the one that a run makes.
    pub order_id: OrderId,
    /// Currency of every amount.
    pub currency: Currency,
    /// The tax point: what was begun by then counts.
    pub at: DateTime<Utc>,
    /// Where it goes.
    pub addresses: &'a Addresses,
    /// What is sold, adjustments included.
    pub lines: Vec<SoldLine<'a>>,
}

/// What a calculator is asked: which tax each of these lines bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxQuestion {
    /// The order, or the one that a run makes.
    pub order_id: OrderId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Where it is sold.
    pub market_id: MarketId,
    /// Currency of every amount.
    pub currency: Currency,
    /// The tax point.
    pub at: DateTime<Utc>,
    /// Its date on the market's calendar, by which rules begin.
    pub on: NaiveDate,
    /// Whether amounts have their tax in them.
    pub behavior: TaxBehavior,
    /// Where it goes.
    pub destination: Destination,
    /// What is sold, adjustments spread over it.
    pub lines: Vec<TaxableLine>,
}

/// Where goods go, as far as taxes depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Destination {
    /// Country, by its two letters in ISO 3166-1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    /// State or province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_code: Option<String>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zip_code: Option<String>,
    /// City.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
}

/// A line, at what is really paid for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxableLine {
    /// The order's line.
    pub id: String,
    /// The sku's code, where it is one.
    pub sku_code: Option<String>,
    /// The bundle's code, where it is one.
    pub bundle_code: Option<String>,
    /// The sku's or bundle's category; `None` where it has none.
    pub tax_category: Option<String>,
    /// Units.
    pub quantity: u32,
    /// What all of them cost with their share of discounts and fees, in minor units; with the tax in
    /// it where the behavior is inclusive.
    pub amount: MinorUnits,
}

/// What is looked up of a sale: where its addresses lead, and the categories of its goods.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaxFacts {
    /// Where it goes.
    pub destination: Destination,
    /// The categories of skus, by code; those without have none.
    pub skus: HashMap<String, String>,
    /// The categories of bundles, by code.
    pub bundles: HashMap<String, String>,
}

impl TaxFacts {
    fn category(&self, line: &TaxableLine) -> Option<String> {
        let of = |codes: &HashMap<String, String>, code: &Option<String>| {
            code.as_ref().and_then(|code| codes.get(code)).cloned()
        };
        of(&self.bundles, &line.bundle_code).or_else(|| of(&self.skus, &line.sku_code))
    }
}

impl TaxQuestion {
    /// What is asked about a sale.
    ///
    /// # Errors
    /// When a sum is out of range.
    pub fn of(sale: &Sale<'_>, facts: TaxFacts) -> Result<Self, MoneyError> {
        let mut lines = taxable_lines(&sale.lines)?;
        for line in &mut lines {
            line.tax_category = facts.category(line);
        }
        Ok(Self {
            order_id: sale.order_id.clone(),
            organization: sale.organization.clone(),
            market_id: sale.market.id.clone(),
            currency: sale.currency,
            at: sale.at,
            on: sale.at.with_timezone(&sale.market.time_zone).date_naive(),
            behavior: sale.market.tax_behavior(),
            destination: facts.destination,
            lines,
        })
    }
}

impl Market {
    /// Whether prices have their tax in them.
    #[must_use]
    pub const fn tax_behavior(&self) -> TaxBehavior {
        if self.tax_included { TaxBehavior::Inclusive } else { TaxBehavior::Exclusive }
    }
}

#[cfg(test)]
#[path = "question_tests.rs"]
mod tests;
