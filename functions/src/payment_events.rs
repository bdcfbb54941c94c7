//! Payment events: what a payment provider posts when something has happened to a payment after it
//! was answered. Nobody has a token here: the provider signs what it sends.
//!
//! What it says is not taken at its word. It is handed on as a hint: the payments function asks the
//! provider how things stand, under the keys that the charge had. So a notice that comes twice, late,
//! or out of order does nothing that was not right anyway, and none needs to be remembered.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{Datelike, Months, NaiveDate, TimeDelta};
use perennial_domain::{
    ids::{OrderId, OrganizationId},
    money::MinorUnits,
    payment::{DisputeStatus, DisputeTold},
};
use perennial_messages::{Outgoing, PaymentDue, PaymentNews, PaymentSubject, Queue};
use perennial_payments::{
    SecretSource,
    stripe::{
        StripeProvider, Subject,
        webhook::{self, DisputeNotice, Notice},
    },
};
use perennial_runtime::{Clock, Environment, Function, FunctionError, Invocation, SettingError};
use serde_json::{Value, json};

use crate::{
    Aws, charging,
    http::event::{Answer, Request},
    secrets,
    work_queues::WorkQueue,
};

/// Longest body, in bytes. Stripe's events have a few thousand.
const MAX_BODY: usize = 256 * 1024;
/// A payment that is settled so soon after it was made was mostly settled by the call that made it:
/// by the end of that time whoever made that call has written down what it was told, and the notice
/// has nothing left to say. What a customer has confirmed within that time is seen to then.
const AT_ONCE: TimeDelta = TimeDelta::seconds(60);

/// The payment-events function.
pub(crate) struct PaymentEvents {
    /// `None` where another provider collects payments.
    stripe: Option<Stripe>,
    queue: Queue,
    clock: Arc<dyn Clock>,
}

struct Stripe {
    provider: StripeProvider,
    signing_secret: Arc<dyn SecretSource>,
}

