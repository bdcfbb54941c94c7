use std::{error::Error, num::NonZeroU32};

use super::*;
use crate::{
    money::{Currency, Ratio, Rounding},
    proration::{Book, Denominator, Policy, Terms, slices},
    time::iana,
};

type TestResult = Result<(), Box<dyn Error>>;

fn january() -> Result<Period, Box<dyn Error>> {
    let policy = Policy::defaults_in(iana("Europe/Berlin"));
    Ok(Period::new("2027-01-01".parse()?, "2027-02-01".parse()?, policy)?)
}

/// Whole period, change, more units, fewer units, termination. Lines: charge 1; credit 1, charge 2;
/// charge 3; credit 3; credit 2.
fn eventful() -> Result<Ledger, Box<dyn Error>> {
    let terms = |price| Terms::at_list_price(MinorUnits::new(price), NonZeroU32::MIN);
    let mut book = Book::open(Currency::EUR, january()?);
    book.change_terms("2027-01-01".parse()?, terms(3100))?;
    book.change_terms("2027-01-11".parse()?, terms(1003))?;
    book.change_quantity("2027-01-16".parse()?, NonZeroU32::new(2).ok_or("none")?)?;
    book.change_quantity("2027-01-21".parse()?, NonZeroU32::MIN)?;
    book.terminate("2027-01-26".parse()?)?;
    Ok(book.ledger()?)
}

fn cut_in_three() -> Result<Ledger, Box<dyn Error>> {
    let cuts = ["2027-01-11".parse()?, "2027-01-22".parse()?];
    Ok(slices(Currency::EUR, &january()?, MinorUnits::new(1000), &cuts)?)
}

type Damage = fn(&mut Ledger) -> TestResult;
type Expected = fn(&Discrepancy) -> bool;

fn assert_found(sound: &Ledger, cases: &[(&str, Damage, Expected)]) -> TestResult {
    assert_eq!(sound.verify(), []);
    for (name, damage, expected) in cases {
        let mut ledger = sound.clone();
        damage(&mut ledger)?;
        let found = ledger.verify();
        assert!(found.iter().any(expected), "{name}: {found:?}");
        assert!(found.iter().all(|one| !one.to_string().is_empty()));
    }
    Ok(())
}

fn line(ledger: &mut Ledger, number: usize) -> Result<&mut Line, &'static str> {
    ledger.lines.get_mut(number - 1).ok_or("no such line")
}

/// Makes the sums agree with damaged lines, so that they give nothing away.
fn add_up(ledger: &mut Ledger) -> TestResult {
    let Totals { credit, charge, net } = Totals::of(&ledger.lines)?;
    (ledger.credit, ledger.charge, ledger.net) = (credit, charge, net);
    Ok(())
}

