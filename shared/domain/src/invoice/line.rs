//! The lines of an invoice, before and after tax.

use serde::{Deserialize, Serialize};

use super::{Adjustment, InvoiceError, InvoiceInput, RecurringItem, ServicePeriod, SetupItem};
use crate::{
    billing_period::BillingPeriod,
    money::{Amount, MinorUnits, Ratio, Rounding},
    tax::{TaxRate, Taxed},
};

/// A line of an invoice. Amounts are minor units; negative ones give something back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoiceLine {
    /// Its place on the invoice, from 1.
    pub number: u32,
    /// What it bills.
    pub kind: InvoiceLineKind,
    /// For people.
    pub description: String,
    /// Why it is billed, and why this much; for people.
    pub reason: String,
    /// The time that it is for, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<ServicePeriod>,
    /// What it was prorated by: its share of a whole period, for recurring lines only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction: Option<Ratio>,
    /// Units, for recurring lines; 1 for all others.
    pub quantity: u32,
    /// The price of one unit for a whole period, net or gross as prices are. Quantity times this,
    /// times the fraction if there is one, rounded, is what the line bills.
    pub unit_amount: MinorUnits,
    /// The rate of its tax; none is outside of tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_rate: Option<TaxRate>,
    /// Without tax.
    pub net: MinorUnits,
    /// Its tax.
    pub tax: MinorUnits,
    /// With tax: `net + tax`.
    pub gross: MinorUnits,
}

/// What a line bills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceLineKind {
    /// A fee of the first invoice.
    SetupFee,
    /// An item of the subscription, for a period.
    Recurring,
    /// What a period's items lack of the minimum commitment.
    MinimumCommitment,
    /// A charge or credit from elsewhere, such as the ledger of a change.
    Adjustment,
    /// A credit of the first invoice.
    SetupCredit,
}

/// A line whose amount is known, net or gross as prices are, but not its tax.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) kind: InvoiceLineKind,
    pub(super) description: String,
    pub(super) reason: String,
    pub(super) period: Option<ServicePeriod>,
    pub(super) fraction: Option<Ratio>,
    pub(super) quantity: u32,
    pub(super) unit_amount: MinorUnits,
    pub(super) tax_rate: Option<TaxRate>,
    pub(super) amount: MinorUnits,
}

impl InvoiceLine {
    pub(super) fn new(number: u32, draft: Draft, taxed: Taxed) -> Self {
        let Draft {
            kind,
            description,
            reason,
            period,
            fraction,
            quantity,
            unit_amount,
            tax_rate,
            amount: _,
        } = draft;
        let Taxed { net, tax, gross } = taxed;
        Self {
            number,
            kind,
            description,
            reason,
            period,
            fraction,
            quantity,
            unit_amount,
            tax_rate,
            net,
            tax,
            gross,
        }
    }

    pub(super) const fn taxed(&self) -> Taxed {
        Taxed { net: self.net, tax: self.tax, gross: self.gross }
    }
}

/// The lines of an invoice in their order: setup fees, then for each period its items and what
/// they lack of the minimum, then adjustments, then setup credits.
pub(super) fn drafts(input: &InvoiceInput) -> Result<Vec<Draft>, InvoiceError> {
    let mut drafts = Vec::new();
    let (fees, credits) = match &input.setup {
        Some(setup) => (setup.fees.as_slice(), setup.credits.as_slice()),
        None => (&[][..], &[][..]),
    };
    for fee in fees {
        drafts.push(setup(fee, InvoiceLineKind::SetupFee, not_negative("setup fee", fee.amount)?));
    }
    for period in &input.periods {
        let recurring = drafts.len();
        for item in &input.items {
            drafts.push(recurring_line(item, period, input.terms.rounding)?);
        }
        let charged = drafts.iter().skip(recurring).map(|line| line.amount);
        let charged = MinorUnits::checked_total(charged)?;
        drafts.extend(true_up(input, period, charged)?);
    }
    drafts.extend(input.adjustments.iter().map(adjustment));
    for credit in credits {
        let amount = not_negative("setup credit", credit.amount)?;
        let given = MinorUnits::ZERO.checked_sub(amount)?;
        drafts.push(setup(credit, InvoiceLineKind::SetupCredit, given));
    }
    Ok(drafts)
}

