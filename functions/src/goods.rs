//! What lines can order: skus, bundles and adjustments as they are now, with their prices by a list.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use perennial_domain::{
    catalog::Sku,
    ids::{AdjustmentId, BundleId, MarketId, OrganizationId, PriceId, PriceListId, SkuId},
    money::{Currency, MinorUnits},
    pricing::{Adjustment, Bundle, OrderedItem, Price, PriceSource, UnitPrice, sum_of_parts},
};
use perennial_store::{Store, StoreError};

use crate::http::error::{Code, Problem};

/// One thing that a client wants to order, as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) id: WantedId,
    /// What the client called it: a code, or the id itself.
    pub(crate) name: String,
    /// Where it is named in the body.
    pub(crate) at: String,
}

/// What it is, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WantedId {
    Sku(SkuId),
    Bundle(BundleId),
    Adjustment(AdjustmentId),
}

impl WantedId {
    /// The type of resource.
    pub(crate) fn item_type(&self) -> &'static str {
        match self {
            Self::Sku(_) => "skus",
            Self::Bundle(_) => "bundles",
            Self::Adjustment(_) => "adjustments",
        }
    }

    /// The resource of a type with an id; `None` where there can be none.
    pub(crate) fn of(kind: &str, id: &str) -> Option<Self> {
        match kind {
            "skus" => id.parse().ok().map(Self::Sku),
            "bundles" => id.parse().ok().map(Self::Bundle),
            "adjustments" => id.parse().ok().map(Self::Adjustment),
            _ => None,
        }
    }

    /// What an item is about.
    pub(crate) fn again(item: &OrderedItem) -> Self {
        match item {
            OrderedItem::Sku { sku_code } => Self::Sku(SkuId::of_code(sku_code)),
            OrderedItem::Bundle { bundle_code, .. } => Self::Bundle(BundleId::of_code(bundle_code)),
            OrderedItem::Adjustment { adjustment_id } => Self::Adjustment(adjustment_id.clone()),
        }
    }
}

/// Where and when something is sold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sale<'a> {
    /// The market; `None` where it is not known.
    pub(crate) market: Option<&'a MarketId>,
    pub(crate) currency: Currency,
    /// The instant whose prices count.
    pub(crate) at: DateTime<Utc>,
    /// How many are ordered together.
    pub(crate) quantity: u32,
}

/// Something that can be ordered, at its price.
#[derive(Debug)]
pub(crate) struct Sold<'a> {
    pub(crate) item: OrderedItem,
    pub(crate) name: String,
    pub(crate) price: UnitPrice,
    /// What one unit would cost without the offer, for people.
    pub(crate) compare_at: Option<MinorUnits>,
    /// The skus within.
    pub(crate) skus: Vec<&'a Sku>,
}

/// What may be ordered, as it is now.
#[derive(Debug, Default)]
pub(crate) struct Goods {
    skus: HashMap<String, Sku>,
    bundles: HashMap<String, Bundle>,
    adjustments: HashMap<String, Adjustment>,
    /// By the sku's code.
    prices: HashMap<String, Price>,
}

impl Goods {
    /// Reads what is wanted, consistently, with the skus within bundles. One read unit for each.
    pub(crate) async fn load(
        store: &Store,
        organization: &OrganizationId,
        wanted: impl IntoIterator<Item = &WantedId>,
    ) -> Result<Self, StoreError> {
        let (mut skus, mut bundles, mut adjustments) = (Vec::new(), Vec::new(), Vec::new());
        for id in wanted {
            match id {
                WantedId::Sku(id) => skus.push(id.to_string()),
                WantedId::Bundle(id) => bundles.push(id.to_string()),
                WantedId::Adjustment(id) => adjustments.push(id.to_string()),
            }
        }
        let (mut skus, bundles, adjustments) = futures::try_join!(
            store.get_all::<Sku>(organization, skus),
            store.get_all::<Bundle>(organization, bundles),
            store.get_all::<Adjustment>(organization, adjustments),
        )?;
        let within: Vec<String> = bundles
            .values()
            .flat_map(|bundle: &Bundle| &bundle.components)
            .map(|part| SkuId::of_code(&part.sku_code).to_string())
            .filter(|id| !skus.contains_key(id))
            .collect();
        skus.extend(store.get_all::<Sku>(organization, within).await?);
        Ok(Self { skus, bundles, adjustments, prices: HashMap::new() })
    }

