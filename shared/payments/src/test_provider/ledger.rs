//! The test provider's table: what it charged, declined and gave back, and the marks that its tokens
//! need.
//!
//! | item | pk | sk | written by |
//! |---|---|---|---|
//! | one payment | `CHARGE#<organization>#<name>` | `OUTCOME` | conditional put; changed by capture, void, refunds and the customer's confirmation |
//! | one refund | `REFUND#<organization>#<name>` | `REFUND` | conditional put, in a transaction with its payment |
//! | calls under one key | as the payment or the refund | `CALLS` | `ADD`, for tokens that count |
//! | keys that declined | `REFERENCE#<organization>#<reference>` | `DECLINES` | conditional `ADD`, for `tok_declines_<n>` |
//!
//! The name is a hash of the key, and the id of a charge begins with it: so a payment is found by its
//! key and by its id, and is written with one put. It is found by its key alone, so that a key that
//! comes back with another reference meets the first outcome instead of making a second charge.

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
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::token::Behaviour;
use crate::{ChargeKey, ChargeRequest, PaymentError, PaymentState};

pub(super) const OUTCOME: &str = "OUTCOME";
/// Hexadecimal digits of a key's name: 96 bits.
const NAME_DIGITS: usize = 24;

pub(super) type Item = HashMap<String, AttributeValue>;

/// One outcome as the test provider keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The idempotency key it was made under.
    pub key: ChargeKey,
    /// The organization whose customer was to pay.
    pub organization: String,
    /// The id of the order that was to be paid.
    pub reference: String,
    /// What was asked for or, once it is captured, what was taken: in minor units of `currency`.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// The caller's count of attempts.
    pub attempt: u32,
    /// The caller's time of the call that made the outcome.
    pub requested_at: DateTime<Utc>,
    /// What became of it.
    pub outcome: PaymentState,
    /// What was authorized, where the money was to be taken later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized_minor: Option<i64>,
    /// What refunds may still give back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refundable_minor: Option<i64>,
    /// The token, where it tells what happens to later operations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) later: Option<String>,
}

impl LedgerEntry {
    pub(super) fn new(request: &ChargeRequest, outcome: PaymentState) -> Self {
        Self {
            key: request.key.clone(),
            organization: request.organization.clone(),
            reference: request.reference.clone(),
            amount_minor: request.amount_minor,
            currency: request.currency.clone(),
            attempt: request.attempt,
            requested_at: request.requested_at,
            authorized_minor: None,
            refundable_minor: outcome.is_paid().then_some(request.amount_minor),
            later: Behaviour::is_for_later(&request.token)
                .then(|| request.token.as_str().to_owned()),
            outcome,
        }
    }

    /// The same, for money that is set aside first.
    pub(super) fn authorizing(self) -> Self {
        Self { authorized_minor: Some(self.amount_minor), ..self }
    }

    /// The outcome of a payment that nothing stands against any more.
    pub(super) fn granted(&self) -> PaymentState {
        let id = fresh_id(&self.key);
        match self.authorized_minor {
            Some(_) => PaymentState::Authorized { payment_id: id },
            None => PaymentState::Paid { charge_id: id },
        }
    }

    /// Whether the entry was made for this request. The means of payment is left out: a customer may
    /// change cards between a charge and its repeat, and the outcome of the key stands.
    fn is_for(&self, request: &ChargeRequest) -> bool {
        self.authorized_minor.unwrap_or(self.amount_minor) == request.amount_minor
            && self.currency == request.currency
            && self.reference == request.reference
    }
}

/// What came of writing an outcome.
pub(super) enum Recorded {
    /// This call made the outcome.
    Now(PaymentState),
    /// An earlier or simultaneous call under the same key did; its outcome stands.
    Before(PaymentState),
}

