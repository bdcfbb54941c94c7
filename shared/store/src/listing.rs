//! Lists: what an organization has of one kind, or one of its customers, by the time it was made.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use perennial_domain::{
    ids::{CustomerId, OrganizationId},
    order::Order,
};

use crate::{
    Page, Store, StoreError, StoredOrder,
    item::{Item, from_item, key_of, s, text},
    keys::{Key, SELF, instant, list_pk, list_sk, partition},
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

/// An index by which lists are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Index {
    /// What an organization has of one kind.
    List,
    /// What belongs to a customer, of every kind.
    Customer,
}

impl Index {
    /// Its name, its partition key and its sort key.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::List => ("list", "list_pk", "list_sk"),
            Self::Customer => ("customer", "customer_id", "created_at"),
        }
    }

    /// The first and the last sort key of what was made in the millisecond of an instant.
    fn keys_at(self, at: DateTime<Utc>) -> (String, String) {
        match self {
            Self::List => (list_sk(at), list_sk(at)),
            Self::Customer => {
                let first = at - TimeDelta::nanoseconds(i64::from(at.nanosecond() % 1_000_000));
                (instant(first), instant(first + TimeDelta::nanoseconds(999_999)))
            }
        }
    }
}

/// One list: what an organization, or a customer, has of one kind.
#[derive(Debug)]
pub(crate) struct List {
    index: Index,
    /// Its partition of the index.
    pk: String,
    /// What partition keys of its items begin with; others in that partition are not of it.
    own: String,
    table: Table,
}

impl List {
    fn of<T: Listed>(organization: &OrganizationId) -> Self {
        Self::in_table(organization, T::LETTER, T::TABLE)
    }

    /// What an organization has of the kind with this letter. The runs among its orders stand with
    /// their subscriptions, so what keys begin with does not tell the kind.
    pub(crate) fn in_table(organization: &OrganizationId, letter: &str, table: Table) -> Self {
        let (pk, own) = (list_pk(organization, letter), format!("{organization}#"));
        Self { index: Index::List, pk, own, table }
    }

    /// What a customer has of the kind with this letter.
    pub(crate) fn of_customer(
        organization: &OrganizationId,
        customer: &CustomerId,
        letter: &str,
    ) -> Self {
        Self {
            index: Index::Customer,
            pk: customer.to_string(),
            own: partition(organization, letter, ""),
            table: Table::Book,
        }
    }

    /// The name of a query of it, to which its cursors belong.
    fn name(&self, span: &Span) -> String {
        let direction = if span.descending { "-" } else { "+" };
        let list = format!("{} {}{direction}", self.own, self.pk);
        if span.from.is_none() && span.to.is_none() {
            return list;
        }
        let (first, last) = self.ends(span);
        format!("{list}{first}..{last}")
    }

    /// The first and the last sort key of a part of it.
    fn ends(&self, span: &Span) -> (String, String) {
        let keys = |at: DateTime<Utc>| self.index.keys_at(at);
        let first = span.from.map_or_else(|| ENDS.0.to_owned(), |at| keys(at).0);
        let last = span.to.map_or_else(|| ENDS.1.to_owned(), |at| keys(at).1);
        (first, last)
    }
}

/// Before and after every sort key of these indexes.
const ENDS: (&str, &str) = (" ", "~");

/// Keys that are read at once where most are passed over.
const KEYS_AT_ONCE: usize = 1_000;
/// Most keys that are looked through for orders of clients.
const MOST_KEYS: usize = 50_000;

/// Fewest keys that one query reads of a partition which holds several kinds.
const SHARED_READ: usize = 100;

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
        let page = match self.items_within(&list, span, limit, after).await? {
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

    /// The orders of clients among the latest of a span, the latest first, and whether there are older
    /// ones that were not looked at. Their keys are told from those of runs in the index, so what runs
    /// have made is not read; past [`MOST_KEYS`] keys nothing more is looked for.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn client_orders(
        &self,
        organization: &OrganizationId,
        span: &Span,
        limit: u16,
    ) -> Result<(Vec<Order>, bool), StoreError> {
        let list = List::in_table(organization, StoredOrder::LETTER, Table::Book);
        let span = Span { descending: true, ..*span };
        let limit = usize::from(limit);
        let (mut found, mut read, mut start) = (Vec::new(), 0, None);
        let more = loop {
            let (places, last) = self.places(&list, &span, KEYS_AT_ONCE, start).await?;
            read += places.len();
            found.extend(
                places.into_iter().filter(|place| text(place, "sk").is_some_and(|sk| sk == SELF)),
            );
            start = last;
            if start.is_none() || found.len() > limit || read >= MOST_KEYS {
                break start.is_some() || found.len() > limit;
            }
        };
        found.truncate(limit);
        let items = self.standing_at(&list, &found).await?;
        let orders: Result<Vec<Order>, StoreError> = items.into_iter().map(from_item).collect();
        Ok((orders?, more))
    }

    /// The items of [`Store::list_within`].
    pub(crate) async fn items_within(
        &self,
        list: &List,
        span: &Span,
        limit: u16,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<Item>, CursorError>, StoreError> {
        let query = list.name(span);
        let (_, hash, range) = list.index.names();
        let bounds = [
            (hash, Bound::Is(&list.pk)),
            (range, Bound::BeginsWith("")),
            ("pk", Bound::BeginsWith(&list.own)),
            ("sk", Bound::BeginsWith("")),
        ];
        let start = match after.map(|cursor| cursor.start_within(&query, &bounds)).transpose() {
            Ok(start) => start,
            Err(error) => return Ok(Err(error)),
        };
        let (first, last) = list.ends(span);
        let at = start.as_ref().and_then(|start| text(start, range));
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

    /// Up to `limit` entries of a list, and the last of them where more may follow.
    async fn places(
        &self,
        list: &List,
        span: &Span,
        limit: usize,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let (index, hash, range) = list.index.names();
        let (first, last) = list.ends(span);
        let (mut places, mut start) = (Vec::new(), start);
        if first > last {
            return Ok((places, None));
        }
        loop {
            let missing = limit.saturating_sub(places.len());
            let reads = match list.index {
                Index::List => missing,
                Index::Customer => missing.max(SHARED_READ),
            };
            let answer = self
                .client
                .query()
                .table_name(self.table(list.table))
                .index_name(index)
                .key_condition_expression(format!(
                    "{hash} = :pk AND {range} BETWEEN :first AND :last"
                ))
                .expression_attribute_values(":pk", s(&list.pk))
                .expression_attribute_values(":first", s(&first))
                .expression_attribute_values(":last", s(&last))
                .scan_index_forward(!span.descending)
                .limit(i32::try_from(reads).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::from_sdk(&error))?;
            let own = |item: &Item| text(item, "pk").is_some_and(|pk| pk.starts_with(&list.own));
            places.extend(answer.items.unwrap_or_default().into_iter().filter(own));
            start = answer.last_evaluated_key;
            if places.len() >= limit {
                let more = start.is_some() || places.len() > limit;
                places.truncate(limit);
                let last = places.last().filter(|_| more).cloned();
                return Ok((places, last));
            }
            if start.is_none() {
                return Ok((places, None));
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
