//! Copies of orders that were made by hand. A copy's id tells its source order, in whose collection
//! it stands: `C#<what tells it from the others>`.

use perennial_domain::{
    ids::{OrderCopyId, OrderId, OrganizationId},
    order_copy::OrderCopy,
};

use crate::{
    Commit, Direction, Expect, Listed, Page, Part, Store, StoreError,
    item::{Item, from_item, s, to_item},
    keys::{Key, list_pk, list_sk, partition},
    members::Members,
    page::{Cursor, CursorError},
};

/// What sort keys of copies begin with.
const COPY: &str = "C#";
/// The letter of their kind in the list index and in the keys of their journals.
const LETTER: &str = "Y";

fn key_of_copy(organization: &OrganizationId, id: &OrderCopyId) -> Option<Key> {
    let (source, tail) = id.source()?;
    Some(Key { pk: partition(organization, "O", source.as_str()), sk: format!("{COPY}{tail}") })
}

impl Listed for OrderCopy {
    const LETTER: &'static str = LETTER;

    fn from_item(item: Item) -> Result<Self, StoreError> {
        from_item(item)
    }
}

impl Commit<'_> {
    /// Writes a copy and its place in the list.
    #[must_use]
    pub fn order_copy(mut self, copy: &OrderCopy, expect: Expect) -> Self {
        let organization = self.organization();
        let item = key_of_copy(organization, &copy.id)
            .ok_or_else(|| StoreError::Refused(format!("{} names no source order", copy.id)))
            .and_then(|key| {
                let mut item = to_item(&key, copy)?;
                item.insert("list_pk".to_owned(), s(list_pk(organization, LETTER)));
                item.insert("list_sk".to_owned(), s(list_sk(copy.created_at)));
                Ok(item)
            });
        self.put(Part::Record("order copy"), item, expect);
        self
    }
}

impl Store {
    /// A copy that was made by hand, read consistently. One read unit.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn order_copy(
        &self,
        organization: &OrganizationId,
        id: &OrderCopyId,
    ) -> Result<Option<OrderCopy>, StoreError> {
        let Some(key) = key_of_copy(organization, id) else { return Ok(None) };
        self.get_item(&self.book, &key, true).await?.map(from_item).transpose()
    }

    /// The copies of an order that were made by hand, in the order of their ids.
    ///
    /// # Errors
    /// The inner error when the cursor belongs to another query.
    pub async fn order_copies(
        &self,
        organization: &OrganizationId,
        source: &OrderId,
        limit: u16,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<OrderCopy>, CursorError>, StoreError> {
        let pk = partition(organization, "O", source.as_str());
        let members = Members {
            name: "copies",
            prefix: COPY,
            direction: Direction::Forward,
            consistent: true,
        };
        self.members(&pk, &members, limit, after, from_item).await
    }
}
