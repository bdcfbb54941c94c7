//! What channels sent: the payload that an order was made from, kept beside it.

use chrono::{DateTime, Utc};
use perennial_domain::ids::{OrderId, OrganizationId};
use serde::{Deserialize, Serialize};

use crate::{
    Commit, Store, StoreError,
    item::{from_item, to_item},
    keys::{Key, partition},
};

/// The sort key of a payload in the collection of its order.
const PAYLOAD: &str = "P#";

/// The payload that an order was made from, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePayload {
    /// The channel that sent it.
    pub channel_id: String,
    /// What the channel calls the order.
    pub external_id: String,
    /// The mapping that made the order of it.
    pub channel_mapping_id: String,
    /// How it is written: `json`, `csv` or `xml`.
    pub format: String,
    /// The payload as it came.
    pub payload: String,
    /// Hash of the payload, by which a repeat is known.
    pub payload_digest: String,
    /// Hash of what the mapping made of it: the same of another payload changes nothing.
    pub document_digest: String,
    /// When the channel says that it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<DateTime<Utc>>,
    /// When it came.
    pub received_at: DateTime<Utc>,
}

fn key(organization: &OrganizationId, order: &OrderId) -> Key {
    Key { pk: partition(organization, "O", order.as_str()), sk: PAYLOAD.to_owned() }
}

impl Commit<'_> {
    /// Keeps the payload that an order was made or changed from, in place of an earlier one. What is
    /// committed with it says whether that may be.
    #[must_use]
    pub fn source_payload(mut self, order: &OrderId, payload: &SourcePayload) -> Self {
        let item = to_item(&key(self.organization(), order), payload);
        self.replace(item);
        self
    }
}

impl Store {
    /// The payload that an order was made from, read consistently; `None` where no channel made it.
    /// One read unit per 4 KB.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn source_payload(
        &self,
        organization: &OrganizationId,
        order: &OrderId,
    ) -> Result<Option<SourcePayload>, StoreError> {
        let item = self.get_item(&self.book, &key(organization, order), true).await?;
        item.map(from_item).transpose()
    }
}
