use std::error::Error;

use proptest::prelude::*;

use super::*;
use crate::money::MinorUnits;

type TestResult = Result<(), Box<dyn Error>>;

#[test]
fn a_ratio_shows_the_counts_it_was_made_of_and_compares_by_value() -> TestResult {
    let (fourteen, half) = (Ratio::new(14, 28)?, Ratio::new(1, 2)?);
    assert_eq!(fourteen.to_string(), "14/28");
    assert_eq!(fourteen, half);
    assert_ne!(Ratio::new(14, 31)?, half);
    assert_ne!(Ratio::new(-1, 2)?, half);
    assert!(Ratio::new(14, 31)? < half);
    assert!(Ratio::new(-1, 31)? < Ratio::ZERO);
    assert_eq!(Ratio::new(31, 31)?, Ratio::ONE);
    assert!(Ratio::new(i64::MAX, i64::MAX - 1)? > Ratio::ONE);
    Ok(())
}

#[test]
fn a_whole_of_nothing_is_refused() {
    for denominator in [0, -1, i64::MIN] {
        assert_eq!(Ratio::new(1, denominator), Err(MoneyError::Denominator { denominator }));
    }
}

#[test]
fn nine_decimals_are_rounded_half_up() -> TestResult {
    for (numerator, denominator, decimals) in [
        (14, 31, "0.451612903"), // 0.4516129032...
        (17, 31, "0.548387097"), // 0.5483870967...
        (0, 31, "0.000000000"),
        (31, 31, "1.000000000"),
        (2, 3, "0.666666667"),
        (-2, 3, "-0.666666667"),
        (90, 31, "2.903225806"),
        (1, 2_000_000_000, "0.000000001"),  // a tie: 0.0000000005
        (-1, 2_000_000_001, "0.000000000"), // no negative zero
        (1_999_999_999, 2_000_000_000, "1.000000000"),
        (i64::MIN, 1, "-9223372036854775808.000000000"),
        (i64::MAX, i64::MAX, "1.000000000"),
    ] {
        assert_eq!(Ratio::new(numerator, denominator)?.to_nine_decimals(), decimals);
    }
    Ok(())
}

#[test]
fn amounts_are_scaled_exactly_and_rounded_once() -> TestResult {
    use Rounding::{HalfEven, HalfUp};
    for (amount, ratio, rounding, scaled) in [
        (3100, "14/31", HalfUp, 1400),
        (1000, "14/31", HalfUp, 452), // 451.6
        (1000, "17/31", HalfUp, 548), // 548.4
        (1001, "1/2", HalfUp, 501),   // 500.5
        (1001, "1/2", HalfEven, 500), // to the even one
        (1003, "1/2", HalfEven, 502), // 501.5
        (-1001, "1/2", HalfUp, -501), // as the charge, with the sign changed
        (1001, "-1/2", HalfUp, -501),
        (-1001, "1/2", HalfEven, -500),
        (0, "14/31", HalfUp, 0),
        (i64::MAX, "31/31", HalfUp, i64::MAX),
        (i64::MIN, "31/31", HalfUp, i64::MIN),
        (i64::MAX, "9223372036854775807/9223372036854775807", HalfUp, i64::MAX),
        (i64::MAX, "1/2", HalfUp, 4_611_686_018_427_387_904), // 2^62 - 0.5
        (i64::MAX, "1/2", HalfEven, 4_611_686_018_427_387_904),
    ] {
        let result = MinorUnits::new(amount).checked_scale(ratio.parse()?, rounding)?;
        assert_eq!(result.get(), scaled, "{amount} x {ratio} {rounding:?}");
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_an_error() -> TestResult {
    for (amount, ratio) in [
        (i64::MAX, "32/31"),
        (i64::MIN, "-1/1"),
        (i64::MIN, "9223372036854775807/1"),
        (i64::MIN, "-9223372036854775808/1"),
    ] {
        let scaled = MinorUnits::new(amount).checked_scale(ratio.parse()?, Rounding::HalfUp);
        assert_eq!(scaled, Err(MoneyError::Overflow), "{amount} x {ratio}");
    }
    Ok(())
}

#[test]
fn ratios_are_text_on_the_wire() -> TestResult {
    assert_eq!(serde_json::to_string(&Ratio::new(14, 28)?)?, r#""14/28""#);
    assert_eq!(serde_json::from_str::<Ratio>(r#""14/28""#)?.to_string(), "14/28");
    for text in ["", "14", "14/", "/31", "14/0", "14/-31", "1.5/2", "a/b", "1/2/3", "14 / 31"] {
        assert!(text.parse::<Ratio>().is_err(), "{text}");
    }
    let refusal = "1".repeat(10_000).parse::<Ratio>().map_err(|error| error.to_string());
    assert!(refusal.is_err_and(|message| message.len() < 150));
    Ok(())
}

proptest! {
    #[test]
    fn a_scaled_amount_is_at_most_half_a_unit_off(
        amount: i64, numerator in 0_i64..=1_000_000, more in 1_i64..=1_000_000, half_even: bool,
    ) {
        let denominator = numerator + more;
        let rounding = if half_even { Rounding::HalfEven } else { Rounding::HalfUp };
        let ratio = Ratio::new(numerator, denominator)?;
        let scaled = MinorUnits::new(amount).checked_scale(ratio, rounding)?;
        let off = i128::from(scaled.get()) * i128::from(denominator)
            - i128::from(amount) * i128::from(numerator);
        prop_assert!(2 * off.abs() <= i128::from(denominator));
    }

    #[test]
    fn scaling_is_never_a_panic(amount: i64, numerator: i64, denominator in 1_i64..) {
        let ratio = Ratio::new(numerator, denominator)?;
        let _ = MinorUnits::new(amount).checked_scale(ratio, Rounding::HalfUp);
        let _ = MinorUnits::new(amount).checked_scale(ratio, Rounding::HalfEven);
        prop_assert_eq!(ratio.to_string().parse::<Ratio>()?, ratio);
        prop_assert!(!ratio.to_nine_decimals().is_empty());
    }
}
