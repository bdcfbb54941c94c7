//! Refunds in the test provider's table: never above what was taken, and once per key.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ledger::{
    Item, Ledger, OUTCOME, charge_pk, name_in, name_of, not_charged, nothing_learned, number,
    read_entry, string,
};
use super::token::Later;
use crate::{PaymentError, RefundKey, RefundOutcome, RefundRequest};

pub(super) const REFUND: &str = "REFUND";

/// One refund as the test provider keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RefundEntry {
    pub(super) key: RefundKey,
    pub(super) organization: String,
    pub(super) charge_id: String,
    pub(super) reference: String,
    pub(super) amount_minor: i64,
    pub(super) currency: String,
    pub(super) requested_at: DateTime<Utc>,
    pub(super) outcome: RefundOutcome,
}

impl RefundEntry {
    fn is_for(&self, request: &RefundRequest) -> bool {
        self.amount_minor == request.amount_minor
            && self.currency == request.currency
            && self.charge_id == request.charge_id
    }
}

impl Ledger {
    /// Makes a refund, or answers what its key has made before.
    pub(super) async fn refund(
        &self,
        request: &RefundRequest,
    ) -> Result<RefundOutcome, PaymentError> {
        let RefundRequest { key, organization, charge_id, amount_minor, currency, .. } = request;
        let charge = self.find_charge(organization, charge_id).await?;
        let charge = charge.filter(|charge| charge.currency == *currency).ok_or_else(|| {
            PaymentError::refused(format!("there is no charge {charge_id} in {currency}"))
        })?;
        let later = charge.later.as_deref().and_then(Later::of);
        match later {
            Some(Later::RefundTimeoutBefore) => {
                if self.count(refund_pk(organization, key)).await? == 1 {
                    return Err(PaymentError::unknown("timed out before the refund, as asked"));
                }
            }
            Some(Later::RefundUnavailable { times }) => {
                if self.count(refund_pk(organization, key)).await? <= times {
                    return Err(PaymentError::unavailable("not available, as asked"));
                }
            }
            Some(
                Later::Expired
                | Later::RefundPending
                | Later::RefundFailed
                | Later::RefundTimeoutAfter,
            )
            | None => {}
        }
        let refund_id = format!("re_{}", Uuid::now_v7().simple());
        let outcome = match later {
            Some(Later::RefundPending) => RefundOutcome::Pending { refund_id },
            Some(Later::RefundFailed) => failed(),
            _ => RefundOutcome::Refunded { refund_id },
        };
        let takes = if later == Some(Later::RefundFailed) { 0 } else { *amount_minor };
        let entry = RefundEntry {
            key: key.clone(),
            organization: organization.clone(),
            charge_id: charge_id.clone(),
            reference: request.reference.clone(),
            amount_minor: *amount_minor,
            currency: currency.clone(),
            requested_at: request.requested_at,
            outcome,
        };
        if self.put_refund(&entry, takes).await? {
            return match later {
                Some(Later::RefundTimeoutAfter) => {
                    Err(PaymentError::unknown("timed out after the refund, as asked"))
                }
                _ => Ok(entry.outcome),
            };
        }
        match self.find_refund(organization, key).await? {
            Some(before) if before.is_for(request) => Ok(before.outcome),
            Some(before) => Err(PaymentError::refused(format!(
                "refund key {key} was used before for {} {} of {}, not for {amount_minor} \
                 {currency} of {charge_id}",
                before.amount_minor, before.currency, before.charge_id,
            ))),
            None => Err(PaymentError::refused(format!(
                "{amount_minor} {currency} can't be given back of charge {charge_id}: {} are left \
                 of {}",
                charge.refundable_minor.unwrap_or_default(),
                charge.amount_minor,
            ))),
        }
    }

