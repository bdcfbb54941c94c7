use std::error::Error;

use proptest::prelude::*;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

fn numbering(prefix: &str, year: NumberYear, pad: u8) -> Numbering {
    Numbering { prefix: prefix.to_owned(), year, pad }
}

/// The numbers of invoices on these dates, one after the other.
fn numbered(numbering: &Numbering, dates: &[&str]) -> Result<Vec<String>, Box<dyn Error>> {
    let mut last = None;
    let mut written = Vec::new();
    for date in dates {
        let number = numbering.next(last, date.parse()?)?;
        written.push(numbering.format(number));
        last = Some(number);
    }
    Ok(written)
}

const TURN_OF_THE_YEAR: [&str; 4] = ["2026-12-30", "2026-12-31", "2027-01-01", "2027-01-01"];

#[test]
fn the_count_goes_on_for_ever_unless_told_otherwise() -> TestResult {
    let written = numbered(&Numbering::default(), &TURN_OF_THE_YEAR)?;
    assert_eq!(written, ["INV-000001", "INV-000002", "INV-000003", "INV-000004"]);
    Ok(())
}

#[test]
fn a_year_is_shown_or_restarts_the_count() -> TestResult {
    let shown = numbered(&numbering("R/", NumberYear::Shown, 4), &TURN_OF_THE_YEAR)?;
    assert_eq!(shown, ["R/2026-0001", "R/2026-0002", "R/2027-0003", "R/2027-0004"]);
    let restarts = numbered(&numbering("", NumberYear::Restarts, 0), &TURN_OF_THE_YEAR)?;
    assert_eq!(restarts, ["2026-1", "2026-2", "2027-1", "2027-2"]);
    Ok(())
}

#[test]
fn a_count_that_outgrows_its_zeros_is_written_in_full() {
    let number = InvoiceNumber { year: None, count: 12_345 };
    assert_eq!(numbering("A-", NumberYear::Omitted, 3).format(number), "A-12345");
    let last = InvoiceNumber { year: None, count: u64::MAX };
    assert_eq!(
        Numbering::default().next(Some(last), NaiveDate::MIN),
        Err(NumberingError::Exhausted { last: u64::MAX })
    );
}

#[test]
fn numbers_with_years_do_not_go_back_in_time() -> TestResult {
    let last = Some(InvoiceNumber { year: Some(2027), count: 5 });
    let back = numbering("A-", NumberYear::Shown, 0).next(last, "2026-12-31".parse()?);
    assert!(matches!(back, Err(NumberingError::BackDated { last_year: 2027, .. })));
    let other = Numbering::default().next(last, "2027-02-01".parse()?);
    assert!(matches!(other, Err(NumberingError::OtherNumbering { .. })));
    Ok(())
}

#[test]
fn prefixes_that_could_blur_a_number_are_refused() {
    for good in ["", "INV-", "A.B/c_", &"x".repeat(32)] {
        assert_eq!(numbering(good, NumberYear::Omitted, 18).validate(), Ok(()), "{good}");
    }
    for bad in ["A1", "Rechnung ", "É-", "a\n", &"x".repeat(33)] {
        let refused = numbering(bad, NumberYear::Omitted, 0).validate();
        assert!(matches!(refused, Err(NumberingError::Prefix { .. })), "{bad}");
    }
    let refused = numbering("", NumberYear::Omitted, 19).validate();
    assert_eq!(refused, Err(NumberingError::Pad { pad: 19 }));
}

#[test]
fn the_audit_names_each_gap_and_each_duplicate() {
    let number = |year, count| InvoiceNumber { year, count };
    let faults = audit(NumberYear::Omitted, [5, 2, 2, 9, 6].map(|count| number(None, count)));
    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["1 is missing", "2 was given 2 times", "3 to 4 are missing", "7 to 8 are missing"]
    );
    let faults = audit(
        NumberYear::Restarts,
        [number(Some(2027), 2), number(Some(2026), 1), number(Some(2026), 3)],
    );
    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["2026: 2 is missing", "2027: 1 is missing"]);
    assert_eq!(audit(NumberYear::Shown, [number(Some(2026), 1), number(Some(2027), 2)]), []);
    assert_eq!(audit(NumberYear::Omitted, []), []);
}

fn years() -> impl Strategy<Value = NumberYear> {
    prop::sample::select(vec![NumberYear::Omitted, NumberYear::Shown, NumberYear::Restarts])
}

proptest! {
    /// Days between invoices, over some years.
    #[test]
    fn numbers_given_one_after_the_other_have_no_gap_and_never_read_alike(
        year in years(),
        pad in 0_u8..=18,
        waits in prop::collection::vec(0_u64..400, 1..40),
    ) {
        let numbering = numbering("INV-", year, pad);
        let mut date = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap_or_default();
        let mut given: Vec<InvoiceNumber> = Vec::new();
        for wait in waits {
            date = date.checked_add_days(chrono::Days::new(wait)).unwrap_or_default();
            let number = numbering.next(given.last().copied(), date)
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            given.push(number);
        }
        let mut written: Vec<String> = given.iter().map(|number| numbering.format(*number)).collect();
        written.sort();
        written.dedup();
        prop_assert_eq!(written.len(), given.len());
        prop_assert_eq!(audit(year, given.iter().copied().rev()), vec![]);
        // Losing any but the last of a series is noticed; so is giving one twice.
        let lost = given.len() / 2;
        let last_of_series = given.get(lost + 1).is_none_or(|after| after.count == 1);
        let kept = given.iter().enumerate().filter(|(at, _)| *at != lost).map(|(_, number)| *number);
        prop_assert_eq!(audit(year, kept).len(), usize::from(!last_of_series));
        let twice = given.iter().chain(given.get(lost)).copied();
        prop_assert_eq!(audit(year, twice).len(), 1);
    }
}
