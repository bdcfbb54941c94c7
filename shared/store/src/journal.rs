//! The journal as it is stored: entries of their own, and those that came with a new run.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{OrganizationId, SubscriptionId},
    journal::{Cause, Entry},
    run::Run,
    time::OccurrenceNumber,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Listed, Page, Store, StoreError,
    attribute::from_attribute,
    item::{Item, key_item, key_of, s, text},
    keys::{JOURNAL, Key, RUN, entry_sk, partition},
    page::{Bound, Cursor, CursorError},
};

/// An entry without what its key says already (whose, of which subject) and, within a run, without
/// what the run says (when, for which job run), so that a renewal's run fits one write unit.
#[derive(Serialize, Deserialize)]
struct Stored {
    n: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<DateTime<Utc>>,
    by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    event: String,
    /// JSON text, as [`Stored::after`], where clients' own data may be part of it: what was hashed
    /// comes back digit by digit. Within a run, where it can't, a map, which is smaller.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    before: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    after: Value,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    prev: String,
    hash: String,
}

/// What an entry within a run takes from the run; neither changes once the run is made.
pub(crate) const STARTED_AT: &str = "started_at";
/// As [`STARTED_AT`].
pub(crate) const JOB_RUN_ID: &str = "job_run_id";

/// The stored form of an entry, within `run` or alone.
pub(crate) fn stored(entry: &Entry, run: Option<&Run>) -> Result<AttributeValue, StoreError> {
    let said_at = run.is_some_and(|run| run.started_at == entry.at);
    let said_why = run
        .and_then(|run| run.job_run_id.as_ref())
        .is_some_and(|job| job.as_str() == entry.cause.reason);
    let Entry {
        organization: _,
        subject,
        sequence,
        at,
        cause: Cause { actor, reason },
        event,
        before,
        after,
        previous,
        hash,
    } = entry;
    serde_dynamo::to_attribute_value(Stored {
        n: *sequence,
        at: (!said_at).then_some(*at),
        by: actor.clone(),
        why: (!said_why).then(|| reason.clone()),
        event: event.clone(),
        before: compact(before, run.is_some()),
        after: compact(after, run.is_some()),
        prev: previous.clone(),
        hash: hash.clone(),
    })
    .map_err(|error: serde_dynamo::Error| StoreError::Corrupt {
        key: format!("journal of {subject}"),
        reason: error.to_string(),
    })
}

fn compact(value: &Value, within_run: bool) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Object(_) if within_run => value.clone(),
        _ => Value::String(value.to_string()),
    }
}

fn expanded(stored: Value) -> Result<Value, serde_json::Error> {
    match stored {
        Value::String(text) => serde_json::from_str(&text),
        other => Ok(other),
    }
}

/// The entry that an item carries, if it carries one. Also reads the items of a table's stream.
///
/// # Errors
/// When the item has an entry that can't be read.
pub(crate) fn entry_of(item: &Item) -> Result<Option<Entry>, StoreError> {
    let Some(key) = key_of(item) else { return Ok(None) };
    let Some(attribute) = item.get("entry") else { return Ok(None) };
    let corrupt =
        |reason: String| StoreError::Corrupt { key: format!("{} {}", key.pk, key.sk), reason };
    let stored: Stored =
        from_attribute(attribute.clone()).map_err(|error| corrupt(error.to_string()))?;
    let (organization, subject) = match key.pk.split('#').collect::<Vec<_>>().as_slice() {
        [organization, _, subject] => ((*organization).to_owned(), (*subject).to_owned()),
        _ => return Err(corrupt("its partition key names no subject".to_owned())),
    };
    let organization: OrganizationId =
        organization.parse().map_err(|error| corrupt(format!("{error}")))?;
    let at = match stored.at {
        Some(at) => at,
        None => text(item, STARTED_AT)
            .and_then(|at| at.parse().ok())
            .ok_or_else(|| corrupt("its entry has no time".to_owned()))?,
    };
    let reason = stored
        .why
        .or_else(|| text(item, JOB_RUN_ID))
        .ok_or_else(|| corrupt("its entry has no reason".to_owned()))?;
    Ok(Some(Entry {
        organization,
        subject,
        sequence: stored.n,
        at,
        cause: Cause { actor: stored.by, reason },
        event: stored.event,
        before: expanded(stored.before).map_err(|error| corrupt(error.to_string()))?,
        after: expanded(stored.after).map_err(|error| corrupt(error.to_string()))?,
        previous: stored.prev,
        hash: stored.hash,
    }))
}

