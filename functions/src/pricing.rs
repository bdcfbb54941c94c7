//! The prices that a list has by now, read for what follows it.

use std::collections::HashMap;

use perennial_domain::{
    ids::OrganizationId,
    pricing::{Bundle, CurrentPrices, Price, Wanted},
};
use perennial_store::{Store, StoreError};

/// Reads what is wanted; nothing, where nothing is. Half a read unit for each price and bundle.
pub(crate) async fn current(
    store: &Store,
    organization: &OrganizationId,
    wanted: Wanted,
) -> Result<CurrentPrices, StoreError> {
    let Wanted { prices, bundles } = wanted;
    let prices = async {
        if prices.is_empty() {
            return Ok(HashMap::new());
        }
        let ids = prices.iter().map(ToString::to_string);
        store.get_many::<Price>(organization, ids).await
    };
    let bundles = async {
        if bundles.is_empty() {
            return Ok(HashMap::new());
        }
        let ids = bundles.iter().map(ToString::to_string);
        store.get_many::<Bundle>(organization, ids).await
    };
    let (prices, bundles) = futures::try_join!(prices, bundles)?;
    Ok(CurrentPrices {
        prices: prices.into_values().map(|price| (price.sku_code.clone(), price)).collect(),
        bundles: bundles.into_values().map(|bundle| (bundle.code.clone(), bundle)).collect(),
    })
}
