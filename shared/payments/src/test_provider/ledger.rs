//! The test provider's table: what it charged and declined, and the marks that its tokens need.
//!
//! | item | pk | sk | written by |
//! |---|---|---|---|
//! | one outcome | `CHARGE#<organization>#<key>` | `OUTCOME` | conditional put, never changed |
//! | calls under one key | `CHARGE#<organization>#<key>` | `CALLS` | `ADD`, for `tok_timeout_before_charge` and `tok_unavailable_<n>` |
//! | keys that declined | `REFERENCE#<organization>#<reference>` | `DECLINES` | conditional `ADD`, for `tok_declines_<n>` |
//!
//! An outcome is found by its key alone, so that a key that comes back with another reference meets
//! the first outcome instead of making a second charge.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnConditionFailure,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ChargeKey, ChargeOutcome, ChargeRequest, PaymentError};

const OUTCOME: &str = "OUTCOME";

type Item = HashMap<String, AttributeValue>;

/// One outcome as the test provider keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The idempotency key it was made under.
    pub key: ChargeKey,
    /// The organization whose customer was to pay.
    pub organization: String,
    /// The id of the order that was to be paid.
    pub reference: String,
    /// What was charged or declined, in minor units of `currency`.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// The caller's count of attempts.
    pub attempt: u32,
    /// The caller's time of the call that made the outcome.
    pub requested_at: DateTime<Utc>,
    /// What became of it.
    pub outcome: ChargeOutcome,
}

impl LedgerEntry {
    pub(super) fn new(request: &ChargeRequest, outcome: ChargeOutcome) -> Self {
        Self {
            key: request.key.clone(),
            organization: request.organization.clone(),
            reference: request.reference.clone(),
            amount_minor: request.amount_minor,
            currency: request.currency.clone(),
            attempt: request.attempt,
            requested_at: request.requested_at,
            outcome,
        }
    }

    /// Whether the entry was made for this request. The means of payment is left out: a customer may
    /// change cards between a charge and its repeat, and the outcome of the key stands.
    fn is_for(&self, request: &ChargeRequest) -> bool {
        self.amount_minor == request.amount_minor
            && self.currency == request.currency
            && self.reference == request.reference
    }
}

/// What came of writing an outcome.
pub(super) enum Recorded {
    /// This call made the outcome.
    Now(ChargeOutcome),
    /// An earlier or simultaneous call under the same key did; its outcome stands.
    Before(ChargeOutcome),
}

