use std::error::Error;

use super::*;
use crate::{
    proration::{CreditBase, Policy, TerminationDay},
    time::iana,
};

type TestResult = Result<(), Box<dyn Error>>;

fn january(policy: Policy) -> Result<Book, Box<dyn Error>> {
    let period = Period::new("2027-01-01".parse()?, "2027-02-01".parse()?, policy)?;
    Ok(Book::open(Currency::EUR, period))
}

fn defaults() -> Policy {
    Policy::defaults_in(iana("Europe/Berlin"))
}

fn terms(price: i64, quantity: u32) -> Result<Terms, Box<dyn Error>> {
    Ok(Terms::at_list_price(MinorUnits::new(price), NonZeroU32::new(quantity).ok_or("none")?))
}

/// Each line as `cause of its charge: amount for its fraction`.
fn shown(ledger: &Ledger) -> Vec<String> {
    let show = |line: &Line| {
        format!("{} of {}: {} for {}", line.cause, line.charge, line.amount, line.fraction)
    };
    ledger.lines.iter().map(show).collect()
}

#[test]
fn each_change_gives_back_the_charge_of_the_one_before() -> TestResult {
    let mut book = january(defaults())?;
    let first = book.change_terms("2027-01-01".parse()?, terms(3100, 1)?)?;
    assert_eq!(shown(&first), ["whole period of 1: 3100 for 31/31"]);
    let second = book.change_terms("2027-01-11".parse()?, terms(1000, 1)?)?;
    // 21 days are left: 2100, and 677.42.
    assert_eq!(
        shown(&second),
        [
            "rest of the old terms of 1: -2100 for 21/31",
            "new terms from the change on of 2: 677 for 21/31"
        ]
    );
    let third = book.change_terms("2027-01-22".parse()?, terms(6200, 1)?)?;
    // 10 days are left: 322.58, and 2000.
    assert_eq!(
        shown(&third),
        [
            "rest of the old terms of 2: -323 for 10/31",
            "new terms from the change on of 3: 2000 for 10/31"
        ]
    );
    let ledger = book.ledger()?;
    // 10 days at 100, 11 days at 32.26, 10 days at 200.
    assert_eq!(ledger.net.get(), 1000 + 354 + 2000);
    assert_eq!(ledger.verify(), []);
    Ok(())
}

#[test]
fn an_unchanged_price_costs_the_same_however_often_it_is_entered() -> TestResult {
    let mut book = january(defaults())?;
    for day in 1..=31 {
        let at = Moment::Date(chrono::NaiveDate::from_ymd_opt(2027, 1, day).ok_or("date")?);
        let ledger = book.change_terms(at, terms(1000, 1)?)?;
        assert_eq!(ledger.net.get(), if day == 1 { 1000 } else { 0 }, "{at}");
    }
    assert_eq!(book.ledger()?.net.get(), 1000);
    Ok(())
}

#[test]
fn more_units_cost_their_share_and_fewer_give_it_back_the_last_first() -> TestResult {
    let mut book = january(defaults())?;
    book.change_terms("2027-01-01".parse()?, terms(3100, 3)?)?;
    let more = book.change_quantity("2027-01-11".parse()?, NonZeroU32::new(5).ok_or("none")?)?;
    assert_eq!(shown(&more), ["units added of 2: 4200 for 21/31"]); // 2 x 2100
    assert_eq!(book.quantity(), 5);
    let fewer = book.change_quantity("2027-01-22".parse()?, NonZeroU32::new(2).ok_or("none")?)?;
    assert_eq!(
        shown(&fewer), // 2 x 1000, then 1 x 1000
        ["units removed of 2: -2000 for 10/31", "units removed of 1: -1000 for 10/31"]
    );
    assert_eq!(book.quantity(), 2);
    let same = book.change_quantity("2027-01-23".parse()?, NonZeroU32::new(2).ok_or("none")?)?;
    assert_eq!((shown(&same), same.net.get()), (vec![], 0));
    let end = book.terminate("2027-01-27".parse()?)?;
    assert_eq!(shown(&end), ["rest after termination of 1: -1000 for 5/31"]); // 2 x 500
    assert_eq!(book.quantity(), 0);
    // 2 units for 26 days, 1 for 21 days, 2 for 11 days, at 100 a day.
    assert_eq!(book.ledger()?.net.get(), 5200 + 2100 + 2200);
    assert_eq!(book.ledger()?.verify(), []);
    Ok(())
}

#[test]
fn a_discounted_charge_is_given_back_as_it_was_charged_or_up_to_it() -> TestResult {
    for (credit_base, credit, limited) in
        [(CreditBase::Charged, 1050, false), (CreditBase::List, 1550, true)]
    {
        let mut book = january(Policy { credit_base, ..defaults() })?;
        let half_price = Terms { charged_price: MinorUnits::new(1550), ..terms(3100, 1)? };
        book.change_terms("2027-01-01".parse()?, half_price)?;
        // 21 days of list price are 2100.
        let end = book.terminate("2027-01-11".parse()?)?;
        assert_eq!(end.credit.get(), credit, "{credit_base:?}");
        assert!(end.lines.iter().all(|line| line.is_limited(&end.policy) == limited));
        assert_eq!(book.ledger()?.verify(), []);
    }
    Ok(())
}

#[test]
fn what_was_ended_can_begin_again_after_the_days_that_were_billed() -> TestResult {
    let policy = Policy { termination_day: TerminationDay::Billed, ..defaults() };
    let mut book = january(policy)?;
    book.change_terms("2027-01-01".parse()?, terms(3100, 1)?)?;
    assert_eq!(book.terminate("2027-01-17".parse()?)?.credit.get(), 1400);
    assert_eq!(
        book.change_terms("2027-01-17".parse()?, terms(3100, 1)?)
            .map_err(|error| error.to_string()),
        Err("change_at must not be before 2027-01-18, up to which the period is settled, \
             not 2027-01-17"
            .into())
    );
    let again = book.change_terms("2027-01-18".parse()?, terms(3100, 1)?)?;
    assert_eq!(shown(&again), ["start within the period of 2: 1400 for 14/31"]);
    Ok(())
}

#[test]
fn a_change_that_is_refused_leaves_the_book_as_it_was() -> TestResult {
    let mut book = january(defaults())?;
    let three = NonZeroU32::new(3).ok_or("none")?;
    let nothing = book.change_quantity("2027-01-05".parse()?, three);
    assert_eq!(nothing.map_err(|error| error.field()), Err(Some("quantity")));
    book.change_terms("2027-01-10".parse()?, terms(i64::MAX, 1)?)?;
    let before = book.clone();
    for (refused, field) in [
        (book.change_quantity("2027-01-11".parse()?, three), None),
        (book.change_terms("2027-01-11".parse()?, terms(i64::MAX, 2)?), None),
        (book.change_terms("2027-01-11".parse()?, terms(-1, 1)?), Some("list_price")),
        (book.change_terms("2027-01-09".parse()?, terms(1, 1)?), Some("change_at")),
        (book.change_quantity("2027-01-09".parse()?, three), Some("change_at")),
        (book.terminate("2027-01-09".parse()?), Some("change_at")),
        (book.terminate("2027-02-02".parse()?), Some("change_at")),
    ] {
        assert_eq!(refused.map_err(|error| error.field()), Err(field));
    }
    assert_eq!(book, before);
    Ok(())
}
