//! Lists: what an organization has of one kind, by the time it was made.

use chrono::{DateTime, Utc};
use perennial_domain::ids::OrganizationId;

use crate::{
    Page, Store, StoreError,
    item::{Item, key_of, s, text},
    keys::{Key, list_pk, list_sk},
    page::{Bound, Cursor, CursorError},
};

/// Which table a kind of resource lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// The order book.
    Book,
    /// The job log and dead letters.
    Operations,
}

/// What can be listed.
pub trait Listed: Sized + Send {
    /// The letter of its kind in the list index; see `docs/storage.md`.
    const LETTER: &'static str;
    /// Where it lives.
    const TABLE: Table = Table::Book;
    /// The value in an item.
    ///
    /// # Errors
    /// When the item holds something else.
    fn from_item(item: Item) -> Result<Self, StoreError>;
}

/// Which part of a list, and in which direction. Both ends are instants of creation, included, and
/// looked at to the millisecond: the index has no finer ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Newest first.
    pub descending: bool,
    /// Nothing made before this.
    pub from: Option<DateTime<Utc>>,
    /// Nothing made after this.
    pub to: Option<DateTime<Utc>>,
}

/// One list: what an organization has of one kind.
#[derive(Debug)]
pub(crate) struct List {
    /// Its partition of the list index.
    pub(crate) pk: String,
    pub(crate) table: Table,
}

impl List {
    fn of<T: Listed>(organization: &OrganizationId) -> Self {
        Self { pk: list_pk(organization, T::LETTER), table: T::TABLE }
    }

    /// The name of a query of it, to which its cursors belong.
    fn name(&self, span: &Span) -> String {
        let direction = if span.descending { "-" } else { "+" };
        let list = format!("{}{direction}", self.pk);
        if span.from.is_none() && span.to.is_none() {
            return list;
        }
        let (first, last) = span.ends();
        format!("{list}{first}..{last}")
    }
}

/// Before and after every sort key of the list index.
const ENDS: (&str, &str) = (" ", "~");

impl Span {
    fn ends(&self) -> (String, String) {
        let at =
            |end: Option<DateTime<Utc>>, none: &str| end.map_or_else(|| none.to_owned(), list_sk);
        (at(self.from, ENDS.0), at(self.to, ENDS.1))
    }
}

/// Some results by their place, counted from the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window<T> {
    /// The results.
    pub items: Vec<T>,
    /// How many there are in all; `None` when more than were counted.
    pub total: Option<usize>,
    /// Where the results after these begin; `None` when there are none.
    pub next: Option<Cursor>,
}

