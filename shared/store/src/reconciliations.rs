//! Reconciliations: job runs that prove the books, with where each stands and what it found.
//!
//! A reconciliation is a job run's item with more in it, so that the job log lists it among the
//! others. What it finds are items of their own in its collection, named by the step that found
//! them: a step that is repeated writes the same items again.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{JobRunId, OrganizationId},
    reconciliation::{Discrepancy, Prorations, Renewals},
};
use serde::{Deserialize, Serialize};

use crate::{
    Cursor, JobKind, JobStatus, Listed, Part, Store, StoreError, Table,
    error::held,
    item::{Item, from_item, n, s, to_item},
    keys::{Key, list_pk, partition},
    members::Collection,
};

/// What sort keys of discrepancies begin with.
const FOUND: &str = "D#";

/// How far a reconciliation has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "part")]
pub enum Progress {
    /// Subscription by subscription: occurrences and journals. From the beginning without a cursor.
    Subscriptions {
        /// Where to go on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Cursor>,
    },
    /// Slice of time by slice of time: orders, charges and refunds.
    Payments {
        /// Where the next slice begins.
        from: DateTime<Utc>,
        /// How long it is, in seconds, unless more was charged in it than is compared at once.
        seconds: i64,
    },
    /// Record by record, of those that were made within the span.
    Records {
        /// Which.
        of: Recorded,
        /// Where to go on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Cursor>,
    },
    /// Everything was compared.
    Done,
}

/// What has records of its own and a journal, beside subscriptions and orders; in the order in which
/// they are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    /// Refunds.
    Refunds,
    /// Disputes.
    Disputes,
    /// Copies of orders by hand.
    OrderCopies,
    /// Payment sources.
    PaymentSources,
    /// What was deleted within the span, whose journal stays.
    Deleted,
}

impl Recorded {
    /// What comes after it.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Refunds => Some(Self::Disputes),
            Self::Disputes => Some(Self::OrderCopies),
            Self::OrderCopies => Some(Self::PaymentSources),
            Self::PaymentSources => Some(Self::Deleted),
            Self::Deleted => None,
        }
    }
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examined {
    /// Subscriptions.
    pub subscriptions: u64,
    /// Of these: changed again and again while they were looked at, and left for the next time.
    pub busy: u64,
    /// Of these: kept from running by a dead letter.
    pub blocked: u64,
    /// Runs.
    pub runs: u64,
    /// Journal entries.
    pub journal_entries: u64,
    /// Orders that clients or runs made within the span.
    pub orders: u64,
    /// Charges that the provider took within the span.
    pub charges: u64,
    /// Refunds that the provider made within the span.
    pub refunds: u64,
    /// Records of our own that were made within the span, and what was deleted in it.
    #[serde(default)]
    pub records: u64,
}

impl Examined {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            subscriptions: self.subscriptions + other.subscriptions,
            busy: self.busy + other.busy,
            blocked: self.blocked + other.blocked,
            runs: self.runs + other.runs,
            journal_entries: self.journal_entries + other.journal_entries,
            orders: self.orders + other.orders,
            charges: self.charges + other.charges,
            refunds: self.refunds + other.refunds,
            records: self.records + other.records,
        }
    }
}

/// One reconciliation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// Identifier: that of a job run.
    pub id: JobRunId,
    /// Always [`JobKind::Reconciliation`].
    pub kind: JobKind,
    /// Who started it.
    pub actor: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// Where it stands.
    pub status: JobStatus,
    /// The first instant of the span.
    pub from: DateTime<Utc>,
    /// The first instant after it.
    pub to: DateTime<Utc>,
    /// How far it has come.
    pub progress: Progress,
    /// Counts its steps: each is committed once.
    pub step: u64,
    /// What was looked at.
    #[serde(default)]
    pub examined: Examined,
    /// How the renewals of the span went.
    #[serde(default)]
    pub renewals: Renewals,
    /// How the checks of proration went.
    #[serde(default)]
    pub prorations: Prorations,
    /// What does not agree, counted.
    #[serde(default)]
    pub discrepancies: u64,
}

