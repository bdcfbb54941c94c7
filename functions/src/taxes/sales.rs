//! What orders, renewals and runs ask of a tax engine, and what becomes of them without an answer.

use chrono::{DateTime, Utc};
use perennial_domain::{
    catalog::Market,
    ids::OrganizationId,
    order::Order,
    order_copy::Culprit,
    plan::{Outcome, PlannedRun, TAX_CALCULATOR_MISSING, untaxed},
    run::Run,
    subscription::Subscription,
    tax::Sale,
};

use super::TaxRefusal;
use crate::sqs_batch::HandleError;

/// An order of a client, by the rules of an instant.
pub(crate) fn of_order<'a>(
    organization: &'a OrganizationId,
    market: &'a Market,
    order: &'a Order,
    at: DateTime<Utc>,
) -> Sale<'a> {
    Sale {
        organization,
        market,
        order_id: order.id.clone(),
        currency: order.currency,
        at,
        addresses: &order.addresses,
        lines: order.sold(),
    }
}

/// A run that is still to be made, at the prices that its subscription has, by the rules of the day on
/// which it is due.
pub(crate) fn of_renewal<'a>(
    organization: &'a OrganizationId,
    market: &'a Market,
    priced: &'a Subscription,
    planned: &PlannedRun,
) -> Sale<'a> {
    Sale {
        organization,
        market,
        order_id: planned.order_id.clone(),
        currency: priced.currency,
        at: planned.due_at,
        addresses: &priced.addresses,
        lines: priced.sold(),
    }
}

/// A run that was made, by the rules of the day on which it was due.
pub(crate) fn of_run<'a>(
    organization: &'a OrganizationId,
    market: &'a Market,
    run: &'a Run,
) -> Sale<'a> {
    Sale {
        organization,
        market,
        order_id: run.order_id(),
        currency: run.currency,
        at: run.due_at,
        addresses: &run.addresses,
        lines: run.sold(),
    }
}

impl TaxRefusal {
    /// What becomes of an attempt at a run: it waits for its calculator. What nobody can mend is a
    /// failure for good.
    pub(crate) fn of_run(self, market: &Market) -> Result<Outcome, HandleError> {
        match &market.tax_calculator_id {
            Some(id) if self.code == TAX_CALCULATOR_MISSING => {
                Ok(untaxed(self.detail, Culprit::new(id.resource_type(), id)))
            }
            Some(_) | None => Err(HandleError::Permanent(self.detail)),
        }
    }
}
