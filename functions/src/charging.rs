//! Collecting payments: from settings to a provider, and from its answer to ours.

use std::sync::Arc;

use perennial_domain::{dunning, plan::Outcome};
use perennial_payments::{
    Action, ChargeLookup, ChargeOutcome, ChargeRequest, DeclineKind, PaymentError, PaymentProvider,
    VoidOutcome, WaitsFor, charge_safely, decline_code,
    stripe::{self, StripeProvider},
    test_provider::TestProvider,
};
use perennial_runtime::{Environment, SettingError};

use crate::{Aws, secrets, sqs_batch::HandleError};

/// The provider that the environment names.
pub(crate) fn provider(
    environment: &Environment,
    aws: &Aws,
) -> Result<Arc<dyn PaymentProvider>, SettingError> {
    match environment.require("PAYMENT_PROVIDER")?.as_str() {
        "test" => Ok(Arc::new(TestProvider::new(
            aws.dynamodb.clone(),
            environment.require("TEST_PAYMENTS_TABLE")?,
        ))),
        "stripe" => Ok(Arc::new(stripe(environment)?)),
        other => Err(SettingError::Invalid {
            name: "PAYMENT_PROVIDER".to_owned(),
            value: other.to_owned(),
            expected: "payment provider: test or stripe",
        }),
    }
}

/// The Stripe account that the environment names, or its stand-in.
pub(crate) fn stripe(environment: &Environment) -> Result<StripeProvider, SettingError> {
    let base = environment.get("STRIPE_API_URL").unwrap_or(stripe::API);
    Ok(StripeProvider::new(base, secrets::named(environment, "STRIPE_SECRET_NAME")?))
}

/// Collects a payment now, or not at all: what waits for its customer is ended. A decline is an
/// outcome; an error says that nothing is known to have happened, and the same request may be made
/// again under the same key.
pub(crate) async fn collect(
    provider: &dyn PaymentProvider,
    request: &ChargeRequest,
) -> Result<Outcome, HandleError> {
    match charge_safely(provider, request).await {
        Ok(ChargeOutcome::NeedsAction(action)) => end(provider, request, action).await,
        Ok(outcome) => Ok(outcome_of(outcome)),
        Err(error) => Err(failure(&error)),
    }
}

/// Collects a payment, or leaves it open until its customer has confirmed it.
pub(crate) async fn collect_or_wait(
    provider: &dyn PaymentProvider,
    request: &ChargeRequest,
) -> Result<Outcome, HandleError> {
    charge_safely(provider, request).await.map(outcome_of).map_err(|error| failure(&error))
}

/// Ends a payment that waits for its customer, so that it can't be paid beside the next attempt: a
/// decline like any other. What was confirmed meanwhile is paid.
async fn end(
    provider: &dyn PaymentProvider,
    request: &ChargeRequest,
    action: Action,
) -> Result<Outcome, HandleError> {
    match provider.void(&request.lookup()).await.map_err(|error| failure(&error))? {
        VoidOutcome::Voided => Ok(Outcome::Declined {
            kind: dunning::DeclineKind::Soft,
            code: decline_code::AUTHENTICATION_REQUIRED.to_owned(),
            message: action.message,
            resource: None,
            token: None,
        }),
        VoidOutcome::Paid { charge_id } => Ok(Outcome::Paid { charge_id }),
        VoidOutcome::NotFound => Err(not_found(&action)),
    }
}

/// A payment that was there a moment ago: nobody knows that it has ended.
fn not_found(action: &Action) -> HandleError {
    HandleError::Transient(format!("payment {} is not found", action.payment_id))
}

/// What was collected under a key that is given up; a payment that waits for its customer is ended,
/// so that it can't be paid any more.
pub(crate) async fn paid_or_ended(
    provider: &dyn PaymentProvider,
    lookup: &ChargeLookup,
) -> Result<Option<Outcome>, HandleError> {
    let found = provider.lookup(lookup).await.map_err(|error| failure(&error))?;
    match found {
        Some(paid @ ChargeOutcome::Paid { .. }) => Ok(Some(outcome_of(paid))),
        Some(ChargeOutcome::Declined { .. }) | None => Ok(None),
        Some(ChargeOutcome::NeedsAction(action)) => {
            match provider.void(lookup).await.map_err(|error| failure(&error))? {
                VoidOutcome::Paid { charge_id } => Ok(Some(Outcome::Paid { charge_id })),
                VoidOutcome::Voided => Ok(None),
                VoidOutcome::NotFound => Err(not_found(&action)),
            }
        }
    }
}

/// The domain's view of a provider's answer.
pub(crate) fn outcome_of(outcome: ChargeOutcome) -> Outcome {
    match outcome {
        ChargeOutcome::Paid { charge_id } => Outcome::Paid { charge_id },
        ChargeOutcome::Declined { kind, code, message, token } => Outcome::Declined {
            kind: match kind {
                DeclineKind::Hard => dunning::DeclineKind::Hard,
                DeclineKind::Soft => dunning::DeclineKind::Soft,
            },
            code,
            message,
            resource: None,
            token: token.map(|token| token.as_str().to_owned()),
        },
        ChargeOutcome::NeedsAction(Action { waits_for, url, message, .. }) => {
            Outcome::NeedsAction { by_customer: waits_for == WaitsFor::Customer, url, message }
        }
    }
}

/// Whether a provider's failure passes.
pub(crate) fn failure(error: &PaymentError) -> HandleError {
    if error.is_transient() {
        HandleError::Transient(error.to_string())
    } else {
        HandleError::Permanent(error.to_string())
    }
}
