use std::error::Error;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

/// Lines as they are sold: `goods` are skus, `extras` discounts and fees; each a price and units.
pub(in super::super) fn taxable(
    goods: &[(i64, u32)],
    extras: &[i64],
) -> Result<Vec<TaxableLine>, Box<dyn Error>> {
    let sku = OrderedItem::sku("BEANS");
    let adjustment = OrderedItem::Adjustment { adjustment_id: "adj_1".parse()? };
    let line = |id: String, item, unit_amount, quantity| SoldLine {
        id,
        item,
        unit_amount: MinorUnits::new(unit_amount),
        quantity,
    };
    let goods = goods
        .iter()
        .enumerate()
        .map(|(place, (price, units))| line(format!("goods {place}"), &sku, *price, *units));
    let extras = extras
        .iter()
        .enumerate()
        .map(|(place, amount)| line(format!("extra {place}"), &adjustment, *amount, 1));
    Ok(taxable_lines(&goods.chain(extras).collect::<Vec<_>>())?)
}

/// Worked by hand: a share is the adjustment times the line's price over the price of all goods.
#[test]
fn discounts_and_fees_are_spread_in_proportion_to_the_last_unit() -> TestResult {
    type Goods<'a> = &'a [(i64, u32)];
    let cases: &[(Goods<'_>, &[i64], &[i64])] = &[
        // Nothing to spread.
        (&[(1_000, 2), (500, 1)], &[], &[2_000, 500]),
        // 3.00 off 10.00 and 20.00: 1.00 and 2.00.
        (&[(1_000, 1), (2_000, 1)], &[-300], &[900, 1_800]),
        // 1.00 off three equal lines: 33.3 each, the cent left over goes to the first.
        (&[(100, 1), (100, 1), (100, 1)], &[-100], &[66, 67, 67]),
        // 5.00 more on 10.00 and 30.00: 1.25 and 3.75.
        (&[(1_000, 1), (3_000, 1)], &[500], &[1_125, 3_375]),
        // 10.01 less on 2 x 9.99 and 19.98: 5.005 each, the first loses the odd cent.
        (&[(999, 2), (1_998, 1)], &[-1_001], &[1_497, 1_498]),
        // A discount and a fee of 1.50 and 0.50 are 1.00 less together: 0.25 and 0.75.
        (&[(100, 1), (300, 1)], &[-150, 50], &[75, 225]),
        // A line that costs nothing bears nothing.
        (&[(0, 3), (1_000, 1)], &[490], &[0, 1_490]),
        // A discount takes away no more than there is.
        (&[(500, 1), (250, 2)], &[-5_000], &[0, 0]),
        // Free goods: the fee is taxable itself, less the discount.
        (&[(0, 1)], &[490], &[0, 490]),
        (&[(0, 1)], &[500, -200], &[0, 300]),
        // No goods at all: two fees share the discount, 3 to 1.
        (&[], &[300, 100, -100], &[225, 75]),
        (&[], &[-100], &[]),
        (&[], &[], &[]),
    ];
    for (goods, extras, expected) in cases {
        let found = taxable(goods, extras)?;
        let amounts: Vec<i64> = found.iter().map(|line| line.amount.get()).collect();
        assert_eq!(amounts, *expected, "{goods:?} {extras:?}");
    }
    Ok(())
}

#[test]
fn a_fee_without_goods_is_a_line_of_its_own_in_no_category() -> TestResult {
    let found = taxable(&[], &[490])?;
    let [fee] = found.as_slice() else { return Err(format!("{found:?}").into()) };
    assert_eq!(fee.id, "extra 0");
    assert_eq!((&fee.sku_code, &fee.bundle_code, &fee.tax_category), (&None, &None, &None));
    Ok(())
}

#[test]
fn a_sum_out_of_range_is_an_error() {
    assert!(taxable(&[(i64::MAX, 1), (i64::MAX, 1)], &[]).is_err());
    assert!(taxable(&[(i64::MAX, 2)], &[]).is_err());
}
