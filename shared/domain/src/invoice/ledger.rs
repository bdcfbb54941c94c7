//! The ledger of a change within a period, as adjustments of the next invoice or as a credit note.

use chrono::{DateTime, NaiveTime, Utc};

use super::{
    Adjustment, Credit, CreditNote, CreditNoteError, Invoice, LineCredit, ServicePeriod, TaxRate,
    credit_note::credited_so_far,
};
use crate::{
    money::{Amount, MinorUnits},
    proration::{Ledger, LedgerSettlement, Moment},
    time::{self, Zone},
};

/// The lines of a ledger, each with its reason, its time and its fraction of the period's price.
/// They go on the invoice that [`Behavior`](crate::proration::Behavior) puts them on; prices and
/// adjustments must be net or gross alike.
#[must_use]
pub fn adjustments(
    ledger: &Ledger,
    description: &str,
    tax_rate: Option<TaxRate>,
) -> Vec<Adjustment> {
    let policy = &ledger.policy;
    let instant = |moment| start_of(moment, policy.time_zone);
    ledger
        .lines
        .iter()
        .map(|line| Adjustment {
            description: description.to_owned(),
            reason: format!(
                "{}, {} of {}",
                line.reason(policy),
                line.fraction,
                Amount::new(line.basis, ledger.currency)
            ),
            period: instant(line.from)
                .zip(instant(line.to))
                .map(|(start, end)| ServicePeriod { start, end }),
            amount: line.amount,
            tax_rate,
        })
        .collect()
}

/// What a change within a period gives back at once, on the `lines` of the invoice that billed what
/// it gives back from: each up to what it has left, in the order given (the last charge first, as a
/// [`Book`](crate::proration::Book) gives back). `None` where the settlement asks for no credit
/// note. Ledger and invoice must have their prices net or gross alike.
///
/// # Errors
/// [`CreditNoteError`] for a line that the invoice doesn't have or that is named twice, and for
/// lines that have less left in all.
pub fn credit_of_change(
    settlement: LedgerSettlement,
    invoice: &Invoice,
    earlier: &[CreditNote],
    lines: &[u32],
) -> Result<Option<Credit>, CreditNoteError> {
    let amount = match settlement {
        LedgerSettlement::CreditNote { amount } => amount,
        LedgerSettlement::Nothing
        | LedgerSettlement::NextInvoice { .. }
        | LedgerSettlement::Invoice { .. } => return Ok(None),
    };
    let behavior = invoice.terms.tax_behavior;
    let credited = credited_so_far(earlier)?;
    let (mut credits, mut missing): (Vec<LineCredit>, _) = (Vec::new(), amount);
    for (position, line) in lines.iter().copied().enumerate() {
        if lines.iter().take(position).any(|before| *before == line) {
            return Err(CreditNoteError::Twice { line });
        }
        let billed = invoice.lines.iter().find(|billed| billed.number == line);
        let billed = billed.ok_or(CreditNoteError::UnknownLine { line })?.taxed();
        let so_far = credited.get(&line).copied().unwrap_or_default();
        let left = billed.price(behavior).checked_sub(so_far.price(behavior))?;
        let taken = missing.min(left).max(MinorUnits::ZERO);
        if !taken.is_zero() {
            credits.push(LineCredit { line, amount: taken });
        }
        missing = missing.checked_sub(taken)?;
    }
    if !missing.is_zero() {
        let uncredited = invoice.shown(amount.checked_sub(missing)?);
        return Err(CreditNoteError::ExceedsLines { amount: invoice.shown(amount), uncredited });
    }
    Ok(Some(Credit::Lines(credits)))
}

/// When a local day or an instant begins; `None` at the end of the calendar.
fn start_of(moment: Moment, zone: Zone) -> Option<DateTime<Utc>> {
    match moment {
        Moment::Instant(at) => Some(at),
        Moment::Date(date) => {
            time::first_instant(zone, date.and_time(NaiveTime::MIN)).map(|(at, _)| at)
        }
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
