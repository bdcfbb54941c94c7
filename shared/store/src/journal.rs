//! The journal as it is stored: entries of their own, and those that came with a new run.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::OrganizationId,
    journal::{Cause, Entry},
    run::Run,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Page, Store, StoreError,
    item::{Item, key_of, s, text},
    keys::{JOURNAL, RUN, partition},
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
    let stored: Stored = serde_dynamo::from_attribute_value(attribute.clone())
        .map_err(|error| corrupt(error.to_string()))?;
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

impl Store {
    /// The journal of an order or subscription, oldest first. `kind` is the letter of the
    /// subject's kind. Entries that stand alone and those inside runs are both in the order of
    /// their sequence, so two queries are merged.
    ///
    /// # Errors
    /// The inner error when the cursor belongs to another query.
    pub async fn journal(
        &self,
        organization: &OrganizationId,
        kind: &str,
        subject: &str,
        limit: u16,
        after: Option<&Cursor>,
    ) -> Result<Result<Page<Entry>, CursorError>, StoreError> {
        let pk = partition(organization, kind, subject);
        let query = format!("journal {pk}");
        let bounds = [("own", Bound::BeginsWith(JOURNAL)), ("run", Bound::BeginsWith(RUN))];
        let start = match after.map(|cursor| cursor.start_within(&query, &bounds)).transpose() {
            Ok(start) => start.unwrap_or_default(),
            Err(error) => return Ok(Err(error)),
        };
        let from = |name: &str, prefix: &str| {
            start
                .get(name)
                .and_then(|v| v.as_s().ok().cloned())
                .unwrap_or_else(|| prefix.to_owned())
        };
        let (own_from, run_from) = (from("own", JOURNAL), from("run", RUN));
        let limit = usize::from(limit.max(1));
        let own = self.entries_after(&pk, &own_from, "J$", limit).await?;
        let of_runs = self.entries_after(&pk, &run_from, "R$", limit).await?;
        let more = own.1 || of_runs.1;
        let mut merged: Vec<(Entry, String)> = own.0.into_iter().chain(of_runs.0).collect();
        merged.sort_by_key(|(entry, _)| entry.sequence);
        let cut = merged.len() > limit;
        merged.truncate(limit);
        let last = |prefix: &str, from: &str| {
            let last = merged.iter().rev().find(|(_, sk)| sk.starts_with(prefix));
            last.map_or_else(|| from.to_owned(), |(_, sk)| sk.clone())
        };
        let next = (cut || more).then(|| {
            Cursor::at(
                &query,
                &Item::from([
                    ("own".to_owned(), s(last(JOURNAL, &own_from))),
                    ("run".to_owned(), s(last(RUN, &run_from))),
                ]),
            )
        });
        Ok(Ok(Page { items: merged.into_iter().map(|(entry, _)| entry).collect(), next }))
    }

    /// Up to `limit` entries with sort keys between `after`, exclusive, and `before`, and whether
    /// there may be more.
    async fn entries_after(
        &self,
        pk: &str,
        after: &str,
        before: &str,
        limit: usize,
    ) -> Result<(Vec<(Entry, String)>, bool), StoreError> {
        let mut entries = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.book)
                .key_condition_expression("pk = :pk AND sk BETWEEN :after AND :before")
                .expression_attribute_values(":pk", s(pk))
                .expression_attribute_values(":after", s(format!("{after}\u{1}")))
                .expression_attribute_values(":before", s(before))
                .projection_expression("pk, sk, entry, started_at, job_run_id")
                .consistent_read(true)
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
            let page = self.journal(organization, kind, subject, 1_000, cursor.as_ref()).await?;
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

/// The journal entry in an item of the table's stream, in the form serde_dynamo reads.
///
/// # Errors
/// When the item has an entry that can't be read.
pub fn entry_in_stream(image: serde_dynamo::Item) -> Result<Option<Entry>, StoreError> {
    entry_of(&Item::from(image))
}
