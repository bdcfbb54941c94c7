//! Records: items whose content the store does not look into. What stands alone and is described by
//! a table of attributes is written and read as JSON, by one piece of code for all kinds.

use chrono::{DateTime, Utc};
use perennial_domain::ids::OrganizationId;
use serde_json::{Map, Value, json};

use crate::{
    Claim, Commit, Cursor, CursorError, DueEntry, DueSubject, Expect, Page, Part, Span, Store,
    StoreError, Window,
    customer_index::{made_at, place_by_customer},
    due_index::record_name,
    item::{Item, from_item, key_item, key_of, n, s, to_item},
    keys::{Key, SELF, due_key, due_pk, list_pk, list_sk, shard_of},
    listing::{List, Table},
    taxes,
};

/// The content of an item, under the names it is stored by. Has at least `id`, `version` and
/// `created_at`.
pub type Record = Map<String, Value>;

/// What a record says of its place and not of itself.
const PLACES: [&str; 6] = ["pk", "sk", "list_pk", "list_sk", "due_pk", "due_sk"];

/// The member that says when a record is to be looked at next, of the kinds that wake: such a record
/// stands in the due index.
pub const WAKES_AT: &str = "wakes_at";

/// The records of one kind in the order book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordKind {
    /// The letter of the kind in keys; see `docs/storage.md`.
    pub letter: &'static str,
    /// What one is, for conflicts.
    pub part: Part,
}

impl RecordKind {
    /// Where the record with this id stands.
    fn key(self, organization: &OrganizationId, id: &str) -> Key {
        match self.letter {
            taxes::RULES => taxes::key_of_rule(organization, id),
            letter => Key::of(organization, letter, id),
        }
    }

    fn list(self, organization: &OrganizationId) -> List {
        List::in_table(organization, self.letter, Table::Book)
    }

    fn item(
        self,
        organization: &OrganizationId,
        record: &Record,
        shards: u16,
    ) -> Result<Item, StoreError> {
        let unsound = |what: &str| StoreError::Refused(format!("a record without {what}"));
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        let id = text("id").ok_or_else(|| unsound("id"))?;
        let created_at: DateTime<Utc> = text("created_at")
            .and_then(|at| at.parse().ok())
            .ok_or_else(|| unsound("created_at"))?;
        let mut item = to_item(&self.key(organization, id), record)?;
        item.insert("list_pk".to_owned(), s(list_pk(organization, self.letter)));
        item.insert("list_sk".to_owned(), s(list_sk(created_at)));
        place_by_customer(&mut item);
        let wakes_at: Option<DateTime<Utc>> = text(WAKES_AT).and_then(|at| at.parse().ok());
        if let (Some(name), Some(at)) = (record_name(self.letter), wakes_at) {
            item.insert("due_pk".to_owned(), s(due_pk(shard_of(id, shards))));
            item.insert("due_sk".to_owned(), s(due_key(at, name)));
        }
        Ok(item)
    }
}

/// The record in an item. What leaves its id to its key gets it from there; what belongs to another,
/// as a run does to its subscription, has none.
pub(crate) fn record(item: Item) -> Result<Record, StoreError> {
    let key = key_of(&item).filter(|key| key.sk == SELF);
    let made_at = made_at(&item);
    let mut record: Record = from_item(item)?;
    for place in PLACES {
        record.remove(place);
    }
    if let Some(made_at) = made_at {
        record.insert("created_at".to_owned(), json!(made_at));
    }
    if let Some((_, id)) = key.as_ref().and_then(|key| key.pk.rsplit_once('#')) {
        record.entry("id").or_insert_with(|| Value::String(id.to_owned()));
    }
    Ok(record)
}

impl Commit<'_> {
    /// Writes a record, its place in the list, and where it wakes its place in the due index.
    #[must_use]
    pub fn record(mut self, kind: RecordKind, record: &Record, expect: Expect) -> Self {
        let item = kind.item(self.organization(), record, self.shards());
        self.put(kind.part, item, expect);
        self
    }

    /// Removes a record whose version was `seen`. Its journal stays.
    #[must_use]
    pub fn delete_record(self, kind: RecordKind, id: &str, seen: u64) -> Self {
        self.delete(kind.part, (kind.letter, id), seen)
    }
}

