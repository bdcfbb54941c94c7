//! Credit notes: an invoice given back, line by line or as a whole, never more than it billed.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Invoice, InvoiceLine, InvoiceNumber};
use crate::{
    money::{Amount, Currency, MinorUnits, MoneyError, Ratio},
    tax::{TaxLine, TaxRate, Taxed, sums_per_rate, tax_lines},
};

/// What is to be given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credit {
    /// All that the invoice still has uncredited.
    Rest,
    /// So much of these lines; each line once.
    Lines(Vec<LineCredit>),
}

/// How much of a line is to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineCredit {
    /// The number of the invoice's line.
    pub line: u32,
    /// In minor units, net or gross as the invoice's prices are; of the line's own sign, so that
    /// the credit of a credit line is negative.
    pub amount: MinorUnits,
}

/// What a credit note bears that does not follow from its invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditNoteHead {
    /// Its place in the organization's count of credit notes, or of invoices where both share one;
    /// `None` until it is issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<InvoiceNumber>,
    /// Its local date, no earlier than its invoice's.
    pub issued_on: NaiveDate,
    /// Why it is given; for people.
    pub reason: String,
}

/// How a credit note names its invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoiceReference {
    /// The invoice's number; `None` where the invoice is not issued either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<InvoiceNumber>,
    /// The invoice's local date.
    pub issued_on: NaiveDate,
}

/// A credit note. Amounts are what it gives back: positive where the invoice's are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditNote {
    /// Its own number, date and reason.
    #[serde(flatten)]
    pub head: CreditNoteHead,
    /// The invoice that it gives back.
    pub invoice: InvoiceReference,
    /// The currency of every amount.
    pub currency: Currency,
    /// What is given back of which line.
    pub lines: Vec<CreditNoteLine>,
    /// The sums per rate, from the lowest on.
    pub taxes: Vec<TaxLine>,
    /// All lines without tax.
    pub net: MinorUnits,
    /// All taxes given back.
    pub tax: MinorUnits,
    /// `net + tax`, above 0: what the customer gets back.
    pub gross: MinorUnits,
}

/// What a credit note gives back of one line of its invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditNoteLine {
    /// The number of the invoice's line.
    pub line: u32,
    /// That line's rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_rate: Option<TaxRate>,
    /// Without tax.
    pub net: MinorUnits,
    /// The tax given back.
    pub tax: MinorUnits,
    /// `net + tax`.
    pub gross: MinorUnits,
}

/// Why a credit note can't be given. The text names the value and the rule.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CreditNoteError {
    /// The invoice has no such line.
    #[error("the invoice has no line {line}")]
    UnknownLine {
        /// The number that was given.
        line: u32,
    },
    /// A line is named twice in one request.
    #[error("line {line} is credited twice in one credit note")]
    Twice {
        /// Its number.
        line: u32,
    },
    /// More would be given back than the line still has, or with the wrong sign.
    #[error("{amount} can't be credited on line {line}: {uncredited} of it is uncredited")]
    ExceedsLine {
        /// Its number.
        line: u32,
        /// What was asked for.
        amount: Amount,
        /// What the line still has, net or gross as prices are.
        uncredited: Amount,
    },
    /// More would be given back than the invoice still bears at one rate, credits on it included.
    #[error("{gross} {} can't be credited: {uncredited} of it is uncredited", at_rate(*rate))]
    ExceedsRate {
        /// The rate; none is outside of tax.
        rate: Option<TaxRate>,
        /// What would be given back at it, with tax.
        gross: Amount,
        /// What is uncredited at it, with tax.
        uncredited: Amount,
    },
    /// More would be given back than the invoice still has in all.
    #[error("{gross} can't be credited: {uncredited} of the invoice is uncredited")]
    ExceedsInvoice {
        /// What would be given back, with tax.
        gross: Amount,
        /// What is uncredited, with tax.
        uncredited: Amount,
    },
    /// Nothing, or less, would be given back.
    #[error("a credit note must give something back, not {gross}")]
    Nothing {
        /// What would be given back, with tax.
        gross: Amount,
    },
    /// The lines that billed what a change gives back have less left.
    #[error("{amount} can't be credited on these lines: {uncredited} of them is uncredited")]
    ExceedsLines {
        /// What the change gives back.
        amount: Amount,
        /// What the lines still have, net or gross as prices are.
        uncredited: Amount,
    },
    /// It would be dated before its invoice.
    #[error("a credit note of {issued_on} is dated before its invoice of {invoice_issued_on}")]
    BeforeInvoice {
        /// The date that was given.
        issued_on: NaiveDate,
        /// The invoice's.
        invoice_issued_on: NaiveDate,
    },
    /// One of the earlier credit notes names another invoice.
    #[error("an earlier credit note is for the invoice of {}, not of {}", named.issued_on, expected.issued_on)]
    AnotherInvoice {
        /// The invoice that it names.
        named: InvoiceReference,
        /// The invoice that is given back.
        expected: InvoiceReference,
    },
    /// The earlier credit notes are not this invoice's.
    #[error("the earlier credit notes give back more of line {line} than it billed")]
    EarlierNotes {
        /// The number of the line.
        line: u32,
    },
    /// An amount is out of range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Gives an invoice back in part or in full, given all credit notes for it so far.
