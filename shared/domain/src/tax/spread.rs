//! Spreading an order's discounts and fees over its goods.

use super::TaxableLine;
use crate::{
    money::{MinorUnits, MoneyError, allocate},
    pricing::{OrderedItem, Totals},
};

/// A line as it is sold.
#[derive(Debug, Clone)]
pub struct SoldLine<'a> {
    /// What tells it from the order's other lines.
    pub id: String,
    /// What it is about.
    pub item: &'a OrderedItem,
    /// Price of one unit, in minor units.
    pub unit_amount: MinorUnits,
    /// Units.
    pub quantity: u32,
}

/// What lines come to for tax: amounts that add up to what is paid for all of them together
/// ([`Totals::total`]).
///
/// Discounts and fees are spread over the goods in proportion to their prices, by largest remainder
/// ([`allocate`]), and are no lines of their own then. Where all goods are free, or there are none,
/// the fees themselves are taxable, in no category, less the discounts. Categories are not filled in.
///
/// # Errors
/// When a product or a sum is out of range.
pub fn taxable_lines(lines: &[SoldLine<'_>]) -> Result<Vec<TaxableLine>, MoneyError> {
    let total = Totals::of(lines.iter().map(|l| (l.item, l.unit_amount, l.quantity)))?.total;
    let mut priced = Vec::with_capacity(lines.len());
    for line in lines {
        priced.push((line, line.unit_amount.checked_mul(line.quantity)?));
    }
    let (fees, goods): (Vec<_>, Vec<_>) =
        priced.into_iter().partition(|(line, _)| line.item.is_adjustment());
    let of_goods = MinorUnits::checked_total(goods.iter().map(|(_, amount)| *amount))?;
    let spread = total.checked_sub(of_goods)?;
    let shares = |lines: &[(&SoldLine<'_>, MinorUnits)]| allocate(spread, &weights(lines));
    let mut taxable = Vec::with_capacity(goods.len());
    if total.is_zero() {
        // Nothing is paid, so nothing is taxed: no line makes up for another.
        taxable.extend(goods.iter().map(|(line, _)| at(line, MinorUnits::ZERO)));
    } else if weights(&goods).iter().any(|weight| *weight > 0) {
        for ((line, amount), share) in goods.iter().zip(shares(&goods)?) {
            taxable.push(at(line, amount.checked_add(share)?));
        }
    } else {
        taxable.extend(goods.iter().map(|(line, amount)| at(line, *amount)));
        let charged = fees.iter().zip(shares(&fees)?).filter(|(_, share)| !share.is_zero());
        taxable.extend(charged.map(|((line, _), share)| at(line, share)));
    }
    Ok(taxable)
}

/// What is charged for lines; what takes away has no weight.
fn weights(lines: &[(&SoldLine<'_>, MinorUnits)]) -> Vec<u64> {
    lines.iter().map(|(_, amount)| u64::try_from(amount.get()).unwrap_or(0)).collect()
}

fn at(line: &SoldLine<'_>, amount: MinorUnits) -> TaxableLine {
    TaxableLine {
        id: line.id.clone(),
        sku_code: line.item.sku_code().map(str::to_owned),
        bundle_code: line.item.bundle_code().map(str::to_owned),
        tax_category: None,
        quantity: line.quantity,
        amount,
    }
}

#[cfg(test)]
#[path = "spread_tests.rs"]
pub(super) mod tests;