    /// Writes a refund and takes it off what its charge may still give back; whether it did.
    async fn put_refund(&self, entry: &RefundEntry, takes: i64) -> Result<bool, PaymentError> {
        let mut item: Item = serde_dynamo::to_item(entry)
            .map_err(|error| PaymentError::unavailable(error.to_string()))?;
        item.insert("pk".into(), refund_pk(&entry.organization, &entry.key));
        item.insert("sk".into(), string(REFUND));
        let built = |error: aws_sdk_dynamodb::error::BuildError| {
            PaymentError::unavailable(error.to_string())
        };
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(built)?;
        let name = name_in(&entry.charge_id).unwrap_or_default();
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", charge_pk(&entry.organization, name))
            .key("sk", string(OUTCOME))
            .update_expression("SET refundable_minor = refundable_minor - :takes")
            .condition_expression("refundable_minor >= :takes")
            .expression_attribute_values(":takes", number(takes))
            .build()
            .map_err(built)?;
        let written = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put).build())
            .transact_items(TransactWriteItem::builder().update(update).build())
            .send()
            .await;
        let Err(error) = written else { return Ok(true) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        else {
            return Err(nothing_learned(&error));
        };
        let by_rule = cancelled
            .cancellation_reasons()
            .iter()
            .any(|reason| reason.code() == Some("ConditionalCheckFailed"));
        if by_rule { Ok(false) } else { Err(not_charged(&error)) }
    }

    /// The refund of a key, read consistently.
    pub(super) async fn find_refund(
        &self,
        organization: &str,
        key: &RefundKey,
    ) -> Result<Option<RefundEntry>, PaymentError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", refund_pk(organization, key))
            .key("sk", string(REFUND))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| nothing_learned(&error))?;
        answer.item.map(read_entry).transpose()
    }

    /// Settles a refund that is pending, and gives what it took back to its charge when it failed.
    pub(super) async fn settle_refund(
        &self,
        organization: &str,
        key: &RefundKey,
        succeeded: bool,
    ) -> Result<Option<RefundOutcome>, PaymentError> {
        let Some(entry) = self.find_refund(organization, key).await? else { return Ok(None) };
        let RefundOutcome::Pending { refund_id } = &entry.outcome else {
            return Ok(Some(entry.outcome));
        };
        let after = if succeeded {
            RefundOutcome::Refunded { refund_id: refund_id.clone() }
        } else {
            failed()
        };
        let after: AttributeValue = serde_dynamo::to_attribute_value(after)
            .map_err(|error| PaymentError::unavailable(error.to_string()))?;
        let built = |error: aws_sdk_dynamodb::error::BuildError| {
            PaymentError::unavailable(error.to_string())
        };
        let settle = Update::builder()
            .table_name(&self.table)
            .key("pk", refund_pk(organization, key))
            .key("sk", string(REFUND))
            .update_expression("SET outcome = :after")
            .condition_expression("outcome.#result = :pending")
            .expression_attribute_names("#result", "result")
            .expression_attribute_values(":after", after)
            .expression_attribute_values(":pending", string("pending"))
            .build()
            .map_err(built)?;
        let back = if succeeded { 0 } else { entry.amount_minor };
        let name = name_in(&entry.charge_id).unwrap_or_default();
        let give_back = Update::builder()
            .table_name(&self.table)
            .key("pk", charge_pk(organization, name))
            .key("sk", string(OUTCOME))
            .update_expression("SET refundable_minor = refundable_minor + :back")
            .expression_attribute_values(":back", number(back))
            .build()
            .map_err(built)?;
        self.client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().update(settle).build())
            .transact_items(TransactWriteItem::builder().update(give_back).build())
            .send()
            .await
            .map_err(|error| nothing_learned(&error))?;
        Ok(Some(entry.outcome))
    }
}

fn failed() -> RefundOutcome {
    RefundOutcome::Failed {
        code: "declined".to_owned(),
        message: "The bank did not take the refund.".to_owned(),
    }
}

fn refund_pk(organization: &str, key: &RefundKey) -> AttributeValue {
    string(format!("REFUND#{organization}#{}", name_of(key.as_str())))
}
