//! Stripe's objects: what we read of them, and what it means to us.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{api::NOT_THERE, currency::from_stripe, declines::normalised};
use crate::{
    Action, ChargeKey, ChargeRecord, PaymentError, PaymentState, RefundKey, RefundOutcome,
    RefundRecord, TokenDigest, WaitsFor, decline_code, decline_kind,
};

/// Names of the metadata that make an object ours.
pub(super) mod metadata {
    pub(crate) const KEY: &str = "perennial_key";
    pub(crate) const ORGANIZATION: &str = "perennial_organization";
    pub(crate) const REFERENCE: &str = "perennial_reference";
    pub(crate) const ATTEMPT: &str = "perennial_attempt";
    pub(crate) const TOKEN: &str = "perennial_token";
}

pub(super) type Metadata = BTreeMap<String, String>;

/// A payment intent.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) amount: i64,
    #[serde(default)]
    pub(super) amount_received: Option<i64>,
    pub(super) currency: String,
    pub(super) created: i64,
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default)]
    next_action: Option<NextAction>,
    #[serde(default)]
    last_payment_error: Option<Error>,
    #[serde(default)]
    cancellation_reason: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct NextAction {
    #[serde(default)]
    redirect_to_url: Option<Redirect>,
}

#[derive(Debug, Clone, Deserialize)]
struct Redirect {
    #[serde(default)]
    url: Option<String>,
}

/// What Stripe says when something went wrong.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Error {
    #[serde(rename = "type", default)]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) decline_code: Option<String>,
    #[serde(default)]
    pub(super) message: Option<String>,
    #[serde(default)]
    pub(super) param: Option<String>,
    #[serde(default)]
    pub(super) payment_intent: Option<Box<Intent>>,
}

/// The body of a refusal.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    #[serde(default)]
    pub(super) error: Error,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    #[serde(default = "Vec::new")]
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// A payment method.
#[derive(Debug, Deserialize)]
pub(super) struct Method {
    #[serde(default)]
    pub(super) customer: Option<String>,
}

/// A refund.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    #[serde(default)]
    pub(super) status: Option<String>,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) created: i64,
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) failure_reason: Option<String>,
    #[serde(default)]
    pub(super) payment_intent: Option<Expandable>,
}

/// An intent, or its id.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Expandable {
    Object(Box<Intent>),
    Id(serde::de::IgnoredAny),
}

impl Error {
    /// What went wrong in a line, for logs and operators.
    pub(super) fn told(&self) -> String {
        let mut told = self.message.clone().unwrap_or_else(|| "no message".to_owned());
        for (name, value) in [("code", &self.code), ("param", &self.param)] {
            if let Some(value) = value {
                told.push_str(&format!(" ({name}: {value})"));
            }
        }
        told
    }

    /// Whether it says that what one of these parameters names does not exist.
    pub(super) fn misses(&self, parameters: &[&str]) -> bool {
        self.code.as_deref() == Some(NOT_THERE)
            && self.param.as_deref().is_some_and(|param| parameters.contains(&param))
    }

    /// What a means of payment that was declined leaves of the intent.
    pub(super) fn state(&self, payment_id: &str) -> PaymentState {
        let theirs = self.decline_code.as_deref().or(self.code.as_deref()).unwrap_or_default();
        let code = normalised(theirs);
        let message = self.message.clone().unwrap_or_else(|| "The card was declined.".to_owned());
        if code == decline_code::AUTHENTICATION_REQUIRED {
            return PaymentState::NeedsAction(Action {
                payment_id: payment_id.to_owned(),
                waits_for: WaitsFor::Customer,
                url: None,
                message: format!("{message} The customer has to confirm {payment_id}."),
            });
        }
        PaymentState::Declined {
            kind: decline_kind(code),
            code: code.to_owned(),
            message,
            token: None,
        }
    }
}