impl Store {
    /// What an organization has of one kind, oldest first, or newest first where `descending`.
    ///
    /// # Errors
    /// As [`Store::list_within`].
    pub async fn list<T: Listed>(
        &self,
        organization: &OrganizationId,
        limit: u16,
        descending: bool,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<T>, CursorError>, StoreError> {
        let span = Span { descending, ..Span::default() };
        self.list_within::<T>(organization, &span, limit, after).await
    }

    /// As [`Store::list`], of one part of the list: the keys from the index, then the items from
    /// the table, so that the index stays small and renewals never write to it.
    ///
    /// # Errors
    /// The inner error when the cursor belongs to another query.
    pub async fn list_within<T: Listed>(
        &self,
        organization: &OrganizationId,
        span: &Span,
        limit: u16,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<T>, CursorError>, StoreError> {
        let list = List::of::<T>(organization);
        let page = match self.items_within(organization, &list, span, limit, after).await? {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        let items: Result<Vec<T>, StoreError> = page.items.into_iter().map(T::from_item).collect();
        Ok(Ok(Page { items: items?, next: page.next }))
    }

    /// The results from the one after the first `skip`, up to `limit`; `bound` is how many are
    /// counted. Half a read unit for some 25 counted keys, and one read unit for each result.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn window<T: Listed>(
        &self,
        organization: &OrganizationId,
        span: &Span,
        places: (usize, usize),
        bound: usize,
    ) -> Result<Window<T>, StoreError> {
        let list = List::of::<T>(organization);
        let Window { items, total, next } = self.items_window(&list, span, places, bound).await?;
        let items: Result<Vec<T>, StoreError> = items.into_iter().map(T::from_item).collect();
        Ok(Window { items: items?, total, next })
    }

    /// The items of [`Store::list_within`].
    pub(crate) async fn items_within(
        &self,
        organization: &OrganizationId,
        list: &List,
        span: &Span,
        limit: u16,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<Item>, CursorError>, StoreError> {
        let (query, own) = (list.name(span), format!("{organization}#"));
        let bounds = [
            ("list_pk", Bound::Is(&list.pk)),
            ("list_sk", Bound::BeginsWith("")),
            ("pk", Bound::BeginsWith(&own)),
            ("sk", Bound::BeginsWith("")),
        ];
        let start = match after.map(|cursor| cursor.start_within(&query, &bounds)).transpose() {
            Ok(start) => start,
            Err(error) => return Ok(Err(error)),
        };
        let (first, last) = span.ends();
        let at = start.as_ref().and_then(|start| text(start, "list_sk"));
        if at.is_some_and(|at| !(first..=last).contains(&at)) {
            return Ok(Err(CursorError::Malformed));
        }
        let (places, last) = self.places(list, span, usize::from(limit.max(1)), start).await?;
        let next = last.as_ref().map(|last| Cursor::at(&query, last));
        Ok(Ok(Page { items: self.standing_at(list, &places).await?, next }))
    }

    /// The items of [`Store::window`].
    pub(crate) async fn items_window(
        &self,
        list: &List,
        span: &Span,
        (skip, limit): (usize, usize),
        bound: usize,
    ) -> Result<Window<Item>, StoreError> {
        let (places, _) = self.places(list, span, bound.saturating_add(1), None).await?;
        let total = (places.len() <= bound).then_some(places.len());
        let wanted: Vec<Item> = places.iter().take(bound).skip(skip).take(limit).cloned().collect();
        let more = places.len() > skip.saturating_add(wanted.len());
        let next = wanted.last().filter(|_| more).map(|last| Cursor::at(&list.name(span), last));
        Ok(Window { items: self.standing_at(list, &wanted).await?, total, next })
    }

    /// Up to `limit` entries of the list index, and the last key that was read, where more may
    /// follow.
    async fn places(
        &self,
        list: &List,
        span: &Span,
        limit: usize,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let (first, last) = span.ends();
        let (mut places, mut start) = (Vec::new(), start);
        if first > last {
            return Ok((places, None));
        }
        loop {
            let missing = limit.saturating_sub(places.len());
            let answer = self
                .client
                .query()
                .table_name(self.table(list.table))
                .index_name("list")
                .key_condition_expression("list_pk = :pk AND list_sk BETWEEN :first AND :last")
                .expression_attribute_values(":pk", s(&list.pk))
                .expression_attribute_values(":first", s(&first))
                .expression_attribute_values(":last", s(&last))
                .scan_index_forward(!span.descending)
                .limit(i32::try_from(missing).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::from_sdk(&error))?;
            places.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() || places.len() >= limit {
                return Ok((places, start));
            }
        }
    }

    /// What stands at these places, in their order.
    async fn standing_at(&self, list: &List, places: &[Item]) -> Result<Vec<Item>, StoreError> {
        let keys: Vec<Key> = places.iter().filter_map(key_of).collect();
        let table = self.table(list.table);
        let mut found = self.get_items(table, keys.iter().cloned(), true).await?;
        Ok(keys.iter().filter_map(|key| found.remove(key)).collect())
    }

    fn table(&self, table: Table) -> &str {
        match table {
            Table::Book => &self.book,
            Table::Operations => &self.operations,
        }
    }
}
