#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
use super::*;

#[test]
fn amounts_are_told_in_units_of_their_currency_without_a_binary_fraction_s_drift() {
    for (minor, currency, expected) in [
        (0, "EUR", "0.0"),
        (1, "EUR", "0.01"),
        (10, "EUR", "0.1"),
        (110, "EUR", "1.1"),
        (1_250, "EUR", "12.5"),
        (-1_999, "EUR", "-19.99"),
        (1_250, "JPY", "1250.0"),
        (1_250, "KWD", "1.25"),
        (5, "KWD", "0.005"),
        (999_999_999_999_999, "EUR", "9999999999999.99"),
        (100_000_000_000_001, "EUR", "1000000000000.01"),
    ] {
        let shown = decimal(minor, currency.parse().unwrap()).to_string();
        assert_eq!(shown, expected, "{minor} {currency}");
    }
}
