//! Money: what our books say was paid, against what the provider has on record.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Code, Discrepancy};
use crate::payment::Collected;

/// What an order is paid with, as our books have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The provider's charge.
    pub charge_id: String,
    /// What was to be taken, in minor units.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
}

/// An order's account in our books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAccount {
    /// The order.
    pub order: String,
    /// What it is paid with; `None` while nothing was collected, and for what costs nothing.
    pub due: Option<Due>,
    /// What went back of it, or is on its way, in minor units.
    pub given_back_minor: i64,
}

impl OrderAccount {
    /// The account of what was collected for an order.
    #[must_use]
    pub fn of(collected: &Collected) -> Self {
        let reversals = &collected.reversals;
        let due = collected.charge_id.clone().map(|charge_id| Due {
            charge_id,
            amount_minor: collected.captured.get(),
            currency: collected.currency.to_string(),
        });
        let given_back = [reversals.refunded, reversals.refunding]
            .into_iter()
            .fold(0_i64, |sum, amount| sum.saturating_add(amount.get()));
        Self { order: collected.order_id.to_string(), due, given_back_minor: given_back }
    }
}

/// A charge that the provider has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenCharge {
    /// The provider's id.
    pub charge_id: String,
    /// The order that it says it is for.
    pub reference: String,
    /// What was taken, in minor units.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// When it was taken, by the provider's clock.
    pub taken_at: DateTime<Utc>,
    /// What the provider has given back of it, in minor units.
    pub given_back_minor: i64,
}

/// A refund that the provider has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenRefund {
    /// The charge that it gives back.
    pub charge_id: String,
    /// What was given back, in minor units.
    pub amount_minor: i64,
    /// Whether it was made under a key of ours, and not on the provider's own site.
    pub ours: bool,
}

/// Holds an order that is paid by our books against what the provider says of its charge. `charge`
/// is `None` where the provider knows none under the order's key.
#[must_use]
pub fn check_order(order: &OrderAccount, charge_id: Option<&str>) -> Option<Discrepancy> {
    let due = order.due.as_ref()?;
    if charge_id == Some(due.charge_id.as_str()) {
        return None;
    }
    let (code, detail) = match charge_id {
        None => (
            Code::ChargeMissing,
            format!("our books have charge {}, and the provider has none", due.charge_id),
        ),
        Some(found) => (
            Code::ChargedTwice,
            format!("our books have charge {}, and the provider {found}", due.charge_id),
        ),
    };
    let numbers = json!({
        "charge_id": due.charge_id,
        "amount_cents": due.amount_minor,
        "currency_code": due.currency,
        "found_charge_id": charge_id,
    });
    Some(Discrepancy::new(code, order.order.as_str(), detail, numbers))
}

/// Holds a charge that the provider has taken against the order that it is for, which is `None`
/// where there is none.
#[must_use]
pub fn check_charge(order: Option<&OrderAccount>, charge: &TakenCharge) -> Option<Discrepancy> {
    let TakenCharge { charge_id, reference, amount_minor, currency, taken_at: _, given_back_minor } =
        charge;
    let mut numbers = json!({
        "charge_id": charge_id,
        "amount_cents": amount_minor,
        "currency_code": currency,
        "given_back_cents": given_back_minor,
    });
    if given_back_minor > amount_minor {
        let detail = format!(
            "{given_back_minor} of {amount_minor} {currency} of {charge_id} were given back"
        );
        return Some(Discrepancy::new(Code::RefundedTooMuch, reference, detail, numbers));
    }
    // What went back whole settles whatever it was taken for.
    let returned = given_back_minor == amount_minor;
    let due = order.and_then(|order| order.due.as_ref());
    let (code, detail) = match (order, due) {
        (None, _) if returned => return None,
        (None, _) => (
            Code::ChargeWithoutOrder,
            format!("{charge_id} was taken for {reference:?}, which is no order of ours"),
        ),
        (Some(_), None) if returned => return None,
        (Some(_), None) => (
            Code::ChargeNotSettled,
            format!("{charge_id} was taken, the order is not paid, and it was not given back"),
        ),
        (Some(_), Some(due)) if due.charge_id != *charge_id && returned => return None,
        (Some(_), Some(due)) if due.charge_id != *charge_id => (
            Code::ChargedTwice,
            format!("{charge_id} was taken, and the order is paid with {}", due.charge_id),
        ),
        (Some(_), Some(due)) if due.currency != *currency => (
            Code::CurrencyDiffers,
            format!("{charge_id} took {currency}, and the order costs {}", due.currency),
        ),
        (Some(_), Some(due)) if due.amount_minor != *amount_minor => (
            Code::AmountDiffers,
            format!("{charge_id} took {amount_minor}, and the order costs {}", due.amount_minor),
        ),
        (Some(_), Some(_)) => return None,
    };
    if let (Some(due), Some(numbers)) = (due, numbers.as_object_mut()) {
        numbers.insert("due_cents".to_owned(), json!(due.amount_minor));
    }
    Some(Discrepancy::new(code, reference.as_str(), detail, numbers))
}

/// Holds all refunds that the provider has made of one order's charge against the order.
#[must_use]
pub fn check_refund(order: Option<&OrderAccount>, refund: &TakenRefund) -> Option<Discrepancy> {
    let TakenRefund { charge_id, amount_minor, ours } = refund;
    let recorded = order.is_some_and(|order| order.given_back_minor >= *amount_minor);
    if recorded {
        return None;
    }
    let whose = if *ours { "under a key of ours" } else { "on its own site" };
    let detail = format!(
        "the provider has given back {amount_minor} of {charge_id} {whose}, and our books have {}",
        order.map_or(0, |order| order.given_back_minor)
    );
    let numbers = json!({
        "charge_id": charge_id,
        "amount_cents": amount_minor,
        "recorded_cents": order.map_or(0, |order| order.given_back_minor),
    });
    let subject = order.map_or(charge_id.as_str(), |order| order.order.as_str());
    Some(Discrepancy::new(Code::RefundWithoutRecord, subject, detail, numbers))
}

#[cfg(test)]
#[path = "payments_tests.rs"]
mod tests;
