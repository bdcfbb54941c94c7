//! Telling a customer of a run before it is made: once for each occurrence on each date.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{PlanError, PlannedRun, settle::plan_next, standing};
use crate::{
    catalog::PaymentSource,
    journal::Change,
    renewal_alert::SourceState,
    subscription::{Subscription, WakeKind},
    time::Slot,
};

/// What is to be done about a subscription that stands in the due index for an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertPlan {
    /// Tell of this run.
    Tell(PlannedRun),
    /// It is too late to tell: the run itself is due, and is to be claimed.
    Claim,
    /// Nothing: it was told, or its dates were changed.
    Nothing,
}

/// Decides about an alert at `now`.
///
/// # Errors
/// When dates or amounts can't be computed.
pub fn plan_alert(subscription: &Subscription, now: DateTime<Utc>) -> Result<AlertPlan, PlanError> {
    Ok(match (subscription.wake(), subscription.expected()) {
        (Some((at, WakeKind::Alert)), Some(next)) if at <= now && now < next.at => {
            AlertPlan::Tell(plan_next(subscription, next)?)
        }
        // A claim that was lost leaves the entry as it was when the alert was due.
        (Some((_, WakeKind::Alert | WakeKind::Run)), Some(next)) if next.at <= now => {
            AlertPlan::Claim
        }
        _ => AlertPlan::Nothing,
    })
}

/// How the total that an alert tells stands to tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaxTold {
    /// There is none.
    None,
    /// Whatever tax there is, it is in the total.
    Within,
    /// More comes on top: how much is told when the run is made.
    OnTop,
}

/// Announces a run that was planned. The change is what its customer is told.
#[must_use]
pub fn alert(
    before: &Subscription,
    planned: &PlannedRun,
    tax: TaxTold,
    source: Option<&PaymentSource>,
    now: DateTime<Utc>,
) -> (Subscription, Change) {
    let mut after = before.clone();
    after.alerted = Some(Slot { number: planned.number, at: planned.due_at });
    after.version += 1;
    after.updated_at = now;
    let run_date = planned.due_at.with_timezone(&before.time_zone).date_naive();
    let mut told = json!({
        "status": after.status,
        "run": planned.number,
        "due_at": planned.due_at,
        "total": planned.total,
        "currency": before.currency,
        "payment_source": {
            "id": source.map(|source| &source.id),
            "state": SourceState::on(run_date, planned.total, source),
            "expires_on": source.and_then(|source| source.expires_on),
        },
    });
    if let (Value::Object(members), TaxTold::Within | TaxTold::OnTop) = (&mut told, tax) {
        let amount = planned.tax.as_ref().and_then(|taxes| taxes.total().ok());
        members.insert("tax".to_owned(), json!(amount));
        members.insert("tax_on_top".to_owned(), json!(tax == TaxTold::OnTop));
    }
    let change =
        Change { event: "order_subscriptions.renewal", before: standing(before), after: told };
    (after, change)
}

#[cfg(test)]
#[path = "alert_tests.rs"]
mod tests;
