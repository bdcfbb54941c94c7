use std::error::Error;

use super::*;
use crate::invoice::{
    InvoiceInput, Setup, TaxBehavior, draw_up,
    draw_up::tests::{adjustment, item, january, setup_item, units},
};

type TestResult = Result<(), Box<dyn Error>>;

fn some(line: u32, amount: i64) -> Credit {
    Credit::Lines(vec![LineCredit { line, amount: units(amount) }])
}

fn given(
    invoice: &Invoice,
    earlier: &[CreditNote],
    credit: &Credit,
) -> Result<CreditNote, CreditNoteError> {
    credit_note(invoice, earlier, credit, returned_on(invoice.issued_on))
}

/// The head of a credit note without a number.
pub(in crate::invoice) fn returned_on(issued_on: NaiveDate) -> CreditNoteHead {
    CreditNoteHead { number: None, issued_on, reason: "returned".to_owned() }
}

fn euros(cents: i64) -> Amount {
    Amount::new(units(cents), Currency::EUR)
}

fn sums(note: &CreditNote) -> [i64; 3] {
    [note.net, note.tax, note.gross].map(MinorUnits::get)
}

/// 9.99 at 19 % bear 1.90. After a third 63.33 of these cents are given back, after two thirds
/// 126.67, then all.
#[test]
fn tax_is_given_back_in_proportion_and_in_the_end_to_the_cent() -> TestResult {
    let invoice = draw_up(&InvoiceInput { items: vec![item(999, 1, "19")], ..january()? })?;
    let mut notes = Vec::new();
    for expected in [[333, 63, 396], [333, 64, 397], [333, 63, 396]] {
        let note = given(&invoice, &notes, &some(1, 333))?;
        assert_eq!(sums(&note), expected);
        notes.push(note);
    }
    let again = given(&invoice, &notes, &Credit::Rest);
    assert_eq!(again, Err(CreditNoteError::Nothing { gross: euros(0) }));
    Ok(())
}

/// 9.99 with 19 % in them have 1.60 of tax; 500/999 of that are 80.08 cents.
#[test]
fn prices_with_tax_are_given_back_with_it() -> TestResult {
    let mut input = january()?;
    input.terms.tax_behavior = TaxBehavior::Inclusive;
    input.items = vec![item(999, 1, "19")];
    let invoice = draw_up(&input)?;
    let first = given(&invoice, &[], &some(1, 500))?;
    assert_eq!(sums(&first), [420, 80, 500]);
    assert_eq!(sums(&given(&invoice, &[first], &Credit::Rest)?), [419, 80, 499]);
    Ok(())
}

#[test]
fn the_rest_of_an_invoice_without_credit_notes_is_the_invoice() -> TestResult {
    let mut input = january()?;
    input.items = vec![item(999, 3, "8.875"), item(250, 1, "outside"), item(0, 1, "19")];
    input.setup = Some(Setup { fees: vec![], credits: vec![setup_item(100)] });
    let invoice = draw_up(&input)?;
    let note = given(&invoice, &[], &Credit::Rest)?;
    assert_eq!((note.net, note.tax, note.gross), (invoice.net, invoice.tax, invoice.gross));
    let lines: Vec<_> = note.lines.iter().map(|line| line.line).collect();
    assert_eq!(lines, [1, 2, 4], "nothing was billed on line 3");
    Ok(())
}

/// 30.00 less a credit of 10.00, both at 19 %, and 5.00 at 7 %: 23.80 and 5.35.
#[test]
fn never_more_is_given_back_than_is_left_of_a_line_a_rate_and_the_invoice() -> TestResult {
    let mut input = january()?;
    input.items = vec![item(3_000, 1, "19"), item(500, 1, "7")];
    input.adjustments = vec![adjustment(-1_000, "19")];
    let invoice = draw_up(&input)?;
    let first = given(&invoice, &[], &some(1, 1_500))?;
    let refused = |credit: &Credit| {
        given(&invoice, std::slice::from_ref(&first), credit)
            .map(|note| sums(&note))
            .map_err(|error| error.to_string())
    };
    let both = |lines: [(u32, i64); 2]| {
        Credit::Lines(lines.map(|(line, amount)| LineCredit { line, amount: units(amount) }).into())
    };
    for (credit, error) in [
        (some(1, 1_501), "15.01 EUR can't be credited on line 1: 15.00 EUR of it is uncredited"),
        (some(1, -1), "-0.01 EUR can't be credited on line 1: 15.00 EUR of it is uncredited"),
        (some(1, 0), "0.00 EUR can't be credited on line 1: 15.00 EUR of it is uncredited"),
        (some(3, 1), "0.01 EUR can't be credited on line 3: -10.00 EUR of it is uncredited"),
        (some(4, 1), "the invoice has no line 4"),
        (both([(1, 5), (1, 5)]), "line 1 is credited twice in one credit note"),
        // 5.01 and their 0.95 tax, of 23.80 less 17.85.
        (some(1, 501), "5.96 EUR at 19 % can't be credited: 5.95 EUR of it is uncredited"),
        (
            both([(1, 1_000), (2, 500)]),
            "17.25 EUR can't be credited: 11.30 EUR of the invoice is uncredited",
        ),
        (some(3, -100), "a credit note must give something back, not -1.19 EUR"),
    ] {
        assert_eq!(refused(&credit), Err(error.to_owned()), "{credit:?}");
    }
    // With the credit taken back too, the rest of the line can be.
    assert_eq!(refused(&both([(1, 1_500), (3, -1_000)])), Ok([500, 95, 595]));
    assert_eq!(refused(&Credit::Rest), Ok([1_000, 130, 1_130]));
    Ok(())
}