///
/// Taxes are given back in proportion to the line's amount: after each credit note, what was given
/// back of a line's tax is its exact proportion, rounded. So credit notes for all of an invoice add
/// up to it exactly, net, tax and gross, whatever the parts. Never more is given back than is left,
/// of any line, at any rate, or in all.
///
/// # Errors
/// [`CreditNoteError`].
pub fn credit_note(
    invoice: &Invoice,
    earlier: &[CreditNote],
    credit: &Credit,
    head: CreditNoteHead,
) -> Result<CreditNote, CreditNoteError> {
    let reference = InvoiceReference { number: invoice.number, issued_on: invoice.issued_on };
    if head.issued_on < invoice.issued_on {
        let (issued_on, invoice_issued_on) = (head.issued_on, invoice.issued_on);
        return Err(CreditNoteError::BeforeInvoice { issued_on, invoice_issued_on });
    }
    if let Some(stray) = earlier.iter().find(|note| note.invoice != reference) {
        let (named, expected) = (stray.invoice, reference);
        return Err(CreditNoteError::AnotherInvoice { named, expected });
    }
    let credited = credited_so_far(earlier)?;
    let so_far = |line: u32| credited.get(&line).copied().unwrap_or_default();
    let lines = match credit {
        Credit::Rest => invoice
            .lines
            .iter()
            .map(|line| Ok(note_line(line, line.taxed().checked_sub(so_far(line.number))?)))
            .filter(|line| !line.as_ref().is_ok_and(|line| line.gross.is_zero()))
            .collect::<Result<Vec<_>, MoneyError>>()?,
        Credit::Lines(wanted) => wanted
            .iter()
            .enumerate()
            .map(|(position, wanted_line)| {
                let LineCredit { line, amount } = *wanted_line;
                if wanted.iter().take(position).any(|before| before.line == line) {
                    return Err(CreditNoteError::Twice { line });
                }
                let found = invoice.lines.iter().find(|found| found.number == line);
                let found = found.ok_or(CreditNoteError::UnknownLine { line })?;
                line_credit(invoice, found, so_far(line), amount)
            })
            .collect::<Result<Vec<_>, CreditNoteError>>()?,
    };
    let taxed = || lines.iter().map(|line| (line.tax_rate, line.taxed()));
    let Taxed { net, tax, gross } = Taxed::checked_total(taxed().map(|(_, taxed)| taxed))?;
    let note = CreditNote {
        head,
        invoice: reference,
        currency: invoice.currency,
        taxes: tax_lines(taxed())?,
        net,
        tax,
        gross,
        lines,
    };
    within_the_invoice(invoice, earlier, &note)?;
    Ok(note)
}

/// What earlier credit notes gave back of each line.
pub(super) fn credited_so_far(earlier: &[CreditNote]) -> Result<BTreeMap<u32, Taxed>, MoneyError> {
    let mut credited: BTreeMap<u32, Taxed> = BTreeMap::new();
    for line in earlier.iter().flat_map(|note| &note.lines) {
        let sum = credited.entry(line.line).or_default();
        *sum = sum.checked_add(line.taxed())?;
    }
    Ok(credited)
}

