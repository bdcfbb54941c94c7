//! Prices that follow their list: what a run costs when nothing is pinned.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{Bundle, OrderedItem, Price, sum_of_parts};
use crate::{
    ids::{BundleId, PriceId, PriceListId},
    money::{Currency, MinorUnits, MoneyError},
    run::Run,
    subscription::{Subscription, SubscriptionItem},
};

/// The code of a run that failed because of [`NoPrice::Missing`].
pub const PRICE_MISSING: &str = "price_missing";

/// What a followed list says by now, as far as it was asked.
#[derive(Debug, Clone, Default)]
pub struct CurrentPrices {
    /// By the sku's code.
    pub prices: HashMap<String, Price>,
    /// By the bundle's code.
    pub bundles: HashMap<String, Bundle>,
}

/// What is to be read to know what items cost by a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The prices.
    pub prices: Vec<PriceId>,
    /// The bundles.
    pub bundles: Vec<BundleId>,
}

/// Why an item has no price.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum NoPrice {
    /// The list has none for the sku, by itself or within a bundle.
    #[error("price list {price_list} has no price for sku {sku_code:?} in {currency}")]
    Missing {
        /// The list.
        price_list: PriceListId,
        /// The sku's code.
        sku_code: String,
        /// The currency that is needed.
        currency: Currency,
    },
    /// The amounts are out of range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl Wanted {
    /// What must be read for these items.
    pub fn of<'a>(list: &PriceListId, items: impl IntoIterator<Item = &'a OrderedItem>) -> Self {
        let mut wanted = Self::default();
        for item in items {
            wanted.prices.extend(item.sku_codes().into_iter().map(|code| PriceId::on(list, code)));
            wanted.bundles.extend(item.bundle_code().map(BundleId::of_code));
        }
        wanted
    }
}

impl CurrentPrices {
    /// What one unit of an item costs by a list at `at`, where so many are ordered; `None` for what keeps the amount it has: an
    /// adjustment, and a bundle that is gone, or sold in another currency by now.
    ///
    /// # Errors
    /// When there is no price in this currency.
    pub fn unit_amount(
        &self,
        list: &PriceListId,
        currency: Currency,
        (item, quantity): (&OrderedItem, u32),
        at: DateTime<Utc>,
    ) -> Result<Option<MinorUnits>, NoPrice> {
        let of_sku = |code: &str, units: u32| {
            let price = self.prices.get(code).filter(|price| price.currency == currency)?;
            Some(price.amount_for(units.saturating_mul(quantity), at))
        };
        let missing = |sku_code: &str| NoPrice::Missing {
            price_list: list.clone(),
            sku_code: sku_code.to_owned(),
            currency,
        };
        match item {
            OrderedItem::Sku { sku_code } => {
                of_sku(sku_code, 1).map(Some).ok_or_else(|| missing(sku_code))
            }
            OrderedItem::Bundle { bundle_code, components } => {
                let bundle = self.bundles.get(bundle_code);
                let Some(bundle) = bundle.filter(|bundle| bundle.currency == currency) else {
                    return Ok(None);
                };
                match bundle.price_amount {
                    Some(fixed) => Ok(Some(fixed)),
                    None => sum_of_parts(components, of_sku)?.map(Some).map_err(missing),
                }
            }
            OrderedItem::Adjustment { .. } => Ok(None),
        }
    }
}

impl SubscriptionItem {
    /// Whether its price is the one that its subscription's list has when a run is made.
    #[must_use]
    pub fn follows_list(&self) -> bool {
        !self.price_override && !self.item.is_adjustment()
    }
}

impl Subscription {
    /// What is to be read to know what its items cost by now; nothing where all prices are pinned.
    #[must_use]
    pub fn wanted_prices(&self) -> Wanted {
        self.price_list_id.as_ref().map_or_else(Wanted::default, |list| {
            let following = self.items.iter().filter(|item| item.follows_list());
            Wanted::of(list, following.map(|item| &item.item))
        })
    }

    /// The same with the prices that its list has at `at`, be it a run's own date or an instant
    /// before that. Items whose price was set by a client keep it, and so does a run whose prices
    /// are fixed already.
    ///
    /// # Errors
    /// When the list has no price for an item, and it was not set by a client.
    pub fn at_current_prices(
        &self,
        current: &CurrentPrices,
        at: DateTime<Utc>,
    ) -> Result<Self, NoPrice> {
        let mut priced = self.clone();
        let Some(list) = self.price_list_id.as_ref().filter(|_| !self.prices_fixed) else {
            return Ok(priced);
        };
        for item in priced.items.iter_mut().filter(|item| item.follows_list()) {
            if let Some(now) =
                current.unit_amount(list, self.currency, (&item.item, item.quantity), at)?
            {
                item.unit_amount = now;
            }
        }
        Ok(priced)
    }
}

impl Run {
    /// The same with the prices that a list has at `at`. Lines whose price was set by a client keep
    /// it.
    ///
    /// # Errors
    /// When the list has no price for a line, and it was not set by a client.
    pub fn at_current_prices(
        &self,
        list: &PriceListId,
        current: &CurrentPrices,
        at: DateTime<Utc>,
    ) -> Result<Self, NoPrice> {
        let mut priced = self.clone();
        for line in priced.lines.iter_mut().filter(|line| !line.price_override) {
            if let Some(now) =
                current.unit_amount(list, self.currency, (&line.item, line.quantity), at)?
            {
                line.unit_amount = now;
            }
        }
        priced.total = priced.totals()?.total;
        priced.unpriced = false;
        Ok(priced)
    }
}

#[cfg(test)]
#[path = "current_tests.rs"]
mod tests;
