use std::error::Error;

use proptest::prelude::*;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

fn amount(minor: i64, code: &str) -> Result<Amount, Box<dyn Error>> {
    Ok(Amount::new(MinorUnits::new(minor), code.parse()?))
}

#[test]
fn each_currency_is_shown_with_its_own_decimals() -> TestResult {
    for (minor, code, shown) in [
        (1250, "EUR", "12.50 EUR"),
        (5, "EUR", "0.05 EUR"),
        (-5, "EUR", "-0.05 EUR"),
        (-1250, "USD", "-12.50 USD"),
        (0, "EUR", "0.00 EUR"),
        (1250, "JPY", "1250 JPY"),
        (-1, "JPY", "-1 JPY"),
        (1250, "BHD", "1.250 BHD"),
        (1_234_567, "CLF", "123.4567 CLF"),
        (i64::MIN, "EUR", "-92233720368547758.08 EUR"),
        (i64::MAX, "JPY", "9223372036854775807 JPY"),
    ] {
        assert_eq!(amount(minor, code)?.to_string(), shown);
    }
    Ok(())
}

#[test]
fn a_count_is_taken_as_it_is() {
    for count in [i64::MIN, -5, 0, 5, i64::MAX] {
        assert_eq!(MinorUnits::from(count).get(), count);
        assert_eq!(MinorUnits::from(count), MinorUnits::new(count));
    }
}

#[test]
fn exponents_follow_iso_4217() -> TestResult {
    for (code, exponent) in [("JPY", 0), ("KRW", 0), ("EUR", 2), ("USD", 2), ("BHD", 3), ("CLF", 4)]
    {
        assert_eq!(code.parse::<Currency>()?.exponent(), exponent, "{code}");
    }
    Ok(())
}

#[test]
fn codes_that_cannot_be_counted_are_refused() {
    for code in ["", "eur", "EURO", "ZZZ", "XXX", "XAU", "XTS", " EUR", "€"] {
        assert!(code.parse::<Currency>().is_err(), "{code}");
    }
}

#[test]
fn a_refused_code_is_named_but_cut_short() {
    let refusal = "E".repeat(10_000).parse::<Currency>().map_err(|error| error.to_string());
    assert!(refusal.is_err_and(|message| message.contains("`EEEE") && message.len() < 120));
}

#[test]
fn arithmetic_past_the_limits_is_an_error_and_never_wraps() {
    let (max, min) = (MinorUnits::new(i64::MAX), MinorUnits::new(i64::MIN));
    let one = MinorUnits::new(1);
    assert_eq!(max.checked_add(one), Err(MoneyError::Overflow));
    assert_eq!(min.checked_sub(one), Err(MoneyError::Overflow));
    assert_eq!(MinorUnits::ZERO.checked_sub(min), Err(MoneyError::Overflow));
    assert_eq!(max.checked_mul(2), Err(MoneyError::Overflow));
    assert_eq!(min.checked_mul(2), Err(MoneyError::Overflow));
    assert_eq!(max.checked_mul(1), Ok(max));
    assert_eq!(max.checked_mul(0), Ok(MinorUnits::ZERO));
    assert_eq!(max.checked_add(min), Ok(MinorUnits::new(-1)));
}

#[test]
fn different_currencies_do_not_mix() -> TestResult {
    let (euro, yen) = (amount(100, "EUR")?, amount(100, "JPY")?);
    let mismatch = MoneyError::CurrencyMismatch { left: euro.currency(), right: yen.currency() };
    assert_eq!(euro.checked_add(yen), Err(mismatch));
    assert_eq!(euro.checked_sub(yen), Err(mismatch));
    assert_eq!(mismatch.to_string(), "amounts in EUR and JPY cannot be combined");
    Ok(())
}

#[test]
fn amounts_are_plain_integers_on_the_wire() -> TestResult {
    assert_eq!(serde_json::to_string(&MinorUnits::new(1250))?, "1250");
    let amount = amount(1250, "EUR")?;
    let wire = serde_json::to_string(&amount)?;
    assert_eq!(wire, r#"{"minor":1250,"currency":"EUR"}"#);
    assert_eq!(serde_json::from_str::<Amount>(&wire)?, amount);
    assert!(serde_json::from_str::<MinorUnits>("12.5").is_err());
    assert!(serde_json::from_str::<MinorUnits>("9223372036854775808").is_err());
    assert!(serde_json::from_str::<Currency>(r#""eur""#).is_err());
    Ok(())
}

proptest! {
    #[test]
    fn sums_agree_with_wider_integers(left: i64, right: i64, quantity: u32) {
        let (l, r) = (MinorUnits::new(left), MinorUnits::new(right));
        let narrow = |wide: i128| i64::try_from(wide).map(MinorUnits::new).map_err(|_| MoneyError::Overflow);
        let (wide_left, wide_right) = (i128::from(left), i128::from(right));
        prop_assert_eq!(l.checked_add(r), narrow(wide_left + wide_right));
        prop_assert_eq!(l.checked_sub(r), narrow(wide_left - wide_right));
        prop_assert_eq!(l.checked_mul(quantity), narrow(wide_left * i128::from(quantity)));
    }

    #[test]
    fn a_total_does_not_depend_on_the_order(mut counts: Vec<i64>) {
        let total = |counts: &[i64]| MinorUnits::checked_total(counts.iter().copied().map(MinorUnits::new));
        let forward = total(&counts);
        counts.sort_unstable();
        prop_assert_eq!(forward, total(&counts));
    }
}