/// Why a notice is not taken: the status, a stable code and the reason.
struct Refused(u16, &'static str, String);

impl PaymentEvents {
    pub(crate) fn build(
        environment: &Environment,
        aws: &Aws,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SettingError> {
        let stripe = match environment.require("PAYMENT_PROVIDER")?.as_str() {
            "stripe" => Some(Stripe {
                provider: charging::stripe(environment)?,
                signing_secret: secrets::named(environment, "STRIPE_WEBHOOK_SECRET_NAME")?,
            }),
            _ => None,
        };
        let queue = WorkQueue::Payments.open(environment, aws)?;
        Ok(Self { stripe, queue, clock: Arc::clone(clock) })
    }

    async fn take(&self, request: &Request) -> Result<&'static str, Refused> {
        let stripe = self
            .stripe
            .as_ref()
            .filter(|_| request.method == "POST" && request.path == "/api/payment_events/stripe");
        let Some(Stripe { provider, signing_secret }) = stripe else {
            let detail = "no payment provider tells anything here";
            return Err(Refused(404, "not_found", detail.to_owned()));
        };
        let length = request.body_len();
        if length > MAX_BODY {
            let detail = format!("the body has {length} bytes, at most {MAX_BODY} are taken");
            return Err(Refused(413, "body_too_large", detail));
        }
        let Ok(Some(body)) = request.body() else {
            return Err(Refused(400, "malformed_event", "the body is not text".to_owned()));
        };
        let secret = signing_secret.secret().await.map_err(|error| unavailable(&error))?;
        let signature = request.header("stripe-signature").unwrap_or_default();
        webhook::verify(signature, body.as_bytes(), &secret, self.clock.now())
            .map_err(|error| Refused(400, "signature_invalid", error.to_string()))?;
        let notice = webhook::read(body.as_bytes())
            .map_err(|error| Refused(400, "malformed_event", error.to_string()))?;
        let wait = wait(&notice);
        match self.due(provider, notice).await? {
            Some(due) => {
                let message = Outgoing::json(&due, Some(&due.organization))
                    .map_err(|error| unavailable(&error))?
                    .after(wait);
                self.queue.send(vec![message]).await.map_err(|error| unavailable(&error))?;
                tracing::info!(organization = %due.organization, subject = ?due.subject, "handed on");
                Ok("handed on")
            }
            None => Ok("ignored"),
        }
    }

    /// What is to be seen to after a notice; `None` when it concerns nothing of ours.
    async fn due(
        &self,
        provider: &StripeProvider,
        notice: Notice,
    ) -> Result<Option<PaymentDue>, Refused> {
        let (subject, news) = match notice {
            Notice::Payment { subject: Some(subject), .. } => {
                let attempt = subject.attempt;
                (subject, PaymentNews::Settled { attempt })
            }
            Notice::Refund { organization, reference } => {
                return Ok(organization.zip(reference).and_then(|(organization, reference)| {
                    Some(PaymentDue {
                        organization: organization.parse().ok()?,
                        subject: PaymentSubject::Refund(reference.parse().ok()?),
                    })
                }));
            }
            Notice::Dispute(dispute) => {
                // A dispute does not say what was paid: its intent does.
                let subject = provider.subject(&dispute.payment_id).await;
                let Some(subject) = subject.map_err(|error| unavailable(&error))? else {
                    return Ok(None);
                };
                (subject, PaymentNews::Disputed(told(dispute)))
            }
            Notice::MethodUpdated { payment_method, customer: Some(customer), expires } => {
                let subject = provider.subject_of_customer(&customer).await;
                let Some(subject) = subject.map_err(|error| unavailable(&error))? else {
                    return Ok(None);
                };
                let expires_on = expires.and_then(last_day);
                (subject, PaymentNews::SourceRenewed { payment_method, expires_on })
            }
            Notice::Payment { subject: None, .. }
            | Notice::MethodUpdated { customer: None, .. }
            | Notice::Ignored => return Ok(None),
        };
        Ok(about(&subject, news))
    }
}

/// For how many seconds a notice is kept back.
fn wait(notice: &Notice) -> u16 {
    let Notice::Payment { after, .. } = notice else { return 0 };
    u16::try_from((AT_ONCE - *after).num_seconds().max(0)).unwrap_or_default()
}

/// The message about the order of a payment; `None` when the names in its metadata are not ours.
fn about(subject: &Subject, news: PaymentNews) -> Option<PaymentDue> {
    let organization: OrganizationId = subject.organization.parse().ok()?;
    let order_id: OrderId = subject.reference.parse().ok()?;
    Some(PaymentDue { organization, subject: PaymentSubject::News { order_id, news } })
}

/// A dispute in our words. Inquiries (`warning_...`), which take no money yet, are told as open.
fn told(dispute: DisputeNotice) -> DisputeTold {
    DisputeTold {
        gateway_dispute_id: dispute.dispute_id,
        status: match dispute.status.as_str() {
            "won" | "warning_closed" | "prevented" => DisputeStatus::Won,
            "lost" => DisputeStatus::Lost,
            _ => DisputeStatus::Open,
        },
        amount: MinorUnits::new(dispute.amount_minor),
        currency: Some(dispute.currency),
        reason: Some(dispute.reason).filter(|reason| !reason.is_empty()),
    }
}

/// The last day of a card that names month and year.
fn last_day((month, year): (u32, i32)) -> Option<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(year, month, 1)?;
    first.checked_add_months(Months::new(1))?.pred_opt().filter(|day| day.year() == year)
}

/// What passes: the provider posts again, for days.
fn unavailable(error: &dyn std::fmt::Display) -> Refused {
    Refused(503, "unavailable", error.to_string())
}

#[async_trait]
impl Function for PaymentEvents {
    async fn invoke(&self, event: Value, _: Invocation) -> Result<Value, FunctionError> {
        let request = Request::from_event(event)?;
        let answer = match self.take(&request).await {
            Ok(done) => Answer::json(200, &json!({"status": done})),
            Err(Refused(status, code, detail)) => {
                tracing::warn!(status, code, detail, "a notice was not taken");
                // What is wrong on our side is for the log only.
                let detail = if status >= 500 { "try again later".to_owned() } else { detail };
                let error = json!({"status": status.to_string(), "code": code, "detail": detail});
                Answer::json(status, &json!({"errors": [error]}))
            }
        };
        Ok(answer.with_header("content-type", "application/json").into_event())
    }
}

#[cfg(test)]
#[path = "payment_events_tests.rs"]
mod tests;
