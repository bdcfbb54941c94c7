//! Order, market and goods have the same currency. Nobody can relax this.

use super::{Facts, Found};
use crate::{ids::SkuId, placement::pointer};

pub(super) fn check(facts: &Facts<'_>) -> Found {
    let mut found = Found::default();
    let (context, order) = (&facts.context, facts.context.order);
    if let Some(market) = context.market.filter(|market| market.currency != order.currency) {
        let detail = format!(
            "market {} sells in {}, the order is in {}",
            market.id, market.currency, order.currency
        );
        found.finding("currency_mismatch", "/data/attributes/currency_code", detail);
    }
    for (index, line) in order.line_items.iter().enumerate() {
        // Any other price was checked against the order's currency when the line was made.
        let Some(code) = line.item.sku_code().filter(|_| line.price_source.is_own()) else {
            continue;
        };
        let sku = context.skus.get(&SkuId::of_code(code));
        if let Some(sku) = sku.filter(|sku| sku.currency != order.currency) {
            let detail = format!(
                "sku {:?} is priced in {}, the order is in {}",
                sku.code, sku.currency, order.currency
            );
            found.finding("currency_mismatch", pointer(index, "sku_code"), detail);
        }
    }
    found
}
