//! Dead letters: messages that no function could handle, kept until somebody replays or discards
//! them.

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{DeadLetterId, OrganizationId},
    money::{Currency, MinorUnits},
};
use serde::{Deserialize, Serialize};

use crate::{
    Page, Part, Store, StoreError,
    error::held,
    item::{from_item, n, s, to_item},
    keys::{Key, list_pk, list_sk},
    page::{Cursor, CursorError},
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
}

/// A message that no function could handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Derived from queue and message, so that receiving it twice keeps it once.
    pub id: DeadLetterId,
    /// Where it stands.
    pub status: DeadLetterStatus,
    /// The queue whose function could not handle it (`OrderCopyQueue`).
    pub source: String,
    /// The message's id on that queue.
    pub message_id: String,
    /// The message, unchanged.
    pub body: String,
    /// Why it could not be handled; `None` when the function never said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How often it was tried.
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
    /// When it became a dead letter.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Counts changes.
    pub version: u64,
}

impl Store {
    /// Keeps a dead letter. `false` when it was kept before.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn keep_dead_letter(
        &self,
        organization: &OrganizationId,
        letter: &DeadLetter,
    ) -> Result<bool, StoreError> {
        match self.put_dead_letter(organization, letter, None).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
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
        self.put_dead_letter(organization, letter, Some(seen)).await
    }

    async fn put_dead_letter(
        &self,
        organization: &OrganizationId,
        letter: &DeadLetter,
        seen: Option<u64>,
    ) -> Result<(), StoreError> {
        let key = Key::of(organization, "L", letter.id.as_str());
        let mut item = to_item(&key, letter)?;
        item.insert("list_pk".to_owned(), s(list_pk(organization, "L")));
        item.insert("list_sk".to_owned(), s(list_sk(letter.created_at)));
        let put = self.client.put_item().table_name(&self.operations).set_item(Some(item));
        let put = match seen {
            Some(seen) => put
                .condition_expression("version = :seen")
                .expression_attribute_values(":seen", n(seen)),
            None => put.condition_expression("attribute_not_exists(pk)"),
        };
        match held(put.send().await)? {
            Some(_) => Ok(()),
            None => Err(StoreError::Conflict(Part::DeadLetter)),
        }
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

    /// An organization's dead letters by the time they came.
    ///
    /// # Errors
    /// The inner error when the cursor belongs to another query.
    pub async fn list_dead_letters(
        &self,
        organization: &OrganizationId,
        limit: u16,
        descending: bool,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<DeadLetter>, CursorError>, StoreError> {
        let page =
            self.list_items(&self.operations, organization, "L", limit, descending, after).await?;
        match page {
            Ok(page) => Ok(Ok(Page {
                items: page.items.into_iter().map(from_item).collect::<Result<_, _>>()?,
                next: page.next,
            })),
            Err(error) => Ok(Err(error)),
        }
    }
}
