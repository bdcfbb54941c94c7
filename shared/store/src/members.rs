//! Collections, whole or in pages: what stands under one partition key, by what its sort keys begin
//! with.

use crate::{
    Cursor, CursorError, Direction, Page, Store, StoreError,
    item::{Item, s},
    page::Bound,
};

/// Which members of a collection are read, and how.
#[derive(Debug)]
pub(crate) struct Members {
    /// What cursors call the query, beside the partition.
    pub(crate) name: &'static str,
    /// What their sort keys begin with.
    pub(crate) prefix: &'static str,
    pub(crate) direction: Direction,
    /// Whether a write that was answered is seen: twice the read units.
    pub(crate) consistent: bool,
}

/// A collection, or what its sort keys begin with makes of it, that is read from its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Collection<'a> {
    pub(crate) table: &'a str,
    pub(crate) pk: &'a str,
    /// What the sort keys begin with; `None` for the whole collection.
    pub(crate) prefix: Option<&'a str>,
    /// Most items of one read; `None` for as many as fit 1 MB.
    pub(crate) limit: Option<u16>,
}

impl Store {
    /// Some items of a collection by their sort keys, from after `start` on, read consistently, and
    /// where to go on.
    pub(crate) async fn read_on(
        &self,
        collection: &Collection<'_>,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let Collection { table, pk, prefix, limit } = *collection;
        let query = self.client.query().table_name(table);
        let query = query.expression_attribute_values(":pk", s(pk));
        let query = match prefix {
            Some(prefix) => query
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", s(prefix)),
            None => query.key_condition_expression("pk = :pk"),
        };
        let answer = query
            .consistent_read(true)
            .set_limit(limit.map(i32::from))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&error))?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }

    /// Shows the items of a collection by their sort keys, until `show` has seen enough.
    pub(crate) async fn visit(
        &self,
        collection: &Collection<'_>,
        show: &mut (dyn FnMut(Item) -> Result<bool, StoreError> + Send),
    ) -> Result<(), StoreError> {
        let mut start = None;
        loop {
            let (items, next) = self.read_on(collection, start).await?;
            for item in items {
                if !show(item)? {
                    return Ok(());
                }
            }
            start = next;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    /// A page of the members of a collection in the order book.
    ///
    /// # Errors
    /// The inner error when the cursor belongs to another query.
    pub(crate) async fn members<T>(
        &self,
        pk: &str,
        members: &Members,
        limit: u16,
        after: Option<&Cursor>,
        read: fn(Item) -> Result<T, StoreError>,
    ) -> Result<Result<Page<T>, CursorError>, StoreError> {
        let query = format!("{} {pk}", members.name);
        let bounds = [("pk", Bound::Is(pk)), ("sk", Bound::BeginsWith(members.prefix))];
        let start = match after.map(|cursor| cursor.start_within(&query, &bounds)).transpose() {
            Ok(start) => start,
            Err(error) => return Ok(Err(error)),
        };
        let answer = self
            .client
            .query()
            .table_name(&self.book)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", s(pk))
            .expression_attribute_values(":prefix", s(members.prefix))
            .scan_index_forward(members.direction == Direction::Forward)
            .consistent_read(members.consistent)
            .limit(i32::from(limit.max(1)))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&error))?;
        let next = answer.last_evaluated_key.as_ref().map(|last| Cursor::at(&query, last));
        let items = answer.items.unwrap_or_default();
        Ok(Ok(Page { items: items.into_iter().map(read).collect::<Result<_, _>>()?, next }))
    }
}
