//! Drawing up an invoice.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    InvoiceInput, InvoiceLine, InvoiceNumber, InvoiceSettlement, InvoiceTerms,
    line::{self, Draft},
    settlement::{Account, settle},
};
use crate::{
    money::{Amount, Currency, MinorUnits, MoneyError},
    tax::{TaxLine, Taxation, Taxed, tax_lines},
};

/// The last year that RFC 3339 can write.
const LAST_YEAR: i32 = 9999;

/// An invoice. Its lines add up to `net`, `tax` and `gross`, and so do its taxes, together with
/// the lines outside of tax.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invoice {
    /// Its place in the organization's count; `None` until it is issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<InvoiceNumber>,
    /// The currency of every amount.
    pub currency: Currency,
    /// When it was drawn up.
    pub issued_at: DateTime<Utc>,
    /// Its date, on the local calendar.
    pub issued_on: NaiveDate,
    /// The local date up to which it is to be paid: `issued_on` and the net days.
    pub due_on: NaiveDate,
    /// What it was drawn up by.
    pub terms: InvoiceTerms,
    /// What is billed and given back.
    pub lines: Vec<InvoiceLine>,
    /// The sums per rate, from the lowest on.
    pub taxes: Vec<TaxLine>,
    /// All lines without tax; negative where credits outweigh charges, as are `tax` and `gross`.
    pub net: MinorUnits,
    /// All taxes.
    pub tax: MinorUnits,
    /// `net + tax`.
    pub gross: MinorUnits,
    /// What the invoice comes to: `gross`, or 0 where that is negative and moved to the credit
    /// balance. Never negative.
    pub total: MinorUnits,
    /// What of it is to be paid, and what becomes of the customer's credit.
    pub settlement: InvoiceSettlement,
}

/// Why an invoice can't be drawn up. The text names the value and the rule.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvoiceError {
    /// An amount that may not be below 0 is.
    #[error("the {what} must be 0 or more, not {amount}")]
    Negative {
        /// Which amount.
        what: &'static str,
        /// What was given.
        amount: MinorUnits,
    },
    /// A period is not to be invoiced yet.
    #[error(
        "the period from {start} is invoiced at {invoiced_at}, after the invoice is drawn up at \
         {issued_at}"
    )]
    TooEarly {
        /// The start of the period.
        start: DateTime<Utc>,
        /// When it is to be invoiced.
        invoiced_at: DateTime<Utc>,
        /// When the invoice is drawn up.
        issued_at: DateTime<Utc>,
    },
    /// The invoice would be due after the year 9999, the last that dates are written in.
    #[error("{net_days} days after {issued_on} is no date up to the year {LAST_YEAR}")]
    DueDate {
        /// The local date of the invoice.
        issued_on: NaiveDate,
        /// The days until it is due.
        net_days: u32,
    },
    /// More lines than can be numbered.
    #[error("an invoice has at most {} lines", u32::MAX)]
    TooManyLines,
    /// An amount is out of range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Draws up an invoice: lines, taxes per rate, sums, the date it is due, and the credit set off.
///
/// # Errors
/// [`InvoiceError`].
pub fn draw_up(input: &InvoiceInput) -> Result<Invoice, InvoiceError> {
    let account = Account { balance: input.credit_balance, paid: input.paid };
    for (what, amount) in [("credit balance", account.balance), ("amount paid", account.paid)] {
        if amount.is_negative() {
            return Err(InvoiceError::Negative { what, amount });
        }
    }
    let issued_at = input.issued_at;
    if let Some(period) = input.periods.iter().find(|period| period.invoiced_at > issued_at) {
        let (start, invoiced_at) = (period.start, period.invoiced_at);
        return Err(InvoiceError::TooEarly { start, invoiced_at, issued_at });
    }
    let lines = taxed_lines(line::drafts(input)?, &input.terms)?;
    let taxed = || lines.iter().map(|line| (line.tax_rate, line.taxed()));
    let Taxed { net, tax, gross } = Taxed::checked_total(taxed().map(|(_, taxed)| taxed))?;
    let settlement = settle(gross, account, input.terms.credit_policy)?;
    let issued_on = issued_at.with_timezone(&input.time_zone).date_naive();
    Ok(Invoice {
        number: input.number,
        currency: input.currency,
        issued_at,
        issued_on,
        due_on: due_on(issued_on, input.terms.net_days)?,
        terms: input.terms.clone(),
        taxes: tax_lines(taxed())?,
        net,
        tax,
        gross,
        total: gross.checked_add(settlement.credited)?,
        settlement,
        lines,
    })
}

impl Invoice {
    /// An amount of this invoice, for people.
    pub(super) const fn shown(&self, amount: MinorUnits) -> Amount {
        Amount::new(amount, self.currency)
    }
}

fn due_on(issued_on: NaiveDate, net_days: u32) -> Result<NaiveDate, InvoiceError> {
    issued_on
        .checked_add_days(Days::new(u64::from(net_days)))
        .filter(|due_on| due_on.year() <= LAST_YEAR)
        .ok_or(InvoiceError::DueDate { issued_on, net_days })
}

fn taxed_lines(drafts: Vec<Draft>, terms: &InvoiceTerms) -> Result<Vec<InvoiceLine>, InvoiceError> {
    let mut taxation = Taxation::new(terms.tax_behavior, terms.tax_rounding, terms.rounding);
    drafts
        .into_iter()
        .zip(1_usize..)
        .map(|(draft, number)| {
            let number = u32::try_from(number).map_err(|_| InvoiceError::TooManyLines)?;
            let taxed = taxation.next_line(draft.amount, draft.tax_rate)?;
            Ok(InvoiceLine::new(number, draft, taxed))
        })
        .collect()
}

#[cfg(test)]
#[path = "draw_up_tests.rs"]
pub(super) mod tests;
