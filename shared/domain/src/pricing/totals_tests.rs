use std::error::Error;

use proptest::prelude::*;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

fn item(is_adjustment: bool) -> Result<OrderedItem, Box<dyn Error>> {
    Ok(match is_adjustment {
        true => OrderedItem::Adjustment { adjustment_id: "adj_1".parse()? },
        false => OrderedItem::sku("BEANS"),
    })
}

/// Lines as (adjustment, unit amount, quantity).
fn totals(lines: &[(bool, i64, u32)]) -> Result<Result<Totals, MoneyError>, Box<dyn Error>> {
    let items: Vec<OrderedItem> =
        lines.iter().map(|(adjusts, _, _)| item(*adjusts)).collect::<Result<_, _>>()?;
    let amounts = lines.iter().map(|(_, amount, quantity)| (MinorUnits::new(*amount), *quantity));
    Ok(Totals::of(items.iter().zip(amounts).map(|(item, (amount, units))| (item, amount, units))))
}

#[test]
fn a_discount_takes_away_no_more_than_there_is_to_pay() -> TestResult {
    for (lines, expected) in [
        (vec![], (0, 0, 0)),
        (vec![(false, 1_250, 2), (false, 799, 1)], (3_299, 0, 3_299)),
        (vec![(false, 1_250, 2), (true, -500, 1)], (2_500, -500, 2_000)),
        (vec![(false, 1_250, 2), (true, 300, 1), (true, -500, 1)], (2_500, -200, 2_300)),
        (vec![(false, 1_250, 1), (true, -9_999, 1)], (1_250, -1_250, 0)),
        // A fee counts before a discount runs out.
        (vec![(false, 1_000, 1), (true, -1_200, 1), (true, 500, 1)], (1_000, -700, 300)),
        (vec![(true, -1, 1)], (0, 0, 0)),
        (vec![(true, 250, 1)], (0, 250, 250)),
        (vec![(true, -100, 3), (false, 1_000, 1)], (1_000, -300, 700)),
    ] {
        let (subtotal, adjustment, total) = expected;
        let expected = Totals {
            subtotal: MinorUnits::new(subtotal),
            adjustment: MinorUnits::new(adjustment),
            total: MinorUnits::new(total),
        };
        assert_eq!(totals(&lines)?, Ok(expected), "{lines:?}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_counted_is_an_error() -> TestResult {
    for lines in [
        vec![(false, i64::MAX, 2)],
        vec![(false, i64::MAX, 1), (false, 1, 1)],
        vec![(false, i64::MAX, 1), (true, 1, 1)],
        vec![(true, i64::MIN, 2)],
    ] {
        assert_eq!(totals(&lines)?, Err(MoneyError::Overflow), "{lines:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_parts_add_up_and_the_total_is_never_below_zero(
        lines in prop::collection::vec((any::<bool>(), -1_000_000_i64..1_000_000, 1_u32..1_000), 0..40)
    ) {
        let lines: Vec<_> = lines
            .into_iter()
            .map(|(adjusts, amount, units)| (adjusts, if adjusts { amount } else { amount.abs() }, units))
            .collect();
        let Totals { subtotal, adjustment, total } = totals(&lines)
            .map_err(|error| TestCaseError::fail(error.to_string()))?
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(!total.is_negative());
        prop_assert_eq!(subtotal.get() + adjustment.get(), total.get());
        let asked: i64 = lines.iter().map(|(_, amount, units)| amount * i64::from(*units)).sum();
        prop_assert_eq!(total.get(), asked.max(0));
    }
}
