//! Orders: those of clients have items of their own, those of runs live inside their run.

use perennial_domain::{
    ids::{OrderId, OrganizationId},
    order::Order,
    run::Run,
};

use crate::{
    Listed, Store, StoreError,
    item::{Item, from_item, key_of},
    keys::{Key, SELF},
    subscriptions::run_of,
};

/// An order, wherever it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredOrder {
    /// Placed or to be placed by a client.
    Client(Box<Order>),
    /// Made by a run.
    Run(Box<Run>),
}

impl Listed for StoredOrder {
    const LETTER: &'static str = "O";

    fn from_item(item: Item) -> Result<Self, StoreError> {
        let own = key_of(&item).is_some_and(|key| key.sk == SELF);
        if own {
            Ok(Self::Client(Box::new(from_item(item)?)))
        } else {
            Ok(Self::Run(Box::new(run_of(item)?)))
        }
    }
}

impl Store {
    /// An order, read consistently. One read unit per 4 KB.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn order(
        &self,
        organization: &OrganizationId,
        id: &OrderId,
    ) -> Result<Option<StoredOrder>, StoreError> {
        let key = Key::of_order(organization, id);
        let found = self.get_item(&self.book, &key, true).await?;
        let found = found.map(StoredOrder::from_item).transpose()?;
        Ok(found.filter(|order| match order {
            StoredOrder::Client(_) => true,
            // A run that leaves a draft has made that order, and none by its own number.
            StoredOrder::Run(run) => run.order_id() == *id,
        }))
    }
}
