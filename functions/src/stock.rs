//! What runs take from stock: by their skus as they are now, not as they were when the subscription
//! was made.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use perennial_domain::{
    catalog::Sku,
    ids::{OrganizationId, SkuId},
    plan::Settled,
    pricing::OrderedItem,
    run::{Run, RunStatus},
};
use perennial_store::{Commit, Store, StoreError};

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

/// Commits a run that goes on after it had ended: what it orders may have been put back, and is taken
/// again in the same transaction. What can't be had any more is noted on the run, which is paid all
/// the same.
pub(crate) async fn commit_resumed<'a>(
    (store, organization): (&'a Store, &'a OrganizationId),
    mut settled: Settled,
    now: DateTime<Utc>,
    commit: &(dyn Fn(&Settled) -> Commit<'a> + Sync),
) -> Result<(), StoreError> {
    let order = settled.run.order_id();
    let mut wanted = units_of(store, organization, &settled.run).await?;
    loop {
        let units: Vec<(&str, u32)> =
            wanted.iter().map(|(code, units)| (code.as_str(), *units)).collect();
        match commit(&settled).run_holding(&order, &units).await {
            Err(StoreError::OutOfStock { sku }) => {
                tracing::error!(%organization, %order, sku, "a paid run found too few units in stock");
                wanted.retain(|(code, _)| *code != sku);
                settled.note_oversold(&sku, now);
            }
            sent => return sent,
        }
    }
}

/// What a run takes from stock; a sku that is gone by now counts as one that has too few.
async fn units_of(
    store: &Store,
    organization: &OrganizationId,
    run: &Run,
) -> Result<Vec<(String, u32)>, StoreError> {
    if !run.place_target_order {
        return Ok(Vec::new());
    }
    let units = run.lines.iter().flat_map(|line| line.item.units(line.quantity));
    let units: Vec<(&str, u32)> = units.collect();
    let ids = units.iter().map(|(code, _)| SkuId::of_code(code).to_string());
    let skus = store.get_all::<Sku>(organization, ids.collect()).await?;
    let tracked =
        |code: &str| skus.get(SkuId::of_code(code).as_str()).is_none_or(|sku| sku.stock.is_some());
    let tracked = units.into_iter().filter(|(code, _)| tracked(code));
    Ok(tracked.map(|(code, units)| (code.to_owned(), units)).collect())
}

/// Puts back what a worker that came too late has taken for a run that had ended by then. Whoever
/// takes the run up again in the same moment keeps it.
pub(crate) async fn put_back_late(
    store: &Store,
    organization: &OrganizationId,
    run: &Run,
) -> Result<(), StoreError> {
    if !matches!(run.status, RunStatus::Failed | RunStatus::Aborted) {
        return Ok(());
    }
    let unchanged = store.commit(organization).changed_run(run, run.version);
    match unchanged.run_if_held(&run.order_id()).await {
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