/// Gives back so much of a line, and of its tax what brings the tax given back to its proportion.
fn line_credit(
    invoice: &Invoice,
    line: &InvoiceLine,
    so_far: Taxed,
    amount: MinorUnits,
) -> Result<CreditNoteLine, CreditNoteError> {
    let behavior = invoice.terms.tax_behavior;
    let (billed, credited) = (line.taxed().price(behavior), so_far.price(behavior));
    let uncredited = billed.checked_sub(credited)?;
    if !lies_within(credited, billed) {
        return Err(CreditNoteError::EarlierNotes { line: line.number });
    }
    if amount.is_zero() || !lies_within(amount, uncredited) {
        let (amount, uncredited) = (invoice.shown(amount), invoice.shown(uncredited));
        return Err(CreditNoteError::ExceedsLine { line: line.number, amount, uncredited });
    }
    let after = credited.checked_add(amount)?;
    // Of the same sign, so their sizes have the same proportion.
    let proportion = Ratio::new(after.get().saturating_abs(), billed.get().saturating_abs())?;
    let tax = line.tax.checked_scale(proportion, invoice.terms.rounding)?;
    let taxed = Taxed::new(amount, tax.checked_sub(so_far.tax)?, behavior)?;
    Ok(note_line(line, taxed))
}

/// Whether `part` lies between nothing and `whole`, whichever sign that has.
fn lies_within(part: MinorUnits, whole: MinorUnits) -> bool {
    let (low, high) = (whole.min(MinorUnits::ZERO), whole.max(MinorUnits::ZERO));
    (low..=high).contains(&part)
}

/// Checks what is left per rate and in all: a line's credit may be more than that where other lines
/// give something back.
fn within_the_invoice(
    invoice: &Invoice,
    earlier: &[CreditNote],
    note: &CreditNote,
) -> Result<(), CreditNoteError> {
    if note.gross <= MinorUnits::ZERO {
        return Err(CreditNoteError::Nothing { gross: invoice.shown(note.gross) });
    }
    let credited = MinorUnits::checked_total(earlier.iter().map(|note| note.gross))?;
    let uncredited = invoice.total.checked_sub(credited)?;
    if note.gross > uncredited {
        let (gross, uncredited) = (invoice.shown(note.gross), invoice.shown(uncredited));
        return Err(CreditNoteError::ExceedsInvoice { gross, uncredited });
    }
    let billed = sums_per_rate(invoice.lines.iter().map(|line| (line.tax_rate, line.taxed())))?;
    let earlier = earlier.iter().flat_map(|note| &note.lines);
    let credited = sums_per_rate(earlier.map(|line| (line.tax_rate, line.taxed())))?;
    for (rate, wanted) in
        sums_per_rate(note.lines.iter().map(|line| (line.tax_rate, line.taxed())))?
    {
        let at_rate = |sums: &BTreeMap<_, Taxed>| sums.get(&rate).copied().unwrap_or_default();
        let uncredited = at_rate(&billed).checked_sub(at_rate(&credited))?.gross;
        if !lies_within(wanted.gross, uncredited) {
            let (gross, uncredited) = (invoice.shown(wanted.gross), invoice.shown(uncredited));
            return Err(CreditNoteError::ExceedsRate { rate, gross, uncredited });
        }
    }
    Ok(())
}

fn at_rate(rate: Option<TaxRate>) -> String {
    rate.map_or_else(|| "outside of tax".to_owned(), |rate| format!("at {rate} %"))
}

fn note_line(line: &InvoiceLine, taxed: Taxed) -> CreditNoteLine {
    let Taxed { net, tax, gross } = taxed;
    CreditNoteLine { line: line.number, tax_rate: line.tax_rate, net, tax, gross }
}

impl CreditNoteLine {
    const fn taxed(&self) -> Taxed {
        Taxed { net: self.net, tax: self.tax, gross: self.gross }
    }
}

#[cfg(test)]
#[path = "credit_note_tests.rs"]
pub(super) mod tests;