impl Store {
    /// Claims a record that the due index shows, by moving its place there on: so each is handed on
    /// once in a while, and not at every tick. `false` means that it wakes no more, or at another
    /// time, or that somebody else has claimed it. One write unit per KB, and two for the index.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn claim_record(&self, entry: &DueEntry, claim: &Claim) -> Result<bool, StoreError> {
        let DueSubject::Record { letter, id } = &entry.subject else { return Ok(false) };
        let Some(name) = record_name(letter) else { return Ok(false) };
        let sent = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&Key::of(&entry.organization, letter, id))))
            .update_expression("SET due_sk = :later")
            .condition_expression("due_sk = :seen")
            .expression_attribute_values(":later", s(due_key(claim.now + claim.lease, name)))
            .expression_attribute_values(":seen", s(&entry.sk))
            .send()
            .await;
        crate::error::held(sent).map(|held| held.is_some())
    }

    /// Puts off when a record wakes, where it does: its message became a dead letter.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn postpone_record(
        &self,
        organization: &OrganizationId,
        letter: &str,
        id: &str,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Some(name) = record_name(letter) else { return Ok(()) };
        let sent = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&Key::of(organization, letter, id))))
            .update_expression("SET due_sk = :until")
            .condition_expression("attribute_exists(due_sk)")
            .expression_attribute_values(":until", s(due_key(until, name)))
            .send()
            .await;
        crate::error::held(sent).map(drop)
    }

    /// A record, read consistently. One read unit per 4 KB.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn record(
        &self,
        organization: &OrganizationId,
        kind: RecordKind,
        id: &str,
    ) -> Result<Option<Record>, StoreError> {
        let key = kind.key(organization, id);
        self.get_item(&self.book, &key, true).await?.map(record).transpose()
    }

    /// Those of the records that exist, in no order. One read unit per 4 KB of each where
    /// `consistent`, half of it otherwise.
    ///
    /// # Errors
    /// As [`Store::record`].
    pub async fn records(
        &self,
        organization: &OrganizationId,
        kind: RecordKind,
        ids: &[String],
        consistent: bool,
    ) -> Result<Vec<Record>, StoreError> {
        let keys = ids.iter().map(|id| kind.key(organization, id));
        let items = self.get_items(&self.book, keys, consistent).await?;
        items.into_values().map(record).collect()
    }

    /// Stores a new record. One write unit per KB, and one for its place in the list.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one with this id exists.
    pub async fn create_record(
        &self,
        organization: &OrganizationId,
        kind: RecordKind,
        record: &Record,
    ) -> Result<(), StoreError> {
        let item = kind.item(organization, record, self.shards)?;
        self.put(item, kind.part, "attribute_not_exists(pk)", None).await
    }

    /// Replaces a record whose version was `seen`. One write unit per KB.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its version is another by now.
    pub async fn update_record(
        &self,
        organization: &OrganizationId,
        kind: RecordKind,
        record: &Record,
        seen: u64,
    ) -> Result<(), StoreError> {
        let item = kind.item(organization, record, self.shards)?;
        self.put(item, kind.part, "version = :seen", Some(n(seen))).await
    }

    /// Deletes a record whose version was `seen`. One write unit per KB, and one for its place in
    /// the list.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its version is another by now.
    pub async fn delete_record(
        &self,
        organization: &OrganizationId,
        kind: RecordKind,
        id: &str,
        seen: u64,
    ) -> Result<(), StoreError> {
        let sent = self
            .client
            .delete_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&kind.key(organization, id))))
            .condition_expression("version = :seen")
            .expression_attribute_values(":seen", n(seen))
            .send()
            .await;
        crate::error::held(sent)?.map(|_| ()).ok_or(StoreError::Conflict(kind.part))
    }

    /// What an organization has of one kind, as [`Store::list_within`].
    ///
    /// # Errors
    /// The inner error when the cursor belongs to another query.
    pub async fn records_within(
        &self,
        organization: &OrganizationId,
        kind: RecordKind,
        span: &Span,
        limit: u16,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<Record>, CursorError>, StoreError> {
        let list = kind.list(organization);
        let page = match self.items_within(&list, span, limit, after).await? {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        let items: Result<Vec<Record>, StoreError> = page.items.into_iter().map(record).collect();
        Ok(Ok(Page { items: items?, next: page.next }))
    }

    /// Some of them by their place in the list, as [`Store::window`].
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn records_window(
        &self,
        organization: &OrganizationId,
        kind: RecordKind,
        span: &Span,
        places: (usize, usize),
        bound: usize,
    ) -> Result<Window<Record>, StoreError> {
        let list = kind.list(organization);
        let Window { items, total, next } = self.items_window(&list, span, places, bound).await?;
        let items: Result<Vec<Record>, StoreError> = items.into_iter().map(record).collect();
        Ok(Window { items: items?, total, next })
    }
}