#[test]
fn damage_to_a_ledger_of_changes_is_found() -> TestResult {
    use Discrepancy as D;
    assert_found(
        &eventful()?,
        &[
            (
                "a cent more",
                |ledger| {
                    line(ledger, 1)?.amount = MinorUnits::new(3101);
                    add_up(ledger)
                },
                |found| matches!(found, D::Amount { line: 1, .. }),
            ),
            (
                "a credit with its sign lost",
                |ledger| {
                    let credit = line(ledger, 2)?;
                    credit.amount = MinorUnits::ZERO.checked_sub(credit.amount)?;
                    Ok(())
                },
                |found| matches!(found, D::Amount { line: 2, .. }),
            ),
            (
                "another numerator",
                |ledger| {
                    line(ledger, 2)?.fraction = Ratio::new(20, 31)?;
                    Ok(())
                },
                |found| matches!(found, D::Fraction { line: 2, .. }),
            ),
            (
                "a fraction of the same value that was not counted",
                |ledger| {
                    line(ledger, 1)?.fraction = Ratio::ONE;
                    Ok(())
                },
                |found| matches!(found, D::Fraction { line: 1, .. }),
            ),
            (
                "a later start",
                |ledger| {
                    line(ledger, 3)?.from = "2027-01-12".parse()?;
                    Ok(())
                },
                |found| matches!(found, D::Fraction { line: 3, .. }),
            ),
            (
                "a start before the period",
                |ledger| {
                    line(ledger, 3)?.from = "2026-12-31".parse()?;
                    Ok(())
                },
                |found| matches!(found, D::Span { line: 3, .. }),
            ),
            (
                "an end before the period's",
                |ledger| {
                    line(ledger, 3)?.to = "2027-01-31".parse()?;
                    Ok(())
                },
                |found| matches!(found, D::Span { line: 3, .. }),
            ),
            (
                "an instant where days are counted",
                |ledger| {
                    line(ledger, 1)?.from = "2027-01-01T09:00:00Z".parse()?;
                    Ok(())
                },
                |found| matches!(found, D::Span { line: 1, .. }),
            ),
            (
                "another basis",
                |ledger| {
                    line(ledger, 3)?.basis = MinorUnits::new(2000);
                    Ok(())
                },
                |found| matches!(found, D::Amount { line: 3, .. }),
            ),
            (
                "a negative basis",
                |ledger| {
                    line(ledger, 3)?.basis = MinorUnits::new(-1);
                    Ok(())
                },
                |found| matches!(found, D::Basis { line: 3, .. }),
            ),
            (
                "a credit computed from more than was charged",
                |ledger| {
                    let credit = line(ledger, 6)?;
                    credit.basis = MinorUnits::new(2006);
                    credit.amount = MinorUnits::new(-388); // 6/31 of it
                    add_up(ledger)
                },
                |found| matches!(found, D::Basis { line: 6, .. }),
            ),
            (
                "a credit from before its charge",
                |ledger| {
                    let credit = line(ledger, 6)?;
                    credit.from = "2027-01-10".parse()?;
                    credit.fraction = Ratio::new(22, 31)?;
                    credit.amount = MinorUnits::new(-679); // as limited
                    add_up(ledger)
                },
                |found| matches!(found, D::Span { line: 6, .. }),
            ),
            (
                "another past of a charge",
                |ledger| {
                    let against = line(ledger, 2)?.against.as_mut().ok_or("none")?;
                    against.already_credited = MinorUnits::new(1);
                    Ok(())
                },
                |found| matches!(found, D::History { line: 2, .. }),
            ),
            (
                "a credit of another charge",
                |ledger| {
                    line(ledger, 6)?.charge = 1;
                    Ok(())
                },
                |found| matches!(found, D::History { line: 6, .. }),
            ),
            (
                "more given back before than charged",
                |ledger| {
                    let against = line(ledger, 2)?.against.as_mut().ok_or("none")?;
                    against.already_credited = MinorUnits::new(3101);
                    Ok(())
                },
                |found| matches!(found, D::Uncomputable { line: 2, .. }),
            ),
            (
                "a credit of nothing in particular",
                |ledger| {
                    line(ledger, 2)?.against = None;
                    Ok(())
                },
                |found| matches!(found, D::Against { line: 2 }),
            ),
            (
                "a charge that gives back",
                |ledger| {
                    let against = line(ledger, 2)?.against;
                    line(ledger, 1)?.against = against;
                    Ok(())
                },
                |found| matches!(found, D::Against { line: 1 }),
            ),
            (
                "a credit that says it is a charge",
                |ledger| {
                    line(ledger, 2)?.kind = LedgerLineKind::Charge;
                    Ok(())
                },
                |found| matches!(found, D::Kind { line: 2, .. }),
            ),
            (
                "a lost line",
                |ledger| {
                    ledger.lines.remove(0);
                    Ok(())
                },
                |found| matches!(found, D::Total { total: "charge", .. }),
            ),
            (
                "half a change lost, and the sums made to fit",
                |ledger| {
                    ledger.lines.remove(1);
                    add_up(ledger)
                },
                |found| matches!(found, D::HalfChange { line: 2, .. }),
            ),
            (
                "a charge twice",
                |ledger| {
                    let again = *line(ledger, 4)?;
                    ledger.lines.push(again);
                    add_up(ledger)
                },
                |found| matches!(found, D::RepeatedCharge { line: 7, charge: 3 }),
            ),
            (
                "a credit twice",
                |ledger| {
                    let again = *line(ledger, 6)?;
                    ledger.lines.push(again);
                    add_up(ledger)
                },
                |found| matches!(found, D::History { line: 7, charge: 2, .. }),
            ),
            (
                "a wrong net",
                |ledger| {
                    ledger.net = MinorUnits::new(1);
                    Ok(())
                },
                |found| matches!(found, D::Total { total: "net", .. }),
            ),
            (
                "a wrong credit",
                |ledger| {
                    ledger.credit = MinorUnits::new(1);
                    Ok(())
                },
                |found| matches!(found, D::Total { total: "credit", .. }),
            ),
            (
                "a longer period",
                |ledger| {
                    ledger.period_end = "2027-02-02".parse()?;
                    Ok(())
                },
                |found| matches!(found, D::Span { line: 1, .. }),
            ),
            (
                "no period at all",
                |ledger| {
                    ledger.period_end = ledger.period_start;
                    Ok(())
                },
                |found| matches!(found, D::Period(_)),
            ),
            (
                "another day count",
                |ledger| {
                    ledger.policy.denominator = Denominator::Fixed30;
                    Ok(())
                },
                |found| matches!(found, D::Fraction { line: 1, .. }),
            ),
            (
                "lines past what can be added up",
                |ledger| {
                    line(ledger, 1)?.amount = MinorUnits::new(i64::MAX);
                    line(ledger, 3)?.amount = MinorUnits::new(i64::MAX);
                    Ok(())
                },
                |found| matches!(found, D::Uncountable(_)),
            ),
        ],
    )
}

