//! Idempotency keys of clients: the answer to a write is kept for a day, and a repeat gets it.

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::ids::OrganizationId;
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    error::held,
    item::{from_item, key_item, n, s, to_item},
    keys::Key,
};

/// How long an answer is kept.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// How long a request holds its key before another may assume that it died.
const HELD: TimeDelta = TimeDelta::seconds(30);

/// The answer to a write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// Location of what was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Entity tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The body.
    pub body: String,
}

/// What a request with an idempotency key is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Do the work, then store the answer.
    Fresh,
    /// Answer this.
    Replay(StoredAnswer),
    /// Refuse: the key was used for another request.
    Mismatch,
    /// Refuse for now: the same request is being worked on.
    InProgress,
}

#[derive(Serialize, Deserialize)]
struct Record {
    fingerprint: String,
    held_until: i64,
    ttl: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<StoredAnswer>,
}

impl Store {
    /// Takes an idempotency key for a request with this fingerprint.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn begin_idempotent(
        &self,
        organization: &OrganizationId,
        key: &str,
        fingerprint: &str,
        now: DateTime<Utc>,
    ) -> Result<Begun, StoreError> {
        let key = Key::of(organization, "I", key);
        let record = Record {
            fingerprint: fingerprint.to_owned(),
            held_until: (now + HELD).timestamp(),
            ttl: (now + KEPT).timestamp(),
            answer: None,
        };
        let sent = self
            .client
            .put_item()
            .table_name(&self.book)
            .set_item(Some(to_item(&key, &record)?))
            .condition_expression(
                "attribute_not_exists(pk) OR #ttl < :now OR \
                 (attribute_not_exists(answer) AND held_until < :now AND fingerprint = :same)",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", n(now.timestamp()))
            .expression_attribute_values(":same", s(fingerprint))
            .return_values_on_condition_check_failure(
                aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld,
            )
            .send()
            .await;
        let Err(error) = sent else { return Ok(Begun::Fresh) };
        let Some(
            aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(
                failed,
            ),
        ) = error.as_service_error()
        else {
            return Err(StoreError::from_sdk(&error));
        };
        let Some(item) = failed.item() else { return Ok(Begun::InProgress) };
        let earlier: Record = from_item(item.clone())?;
        if earlier.fingerprint != fingerprint {
            return Ok(Begun::Mismatch);
        }
        Ok(earlier.answer.map_or(Begun::InProgress, Begun::Replay))
    }

    /// Keeps the answer of a request that began [`Begun::Fresh`].
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn finish_idempotent(
        &self,
        organization: &OrganizationId,
        key: &str,
        answer: &StoredAnswer,
    ) -> Result<(), StoreError> {
        let key = Key::of(organization, "I", key);
        let answer = serde_dynamo::to_attribute_value(answer)
            .map_err(|error: serde_dynamo::Error| StoreError::Refused(error.to_string()))?;
        let sent = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&key)))
            .update_expression("SET answer = :answer")
            // An update would make a record that never expires where there is none any more.
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":answer", answer)
            .send()
            .await;
        held(sent).map(|_| ())
    }

    /// Gives a key back: the request failed in a way that is worth trying again. A key that has its
    /// answer keeps it.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn release_idempotent(
        &self,
        organization: &OrganizationId,
        key: &str,
    ) -> Result<(), StoreError> {
        let sent = self
            .client
            .delete_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&Key::of(organization, "I", key))))
            .condition_expression("attribute_not_exists(answer)")
            .send()
            .await;
        held(sent).map(|_| ())
    }
}