impl Recorded {
    pub(super) fn outcome(self) -> PaymentState {
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
        entry: LedgerEntry,
    ) -> Result<Recorded, PaymentError> {
        let mut item: Item = serde_dynamo::to_item(&entry)
            .map_err(|error| PaymentError::unavailable(error.to_string()))?;
        item.insert("pk".into(), charge_pk(&request.organization, &name_of(request.key.as_str())));
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
            Some(item) => Some(read_entry::<LedgerEntry>(item.clone())?),
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
            .key("pk", charge_pk(organization, &name_of(key.as_str())))
            .key("sk", string(OUTCOME))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| nothing_learned(&error))?;
        answer.item.map(read_entry).transpose()
    }

    /// The payment of a charge's id, read consistently.
    pub(super) async fn find_charge(
        &self,
        organization: &str,
        charge_id: &str,
    ) -> Result<Option<LedgerEntry>, PaymentError> {
        let Some(name) = name_in(charge_id) else { return Ok(None) };
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", charge_pk(organization, name))
            .key("sk", string(OUTCOME))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| nothing_learned(&error))?;
        let entry: Option<LedgerEntry> = answer.item.map(read_entry).transpose()?;
        Ok(entry.filter(
            |entry| matches!(&entry.outcome, PaymentState::Paid { charge_id: id } if id == charge_id),
        ))
    }

    /// Replaces the state of a payment, unless it has changed since it was read.
    pub(super) async fn change(
        &self,
        before: &LedgerEntry,
        after: &LedgerEntry,
    ) -> Result<bool, PaymentError> {
        let value = |value: &PaymentState| {
            serde_dynamo::to_attribute_value::<_, AttributeValue>(value)
                .map_err(|error| PaymentError::unavailable(error.to_string()))
        };
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", charge_pk(&before.organization, &name_of(before.key.as_str())))
            .key("sk", string(OUTCOME))
            .condition_expression("#outcome = :before")
            .expression_attribute_names("#outcome", "outcome")
            .expression_attribute_values(":before", value(&before.outcome)?)
            .expression_attribute_values(":after", value(&after.outcome)?)
            .expression_attribute_values(":amount", number(after.amount_minor));
        let mut set = "SET #outcome = :after, amount_minor = :amount".to_owned();
        if let Some(refundable) = after.refundable_minor {
            set.push_str(", refundable_minor = :refundable");
            update = update.expression_attribute_values(":refundable", number(refundable));
        }
        match update.update_expression(set).send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(nothing_learned(&error)),
            },
        }
    }

    /// Counts a call under the key and answers the count, this call included.
    pub(super) async fn count_call(&self, request: &ChargeRequest) -> Result<u32, PaymentError> {
        let name = name_of(request.key.as_str());
        self.count(charge_pk(&request.organization, &name)).await
    }

    pub(super) async fn count(&self, pk: AttributeValue) -> Result<u32, PaymentError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", pk)
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

pub(super) fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn charge_pk(organization: &str, name: &str) -> AttributeValue {
    string(format!("CHARGE#{organization}#{name}"))
}

/// The name of a key in primary keys and ids.
pub(super) fn name_of(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    let mut name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    name.truncate(NAME_DIGITS);
    name
}

/// The name in a charge's id.
pub(super) fn name_in(charge_id: &str) -> Option<&str> {
    charge_id.strip_prefix("ch_")?.get(..NAME_DIGITS)
}

/// An id for a charge under the key. Fresh each time: an answer with the id of another call proves
/// that it was kept.
pub(super) fn fresh_id(key: &ChargeKey) -> String {
    let fresh = Uuid::new_v4().simple().to_string();
    let tail = fresh.get(..8).unwrap_or_default();
    format!("ch_{}{tail}", name_of(key.as_str()))
}

pub(super) fn read_entry<T: serde::de::DeserializeOwned>(item: Item) -> Result<T, PaymentError> {
    serde_dynamo::from_item(item)
        .map_err(|error| PaymentError::unknown(format!("the ledger can't be read: {error}")))
}

/// A failed write before the charge: surely nothing was charged.
pub(super) fn not_charged<E: std::error::Error + 'static>(error: &SdkError<E>) -> PaymentError {
    PaymentError::unavailable(DisplayErrorContext(error).to_string())
}

/// A failed read: it says nothing about the charge.
pub(super) fn nothing_learned<E: std::error::Error + 'static>(error: &SdkError<E>) -> PaymentError {
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