/// The last entry of the journal of something that was deleted: all that is left to find it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEntry {
    /// The letter of its subject's kind.
    pub kind: String,
    /// The entry.
    pub entry: Entry,
}

impl Listed for LastEntry {
    const LETTER: &'static str = "DJ";

    fn from_item(item: Item) -> Result<Self, StoreError> {
        let key = key_of(&item).map(|key| key.pk).unwrap_or_default();
        let entry = entry_of(&item)?;
        let kind = key.split('#').nth(1).map(str::to_owned);
        match kind.zip(entry) {
            Some((kind, entry)) => Ok(Self { kind, entry }),
            None => Err(StoreError::Corrupt { key, reason: "it is no journal entry".to_owned() }),
        }
    }
}

/// Which way a journal, or another collection, is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

impl Direction {
    /// The sort key before all that begin with `prefix`, and itself beginning with it: DynamoDB
    /// takes no starting key outside of what a query asks for.
    fn start(self, prefix: &str) -> String {
        match self {
            Self::Forward => prefix.to_owned(),
            Self::Backward => format!("{prefix}~"),
        }
    }

    /// What tells cursors of one direction from those of the other.
    fn name(self) -> &'static str {
        match self {
            Self::Forward => "journal",
            Self::Backward => "journal backward",
        }
    }
}

/// The query whose cursors lead on in a journal.
fn query_of(pk: &str, direction: Direction) -> String {
    format!("{} {pk}", direction.name())
}

/// A place in a journal: after these sort keys, of entries that stand alone and of those in runs.
fn place(query: &str, own: &str, run: &str) -> Cursor {
    Cursor::at(query, &Item::from([("own".to_owned(), s(own)), ("run".to_owned(), s(run))]))
}

impl Store {
    /// The journal of an order or subscription. `kind` is the letter of the subject's kind. Entries
    /// that stand alone and those inside runs are both in the order of their sequence, so two
    /// queries are merged.
    ///
    /// # Errors
    /// The inner error when the cursor belongs to another query.
    pub async fn journal(
        &self,
        organization: &OrganizationId,
        (kind, subject): (&str, &str),
        direction: Direction,
        limit: u16,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<Entry>, CursorError>, StoreError> {
        let pk = partition(organization, kind, subject);
        let query = query_of(&pk, direction);
        let bounds = [("own", Bound::BeginsWith(JOURNAL)), ("run", Bound::BeginsWith(RUN))];
        let start = match after.map(|cursor| cursor.start_within(&query, &bounds)).transpose() {
            Ok(start) => start.unwrap_or_default(),
            Err(error) => return Ok(Err(error)),
        };
        let from = |name: &str, prefix: &str| {
            text(&start, name).unwrap_or_else(|| direction.start(prefix))
        };
        let (own_from, run_from) = (from("own", JOURNAL), from("run", RUN));
        let limit = usize::from(limit.max(1));
        let own = self.entries(&pk, JOURNAL, &own_from, direction, limit).await?;
        let of_runs = self.entries(&pk, RUN, &run_from, direction, limit).await?;
        let more = own.1 || of_runs.1;
        let mut merged: Vec<(Entry, String)> = own.0.into_iter().chain(of_runs.0).collect();
        merged.sort_by_key(|(entry, _)| entry.sequence);
        if direction == Direction::Backward {
            merged.reverse();
        }
        let cut = merged.len() > limit;
        merged.truncate(limit);
        let last = |prefix: &str, from: &str| {
            let last = merged.iter().rev().find(|(_, sk)| sk.starts_with(prefix));
            last.map_or_else(|| from.to_owned(), |(_, sk)| sk.clone())
        };
        let next =
            (cut || more).then(|| place(&query, &last(JOURNAL, &own_from), &last(RUN, &run_from)));
        Ok(Ok(Page { items: merged.into_iter().map(|(entry, _)| entry).collect(), next }))
    }

    /// Up to `limit` entries with sort keys that begin with `prefix`, from `after` on, exclusive,
    /// and whether there may be more.
    async fn entries(
        &self,
        pk: &str,
        prefix: &str,
        after: &str,
        direction: Direction,
        limit: usize,
    ) -> Result<(Vec<(Entry, String)>, bool), StoreError> {
        let mut entries = Vec::new();
        let after = Key { pk: pk.to_owned(), sk: after.to_owned() };
        let mut start = Some(key_item(&after));
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.book)
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":pk", s(pk))
                .expression_attribute_values(":prefix", s(prefix))
                .projection_expression("pk, sk, entry, started_at, job_run_id")
                .consistent_read(true)
                .scan_index_forward(direction == Direction::Forward)
                .limit(i32::try_from(limit).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::from_sdk(&error))?;
            for item in answer.items.unwrap_or_default() {
                if let (Some(entry), Some(key)) = (entry_of(&item)?, key_of(&item)) {
                    entries.push((entry, key.sk));
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() || entries.len() >= limit {
                return Ok((entries, start.is_some()));
            }
        }
    }

