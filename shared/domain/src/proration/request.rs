//! One change in a period: what was held until then, what is held from then on, or either.

use super::{
    Against, Cause, CreditBase, Cut, Ledger, Line, Moment, Period, Policy, ProrationError,
    TerminationDay,
};
use crate::money::{Currency, MinorUnits};

/// A change of terms, a start (no old amount) or an end (no new amount) within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What the amounts are counted in.
    pub currency: Currency,
    /// The first day or instant of the period.
    pub period_start: Moment,
    /// The first day or instant after the period.
    pub period_end: Moment,
    /// When the new terms begin to hold, or the subscription ends: from the start of the period to
    /// its end. At the start everything is given back and charged, at the end nothing.
    pub change_at: Moment,
    /// The list price of the old terms for the whole period; `None` when nothing was held.
    pub old_amount: Option<MinorUnits>,
    /// The price of the new terms for a whole period; `None` when nothing is held any more.
    pub new_amount: Option<MinorUnits>,
    /// What was charged for the old terms and the whole period; `None` when it was the list price.
    pub charged_amount: Option<MinorUnits>,
    /// What of it has been given back before.
    pub already_credited: MinorUnits,
    /// By what rules.
    pub policy: Policy,
}

/// Computes what a change gives back and what it costs. Amounts are rounded once each.
///
/// # Errors
///
/// [`ProrationError`], which names the field and the rule. Amounts never overflow here.
pub fn prorate(request: &Request) -> Result<Ledger, ProrationError> {
    request.check()?;
    let policy = request.policy;
    let period = Period::new(request.period_start, request.period_end, policy)?;
    let cut = period.cut(request.change_at)?;
    let mut lines = Vec::with_capacity(2);
    if let Some(list) = request.old_amount {
        let (cause, cut) = match request.new_amount {
            Some(_) => (Cause::OldTerms, cut),
            None => (Cause::Termination, termination(&period, request.change_at)?),
        };
        let charged = request.charged_amount.unwrap_or(list);
        let basis = match policy.credit_base {
            CreditBase::Charged => charged,
            CreditBase::List => list,
        };
        let against = Against { charged, already_credited: request.already_credited };
        lines.push(Line::credit(&period, cut, cause, 1, basis, against)?);
    }
    if let Some(new) = request.new_amount {
        let (cause, number) = match (request.old_amount, cut.position) {
            (Some(_), _) => (Cause::NewTerms, 2),
            (None, 0) => (Cause::WholePeriod, 1),
            (None, _) => (Cause::StartStub, 1),
        };
        lines.push(Line::charge(&period, cut, cause, number, new)?);
    }
    Ledger::of(request.currency, &period, lines)
}

/// Where giving back starts when a subscription ends.
pub(super) fn termination(period: &Period, at: Moment) -> Result<Cut, ProrationError> {
    match period.policy().termination_day {
        TerminationDay::Free => period.cut(at),
        TerminationDay::Billed => period.cut_after_day(at),
    }
}

impl Request {
    fn check(&self) -> Result<(), ProrationError> {
        let amounts = [
            ("old_amount", self.old_amount),
            ("new_amount", self.new_amount),
            ("charged_amount", self.charged_amount),
            ("already_credited", Some(self.already_credited)),
        ];
        for (field, amount) in amounts {
            not_negative(field, amount.unwrap_or_default())?;
        }
        let Some(list) = self.old_amount else {
            return self.check_start();
        };
        let (charged, credited) = (self.charged_amount.unwrap_or(list), self.already_credited);
        if credited > charged {
            return Err(ProrationError::CreditedAboveCharged { charged, credited });
        }
        Ok(())
    }

    fn check_start(&self) -> Result<(), ProrationError> {
        if self.new_amount.is_none() {
            Err(ProrationError::NothingToProrate)
        } else if self.charged_amount.is_some_and(|charged| !charged.is_zero()) {
            Err(ProrationError::NoOldTerms { field: "charged_amount" })
        } else if !self.already_credited.is_zero() {
            Err(ProrationError::NoOldTerms { field: "already_credited" })
        } else {
            Ok(())
        }
    }
}

/// Refuses prices and sums below 0.
pub(super) fn not_negative(field: &'static str, amount: MinorUnits) -> Result<(), ProrationError> {
    if amount.is_negative() { Err(ProrationError::Negative { field, amount }) } else { Ok(()) }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
