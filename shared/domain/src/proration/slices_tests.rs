use std::error::Error;

use super::*;
use crate::{
    proration::Policy,
    time::{Zone, iana},
};

type TestResult = Result<(), Box<dyn Error>>;

#[test]
fn a_price_is_shared_out_over_the_pieces_of_its_period() -> TestResult {
    let policy = Policy::defaults_in(iana("Europe/Berlin"));
    for (end, price, cuts, expected) in [
        ("2027-02-01", 1000, vec![], vec![("31/31", 1000)]),
        // 548.39 and 451.61.
        ("2027-02-01", 1000, vec!["2027-01-18"], vec![("17/31", 548), ("14/31", 452)]),
        // 322.58, 354.84, 322.58: one more for the second, then for the first of the others.
        (
            "2027-02-01",
            1000,
            vec!["2027-01-22", "2027-01-11", "2027-01-11"],
            vec![("10/31", 323), ("11/31", 355), ("10/31", 322)],
        ),
        // A tie, 0.5 each.
        ("2027-01-03", 1, vec!["2027-01-02"], vec![("1/2", 1), ("1/2", 0)]),
        // Cuts at the edges cut nothing off.
        ("2027-01-03", 7, vec!["2027-01-03", "2027-01-01"], vec![("2/2", 7)]),
        ("2027-01-03", 0, vec!["2027-01-02"], vec![("1/2", 0), ("1/2", 0)]),
        (
            "2027-01-03",
            i64::MAX,
            vec!["2027-01-02"],
            vec![("1/2", 1 << 62), ("1/2", (1 << 62) - 1)],
        ),
    ] {
        let period = Period::new("2027-01-01".parse()?, end.parse()?, policy)?;
        let cuts = cuts.iter().map(|at| at.parse()).collect::<Result<Vec<Moment>, _>>()?;
        let ledger = slices(Currency::EUR, &period, MinorUnits::new(price), &cuts)?;
        let pieces: Vec<_> = ledger
            .lines
            .iter()
            .map(|line| (line.fraction.to_string(), line.amount.get()))
            .collect();
        let expected: Vec<_> =
            expected.into_iter().map(|(fraction, amount)| (fraction.to_owned(), amount)).collect();
        assert_eq!(pieces, expected);
        assert_eq!((ledger.charge.get(), ledger.credit.get()), (price, 0));
        assert_eq!(ledger.verify(), []);
    }
    Ok(())
}

#[test]
fn negative_prices_and_cuts_outside_are_refused() -> TestResult {
    let policy = Policy::defaults_in(Zone::utc());
    let period = Period::new("2027-01-01".parse()?, "2027-02-01".parse()?, policy)?;
    let field = |price, cuts: &[Moment]| {
        slices(Currency::EUR, &period, MinorUnits::new(price), cuts)
            .map_err(|error| error.field())
            .err()
            .flatten()
    };
    assert_eq!(field(-1, &[]), Some("price"));
    assert_eq!(field(1, &["2027-02-02".parse()?]), Some("change_at"));
    Ok(())
}