#[test]
fn what_is_outside_of_tax_has_its_own_limit() -> TestResult {
    let mut input = january()?;
    input.items = vec![item(1_000, 1, "outside"), item(1_000, 1, "19")];
    input.adjustments = vec![adjustment(-900, "outside")];
    let refused = given(&draw_up(&input)?, &[], &some(1, 101)).map_err(|error| error.to_string());
    let error = "1.01 EUR outside of tax can't be credited: 1.00 EUR of it is uncredited";
    assert_eq!(refused, Err(error.to_owned()));
    Ok(())
}

#[test]
fn an_invoice_that_gave_back_on_balance_has_nothing_to_credit() -> TestResult {
    let mut input = january()?;
    input.items = vec![item(100, 1, "19")];
    input.adjustments = vec![adjustment(-500, "19")];
    let refused = given(&draw_up(&input)?, &[], &some(1, 100));
    let (gross, uncredited) = (euros(119), euros(0));
    assert_eq!(refused, Err(CreditNoteError::ExceedsInvoice { gross, uncredited }));
    Ok(())
}

#[test]
fn credit_notes_of_another_invoice_are_noticed() -> TestResult {
    let mut input = january()?;
    input.items = vec![item(5_000, 1, "19"), item(9_000, 1, "19")];
    let larger = given(&draw_up(&input)?, &[], &some(1, 5_000))?;
    input.items = vec![item(1_000, 1, "19"), item(9_000, 1, "19")];
    let refused = given(&draw_up(&input)?, &[larger], &some(1, 1));
    assert_eq!(refused, Err(CreditNoteError::EarlierNotes { line: 1 }));
    Ok(())
}

/// The credit note names its invoice, and keeps to it.
#[test]
fn a_credit_note_bears_its_number_and_date_and_names_its_invoice() -> TestResult {
    let number = |count| Some(InvoiceNumber { year: None, count });
    let input =
        InvoiceInput { number: number(42), items: vec![item(1_000, 1, "19")], ..january()? };
    let invoice = draw_up(&input)?;
    let head = CreditNoteHead {
        number: number(43),
        issued_on: "2027-01-20".parse()?,
        reason: "returned".to_owned(),
    };
    let note = credit_note(&invoice, &[], &some(1, 100), head.clone())?;
    let named = InvoiceReference { number: number(42), issued_on: "2027-01-01".parse()? };
    assert_eq!((&note.head, note.invoice), (&head, named));
    let stored = serde_json::to_value(&note)?;
    assert_eq!(stored.pointer("/number/count"), Some(&43.into()));
    assert_eq!(stored.pointer("/invoice/number/count"), Some(&42.into()));
    assert_eq!(serde_json::from_value::<CreditNote>(stored)?, note);

    let early = CreditNoteHead { issued_on: "2026-12-31".parse()?, ..head };
    let refused = |invoice, earlier: &[CreditNote], head| {
        credit_note(invoice, earlier, &some(1, 1), head).map_err(|error| error.to_string())
    };
    assert_eq!(
        refused(&invoice, &[], early),
        Err("a credit note of 2026-12-31 is dated before its invoice of 2027-01-01".to_owned())
    );
    let other = draw_up(&InvoiceInput { number: number(44), ..input })?;
    let expected = InvoiceReference { number: number(44), ..named };
    assert_eq!(
        given(&other, &[note], &some(1, 1)),
        Err(CreditNoteError::AnotherInvoice { named, expected })
    );
    Ok(())
}
