use std::error::Error;

use super::*;

/// By ISO 4217, lists one (current) and three (historic denominations).
#[test]
fn withdrawn_currencies_are_refused_with_their_successor() {
    for (code, error) in [
        ("HRK", "HRK was withdrawn in 2023: use EUR"),
        ("BGN", "BGN was withdrawn in 2026: use EUR"),
        ("ZWL", "ZWL was withdrawn in 2024: use ZWG"),
        ("SLL", "SLL was withdrawn in 2023: use SLE"),
        ("CUC", "CUC was withdrawn in 2021: use CUP"),
        // The library has dropped what XCG took the place of.
        ("ANG", "`ANG` is not an ISO 4217 currency code with a minor unit, such as EUR"),
        ("XAU", "`XAU` is not an ISO 4217 currency code with a minor unit, such as EUR"),
        ("eur", "`eur` is not an ISO 4217 currency code with a minor unit, such as EUR"),
    ] {
        let refused = code.parse::<Currency>().map_err(|refused| refused.to_string());
        assert_eq!(refused, Err(error.to_owned()));
    }
    for code in ["EUR", "XCG", "ZWG", "SLE", "CUP", "VES", "VED"] {
        assert!(code.parse::<Currency>().is_ok_and(|currency| currency.code() == code), "{code}");
    }
}

#[test]
fn records_in_a_withdrawn_currency_can_still_be_read() -> Result<(), Box<dyn Error>> {
    for code in ["HRK", "EUR"] {
        let stored = format!("\"{code}\"");
        let read: Currency = serde_json::from_str(&stored)?;
        assert_eq!(serde_json::to_string(&read)?, stored);
    }
    assert!(serde_json::from_str::<Currency>("\"XAU\"").is_err());
    Ok(())
}
