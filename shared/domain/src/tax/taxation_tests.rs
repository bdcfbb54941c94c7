use std::error::Error;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

use TaxBehavior::{Exclusive, Inclusive};
use TaxRounding::{Invoice, Line};

/// The taxes of lines at one rate.
fn taxes(
    behavior: TaxBehavior,
    tax_rounding: TaxRounding,
    rounding: Rounding,
    rate: &str,
    prices: &[i64],
) -> Result<Vec<i64>, Box<dyn Error>> {
    let rate: TaxRate = rate.parse()?;
    let mut taxation = Taxation::new(behavior, tax_rounding, rounding);
    let mut taxes = Vec::new();
    for price in prices {
        let taxed = taxation.next_line(MinorUnits::new(*price), Some(rate))?;
        assert_eq!(taxed.price(behavior).get(), *price);
        assert_eq!(taxed.net.checked_add(taxed.tax)?, taxed.gross);
        taxes.push(taxed.tax.get());
    }
    Ok(taxes)
}

/// Worked by hand: exclusive `price * rate / 100`, inclusive `price * rate / (100 + rate)`.
#[test]
fn the_tax_of_a_line_follows_its_rate_to_the_minor_unit() -> TestResult {
    for (behavior, rate, price, tax) in [
        // Germany, 19 %: 119.00 EUR have 19.00 in them; 1.00 has 15.966 cents, 9.99 has 159.504.
        (Inclusive, "19", 11_900, 1_900),
        (Inclusive, "19", 100, 16),
        (Inclusive, "19", 999, 160),
        (Inclusive, "19", 1, 0),
        (Exclusive, "19", 10_000, 1_900),
        (Exclusive, "19", 999, 190), // 189.81
        // Switzerland, 7.7 % until 2023: 107.70 CHF have 7.70 in them.
        (Inclusive, "7.7", 10_770, 770),
        (Exclusive, "7.7", 12_995, 1_001), // 1000.615
        // New York City, 8.875 %: 100.00 USD bear 887.5 cents.
        (Exclusive, "8.875", 10_000, 888),
        (Exclusive, "8.875", 4_000, 355),
        // Japan, 10 %, no decimals; Bahrain, 10 %, three.
        (Exclusive, "10", 15, 2),      // 1.5
        (Inclusive, "10", 105, 10),    // 9.545
        (Exclusive, "10", 1_255, 126), // 125.5 fils
        (Inclusive, "10", 1_100, 100),
        // A credit mirrors its charge; no rate, no tax; more than 100 %.
        (Exclusive, "10", -15, -2),
        (Inclusive, "19", -999, -160),
        (Exclusive, "0", 999, 0),
        (Exclusive, "250", 3, 8), // 7.5
        (Inclusive, "100", 3, 2), // 1.5
    ] {
        let found = taxes(behavior, Line, Rounding::HalfUp, rate, &[price])?;
        assert_eq!(found, [tax], "{behavior:?} {rate} % of {price}");
    }
    Ok(())
}

/// 10 % on 15 JPY is 1.5, on three of them 4.5; on 14 JPY it is 1.4, on three of them 4.2. (Japan's
/// invoice system allows one rounding per invoice and rate, which is the second.)
#[test]
fn rounding_each_line_differs_from_rounding_the_invoice() -> TestResult {
    for (tax_rounding, rounding, prices, expected) in [
        (Line, Rounding::HalfUp, [15, 15, 15], [2, 2, 2]),
        (Invoice, Rounding::HalfUp, [15, 15, 15], [2, 1, 2]),
        (Line, Rounding::HalfEven, [15, 15, 15], [2, 2, 2]),
        (Invoice, Rounding::HalfEven, [15, 15, 15], [2, 1, 1]),
        (Line, Rounding::HalfUp, [14, 14, 14], [1, 1, 1]),
        (Invoice, Rounding::HalfUp, [14, 14, 14], [1, 2, 1]),
        // What is given back takes its tax with it: 1.5, then 0.
        (Invoice, Rounding::HalfUp, [15, -15, 0], [2, -2, 0]),
    ] {
        let found = taxes(Exclusive, tax_rounding, rounding, "10", &prices)?;
        assert_eq!(found, expected, "{tax_rounding:?} {rounding:?} {prices:?}");
    }
    Ok(())
}

#[test]
fn ties_follow_the_setting() -> TestResult {
    // 8.875 % of 300.00 USD is 2662.5 cents.
    let tie = |rounding| taxes(Exclusive, Line, rounding, "8.875", &[30_000]);
    assert_eq!(tie(Rounding::HalfUp)?, [2_663]);
    assert_eq!(tie(Rounding::HalfEven)?, [2_662]);
    Ok(())
}

#[test]
fn what_is_outside_of_tax_has_no_tax_line_but_the_zero_rate_has() -> TestResult {
    let taxed = |price| Taxed::new(MinorUnits::new(price), MinorUnits::ZERO, Exclusive);
    let lines = tax_lines([(None, taxed(700)?), (Some(TaxRate::ZERO), taxed(300)?)])?;
    let zero = MinorUnits::ZERO;
    let three = MinorUnits::new(300);
    assert_eq!(lines, [TaxLine { rate: TaxRate::ZERO, net: three, tax: zero, gross: three }]);
    Ok(())
}

#[test]
fn an_amount_out_of_range_is_an_error() {
    let huge = taxes(Exclusive, Line, Rounding::HalfUp, "19", &[i64::MAX]);
    assert!(huge.is_err_and(|error| error.to_string() == MoneyError::Overflow.to_string()));
}
