//! What runs take from stock: by their skus as they are now, not as they were when the subscription
//! was made.

use std::collections::HashMap;

use perennial_domain::{
    catalog::Sku,
    ids::{OrganizationId, SkuId},
    pricing::OrderedItem,
};
use perennial_store::{Store, StoreError};

/// The units that are to be taken of skus whose stock is tracked; or the first sku that is not there
/// any more. Skus that are not in `known`, by id, are read: one read unit each.
pub(crate) async fn tracked<'a>(
    store: &Store,
    organization: &OrganizationId,
    items: impl IntoIterator<Item = (&'a OrderedItem, u32)>,
    known: &HashMap<String, Sku>,
) -> Result<Result<Vec<(&'a str, u32)>, &'a str>, StoreError> {
    let units = items.into_iter().flat_map(|(item, quantity)| item.units(quantity));
    let units: Vec<(&str, u32)> = units.collect();
    let ids = units.iter().map(|(code, _)| SkuId::of_code(code).to_string());
    let unknown: Vec<String> = ids.filter(|id| !known.contains_key(id)).collect();
    let read = store.get_all::<Sku>(organization, unknown).await?;
    let mut tracked = Vec::new();
    for (code, units) in units {
        let id = SkuId::of_code(code);
        let Some(sku) = known.get(id.as_str()).or_else(|| read.get(id.as_str())) else {
            return Ok(Err(code));
        };
        if sku.stock.is_some() {
            tracked.push((code, units));
        }
    }
    Ok(Ok(tracked))
}