impl Intent {
    /// Where the payment stands.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] for a status that says nothing about money.
    pub(super) fn state(&self) -> Result<PaymentState, PaymentError> {
        let waits = |waits_for, url, message: String| {
            PaymentState::NeedsAction(Action {
                payment_id: self.id.clone(),
                waits_for,
                url,
                message,
            })
        };
        match self.status.as_str() {
            "succeeded" => Ok(PaymentState::Paid { charge_id: self.id.clone() }),
            "requires_capture" => Ok(PaymentState::Authorized { payment_id: self.id.clone() }),
            "processing" => {
                Ok(waits(WaitsFor::Provider, None, format!("{} is being processed.", self.id)))
            }
            "requires_action" => {
                let redirect =
                    self.next_action.as_ref().and_then(|next| next.redirect_to_url.as_ref());
                let url = redirect.and_then(|redirect| redirect.url.clone());
                Ok(waits(
                    WaitsFor::Customer,
                    url,
                    format!("The bank asks the customer to confirm {}.", self.id),
                ))
            }
            "requires_payment_method" if self.last_payment_error.is_some() => {
                let error = self.last_payment_error.clone().unwrap_or_default();
                let token = self.ours(metadata::TOKEN).map(TokenDigest::kept);
                Ok(error.state(&self.id).declined_with(token))
            }
            "canceled" => {
                let why = self.cancellation_reason.as_deref().unwrap_or("no reason given");
                let code = decline_code::VOIDED;
                Ok(PaymentState::Declined {
                    kind: decline_kind(code),
                    code: code.to_owned(),
                    message: format!("The payment was canceled: {why}."),
                    token: self.ours(metadata::TOKEN).map(TokenDigest::kept),
                })
            }
            other => Err(PaymentError::unknown(format!("intent {} is {other}", self.id))),
        }
    }

    /// A piece of our metadata.
    pub(super) fn ours(&self, name: &str) -> Option<&str> {
        self.metadata.get(name).map(String::as_str)
    }

    /// Whether it was made under the key.
    pub(super) fn is_under(&self, organization: &str, key: &ChargeKey) -> bool {
        self.ours(metadata::KEY) == Some(key.as_str())
            && self.ours(metadata::ORGANIZATION) == Some(organization)
    }

    /// ISO 4217 code.
    pub(super) fn currency(&self) -> String {
        self.currency.to_ascii_uppercase()
    }

    /// The record of an intent that is ours and whose status says something.
    pub(super) fn record(&self) -> Option<ChargeRecord> {
        let state = self.state().ok()?;
        let amount = if state.is_paid() { self.amount_received } else { None };
        let currency = self.currency();
        Some(ChargeRecord {
            key: ChargeKey::new(self.ours(metadata::KEY)?),
            reference: self.ours(metadata::REFERENCE).unwrap_or_default().to_owned(),
            amount_minor: from_stripe(amount.unwrap_or(self.amount), &currency),
            currency,
            created_at: instant(self.created),
            state,
        })
    }
}

impl Refund {
    /// What became of it.
    pub(super) fn outcome(&self) -> RefundOutcome {
        let refund_id = self.id.clone();
        match self.status.as_deref() {
            Some("succeeded") => RefundOutcome::Refunded { refund_id },
            Some(code @ ("failed" | "canceled")) => RefundOutcome::Failed {
                code: self.failure_reason.clone().unwrap_or_else(|| code.to_owned()),
                message: format!("Refund {refund_id} {code}."),
            },
            // `pending`, `requires_action` and what Stripe may add: not over yet.
            _ => RefundOutcome::Pending { refund_id },
        }
    }

    /// What became of it, as what was asked for: in the currency that was asked for.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] where it is in another one: what has moved is not what we would note.
    pub(super) fn outcome_in(&self, currency: &str) -> Result<RefundOutcome, PaymentError> {
        let told = self.currency.to_ascii_uppercase();
        if told == currency {
            return Ok(self.outcome());
        }
        Err(PaymentError::unknown(format!(
            "refund {} is in {told}, what was asked for in {currency}: a person is to see to it at the \
             provider",
            self.id
        )))
    }

    /// The record of a refund of an organization's charge; `None` where it is another's.
    pub(super) fn record(&self, organization: &str) -> Option<RefundRecord> {
        let Some(Expandable::Object(intent)) = &self.payment_intent else { return None };
        if intent.ours(metadata::ORGANIZATION) != Some(organization) {
            return None;
        }
        let currency = self.currency.to_ascii_uppercase();
        Some(RefundRecord {
            key: self.metadata.get(metadata::KEY).map(RefundKey::new),
            charge_id: intent.id.clone(),
            reference: self.metadata.get(metadata::REFERENCE).cloned(),
            amount_minor: from_stripe(self.amount, &currency),
            currency,
            created_at: instant(self.created),
            outcome: self.outcome(),
        })
    }
}

/// An instant of Stripe's, which counts seconds.
pub(super) fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

#[cfg(test)]
#[path = "objects_tests.rs"]
mod tests;
