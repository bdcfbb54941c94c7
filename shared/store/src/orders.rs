//! Orders: those of clients have items of their own, those of runs live inside their run.

use perennial_domain::{
    ids::{OrderId, OrganizationId},
    order::Order,
    run::Run,
};

use crate::{
    Page, Store, StoreError,
    item::{Item, from_item, key_of},
    keys::{Key, SELF},
    page::{Cursor, CursorError},
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

fn stored_order(item: Item) -> Result<StoredOrder, StoreError> {
    let own = key_of(&item).is_some_and(|key| key.sk == SELF);
    if own {
        Ok(StoredOrder::Client(Box::new(from_item(item)?)))
    } else {
        Ok(StoredOrder::Run(Box::new(run_of(item)?)))
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
        self.get_item(&self.book, &key, true).await?.map(stored_order).transpose()
    }

    /// All orders of an organization by the time they were made.
    ///
    /// # Errors
    /// The inner error when the cursor belongs to another query.
    pub async fn list_orders(
        &self,
        organization: &OrganizationId,
        limit: u16,
        descending: bool,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<StoredOrder>, CursorError>, StoreError> {
        let page = self.list_items(&self.book, organization, "O", limit, descending, after).await?;
        match page {
            Ok(page) => Ok(Ok(Page {
                items: page.items.into_iter().map(stored_order).collect::<Result<_, _>>()?,
                next: page.next,
            })),
            Err(error) => Ok(Err(error)),
        }
    }
}
