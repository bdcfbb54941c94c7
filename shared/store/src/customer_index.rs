//! The customer index: what belongs to a customer. Its keys are attributes that subscriptions, orders
//! of clients and payment sources have anyway (`customer_id`, `created_at`) and that no run has, so
//! a renewal never writes to it.

use chrono::{DateTime, Utc};
use perennial_domain::ids::{CustomerId, OrganizationId};

use crate::{
    Cursor, CursorError, Listed, Page, Record, RecordKind, Span, Store, StoreError, Window,
    item::{Item, s, text},
    keys::instant,
    listing::List,
    records::record,
};

/// When a customer's item was made.
pub(crate) fn made_at(item: &Item) -> Option<DateTime<Utc>> {
    item.get("customer_id")?;
    text(item, "created_at")?.parse().ok()
}

/// Gives an item that belongs to a customer its place among the others: the instant of its making as
/// text that sorts as time does.
pub(crate) fn place_by_customer(item: &mut Item) {
    if let Some(at) = made_at(item) {
        item.insert("created_at".to_owned(), s(instant(at)));
    }
}

impl Store {
    /// What a customer has of one kind, oldest first, or newest first where `span` says so: its
    /// subscriptions, its payment sources, or its orders without those that runs have made.
    ///
    /// Half a read unit for some 25 keys of whatever belongs to the customer, and one for each
    /// result. The index follows within moments of a write; what it leads to is read consistently.
    ///
    /// # Errors
    /// The inner error when the cursor belongs to another query.
    pub async fn of_customer<T: Listed>(
        &self,
        organization: &OrganizationId,
        customer: &CustomerId,
        span: &Span,
        limit: u16,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<T>, CursorError>, StoreError> {
        let list = List::of_customer(organization, customer, T::LETTER);
        Ok(match self.items_within(&list, span, limit, after).await? {
            Ok(page) => Ok(Page { items: read(page.items, T::from_item)?, next: page.next }),
            Err(error) => Err(error),
        })
    }

    /// Some of them by their place, as [`Store::window`].
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn window_of_customer<T: Listed>(
        &self,
        organization: &OrganizationId,
        customer: &CustomerId,
        span: &Span,
        places: (usize, usize),
        bound: usize,
    ) -> Result<Window<T>, StoreError> {
        let list = List::of_customer(organization, customer, T::LETTER);
        let Window { items, total, next } = self.items_window(&list, span, places, bound).await?;
        Ok(Window { items: read(items, T::from_item)?, total, next })
    }

    /// The same, as records.
    ///
    /// # Errors
    /// As [`Store::window_of_customer`].
    pub async fn records_of_customer(
        &self,
        organization: &OrganizationId,
        customer: &CustomerId,
        kind: RecordKind,
        span: &Span,
        bound: usize,
    ) -> Result<Window<Record>, StoreError> {
        let list = List::of_customer(organization, customer, kind.letter);
        let Window { items, total, next } =
            self.items_window(&list, span, (0, bound), bound).await?;
        Ok(Window { items: read(items, record)?, total, next })
    }
}

fn read<T>(
    items: Vec<Item>,
    read: impl Fn(Item) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    items.into_iter().map(read).collect()
}