fn key(organization: &OrganizationId, id: &JobRunId) -> Key {
    Key::of(organization, "J", id.as_str())
}

fn reconciliation_item(
    organization: &OrganizationId,
    reconciliation: &Reconciliation,
) -> Result<Item, StoreError> {
    // Among job runs by when it began: an id that derives from an idempotency key knows no time.
    let body = reconciliation.id.as_str().strip_prefix(JobRunId::PREFIX).unwrap_or_default();
    let began = reconciliation.started_at.timestamp_millis().max(0);
    let place: String = body.chars().skip(12).collect();
    let place = format!("{}{began:012x}{place}", JobRunId::PREFIX);
    let mut item = to_item(&key(organization, &reconciliation.id), reconciliation)?;
    item.insert("list_pk".to_owned(), s(list_pk(organization, "J")));
    item.insert("list_sk".to_owned(), s(place));
    Ok(item)
}

impl Store {
    /// Opens a reconciliation; answers `false` when it was opened before.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn open_reconciliation(
        &self,
        organization: &OrganizationId,
        reconciliation: &Reconciliation,
    ) -> Result<bool, StoreError> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.operations)
            .set_item(Some(reconciliation_item(organization, reconciliation)?))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        Ok(held(sent)?.is_some())
    }

    /// A reconciliation; `None` where there is none, or a job run of another kind.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn reconciliation(
        &self,
        organization: &OrganizationId,
        id: &JobRunId,
    ) -> Result<Option<Reconciliation>, StoreError> {
        let found = self.get_item(&self.operations, &key(organization, id), true).await?;
        found.filter(is_reconciliation).map(from_item).transpose()
    }

    /// Commits a step: what it found first, then where the reconciliation stands, on the condition
    /// that nobody has committed that step before.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody has.
    pub async fn commit_reconciliation(
        &self,
        organization: &OrganizationId,
        after: &Reconciliation,
        found: &[Discrepancy],
    ) -> Result<(), StoreError> {
        let pk = partition(organization, "J", after.id.as_str());
        for (number, discrepancy) in found.iter().enumerate() {
            let sk = format!("{FOUND}{:010}#{number:06}", after.step);
            let item = to_item(&Key { pk: pk.clone(), sk }, discrepancy)?;
            let put = self.client.put_item().table_name(&self.operations).set_item(Some(item));
            put.send().await.map_err(|error| StoreError::from_sdk(&error))?;
        }
        let put = self
            .client
            .put_item()
            .table_name(&self.operations)
            .set_item(Some(reconciliation_item(organization, after)?))
            .condition_expression("step = :seen")
            .expression_attribute_values(":seen", n(after.step.saturating_sub(1)));
        held(put.send().await)?.map(drop).ok_or(StoreError::Conflict(Part::JobRun))
    }

    /// What a reconciliation has found, in the order in which it was found; `limit` of it at most.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn discrepancies(
        &self,
        organization: &OrganizationId,
        id: &JobRunId,
        limit: usize,
    ) -> Result<Vec<Discrepancy>, StoreError> {
        let pk = partition(organization, "J", id.as_str());
        let found_by =
            Collection { table: &self.operations, pk: &pk, prefix: Some(FOUND), limit: None };
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.visit(&found_by, &mut |item| {
            found.push(from_item(item)?);
            Ok(found.len() < limit)
        })
        .await?;
        Ok(found)
    }
}

/// A job run in the list of all of them: `None` where it is no reconciliation.
impl Listed for Option<Reconciliation> {
    const LETTER: &'static str = "J";
    const TABLE: Table = Table::Operations;

    fn from_item(item: Item) -> Result<Self, StoreError> {
        if is_reconciliation(&item) { from_item(item).map(Some) } else { Ok(None) }
    }
}

fn is_reconciliation(item: &Item) -> bool {
    item.get("progress").is_some_and(AttributeValue::is_m)
}
