//! Claims: how a tick takes what is due, so that no other tick takes it too, and so that it is
//! taken again if the work is lost.

use aws_sdk_dynamodb::types::ReturnValue;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use perennial_domain::{
    ids::{JobRunId, OrderId, OrganizationId},
    lifecycle::SubscriptionStatus,
    order::OrderStatus,
    subscription::Subscription,
    time::OccurrenceNumber,
};

use crate::{
    DueEntry, DueSubject, Store, StoreError,
    due_index::VALIDATE,
    error::held,
    item::{key_item, n, s},
    keys::{Key, due_instant, due_key, due_pk, shard_of},
    subscriptions::subscription_of,
};

/// Who claims, and for how long.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The job run that will do the work.
    pub job_run_id: JobRunId,
    /// The instant of the claim.
    pub now: DateTime<Utc>,
    /// How long others leave it alone.
    pub lease: TimeDelta,
}

/// The states in which a run may begin.
const MAY_RUN: &str = "(#status = :active OR #status = :running)";

/// An order whose validation was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedOrder;

impl Store {
    /// Claims a subscription as the due index showed it: sets the lease and, for a run, fixes its
    /// number, all in one conditional update that leaves the index alone. It counts as a change of
    /// version, so that nobody who read the subscription before can write over the claim. `None` means that
    /// somebody else holds it, or that it is not due any more. One write unit per KB.
    ///
    /// A claim whose lease has run out is taken over with the number it had. An entry that stands
    /// for an alert is claimed for its run, and only if that is due.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn claim(
        &self,
        entry: &DueEntry,
        claim: &Claim,
    ) -> Result<Option<Subscription>, StoreError> {
        let (id, run_if) = match &entry.subject {
            DueSubject::Run(id) => (id, Some(MAY_RUN.to_owned())),
            DueSubject::Alert(id) => (id, Some(format!("{MAY_RUN} AND next_run_at <= :now"))),
            DueSubject::Other(id) => (id, None),
            DueSubject::Order(_)
            | DueSubject::Delivery(_)
            | DueSubject::JobRun(_)
            | DueSubject::Record { .. } => {
                return Ok(None);
            }
        };
        let base = "SET lease_until = :until, job_run_id = :job";
        let expression = if run_if.is_some() {
            format!(
                "{base}, run_number = if_not_exists(run_number, next_number), \
                 #status = :running REMOVE alerted ADD lease_claims :one, version :one"
            )
        } else {
            format!("{base} ADD lease_claims :one, version :one")
        };
        let free = "due_sk = :seen AND (attribute_not_exists(lease_until) OR lease_until <= :now)";
        let condition = match &run_if {
            Some(run_if) => format!("{free} AND {run_if}"),
            None => free.to_owned(),
        };
        let update = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&Key::of(&entry.organization, "S", id.as_str()))))
            .update_expression(expression)
            .condition_expression(condition)
            .expression_attribute_values(":until", s(instant(claim.now + claim.lease)))
            .expression_attribute_values(":job", s(claim.job_run_id.as_str()))
            .expression_attribute_values(":seen", s(&entry.sk))
            .expression_attribute_values(":now", s(instant(claim.now)))
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::AllNew);
        let update = if run_if.is_some() {
            update
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":running", status(SubscriptionStatus::Running)?)
                .expression_attribute_values(":active", status(SubscriptionStatus::Active)?)
        } else {
            update
        };
        match held(update.send().await)? {
            Some(answer) => answer.attributes.map(subscription_of).transpose(),
            None => Ok(None),
        }
    }

    /// Fixes a later number in a fresh claim, because occurrences before it were missed. `false`
    /// means that the claim is not fresh any more.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn fix_run(
        &self,
        organization: &OrganizationId,
        subscription: &Subscription,
        number: OccurrenceNumber,
    ) -> Result<bool, StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&Key::of(organization, "S", subscription.id.as_str()))))
            .update_expression("SET run_number = :number ADD version :one")
            .condition_expression("version = :seen AND lease_claims = :one")
            .expression_attribute_values(":number", n(number.get()))
            .expression_attribute_values(":seen", n(subscription.version))
            .expression_attribute_values(":one", n(1))
            .send()
            .await;
        match held(sent)? {
            Some(_) => Ok(true),
            None => Ok(false),
        }
    }

    /// Claims an order whose validation is overdue, by moving its place in the due index on.
    /// `None` means that it is not waiting any more, or that somebody else has claimed it.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn claim_order(
        &self,
        entry: &DueEntry,
        claim: &Claim,
    ) -> Result<Option<ClaimedOrder>, StoreError> {
        let DueSubject::Order(id) = &entry.subject else { return Ok(None) };
        let later = format!("{}#{VALIDATE}", due_instant(claim.now + claim.lease));
        let sent = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&Key::of(&entry.organization, "O", id.as_str()))))
            .update_expression("SET due_sk = :later")
            .condition_expression("due_sk = :seen")
            .expression_attribute_values(":later", s(later))
            .expression_attribute_values(":seen", s(&entry.sk))
            .send()
            .await;
        match held(sent)? {
            Some(_) => Ok(Some(ClaimedOrder)),
            None => Ok(None),
        }
    }

    /// Has an order that waits for validation handed on again at `at` and not before: its message
    /// became a dead letter. `false` where it does not wait any more.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn postpone_order(
        &self,
        organization: &OrganizationId,
        id: &OrderId,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&Key::of(organization, "O", id.as_str()))))
            .update_expression("SET due_pk = :shard, due_sk = :later")
            .condition_expression("#status = :placing")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":placing", s(OrderStatus::Placing.as_str()))
            .expression_attribute_values(":shard", s(due_pk(shard_of(id.as_str(), self.shards))))
            .expression_attribute_values(":later", s(due_key(at, VALIDATE)))
            .send()
            .await;
        Ok(held(sent)?.is_some())
    }
}

/// An instant as serde writes it into items, so that conditions compare like with like.
fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn status(
    status: SubscriptionStatus,
) -> Result<aws_sdk_dynamodb::types::AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(status)
        .map_err(|error: serde_dynamo::Error| StoreError::Refused(error.to_string()))
}
