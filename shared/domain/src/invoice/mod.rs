//! Invoices: what is billed for which time, at which tax, and what remains to be paid.
//!
//! - [`draw_up`]: an [`Invoice`] from its [`InvoiceInput`], by its [`InvoiceTerms`];
//! - [`credit_note`]: gives an invoice back, in parts or in full, never more than it billed;
//!   [`give_back`] says where its money goes;
//! - [`adjustments`]: the ledger of a change within a period, to land on the next invoice;
//!   [`credit_of_change`]: what a change gives back at once, for a credit note;
//! - [`Numbering`] and [`audit`]: numbers without gaps, and the proof of it.
//!
//! Every amount is in minor units and exact: each line's net and tax add up to its gross, lines add
//! up to the invoice, and what the customer has in credit is never lost.

mod credit_note;
mod draw_up;
mod give_back;
mod input;
mod ledger;
mod line;
mod numbering;
mod settlement;
mod terms;

pub use credit_note::{
    Credit, CreditNote, CreditNoteError, CreditNoteHead, CreditNoteLine, InvoiceReference,
    LineCredit, credit_note,
};
pub use draw_up::{Invoice, InvoiceError, draw_up};
pub use give_back::{GivenBack, InvoicePayment, give_back};
pub use input::{Adjustment, InvoiceInput, RecurringItem, ServicePeriod, Setup, SetupItem};
pub use ledger::{adjustments, credit_of_change};
pub use line::{InvoiceLine, InvoiceLineKind};
pub use numbering::{
    InvoiceNumber, MAX_PAD, MAX_PREFIX, NumberYear, Numbering, NumberingError, NumberingFault,
    audit,
};
pub use settlement::InvoiceSettlement;
pub use terms::{CreditPolicy, InvoiceTerms, MinimumCommitment};

pub use crate::tax::{MAX_PERCENT, TaxBehavior, TaxLine, TaxRate, TaxRateError, TaxRounding};

#[cfg(test)]
mod property_tests;
