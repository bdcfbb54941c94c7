//! The due index: what is to be woken, by when. It holds just those that will wake, and answers
//! "everything due up to now", never "today", so downtime needs no special case.

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::ids::{EventCallbackId, JobRunId, OrderId, OrganizationId, SubscriptionId};

use crate::{
    Page, Store, StoreError,
    item::{Item, key_of, s, text},
    keys::{due_instant, due_pk},
    page::Cursor,
    webhooks::delivery_at,
};

/// How long an order may wait for validation before a tick sends it there again.
pub(crate) const VALIDATION_GRACE: TimeDelta = TimeDelta::minutes(2);
/// The name under which orders waiting for validation stand in the index.
pub(crate) const VALIDATE: &str = "validate";
/// The name under which deliveries to webhooks stand in the index.
pub(crate) const DELIVER: &str = "deliver";
/// The name under which job runs that are not over stand in the index.
pub(crate) const JOB: &str = "job";

/// Who is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DueSubject {
    /// A subscription whose next occurrence is due.
    Run(SubscriptionId),
    /// A subscription whose next run is to be announced. To claim it is to claim that run, for
    /// when it is due too by now; to announce it, a commit is enough.
    Alert(SubscriptionId),
    /// A subscription with something else to do: a retry, its expiry.
    Other(SubscriptionId),
    /// An order whose validation is overdue.
    Order(OrderId),
    /// A delivery to a webhook.
    Delivery(EventCallbackId),
    /// A job run of which it is to be seen whether it is over.
    JobRun(JobRunId),
    /// A record that wakes: see [`WAKES_AT`](crate::WAKES_AT).
    Record {
        /// The letter of its kind.
        letter: &'static str,
        /// Its id.
        id: String,
    },
}

/// The names under which records that wake stand in the index, and the letters of their kinds.
const RECORDS: [(&str, &str); 3] = [("refund", "F"), ("source", "P"), ("dispute", "Q")];

/// The name under which records of a kind stand in the index; `None` for kinds that never wake.
pub(crate) fn record_name(letter: &str) -> Option<&'static str> {
    RECORDS.iter().find(|(_, of)| *of == letter).map(|(name, _)| *name)
}

/// The kind of record that stands in the index under this name.
fn letter_named(name: &str) -> Option<&'static str> {
    RECORDS.iter().find(|(of, _)| *of == name).map(|(_, letter)| *letter)
}

/// One entry of the due index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEntry {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Who is due.
    pub subject: DueSubject,
    /// Since when.
    pub due_at: DateTime<Utc>,
    /// The entry as seen: a claim holds only while it is unchanged.
    pub(crate) sk: String,
}

impl Store {
    /// Entries of one shard that are due up to `now`, oldest first; at most `limit`. About a
    /// hundred entries cost one read unit. Entries that can't be read are left out and logged.
    ///
    /// # Errors
    /// When storage does not answer, or the cursor is of another shard.
    pub async fn due(
        &self,
        shard: u16,
        now: DateTime<Utc>,
        limit: u16,
        after: Option<&Cursor>,
    ) -> Result<Page<DueEntry>, StoreError> {
        let partition = due_pk(shard);
        let start = after
            .map(|cursor| cursor.start_of(&partition))
            .transpose()
            .map_err(|error| StoreError::Refused(format!("the cursor {error}")))?;
        let answer = self
            .client
            .query()
            .table_name(&self.book)
            .index_name("due")
            .key_condition_expression("due_pk = :pk AND due_sk <= :now")
            .expression_attribute_values(":pk", s(&partition))
            .expression_attribute_values(":now", s(format!("{}~", due_instant(now))))
            .limit(i32::from(limit.max(1)))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&error))?;
        let next = answer.last_evaluated_key.as_ref().map(|last| Cursor::at(&partition, last));
        let items = answer.items.unwrap_or_default();
        let entries = items
            .iter()
            .filter_map(|item| {
                let entry = entry(item);
                if entry.is_none() {
                    tracing::error!(?item, "an entry of the due index can't be read");
                }
                entry
            })
            .collect();
        Ok(Page { items: entries, next })
    }
}

fn entry(item: &Item) -> Option<DueEntry> {
    let key = key_of(item)?;
    let sk = text(item, "due_sk")?;
    let (instant, kind) = sk.split_once('#')?;
    let due_at = DateTime::parse_from_rfc3339(instant).ok()?.to_utc();
    let mut parts = key.pk.splitn(3, '#');
    let organization = parts.next()?.parse().ok()?;
    let id = parts.nth(1)?;
    let subject = match kind {
        VALIDATE => DueSubject::Order(id.parse().ok()?),
        DELIVER => DueSubject::Delivery(delivery_at(id, &key.sk)?),
        JOB => DueSubject::JobRun(id.parse().ok()?),
        "run" => DueSubject::Run(id.parse().ok()?),
        "alert" => DueSubject::Alert(id.parse().ok()?),
        name if let Some(letter) = letter_named(name) => {
            DueSubject::Record { letter, id: id.to_owned() }
        }
        _ => DueSubject::Other(id.parse().ok()?),
    };
    Some(DueEntry { organization, subject, due_at, sk })
}