    /// The same with the prices that a list has for the skus. One read unit for each.
    pub(crate) async fn priced_by(
        mut self,
        store: &Store,
        organization: &OrganizationId,
        list: Option<&PriceListId>,
    ) -> Result<Self, StoreError> {
        if let Some(list) = list {
            let ids = self.skus.values().map(|sku| PriceId::on(list, &sku.code).to_string());
            let found = store.get_all::<Price>(organization, ids.collect()).await?;
            self.prices =
                found.into_values().map(|price| (price.sku_code.clone(), price)).collect();
        }
        Ok(self)
    }

    /// What is wanted, at the price that was given or else at its own; or why it can't be ordered.
    pub(crate) fn sell(
        &self,
        wanted: &Wanted,
        given: Option<MinorUnits>,
        sale: Sale<'_>,
    ) -> Result<Sold<'_>, Problem> {
        match &wanted.id {
            WantedId::Sku(id) => {
                let sku = self.skus.get(id.as_str()).ok_or_else(|| missing(wanted))?;
                self.sku(sku, wanted, given, sale)
            }
            WantedId::Bundle(id) => {
                let bundle = self.bundles.get(id.as_str()).ok_or_else(|| missing(wanted))?;
                self.bundle(bundle, wanted, given, sale)
            }
            WantedId::Adjustment(id) => {
                let found = self.adjustments.get(id.as_str()).ok_or_else(|| missing(wanted))?;
                if given.is_none() {
                    check_currency(wanted, found.currency, sale.currency)?;
                }
                Ok(Sold {
                    item: OrderedItem::Adjustment { adjustment_id: found.id.clone() },
                    name: found.name.clone(),
                    price: UnitPrice::choose(given, None, found.amount),
                    compare_at: None,
                    skus: Vec::new(),
                })
            }
        }
    }

    /// Those of the skus within an item that exist.
    pub(crate) fn within(&self, item: &OrderedItem) -> Vec<&Sku> {
        let ids = item.sku_codes().into_iter().map(SkuId::of_code);
        ids.filter_map(|id| self.skus.get(id.as_str())).collect()
    }

    /// The currency in which something is priced by itself.
    pub(crate) fn currency_of(&self, wanted: &WantedId) -> Option<Currency> {
        match wanted {
            WantedId::Sku(id) => self.skus.get(id.as_str()).map(|sku| sku.currency),
            WantedId::Bundle(id) => self.bundles.get(id.as_str()).map(|bundle| bundle.currency),
            WantedId::Adjustment(id) => {
                self.adjustments.get(id.as_str()).map(|adjustment| adjustment.currency)
            }
        }
    }

    /// Whether what one unit costs of any of them depends on how many are ordered.
    pub(crate) fn is_tiered(&self) -> bool {
        self.prices.values().any(|price| !price.tiers.is_empty())
    }

    /// The price that the list has for a sku, if it is one in the right currency.
    fn listed(&self, code: &str, currency: Currency) -> Option<&Price> {
        self.prices.get(code).filter(|price| price.currency == currency)
    }

    fn sku<'a>(
        &'a self,
        sku: &'a Sku,
        wanted: &Wanted,
        given: Option<MinorUnits>,
        sale: Sale<'_>,
    ) -> Result<Sold<'a>, Problem> {
        let listed = self.listed(&sku.code, sale.currency);
        let amount = listed.map(|price| price.amount_for(sale.quantity, sale.at));
        let price = UnitPrice::choose(given, amount, sku.unit_amount);
        if price.source == PriceSource::Own {
            check_currency(wanted, sku.currency, sale.currency)?;
        }
        Ok(Sold {
            item: OrderedItem::sku(sku.code.clone()),
            name: sku.name.clone(),
            price,
            compare_at: listed.and_then(|price| price.compare_at_amount),
            skus: vec![sku],
        })
    }

    fn bundle<'a>(
        &'a self,
        bundle: &'a Bundle,
        wanted: &Wanted,
        given: Option<MinorUnits>,
        sale: Sale<'_>,
    ) -> Result<Sold<'a>, Problem> {
        let elsewhere = bundle.market_id.as_ref().filter(|market| Some(*market) != sale.market);
        if let (Some(own), Some(_)) = (elsewhere, sale.market) {
            let detail = format!("bundle {:?} is sold in market {own} only", bundle.code);
            return Err(refused(wanted, Code::InvalidValue, detail));
        }
        let mut skus = Vec::with_capacity(bundle.components.len());
        for part in &bundle.components {
            let sku = self.skus.get(SkuId::of_code(&part.sku_code).as_str());
            skus.push(sku.ok_or_else(|| {
                let (code, part) = (&bundle.code, &part.sku_code);
                let detail = format!("there is no sku {part:?}, which bundle {code:?} holds");
                refused(wanted, Code::RelatedNotFound, detail)
            })?);
        }
        let price = match given {
            Some(_) => UnitPrice::choose(given, None, MinorUnits::ZERO),
            None => self.price_of_bundle(bundle, &skus, wanted, sale)?,
        };
        Ok(Sold {
            item: OrderedItem::Bundle {
                bundle_code: bundle.code.clone(),
                components: bundle.components.clone(),
            },
            name: bundle.name.clone(),
            price,
            compare_at: bundle.compare_at_amount,
            skus,
        })
    }

    /// A bundle's own price, or what its skus cost together: each by the list, or else by itself.
    fn price_of_bundle(
        &self,
        bundle: &Bundle,
        skus: &[&Sku],
        wanted: &Wanted,
        sale: Sale<'_>,
    ) -> Result<UnitPrice, Problem> {
        check_currency(wanted, bundle.currency, sale.currency)?;
        if let Some(own) = bundle.price_amount {
            return Ok(UnitPrice { amount: own, source: PriceSource::Own });
        }
        let price_of = |code: &str, units: u32| {
            let units = units.saturating_mul(sale.quantity);
            let sku = skus.iter().find(|sku| sku.code == code);
            let own = sku.filter(|sku| sku.currency == sale.currency).map(|sku| sku.unit_amount);
            let listed = self.listed(code, sale.currency);
            let listed = listed.map(|price| price.amount_for(units, sale.at));
            listed.or(own)
        };
        match sum_of_parts(&bundle.components, price_of) {
            Ok(Ok(amount)) => Ok(UnitPrice { amount, source: PriceSource::PriceList }),
            Ok(Err(code)) => {
                let detail = format!(
                    "sku {code:?}, which bundle {:?} holds, has no price in {}",
                    bundle.code, sale.currency
                );
                Err(refused(wanted, Code::CurrencyMismatch, detail))
            }
            Err(error) => Err(refused(wanted, Code::OutOfRange, error.to_string())),
        }
    }
}

fn refused(wanted: &Wanted, code: Code, detail: String) -> Problem {
    Problem::new(code, detail).at(&wanted.at).with("value", wanted.name.clone())
}

fn missing(wanted: &Wanted) -> Problem {
    let detail = match &wanted.id {
        WantedId::Sku(_) => format!("there is no sku with the code {:?}", wanted.name),
        WantedId::Bundle(_) => format!("there is no bundle with the code {:?}", wanted.name),
        WantedId::Adjustment(_) => format!("there is no adjustment {:?}", wanted.name),
    };
    refused(wanted, Code::RelatedNotFound, detail)
}

fn check_currency(wanted: &Wanted, own: Currency, sold_in: Currency) -> Result<(), Problem> {
    if own == sold_in {
        return Ok(());
    }
    let what = match &wanted.id {
        WantedId::Sku(_) => "sku",
        WantedId::Bundle(_) => "bundle",
        WantedId::Adjustment(_) => "adjustment",
    };
    let detail = format!("{what} {:?} is priced in {own}, the order is in {sold_in}", wanted.name);
    let problem = Problem::new(Code::CurrencyMismatch, detail).at(&wanted.at);
    Err(problem.with("value", own.code()).with("expected", sold_in.code()))
}
