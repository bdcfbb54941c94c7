//! Job runs that are not over. The first entry of a job run's journal stands in the due index until
//! the last one is written, so that a tick sees to that, whoever has died on the way.
//!
//! Nobody who works for a job run has to tell that it is through: each that takes part says until
//! when it may still take up work, and a job run that is over lets nobody take part any more. A job
//! run that was asked for waits for the parts of its tick, too, which may be late.

use aws_sdk_dynamodb::types::{AttributeValue, Update};
use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{JobRunId, OrganizationId},
    journal::Entry,
};

use crate::{
    Part, Store, StoreError,
    due_index::JOB,
    error::held,
    item::{Item, key_item, n, s, text},
    journal::{entry_of, stored},
    keys::{Key, due_key, due_pk, entry_sk, instant, partition, shard_of},
};

/// What the letter of job runs is in keys.
const LETTER: &str = "J";

/// A job run that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenJob {
    /// The entry that tells of its beginning.
    pub began: Entry,
    /// Until when those that take part may take up work.
    pub busy_until: DateTime<Utc>,
    /// Whether parts of its tick are still to come.
    pub awaits: bool,
    /// How often somebody has come to take part.
    joined: u64,
    /// Its place in the due index, as seen.
    due_sk: String,
}

fn first_entry(organization: &OrganizationId, id: &str) -> Key {
    Key { pk: partition(organization, LETTER, id), sk: entry_sk(1) }
}

impl Store {
    /// Begins a job run, or takes part in one that another part of the same tick has begun: writes
    /// the entry that tells of it, once, and until when the caller may take up work for it. It is
    /// looked after from then on. `awaited` names the parts of a tick that is still to come.
    /// `false` when the job run is over. One write unit, and one for the due index when it is new.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn begin_job_run(
        &self,
        began: &Entry,
        until: DateTime<Utc>,
        awaited: &[String],
    ) -> Result<bool, StoreError> {
        let mut expression = "SET entry = if_not_exists(entry, :entry), \
                              due_pk = if_not_exists(due_pk, :due_pk), \
                              due_sk = if_not_exists(due_sk, :due_sk), \
                              busy_until = :until ADD joined :one"
            .to_owned();
        let shard = shard_of(&began.subject, self.shards);
        let mut update = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&first_entry(&began.organization, &began.subject))))
            .condition_expression("attribute_not_exists(ended)")
            .expression_attribute_values(":entry", stored(began, None)?)
            .expression_attribute_values(":due_pk", s(due_pk(shard)))
            .expression_attribute_values(":due_sk", s(due_key(until, JOB)))
            .expression_attribute_values(":until", s(instant(until)))
            .expression_attribute_values(":one", n(1));
        if !awaited.is_empty() {
            expression.push_str(", awaited :awaited");
            let awaited = AttributeValue::Ss(awaited.to_vec());
            update = update.expression_attribute_values(":awaited", awaited);
        }
        Ok(held(update.update_expression(expression).send().await)?.is_some())
    }

    /// Takes part in a job run that was begun: `false` when it is over. One write unit.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn join_job_run(
        &self,
        organization: &OrganizationId,
        id: &JobRunId,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&first_entry(organization, id.as_str()))))
            .update_expression("SET busy_until = :until ADD joined :one")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(ended)")
            .expression_attribute_values(":until", s(instant(until)))
            .expression_attribute_values(":one", n(1))
            .send()
            .await;
        Ok(held(sent)?.is_some())
    }

    /// Notes that an awaited part of its tick is through. One write unit.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn end_job_part(
        &self,
        organization: &OrganizationId,
        id: &JobRunId,
        part: &str,
    ) -> Result<(), StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&first_entry(organization, id.as_str()))))
            .update_expression("DELETE awaited :part")
            .condition_expression("attribute_exists(awaited)")
            .expression_attribute_values(":part", AttributeValue::Ss(vec![part.to_owned()]))
            .send()
            .await;
        held(sent).map(drop)
    }

    /// A job run that is not over; `None` for any other. One read unit.
    ///
    /// # Errors
    /// When storage does not answer or holds something unreadable.
    pub async fn open_job(
        &self,
        organization: &OrganizationId,
        id: &JobRunId,
    ) -> Result<Option<OpenJob>, StoreError> {
        let key = first_entry(organization, id.as_str());
        let found = self.get_item(&self.book, &key, true).await?;
        let Some(item) = found.filter(|item| !item.contains_key("ended")) else { return Ok(None) };
        open(&item).map(Some)
    }

    /// Looks after a job run again at `at`, where nobody else has put that off. One write unit, and
    /// two for the due index.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn look_later(&self, open: &OpenJob, at: DateTime<Utc>) -> Result<(), StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.book)
            .set_key(Some(key_item(&first_entry(&open.began.organization, &open.began.subject))))
            .update_expression("SET due_sk = :later")
            .condition_expression("due_sk = :seen")
            .expression_attribute_values(":later", s(due_key(at, JOB)))
            .expression_attribute_values(":seen", s(&open.due_sk))
            .send()
            .await;
        held(sent).map(drop)
    }

    /// Writes the last entry of a job run's journal, unless somebody has, or has come to take part
    /// since it was looked at: `false` then. Nobody can take part from then on. Four write units,
    /// and one for the due index.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn end_job_run(&self, open: &OpenJob, ended: &Entry) -> Result<bool, StoreError> {
        let key = first_entry(&open.began.organization, &open.began.subject);
        let update = Update::builder()
            .table_name(&self.book)
            .set_key(Some(key_item(&key)))
            .update_expression("SET ended = :true REMOVE due_pk, due_sk, busy_until, awaited")
            .condition_expression("joined = :seen AND attribute_not_exists(ended)")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":seen", n(open.joined))
            .build()
            .map_err(|error| StoreError::Refused(error.to_string()));
        let mut commit = self.commit(&open.began.organization);
        commit.update(Part::JobRun, update);
        match commit.entry(LETTER, ended).run().await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes an entry of the journal of a job run that nobody has to look after; writing it again
    /// changes nothing. Two write units.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn tell_of_job_run(&self, entry: &Entry) -> Result<(), StoreError> {
        match self.commit(&entry.organization).entry(LETTER, entry).run().await {
            Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn open(item: &Item) -> Result<OpenJob, StoreError> {
    let corrupt = |what: &str| StoreError::Corrupt {
        key: text(item, "pk").unwrap_or_default(),
        reason: format!("a job run that is not over has no {what}"),
    };
    let joined = item.get("joined").and_then(|joined| joined.as_n().ok()?.parse().ok());
    let busy_until = text(item, "busy_until").and_then(|until| until.parse().ok());
    Ok(OpenJob {
        began: entry_of(item)?.ok_or_else(|| corrupt("entry"))?,
        busy_until: busy_until.ok_or_else(|| corrupt("busy_until"))?,
        awaits: item.contains_key("awaited"),
        joined: joined.ok_or_else(|| corrupt("joined"))?,
        due_sk: text(item, "due_sk").ok_or_else(|| corrupt("due_sk"))?,
    })
}