fn not_negative(what: &'static str, amount: MinorUnits) -> Result<MinorUnits, InvoiceError> {
    if amount.is_negative() { Err(InvoiceError::Negative { what, amount }) } else { Ok(amount) }
}

fn recurring_line(
    item: &RecurringItem,
    period: &BillingPeriod,
    rounding: Rounding,
) -> Result<Draft, InvoiceError> {
    let unit_amount = not_negative("unit amount", item.unit_amount)?;
    let whole = unit_amount.checked_mul(item.quantity)?;
    Ok(Draft {
        kind: InvoiceLineKind::Recurring,
        description: item.description.clone(),
        reason: span(period),
        period: Some(service_period(period)),
        fraction: Some(period.fraction),
        quantity: item.quantity,
        unit_amount,
        tax_rate: item.tax_rate,
        amount: prorated(whole, period, rounding)?,
    })
}

/// The line that brings what was charged for a period up to the minimum, if it lacks any.
fn true_up(
    input: &InvoiceInput,
    period: &BillingPeriod,
    charged: MinorUnits,
) -> Result<Option<Draft>, InvoiceError> {
    let Some(minimum) = input.terms.minimum_commitment else { return Ok(None) };
    let whole = not_negative("minimum commitment", minimum.amount)?;
    let least = prorated(whole, period, input.terms.rounding)?;
    if charged >= least {
        return Ok(None);
    }
    let lacking = least.checked_sub(charged)?;
    let shown = |amount| Amount::new(amount, input.currency);
    let minimum_of_period = if period.kind.is_stub() {
        format!("{} of the minimum of {} are {}", period.fraction, shown(whole), shown(least))
    } else {
        format!("the minimum is {}", shown(least))
    };
    let reason = format!(
        "{}: {minimum_of_period}, of which {} is billed above",
        span(period),
        shown(charged)
    );
    Ok(Some(Draft {
        kind: InvoiceLineKind::MinimumCommitment,
        description: "Minimum commitment".to_owned(),
        reason,
        period: Some(service_period(period)),
        fraction: None,
        quantity: 1,
        unit_amount: lacking,
        tax_rate: minimum.tax_rate,
        amount: lacking,
    }))
}

fn prorated(
    whole: MinorUnits,
    period: &BillingPeriod,
    rounding: Rounding,
) -> Result<MinorUnits, InvoiceError> {
    Ok(whole.checked_scale(period.fraction, rounding)?)
}

/// The period in words: `whole period`; `end stub, 17/31 of a period`.
fn span(period: &BillingPeriod) -> String {
    if period.kind.is_stub() {
        format!("{}, {} of a period", period.kind, period.fraction)
    } else {
        "whole period".to_owned()
    }
}

fn service_period(period: &BillingPeriod) -> ServicePeriod {
    ServicePeriod { start: period.start, end: period.end }
}

fn adjustment(adjustment: &Adjustment) -> Draft {
    Draft {
        kind: InvoiceLineKind::Adjustment,
        description: adjustment.description.clone(),
        reason: adjustment.reason.clone(),
        period: adjustment.period,
        fraction: None,
        quantity: 1,
        unit_amount: adjustment.amount,
        tax_rate: adjustment.tax_rate,
        amount: adjustment.amount,
    }
}

fn setup(item: &SetupItem, kind: InvoiceLineKind, amount: MinorUnits) -> Draft {
    let reason = if kind == InvoiceLineKind::SetupFee { "setup fee" } else { "setup credit" };
    Draft {
        kind,
        description: item.description.clone(),
        reason: format!("{reason}, once"),
        period: None,
        fraction: None,
        quantity: 1,
        unit_amount: amount,
        tax_rate: item.tax_rate,
        amount,
    }
}
