//! Properties that hold for all orders.

use proptest::{collection::vec, prelude::*};

use super::{
    TaxBehavior, TaxRounding, Taxed,
    rule::tests::{question, table},
    spread::tests::taxable,
};
use crate::{
    money::{MinorUnits, Rounding},
    tax::{TaxRate, Taxation},
};

/// A price and units; adjustments are below zero as often as above.
fn goods() -> impl Strategy<Value = Vec<(i64, u32)>> {
    vec((0_i64..100_000, 1_u32..20), 0..12)
}

fn rates() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("0"), Just("7"), Just("19"), Just("8.875"), Just("100"), Just("250")]
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands on")]
fn refused(error: impl ToString) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

proptest! {
    /// What is taxed adds up to what is paid, to the unit, and no discount makes a line cost less
    /// than nothing.
    #[test]
    fn spreading_loses_nothing(goods in goods(), extras in vec(-200_000_i64..50_000, 0..5)) {
        let lines = taxable(&goods, &extras).map_err(refused)?;
        let of_goods: i64 = goods.iter().map(|(price, units)| price * i64::from(*units)).sum();
        let paid = (of_goods + extras.iter().sum::<i64>()).max(0);
        prop_assert_eq!(lines.iter().map(|line| line.amount.get()).sum::<i64>(), paid);
        prop_assert!(lines.iter().all(|line| line.amount.get() >= 0));
    }

    /// Each share is less than one unit off the exact proportion.
    #[test]
    fn spreading_is_in_proportion(goods in vec((1_i64..100_000, 1_u32..20), 1..12), extra in -5_000_i64..5_000) {
        let prices: Vec<i64> =
            goods.iter().map(|(price, units)| price * i64::from(*units)).collect();
        let whole: i64 = prices.iter().sum();
        prop_assume!(whole + extra > 0);
        let lines = taxable(&goods, &[extra]).map_err(refused)?;
        for (line, price) in lines.iter().zip(&prices) {
            let share = line.amount.get() - price;
            // |share - extra * price / whole| < 1
            let off = i128::from(share) * i128::from(whole) - i128::from(extra) * i128::from(*price);
            prop_assert!(off.abs() < i128::from(whole), "{share} of {extra}");
        }
    }

    /// Whatever the rates and the rounding: net and tax of each line are what it costs, and the
    /// taxes per rate add up to the order's.
    #[test]
    fn sums_of_an_order_hold(
        lines in vec((0_usize..4, 0_i64..1_000_000), 0..20),
        inclusive: bool,
        whole: bool,
    ) {
        let names = ["", "books", "clothing", "toys"];
        let behavior = if inclusive { TaxBehavior::Inclusive } else { TaxBehavior::Exclusive };
        let rounding = if whole { TaxRounding::Invoice } else { TaxRounding::Line };
        let rules = [
            ["books", "7", "books", "", "", ""],
            ["clothing", "0", "clothing", "", "", ""],
            ["toys", "8.875", "toys", "", "", ""],
        ];
        let lines: Vec<(&str, i64)> = lines
            .iter()
            .map(|(name, amount)| (names.get(*name).copied().unwrap_or_default(), *amount))
            .collect();
        let question = question(behavior, "", "2027-01-01", &lines).map_err(refused)?;
        let calculator = table(&rules, rounding).map_err(refused)?;
        let taxed = calculator.taxes(&question).map_err(refused)?;
        prop_assert_eq!(taxed.len(), lines.len());
        for (line, (category, amount)) in taxed.iter().zip(&lines) {
            let price = if inclusive { line.net.get() + line.tax.get() } else { line.net.get() };
            prop_assert_eq!(price, *amount);
            prop_assert_eq!(line.rate.is_none(), category.is_empty());
        }
        let taxes = super::Taxes {
            behavior,
            source: super::TaxSource::Table,
            calculator_id: super::TaxCalculatorId::Manual(calculator.calculator_id),
            lines: taxed,
        };
        let total = taxes.total().map_err(refused)?;
        let per_rate = taxes.per_rate().map_err(refused)?;
        prop_assert_eq!(per_rate.iter().map(|sum| sum.tax.get()).sum::<i64>(), total.get());
        let taxable = taxes.taxable().map_err(refused)?;
        prop_assert_eq!(per_rate.iter().map(|sum| sum.net.get()).sum::<i64>(), taxable.get());
        let added = if inclusive { 0 } else { total.get() };
        prop_assert_eq!(taxes.added().map_err(refused)?.get(), added);
    }

    /// What a net price bears is what is found in the gross price that it makes. With `e` the part
    /// of a unit that rounding added, the gross price has `tax - e / (1 + rate)` in it exactly, and
    /// `-1/2 < e <= 1/2`.
    #[test]
    fn exclusive_and_inclusive_agree(net in 0_i64..10_000_000, rate in rates()) {
        let rate: TaxRate = rate.parse().map_err(refused)?;
        let taxed = |amount: i64, behavior: TaxBehavior| -> Result<Taxed, TestCaseError> {
            Taxation::new(behavior, TaxRounding::Line, Rounding::HalfUp)
                .next_line(MinorUnits::new(amount), Some(rate))
                .map_err(refused)
        };
        let added = taxed(net, TaxBehavior::Exclusive)?;
        let found = taxed(added.gross.get(), TaxBehavior::Inclusive)?;
        prop_assert_eq!(found.tax, added.tax);
        prop_assert_eq!(found.net.get(), net);
    }
}
