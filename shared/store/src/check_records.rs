//! What is kept of orders that checks held or refused, and which subscriptions take from the stock of
//! a sku.

use perennial_domain::{
    checks::CheckRecord,
    ids::{CheckRecordId, OrganizationId, SkuId, SubscriptionId},
};

use crate::{
    Commit, Direction, Expect, Listed, Part, Store, StoreError,
    customer_index::place_by_customer,
    item::{Item, from_item, key_item, text, to_item},
    keys::{Key, partition},
    members::Members,
};

/// What sort keys of the subscriptions begin with that take from the stock of a sku.
const TAKER: &str = "S#";

impl Listed for CheckRecord {
    const LETTER: &'static str = "CR";

    fn from_item(item: Item) -> Result<Self, StoreError> {
        from_item(item)
    }
}

impl Commit<'_> {
    /// Writes what is kept of an order that checks held or refused.
    #[must_use]
    pub fn check_record(mut self, record: &CheckRecord, expect: Expect) -> Self {
        let key = Key::of(self.organization(), CheckRecord::LETTER, record.id.as_str());
        let item = to_item(&key, record).map(|mut item| {
            self.list(&mut item, CheckRecord::LETTER, record.created_at);
            place_by_customer(&mut item);
            item
        });
        self.put(Part::Record("check record"), item, expect);
        self
    }
}

impl Store {
    /// What is kept of an order that checks held or refused, read consistently.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn check_record(
        &self,
        organization: &OrganizationId,
        id: &CheckRecordId,
    ) -> Result<Option<CheckRecord>, StoreError> {
        let key = Key::of(organization, CheckRecord::LETTER, id.as_str());
        self.get_item(&self.book, &key, true).await?.map(from_item).transpose()
    }

    /// Notes that a subscription takes from the stock of a sku. Again does no harm, and a note of a
    /// subscription that never came to be is passed over. One write unit.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn note_taker(
        &self,
        organization: &OrganizationId,
        sku: &SkuId,
        subscription: &SubscriptionId,
    ) -> Result<(), StoreError> {
        let pk = partition(organization, "K", sku.as_str());
        let key = Key { pk, sk: format!("{TAKER}{subscription}") };
        self.client
            .put_item()
            .table_name(&self.book)
            .set_item(Some(key_item(&key)))
            .send()
            .await
            .map(drop)
            .map_err(|error| StoreError::from_sdk(&error))
    }

    /// The subscriptions that take from the stock of a sku, up to `limit`, and whether there are more.
    /// Half a read unit for some 40 of them.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn takers_of(
        &self,
        organization: &OrganizationId,
        sku: &SkuId,
        limit: u16,
    ) -> Result<(Vec<SubscriptionId>, bool), StoreError> {
        let pk = partition(organization, "K", sku.as_str());
        let members = Members {
            name: "takers",
            prefix: TAKER,
            direction: Direction::Forward,
            consistent: false,
        };
        let page = self.members(&pk, &members, limit, None, taker).await?;
        // Without a cursor there is none to refuse.
        let Ok(page) = page else { return Ok((Vec::new(), true)) };
        Ok((page.items, page.next.is_some()))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "pages are read by functions of whole items")]
fn taker(item: Item) -> Result<SubscriptionId, StoreError> {
    let sk = text(&item, "sk").unwrap_or_default();
    let id = sk.strip_prefix(TAKER).and_then(|id| id.parse().ok());
    id.ok_or_else(|| StoreError::Corrupt { key: sk, reason: "no subscription".to_owned() })
}
