//! What goes on an invoice, before it is drawn up.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{InvoiceNumber, InvoiceTerms, TaxRate};
use crate::{
    billing_period::BillingPeriod,
    money::{Currency, MinorUnits},
    time::Zone,
};

/// Everything that an invoice is drawn up from. All amounts are minor units of one currency; prices
/// are net or gross, as [`InvoiceTerms::tax_behavior`] says.
#[derive(Clone, Debug)]
pub struct InvoiceInput {
    /// Its number, once it is issued; `None` for a preview.
    pub number: Option<InvoiceNumber>,
    /// The currency of every amount.
    pub currency: Currency,
    /// Whose local date is the invoice's date.
    pub time_zone: Zone,
    /// When the invoice is drawn up; no earlier than any of its periods is to be invoiced.
    pub issued_at: DateTime<Utc>,
    /// The periods that it bills. Several where periods before the initial invoice date, or missed
    /// ones, are billed at once; none where only adjustments are billed.
    pub periods: Vec<BillingPeriod>,
    /// What each of these periods costs.
    pub items: Vec<RecurringItem>,
    /// Charges and credits from elsewhere: the ledger lines of changes, usage.
    pub adjustments: Vec<Adjustment>,
    /// What the first invoice of a subscription bears; `None` on every later one, so that setup is
    /// billed once.
    pub setup: Option<Setup>,
    /// The rules.
    pub terms: InvoiceTerms,
    /// What the customer has in credit, at least 0.
    pub credit_balance: MinorUnits,
    /// What the customer has really paid so far and not been paid back, at least 0: no more than
    /// this is ever refunded. 0 before the first payment.
    pub paid: MinorUnits,
}

/// What a subscription bills for each whole period; stubs are prorated by their fraction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecurringItem {
    /// For people.
    pub description: String,
    /// Units.
    pub quantity: u32,
    /// Price of one unit for a whole period, at least 0.
    pub unit_amount: MinorUnits,
    /// The rate of its tax; none is outside of tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_rate: Option<TaxRate>,
}

/// A charge (positive) or credit (negative) from elsewhere, landing on this invoice as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    /// For people.
    pub description: String,
    /// Why it is billed or given back.
    pub reason: String,
    /// The time it is for, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<ServicePeriod>,
    /// Already rounded; negative is a credit.
    pub amount: MinorUnits,
    /// The rate of its tax; none is outside of tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_rate: Option<TaxRate>,
}

/// The time that a line is for, half-open: from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServicePeriod {
    /// Its first instant.
    pub start: DateTime<Utc>,
    /// The first instant after it.
    pub end: DateTime<Utc>,
}

/// What only the first invoice bears.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setup {
    /// Charged once.
    pub fees: Vec<SetupItem>,
    /// Given once; what exceeds the invoice goes to the credit balance. Nobody has paid it, so it is
    /// not refunded.
    pub credits: Vec<SetupItem>,
}

/// A setup fee or setup credit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetupItem {
    /// For people.
    pub description: String,
    /// How much, at least 0, for fees and credits alike.
    pub amount: MinorUnits,
    /// The rate of its tax; none is outside of tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_rate: Option<TaxRate>,
}
