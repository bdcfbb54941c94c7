//! Dead letters: messages that no function could handle, kept until somebody replays or discards
//! them.

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError, types::ReturnValuesOnConditionCheckFailure,
};
use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{DeadLetterId, OrganizationId},
    money::{Currency, MinorUnits},
};
use serde::{Deserialize, Serialize};

use crate::{
    Listed, Part, Store, StoreError, Table,
    error::held,
    item::{Item, from_item, key_item, n, s, to_item},
    keys::{Key, instant, list_pk, list_sk},
};

/// Where a dead letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterStatus {
    /// Waits for somebody.
    Open,
    /// Was sent to its queue again.
    Redriven,
    /// Was given up, with a reason.
    Discarded,
    /// What it is about was done all the same.
    Resolved,
}

/// A message that no function could handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Derived from its queue and from what it is about, so that the same failure is kept once.
    pub id: DeadLetterId,
    /// Where it stands.
    pub status: DeadLetterStatus,
    /// The queue whose function could not handle it (`order-copy`).
    pub source: String,
    /// The id on that queue of the last message that failed so.
    pub message_id: String,
    /// The message, unchanged.
    pub body: String,
    /// Why it could not be handled; `None` when the function never said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How often it was tried, all messages that failed so together.
    pub attempts: u32,
    /// The subscription or order it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What is lost if it is never handled, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_at_risk: Option<MinorUnits>,
    /// Currency of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// How often it was replayed.
    #[serde(default)]
    pub redrives: u32,
    /// Why it was discarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discard_reason: Option<String>,
    /// Who last redrove or discarded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_by: Option<String>,
    /// When it became a dead letter, last from what somebody had seen to.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Counts changes.
    pub version: u64,
}

impl DeadLetter {
    /// The letter after another message failed for the same work: it waits again, or still. `None`
    /// where it is of the message that it has last, which came twice.
    #[must_use]
    pub fn failed_again(&self, last: &Self) -> Option<Self> {
        if self.message_id == last.message_id {
            return None;
        }
        let waits = self.status == DeadLetterStatus::Open;
        Some(Self {
            status: DeadLetterStatus::Open,
            attempts: self.attempts.saturating_add(last.attempts),
            redrives: self.redrives,
            handled_by: self.handled_by.clone(),
            created_at: if waits { self.created_at } else { last.created_at },
            version: self.version + 1,
            ..last.clone()
        })
    }
}

impl Listed for DeadLetter {
    const LETTER: &'static str = "L";
    const TABLE: Table = Table::Operations;

    fn from_item(item: Item) -> Result<Self, StoreError> {
        from_item(item)
    }
}

impl Store {
    /// Keeps a dead letter, unless it was kept before: then that one is answered, as it is now.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn keep_dead_letter(
        &self,
        organization: &OrganizationId,
        letter: &DeadLetter,
    ) -> Result<Option<DeadLetter>, StoreError> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.operations)
            .set_item(Some(letter_item(organization, letter)?))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = sent else { return Ok(None) };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error()
        else {
            return Err(StoreError::from_sdk(&error));
        };
        let kept = failed.item().cloned().ok_or(StoreError::Conflict(Part::DeadLetter))?;
        Ok(Some(from_item(kept)?))
    }

    /// Replaces a dead letter whose version was `seen`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it changed meanwhile.
    pub async fn update_dead_letter(
        &self,
        organization: &OrganizationId,
        letter: &DeadLetter,
        seen: u64,
    ) -> Result<(), StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.operations)
            .set_item(Some(letter_item(organization, letter)?))
            .condition_expression("version = :seen")
            .expression_attribute_values(":seen", n(seen));
        held(put.send().await)?.map(drop).ok_or(StoreError::Conflict(Part::DeadLetter))
    }

    /// Notes of a letter that waits that its work was done all the same; any other stays as it is, and
    /// so does one that there is not. One write unit.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn resolve_dead_letter(
        &self,
        organization: &OrganizationId,
        id: &DeadLetterId,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.operations)
            .set_key(Some(key_item(&Key::of(organization, "L", id.as_str()))))
            .update_expression("SET #status = :resolved, updated_at = :at ADD version :one")
            .condition_expression("#status = :open")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":open", s("open"))
            .expression_attribute_values(":resolved", s("resolved"))
            .expression_attribute_values(":at", s(instant(at)))
            .expression_attribute_values(":one", n(1))
            .send()
            .await;
        Ok(held(sent)?.is_some())
    }

    /// A dead letter.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn dead_letter(
        &self,
        organization: &OrganizationId,
        id: &DeadLetterId,
    ) -> Result<Option<DeadLetter>, StoreError> {
        let key = Key::of(organization, "L", id.as_str());
        self.get_item(&self.operations, &key, true).await?.map(from_item).transpose()
    }
}

/// The item of a dead letter, with its place in the list index.
fn letter_item(organization: &OrganizationId, letter: &DeadLetter) -> Result<Item, StoreError> {
    let mut item = to_item(&Key::of(organization, "L", letter.id.as_str()), letter)?;
    item.insert("list_pk".to_owned(), s(list_pk(organization, "L")));
    item.insert("list_sk".to_owned(), s(list_sk(letter.created_at)));
    Ok(item)
}