    /// The first entry of a journal that no run has begun, as long as it is kept: also of what was
    /// deleted. One read unit.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn first_entry(
        &self,
        organization: &OrganizationId,
        (kind, subject): (&str, &str),
    ) -> Result<Option<Entry>, StoreError> {
        let key = Key { pk: partition(organization, kind, subject), sk: entry_sk(1) };
        match self.get_item(&self.book, &key, true).await? {
            Some(item) => entry_of(&item),
            None => Ok(None),
        }
    }

    /// One entry of a journal. One read unit where it stands alone. Those in runs stand under the
    /// run's number, which goes up as the sequence does, so they are found by halving: a read unit
    /// for each time.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn journal_entry(
        &self,
        organization: &OrganizationId,
        (kind, subject): (&str, &str),
        sequence: u64,
    ) -> Result<Option<Entry>, StoreError> {
        let pk = partition(organization, kind, subject);
        let alone = Key { pk: pk.clone(), sk: entry_sk(sequence) };
        if let Some(item) = self.get_item(&self.book, &alone, true).await? {
            return entry_of(&item);
        }
        // The number of the last run, and one that is less than any.
        let newest =
            self.entries(&pk, RUN, &Direction::Backward.start(RUN), Direction::Backward, 1).await?;
        let Some((mut found, sk)) = newest.0.into_iter().next() else { return Ok(None) };
        let (mut low, mut high) = (0, run_number(&sk));
        // Invariant: the first run at or after `high` carries `found`, which is not before the entry
        // that is looked for; every run before `low` is before it.
        while found.sequence > sequence && low < high {
            let middle = low + (high - low) / 2;
            let before = middle.checked_sub(1).map_or_else(|| RUN.to_owned(), run_sk);
            let next = self.entries(&pk, RUN, &before, Direction::Forward, 1).await?;
            match next.0.into_iter().next() {
                Some((entry, _)) if entry.sequence >= sequence => {
                    high = middle;
                    found = entry;
                }
                Some((_, sk)) => low = run_number(&sk) + 1,
                None => return Ok(None),
            }
        }
        Ok(Some(found).filter(|entry| entry.sequence == sequence))
    }

    /// Where the entry that came with a run stands in its subscription's journal, oldest first.
    /// `None` where there is no such run.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn journal_from_run(
        &self,
        organization: &OrganizationId,
        subscription: &SubscriptionId,
        number: OccurrenceNumber,
    ) -> Result<Option<Cursor>, StoreError> {
        let key = Key::of_run(organization, subscription, number);
        let Some(item) = self.get_item(&self.book, &key, true).await? else { return Ok(None) };
        let Some(entry) = entry_of(&item)? else { return Ok(None) };
        let own = entry_sk(entry.sequence);
        let run = number.get().checked_sub(1).map_or_else(|| RUN.to_owned(), run_sk);
        Ok(Some(place(&query_of(&key.pk, Direction::Forward), &own, &run)))
    }

    /// The whole journal of a subject, in order, for verification.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn whole_journal(
        &self,
        organization: &OrganizationId,
        kind: &str,
        subject: &str,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        let mut cursor = None;
        loop {
            let of = (kind, subject);
            let page =
                self.journal(organization, of, Direction::Forward, 1_000, cursor.as_ref()).await?;
            // A cursor that we made for this query always belongs to it.
            let Ok(page) = page else { return Ok(entries) };
            entries.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(entries);
            }
        }
    }
}

/// The sort key of a run.
fn run_sk(number: u32) -> String {
    format!("{RUN}{number:010}")
}

/// The number in the sort key of a run.
fn run_number(sk: &str) -> u32 {
    sk.strip_prefix(RUN).and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// The journal entry in an item of the table's stream, in the form serde_dynamo reads.
///
/// # Errors
/// When the item has an entry that can't be read.
pub fn entry_in_stream(image: serde_dynamo::Item) -> Result<Option<Entry>, StoreError> {
    entry_of(&Item::from(image))
}
