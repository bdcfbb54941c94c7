use std::error::Error;

use super::*;
use crate::{
    invoice::{
        credit_note,
        credit_note::tests::returned_on,
        draw_up,
        draw_up::tests::{item, january},
    },
    money::Currency,
    proration::{Behavior, Policy, Request, prorate},
    time::Zone,
};

/// On 18 January, 14 of 31 days are left: of 10.00 these are 451.61 cents, of 20.00 903.23. With
/// 19 % of each line, -0.86 and 1.72, the change costs 5.37.
#[test]
fn a_change_within_the_period_lands_on_the_next_invoice() -> Result<(), Box<dyn Error>> {
    let request = Request {
        currency: Currency::EUR,
        period_start: "2027-01-01".parse()?,
        period_end: "2027-02-01".parse()?,
        change_at: "2027-01-18".parse()?,
        old_amount: Some(MinorUnits::new(1_000)),
        new_amount: Some(MinorUnits::new(2_000)),
        charged_amount: None,
        already_credited: MinorUnits::ZERO,
        policy: Policy::defaults_in(Zone::utc()),
    };
    let ledger = prorate(&request)?;
    let mut input = january()?;
    input.adjustments = adjustments(&ledger, "Coffee", "19".parse().ok());
    let invoice = draw_up(&input)?;
    let told: Vec<_> =
        invoice.lines.iter().map(|line| (line.reason.as_str(), line.gross.get())).collect();
    assert_eq!(
        told,
        [
            ("rest of the old terms, 14/31 of 10.00 EUR", -538),
            ("new terms from the change on, 14/31 of 20.00 EUR", 1_075),
        ]
    );
    assert_eq!(invoice.settlement.amount_due, MinorUnits::new(537));
    let span = ServicePeriod {
        start: "2027-01-18T00:00:00Z".parse()?,
        end: "2027-02-01T00:00:00Z".parse()?,
    };
    assert!(invoice.lines.iter().all(|line| line.period == Some(span)));
    Ok(())
}

/// 31.00 and 62.00 for January, billed on two lines. Terminated on 18 January (14/31), 14.00 are
/// given back of a price of 31.00, with 2.66 of tax.
#[test]
fn what_a_change_gives_back_at_once_becomes_a_credit_note() -> Result<(), Box<dyn Error>> {
    let request = Request {
        currency: Currency::EUR,
        period_start: "2027-01-01".parse()?,
        period_end: "2027-02-01".parse()?,
        change_at: "2027-01-18".parse()?,
        old_amount: Some(MinorUnits::new(3_100)),
        new_amount: None,
        charged_amount: None,
        already_credited: MinorUnits::ZERO,
        policy: Policy::defaults_in(Zone::utc()),
    };
    let settlement = prorate(&request)?.settle(Behavior::Immediate)?;
    let mut input = january()?;
    input.items = vec![item(3_100, 1, "19"), item(1_000, 1, "19")];
    let invoice = draw_up(&input)?;
    let taken = |earlier: &[CreditNote], lines: &[u32]| {
        credit_of_change(settlement, &invoice, earlier, lines)
    };
    let one = |line, amount| LineCredit { line, amount: MinorUnits::new(amount) };
    let credit = taken(&[], &[1])?.ok_or("no credit")?;
    assert_eq!(credit, Credit::Lines(vec![one(1, 1_400)]));
    let note = credit_note(&invoice, &[], &credit, returned_on(invoice.issued_on))?;
    assert_eq!([note.net, note.tax, note.gross].map(MinorUnits::get), [1_400, 266, 1_666]);

    // From the last charge first; then what is left of it, 0 of 10.00, is passed over.
    let both = taken(&[], &[2, 1])?.ok_or("no credit")?;
    assert_eq!(both, Credit::Lines(vec![one(2, 1_000), one(1, 400)]));
    let note = credit_note(&invoice, &[], &both, returned_on(invoice.issued_on))?;
    let again = taken(std::slice::from_ref(&note), &[2, 1])?;
    assert_eq!(again, Some(Credit::Lines(vec![one(1, 1_400)])));

    let refused = |lines: &[u32]| taken(&[], lines).map_err(|error| error.to_string());
    let short = "14.00 EUR can't be credited on these lines: 10.00 EUR of them is uncredited";
    assert_eq!(refused(&[2]), Err(short.to_owned()));
    assert_eq!(taken(&[], &[3]), Err(CreditNoteError::UnknownLine { line: 3 }));
    assert_eq!(taken(&[], &[1, 1]), Err(CreditNoteError::Twice { line: 1 }));
    let later = LedgerSettlement::NextInvoice { net: MinorUnits::new(-1_400) };
    assert_eq!(credit_of_change(later, &invoice, &[], &[1]), Ok(None));
    Ok(())
}
