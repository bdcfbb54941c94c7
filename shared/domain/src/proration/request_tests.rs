use std::error::Error;

use super::*;
use crate::money::Ratio;

type TestResult = Result<(), Box<dyn Error>>;

/// A change in Berlin, counted by the defaults.
fn change(period: [&str; 2], at: &str, old: i64, new: i64) -> Result<Request, Box<dyn Error>> {
    let [start, end] = period;
    Ok(Request {
        currency: Currency::EUR,
        period_start: start.parse()?,
        period_end: end.parse()?,
        change_at: at.parse()?,
        old_amount: Some(MinorUnits::new(old)),
        new_amount: Some(MinorUnits::new(new)),
        charged_amount: None,
        already_credited: MinorUnits::ZERO,
        policy: Policy::defaults_in(chrono_tz::Europe::Berlin),
    })
}

/// Credit, its fraction, charge, its fraction, net.
fn shown(request: &Request) -> Result<String, ProrationError> {
    let ledger = prorate(request)?;
    let side = |amount: MinorUnits, fraction: Option<Ratio>| {
        fraction.map_or_else(|| "nothing".into(), |fraction| format!("{amount} for {fraction}"))
    };
    let credit = side(ledger.credit, ledger.credit_fraction());
    let charge = side(ledger.charge, ledger.charge_fraction());
    Ok(format!("{credit}, {charge}, net {}", ledger.net))
}

const JANUARY: [&str; 2] = ["2027-01-01", "2027-02-01"];

#[test]
fn the_day_of_change_belongs_to_the_new_terms() -> TestResult {
    // 18 to 31 January are 14 days.
    for (at, old, new, expected) in [
        ("2027-01-18", 3100, 6200, "1400 for 14/31, 2800 for 14/31, net 1400"),
        ("2027-01-18", 6200, 3100, "2800 for 14/31, 1400 for 14/31, net -1400"),
        ("2027-01-18", 1000, 2000, "452 for 14/31, 903 for 14/31, net 451"), // 451.61, 903.23
        ("2027-01-01", 3100, 6200, "3100 for 31/31, 6200 for 31/31, net 3100"),
        ("2027-01-31", 3100, 6200, "100 for 1/31, 200 for 1/31, net 100"),
        ("2027-02-01", 3100, 6200, "0 for 0/31, 0 for 0/31, net 0"),
        ("2027-01-18", 0, 3100, "0 for 14/31, 1400 for 14/31, net 1400"),
        ("2027-01-18", 0, 0, "0 for 14/31, 0 for 14/31, net 0"),
        ("2027-01-18", 1, 1, "0 for 14/31, 0 for 14/31, net 0"),
        ("2027-01-16", 1, 1, "1 for 16/31, 1 for 16/31, net 0"),
        // 23:30 in Berlin on the 17th, 00:30 on the 18th.
        ("2027-01-17T22:30:00Z", 3100, 3100, "1500 for 15/31, 1500 for 15/31, net 0"),
        ("2027-01-17T23:30:00Z", 3100, 3100, "1400 for 14/31, 1400 for 14/31, net 0"),
    ] {
        assert_eq!(shown(&change(JANUARY, at, old, new)?)?, expected, "{at} {old} {new}");
    }
    Ok(())
}
