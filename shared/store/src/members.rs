//! Pages of a collection: what stands under one partition key, by what its sort keys begin with.

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

impl Store {
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
