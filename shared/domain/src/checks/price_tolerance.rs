//! Prices are near those of the list: the market's price list or, where it has none, the goods' own.

use super::{Facts, Found, Setting};
use crate::{ids::SkuId, money::MinorUnits, order::LineItem, placement::pointer};

pub(super) fn check(facts: &Facts<'_>, setting: &Setting) -> Found {
    let mut found = Found::default();
    let mut compared = 0_u32;
    for (index, line) in facts.context.order.line_items.iter().enumerate() {
        let Some(listed) = listed(facts, line) else { continue };
        compared += 1;
        let (price, list) = (i128::from(line.unit_amount.get()), i128::from(listed.get()));
        let bound = |percent: i128| list * percent;
        let low = setting.below_percent.map(|below| bound(100 - i128::from(below)));
        let high = setting.above_percent.map(|above| bound(100 + i128::from(above)));
        let outside =
            low.is_some_and(|low| price * 100 < low) || high.is_some_and(|high| price * 100 > high);
        if outside {
            let side = |sign: &str, percent: Option<u16>| {
                percent.map(|percent| format!("{sign}{percent}%")).unwrap_or_default()
            };
            let tolerance = [side("-", setting.below_percent), side("+", setting.above_percent)];
            let tolerance: Vec<&str> =
                tolerance.iter().map(String::as_str).filter(|side| !side.is_empty()).collect();
            let detail = format!(
                "{:?} costs {} on the line and {listed} by the list; the tolerance is {}",
                line.item.code(),
                line.unit_amount,
                tolerance.join(" and ")
            );
            let at = pointer(index, "unit_amount_cents");
            found.finding("price_out_of_tolerance", at, detail);
        }
    }
    found.number("compared", compared);
    for (name, percent) in
        [("below_percent", setting.below_percent), ("above_percent", setting.above_percent)]
    {
        if let Some(percent) = percent {
            found.number(name, percent);
        }
    }
    found
}

/// What a line would cost by the list; `None` where no list knows it.
fn listed(facts: &Facts<'_>, line: &LineItem) -> Option<MinorUnits> {
    let (context, order) = (&facts.context, facts.context.order);
    let list = context.market.and_then(|market| market.price_list_id.as_ref());
    let by_list = list.and_then(|list| {
        let priced = (&line.item, line.quantity);
        facts.prices.unit_amount(list, order.currency, priced, facts.now).ok().flatten()
    });
    let own = || {
        let sku = context.skus.get(&SkuId::of_code(line.item.sku_code()?))?;
        Some(sku.unit_amount).filter(|_| sku.currency == order.currency)
    };
    by_list.or_else(own)
}
