use std::{error::Error, num::NonZeroU32};

use super::*;
use crate::{
    money::{Currency, MinorUnits},
    proration::Policy,
    time::iana,
};

type TestResult = Result<(), Box<dyn Error>>;

fn terms(price: i64) -> Terms {
    Terms::at_list_price(MinorUnits::new(price), NonZeroU32::MIN)
}

fn monthly() -> Result<Book, Box<dyn Error>> {
    let policy = Policy::defaults_in(iana("Europe/Berlin"));
    let period = Period::new("2027-01-01".parse()?, "2027-02-01".parse()?, policy)?;
    let mut book = Book::open(Currency::EUR, period);
    book.change_terms("2027-01-01".parse()?, terms(3100))?;
    Ok(book)
}

#[test]
fn from_monthly_to_yearly_the_rest_of_the_month_goes_back_and_a_year_begins() -> TestResult {
    let mut book = monthly()?;
    let reset = book.reset_cycle("2027-01-18".parse()?, "2028-01-18".parse()?, terms(36_500))?;
    assert_eq!((reset.closing.credit.get(), reset.closing.charge.get()), (1400, 0));
    assert_eq!(reset.closing.credit_fraction().map(|part| part.to_string()), Some("14/31".into()));
    let opening = reset.book.ledger()?;
    assert_eq!((opening.charge.get(), opening.credit.get()), (36_500, 0));
    assert_eq!(opening.charge_fraction().map(|part| part.to_string()), Some("365/365".into()));
    assert_eq!(opening.period_start, "2027-01-18".parse()?);
    assert_eq!(book.quantity(), 0);
    for ledger in [reset.closing, opening, book.ledger()?] {
        assert_eq!(ledger.verify(), []);
    }
    Ok(())
}

#[test]
fn a_reset_at_the_start_or_the_end_gives_back_everything_or_nothing() -> TestResult {
    for (at, credit) in [("2027-01-01", 3100), ("2027-02-01", 0)] {
        let reset = monthly()?.reset_cycle(at.parse()?, "2028-02-01".parse()?, terms(1))?;
        assert_eq!(reset.closing.credit.get(), credit, "{at}");
    }
    Ok(())
}

#[test]
fn a_reset_that_is_refused_leaves_the_book_as_it_was() -> TestResult {
    let mut book = monthly()?;
    let before = book.clone();
    for (at, end, price, field) in [
        ("2027-01-18", "2027-01-18", 1, "period_end"),
        ("2027-02-02", "2028-01-18", 1, "change_at"),
        ("2027-01-18", "2028-01-18", -1, "list_price"),
    ] {
        let refused = book.reset_cycle(at.parse()?, end.parse()?, terms(price));
        assert_eq!(refused.map_err(|error| error.field()), Err(Some(field)));
    }
    assert_eq!(book, before);
    Ok(())
}