impl Recorded {
    pub(super) fn outcome(self) -> ChargeOutcome {
        match self {
            Self::Now(outcome) | Self::Before(outcome) => outcome,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Ledger {
    pub(super) client: Client,
    pub(super) table: String,
}

impl Ledger {
    /// Writes the outcome unless the key has one: one conditional put, one write unit.
    pub(super) async fn record(
        &self,
        request: &ChargeRequest,
        outcome: ChargeOutcome,
    ) -> Result<Recorded, PaymentError> {
        let entry = LedgerEntry::new(request, outcome);
        let mut item: Item = serde_dynamo::to_item(&entry)
            .map_err(|error| PaymentError::unavailable(error.to_string()))?;
        item.insert("pk".into(), charge_pk(&request.organization, &request.key));
        item.insert("sk".into(), string(OUTCOME));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(OnConditionFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else {
            return Ok(Recorded::Now(entry.outcome));
        };
        let Some(PutItemError::ConditionalCheckFailedException(failure)) = error.as_service_error()
        else {
            return Err(put_failed(&error));
        };
        let before = match failure.item() {
            Some(item) => Some(read_entry(item.clone())?),
            None => self.find(&request.organization, &request.key).await?,
        };
        let before =
            before.ok_or_else(|| PaymentError::unknown("the key's outcome can't be read"))?;
        if !before.is_for(request) {
            return Err(PaymentError::refused(format!(
                "key {} was used before for {} {} on {}, not for {} {} on {}",
                request.key,
                before.amount_minor,
                before.currency,
                before.reference,
                request.amount_minor,
                request.currency,
                request.reference,
            )));
        }
        Ok(Recorded::Before(before.outcome))
    }

    /// The outcome of a key, read consistently.
    pub(super) async fn find(
        &self,
        organization: &str,
        key: &ChargeKey,
    ) -> Result<Option<LedgerEntry>, PaymentError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", charge_pk(organization, key))
            .key("sk", string(OUTCOME))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| nothing_learned(&error))?;
        answer.item.map(read_entry).transpose()
    }

    /// Counts a call under the key and answers the count, this call included.
    pub(super) async fn count_call(&self, request: &ChargeRequest) -> Result<u32, PaymentError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", charge_pk(&request.organization, &request.key))
            .key("sk", string("CALLS"))
            .update_expression("ADD calls :one")
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(|error| not_charged(&error))?;
        answer
            .attributes
            .as_ref()
            .and_then(|attributes| attributes.get("calls"))
            .and_then(|calls| calls.as_n().ok())
            .and_then(|calls| calls.parse().ok())
            .ok_or_else(|| PaymentError::unavailable("the count of calls can't be read"))
    }

    /// Whether the key is one of the first `times` under its reference, which decline. The set keeps
    /// the answer stable for a repeated key and exact for keys that come at once.
    pub(super) async fn is_among_declines(
        &self,
        request: &ChargeRequest,
        times: u32,
    ) -> Result<bool, PaymentError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", string(format!("REFERENCE#{}#{}", request.organization, request.reference)))
            .key("sk", string("DECLINES"))
            .update_expression("ADD declined :keys")
            .condition_expression(
                "attribute_not_exists(declined) OR size(declined) < :times \
                 OR contains(declined, :key)",
            )
            .expression_attribute_values(
                ":keys",
                AttributeValue::Ss(vec![request.key.as_str().to_owned()]),
            )
            .expression_attribute_values(":key", string(request.key.as_str()))
            .expression_attribute_values(":times", AttributeValue::N(times.to_string()))
            .send()
            .await;
        match update {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(not_charged(&error)),
            },
        }
    }

    /// Every outcome that the filter lets through, by a scan of the whole table: for tests, which
    /// must not trust keys that the code under test derived.
    pub(super) async fn scan(
        &self,
        organization: &str,
        reference: Option<&str>,
    ) -> Result<Vec<LedgerEntry>, PaymentError> {
        let mut scan = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .expression_attribute_names("#organization", "organization")
            .expression_attribute_names("#sk", "sk")
            .expression_attribute_values(":organization", string(organization))
            .expression_attribute_values(":outcome", string(OUTCOME));
        let mut filter = "#sk = :outcome AND #organization = :organization".to_owned();
        if let Some(reference) = reference {
            filter.push_str(" AND #reference = :reference");
            scan = scan
                .expression_attribute_names("#reference", "reference")
                .expression_attribute_values(":reference", string(reference));
        }
        let mut items = scan.filter_expression(filter).into_paginator().items().send();
        let mut entries = Vec::new();
        while let Some(item) = items.next().await {
            entries.push(read_entry(item.map_err(|error| nothing_learned(&error))?)?);
        }
        entries.sort_by(|a: &LedgerEntry, b| {
            (a.requested_at, a.attempt, &a.key).cmp(&(b.requested_at, b.attempt, &b.key))
        });
        Ok(entries)
    }
}

fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn charge_pk(organization: &str, key: &ChargeKey) -> AttributeValue {
    string(format!("CHARGE#{organization}#{key}"))
}

fn read_entry(item: Item) -> Result<LedgerEntry, PaymentError> {
    serde_dynamo::from_item(item)
        .map_err(|error| PaymentError::unknown(format!("the ledger can't be read: {error}")))
}

/// A failed write before the charge: surely nothing was charged.
fn not_charged<E: std::error::Error + 'static>(error: &SdkError<E>) -> PaymentError {
    PaymentError::unavailable(DisplayErrorContext(error).to_string())
}

/// A failed read: it says nothing about the charge.
fn nothing_learned<E: std::error::Error + 'static>(error: &SdkError<E>) -> PaymentError {
    PaymentError::unknown(DisplayErrorContext(error).to_string())
}

/// A failed write of the charge. Only what never left surely did not happen: the SDK tries again by
/// itself, so even after a last try that the table refused an earlier one may have been written.
fn put_failed(error: &SdkError<PutItemError>) -> PaymentError {
    match error {
        SdkError::ConstructionFailure(_) => not_charged(error),
        _ => nothing_learned(error),
    }
}