#[test]
fn another_rounding_is_found_where_there_was_a_tie() -> TestResult {
    let policy = Policy::defaults_in(iana("Europe/Berlin"));
    let period = Period::new("2027-04-01".parse()?, "2027-05-01".parse()?, policy)?;
    let mut book = Book::open(Currency::EUR, period);
    let terms = Terms::at_list_price(MinorUnits::new(1001), NonZeroU32::MIN);
    book.change_terms("2027-04-16".parse()?, terms)?; // 500.5
    let mut ledger = book.ledger()?;
    ledger.policy.rounding = Rounding::HalfEven;
    let (recorded, recomputed) = (MinorUnits::new(501), MinorUnits::new(500));
    assert_eq!(ledger.verify(), [Discrepancy::Amount { line: 1, recorded, recomputed }]);
    Ok(())
}

#[test]
fn damage_to_slices_is_found() -> TestResult {
    use Discrepancy as D;
    assert_found(
        &cut_in_three()?,
        &[
            (
                "a cent moved from one slice to another",
                |ledger| {
                    line(ledger, 1)?.amount = MinorUnits::new(322);
                    line(ledger, 3)?.amount = MinorUnits::new(323);
                    Ok(())
                },
                |found| matches!(found, D::Amount { line: 3, .. }),
            ),
            (
                "a cent lost",
                |ledger| {
                    line(ledger, 2)?.amount = MinorUnits::new(354);
                    add_up(ledger)
                },
                |found| matches!(found, D::Amount { line: 2, .. }),
            ),
            (
                "a slice missing in the middle",
                |ledger| {
                    ledger.lines.remove(1);
                    add_up(ledger)
                },
                |found| matches!(found, D::BrokenSlices { line: 2, .. }),
            ),
            (
                "the last slice missing",
                |ledger| {
                    ledger.lines.pop();
                    add_up(ledger)
                },
                |found| matches!(found, D::BrokenSlices { line: 3, .. }),
            ),
            (
                "slices of different prices",
                |ledger| {
                    line(ledger, 2)?.basis = MinorUnits::new(1001);
                    Ok(())
                },
                |found| matches!(found, D::BrokenSlices { line: 2, .. }),
            ),
            (
                "a slice that runs backwards",
                |ledger| {
                    let slice = line(ledger, 2)?;
                    (slice.from, slice.to) = (slice.to, slice.from);
                    Ok(())
                },
                |found| matches!(found, D::Span { line: 2, .. }),
            ),
        ],
    )
}

#[test]
fn a_ledger_without_lines_is_sound() -> TestResult {
    let mut ledger = cut_in_three()?;
    ledger.lines.clear();
    ledger.charge = MinorUnits::ZERO;
    ledger.net = MinorUnits::ZERO;
    assert_eq!(ledger.verify(), []);
    Ok(())
}
