use std::error::Error;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

fn parts(parts: &[(&str, u32)]) -> Vec<Component> {
    let part = |(code, quantity): &(&str, u32)| Component {
        sku_code: (*code).to_owned(),
        quantity: *quantity,
    };
    parts.iter().map(part).collect()
}

fn price_of(code: &str, _: u32) -> Option<MinorUnits> {
    match code {
        "BEANS" => Some(MinorUnits::new(1_250)),
        "MUG" => Some(MinorUnits::new(799)),
        "GIFT" => Some(MinorUnits::ZERO),
        "GOLD" => Some(MinorUnits::new(i64::MAX)),
        _ => None,
    }
}

#[test]
fn parts_cost_their_prices_times_their_units() -> TestResult {
    for (given, expected) in [
        (vec![("BEANS", 2), ("MUG", 1)], 3_299), // 2 x 12.50 + 7.99
        (vec![("MUG", 3), ("GIFT", 5)], 2_397),
        (vec![("GIFT", 1)], 0),
    ] {
        let given = parts(&given);
        assert_eq!(sum_of_parts(&given, price_of)?, Ok(MinorUnits::new(expected)));
    }
    Ok(())
}

#[test]
fn the_first_part_without_a_price_is_named() -> TestResult {
    let given = parts(&[("BEANS", 2), ("TEA", 1), ("CUPS", 1)]);
    assert_eq!(sum_of_parts(&given, price_of)?, Err("TEA"));
    Ok(())
}

#[test]
fn a_sum_that_cannot_be_counted_is_an_error() {
    for given in [parts(&[("GOLD", 2)]), parts(&[("GOLD", 1), ("MUG", 1)])] {
        assert_eq!(sum_of_parts(&given, price_of), Err(MoneyError::Overflow));
    }
}
