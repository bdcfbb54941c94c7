//! Writing payment sources: each with the entry of its journal, and with its customer, who holds the
//! order in which the sources are tried. The first is the default, so that there is exactly one by
//! construction; the sources repeat it for those who read them.

use chrono::NaiveDate;
use perennial_domain::{
    ids::{CustomerId, PaymentSourceId},
    journal::Change,
    payment::{MAX_SOURCES, with_default, without},
};
use perennial_store::{Commit, Expect, Record, StoreError, WAKES_AT};
use serde_json::{Map, Value, json};

use super::{
    COMMIT_ATTEMPTS, Work,
    record::{CUSTOMERS, SOURCES, read_member, seen, version},
};
use crate::{
    api::{
        answer, catalog,
        change_subscription::differing,
        customer_payment_sources::{CATALOG, DEFAULT, TOKEN, masked, operations},
    },
    http::{
        context::Context,
        error::{Code, Outcome, Problem},
        event::Answer,
        operation::{Operation, handler},
    },
    sqs_batch::HandleError,
};

/// What the function serves.
pub(crate) const OPERATIONS: &[Operation] =
    &operations(handler!(create), handler!(update), handler!(delete));

/// The member of a customer that holds its sources in their order.
const SOURCE_IDS: &str = "payment_source_ids";
/// The member of a source that says that open runs are to be tried with it.
pub(super) const PAYS_OPEN_RUNS: &str = "pays_open_runs";

async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let record = catalog::new_record(context, &CATALOG).await?;
    let work = Work::of(context);
    let record = match write_new(context, &record).await? {
        Ok(record) => record,
        Err(conflict) => {
            // The same request, under its idempotency key, has stored it and died before it could
            // answer.
            let id = text(&record, "id").unwrap_or_default();
            let organization = &context.caller.organization;
            let existing = match &context.once {
                Some(_) => context.store().record(organization, SOURCES, id).await?,
                None => None,
            };
            existing.ok_or(conflict)?
        }
    };
    let record = look_after(&work, record).await;
    answer::one(context, 201, &catalog::revealed(context, &CATALOG, None, &record)).await
}

/// Stores a new source as [`create`] does; what it may pay is tried at the next tick. The inner error
/// is that it exists already.
pub(crate) async fn add(context: &Context<'_>, record: Record) -> Outcome<Result<(), StoreError>> {
    Ok(write_new(context, &record).await?.map(drop))
}

/// Writes a new source. The inner error is that it exists already.
async fn write_new(context: &Context<'_>, record: &Record) -> Outcome<Result<Record, StoreError>> {
    let written = Work::of(context).write_source(None, record.clone()).await?;
    if written.is_err() {
        refuse_too_many(context, record).await?;
    }
    Ok(written)
}

async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let (before, record) = catalog::changed_record(context, &CATALOG).await?;
    let work = Work::of(context);
    let record = work.write_source(Some(&before), record).await??;
    let record = look_after(&work, record).await;
    answer::one(context, 200, &catalog::revealed(context, &CATALOG, Some(&before), &record)).await
}

async fn delete(context: &Context<'_>) -> Outcome<Answer> {
    let record = catalog::removable_record(context, &CATALOG).await?;
    Work::of(context).remove_source(&record).await??;
    Ok(Answer::empty(204))
}

/// Tries what it may pay at once, and answers it as it is after that. It stands in the due index: what
/// fails here is done by the tick.
async fn look_after(work: &Work<'_>, record: Record) -> Record {
    let Some(id) = text(&record, "id").and_then(|id| id.parse().ok()) else { return record };
    let seen = async {
        work.see_to_source(&id).await?;
        Ok::<_, HandleError>(work.source_record(&id).await?)
    };
    match seen.await {
        Ok(seen) => seen.unwrap_or(record),
        Err(error) => {
            tracing::warn!(%error, payment_source_id = %id, "a payment source is left for later");
            record
        }
    }
}

async fn refuse_too_many(context: &Context<'_>, record: &Record) -> Outcome<()> {
    let id = text(record, "customer_id").unwrap_or_default();
    let customer = context.store().record(&context.caller.organization, CUSTOMERS, id).await?;
    let known = customer.map(|customer| order_of(&customer)).unwrap_or_default();
    let count = known.len();
    if count < MAX_SOURCES || known.iter().any(|own| Some(own.as_str()) == text(record, "id")) {
        return Ok(());
    }
    let detail = format!("customer {id} has {count} payment sources, which is the most");
    Err(Problem::new(Code::InvalidStatus, detail)
        .at("/data/relationships/customer")
        .with("maximum", MAX_SOURCES)
        .into())
}

fn text<'a>(record: &'a Record, member: &str) -> Option<&'a str> {
    record.get(member).and_then(Value::as_str)
}

/// A customer's sources in the order in which they are tried.
pub(crate) fn order_of(customer: &Record) -> Vec<PaymentSourceId> {
    read_member(customer, SOURCE_IDS).unwrap_or_default()
}

/// What a journal tells of a source: no token that could be charged.
fn told(record: &Record) -> Value {
    let mut told = Map::new();
    for name in ["name", "expires_on", DEFAULT, "reference", "reference_origin", "customer_id"] {
        if let Some(value) = record.get(name) {
            told.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(token) = text(record, TOKEN) {
        told.insert(TOKEN.to_owned(), json!(masked(token)));
    }
    Value::Object(told)
}

fn change_of(before: Option<&Record>, after: &Record) -> Change {
    let Some(before) = before else {
        let event = "customer_payment_sources.create";
        return Change { event, before: Value::Null, after: told(after) };
    };
    let (was, mut is) = differing(&told(before), &told(after));
    if let Value::Object(members) = &mut is
        && before.get(TOKEN) != after.get(TOKEN)
    {
        members.insert("token_changed".to_owned(), json!(true));
    }
    Change { event: "customer_payment_sources.update", before: was, after: is }
}

impl Work<'_> {
    /// Writes a source with the order of its customer's sources; a new or renewed one is tried with
    /// open runs at once. The inner error is that somebody has changed it meanwhile, that it exists
    /// already, or that its customer has as many as they may.
    pub(super) async fn write_source(
        &self,
        before: Option<&Record>,
        mut wanted: Record,
    ) -> Result<Result<Record, StoreError>, HandleError> {
        let renewed = |name: &str| before.and_then(|before| before.get(name)) != wanted.get(name);
        if before.is_none() || renewed(TOKEN) || renewed("expires_on") {
            wanted.insert(PAYS_OPEN_RUNS.to_owned(), json!(true));
            wanted.insert(WAKES_AT.to_owned(), json!(self.now));
        }
        self.put_source(before, wanted, MAX_SOURCES).await
    }

    /// Writes a source as it is given, with the order of its customer's sources. The inner error is
    /// that somebody has changed it meanwhile, that it exists already, or that it is new and its
    /// customer has `most` of them.
    pub(crate) async fn put_source(
        &self,
        before: Option<&Record>,
        wanted: Record,
        most: usize,
    ) -> Result<Result<Record, StoreError>, HandleError> {
        let (id, customer_id) = ids(&wanted)?;
        for _ in 0..COMMIT_ATTEMPTS {
            let mut after = wanted.clone();
            let customer = self.customer(&customer_id).await?;
            let known = order_of(&customer);
            if before.is_none() && known.len() >= most && !known.contains(&id) {
                return Ok(Err(StoreError::Conflict(CUSTOMERS.part)));
            }
            let asked = after.get(DEFAULT) == Some(&json!(true));
            let order = with_default(&known, &id, asked);
            let default = order.first() == Some(&id);
            after.insert(DEFAULT.to_owned(), json!(default));
            let mut commit = self.services.store.commit(self.organization);
            let change = change_of(before, &after);
            let entry = self.entry(&mut after, change);
            commit = commit
                .record(SOURCES, &after, before.map_or(Expect::New, seen))
                .entry(SOURCES.letter, &entry);
            if order != known {
                commit = self.reorder(commit, &customer, &order);
            }
            if let Some(last) = known.first().filter(|last| default && **last != id) {
                commit = self.mark(commit, last, false).await?;
            }
            match commit.run().await {
                Ok(()) => return Ok(Ok(after)),
                Err(conflict @ StoreError::Conflict(_)) => {
                    let stored = self.source_record(&id).await?;
                    if stored.as_ref().map(version) != before.map(version) {
                        return Ok(Err(conflict));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(HandleError::Transient(format!("customer {customer_id} keeps changing")))
    }

    /// Removes a source; where it was the default the next one takes its place. The inner error is
    /// that somebody has changed it meanwhile.
    async fn remove_source(&self, record: &Record) -> Result<Result<(), StoreError>, HandleError> {
        let (id, customer_id) = ids(record)?;
        for _ in 0..COMMIT_ATTEMPTS {
            let customer = self.customer(&customer_id).await?;
            let known = order_of(&customer);
            let order = without(&known, &id);
            let mut commit = self.services.store.commit(self.organization);
            let event = "customer_payment_sources.destroy";
            let change = Change { event, before: told(record), after: Value::Null };
            let entry = self.entry(&mut record.clone(), change);
            commit = commit
                .delete_record(SOURCES, id.as_str(), version(record))
                .last_entry(SOURCES.letter, &entry);
            if order != known {
                commit = self.reorder(commit, &customer, &order);
            }
            if let Some(next) = order.first().filter(|next| known.first() != Some(*next)) {
                commit = self.mark(commit, next, true).await?;
            }
            match commit.run().await {
                Ok(()) => return Ok(Ok(())),
                Err(conflict @ StoreError::Conflict(_)) => {
                    let stored = self.source_record(&id).await?;
                    if stored.as_ref().map(version) != Some(version(record)) {
                        return Ok(Err(conflict));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(HandleError::Transient(format!("customer {customer_id} keeps changing")))
    }

    /// What a provider's card updater tells: another token or expiry of the same means of payment.
    /// Nothing where it is known already, so that it may be told twice.
    pub(crate) async fn renew_source(
        &self,
        id: &PaymentSourceId,
        token: Option<&str>,
        expires_on: Option<NaiveDate>,
    ) -> Result<(), HandleError> {
        for _ in 0..COMMIT_ATTEMPTS {
            let Some(before) = self.source_record(id).await? else { return Ok(()) };
            let mut after = before.clone();
            if let Some(token) = token {
                after.insert(TOKEN.to_owned(), json!(token));
            }
            if let Some(expires_on) = expires_on {
                after.insert("expires_on".to_owned(), json!(expires_on));
            }
            if after != before {
                after.insert("version".to_owned(), json!(version(&before) + 1));
                after.insert("updated_at".to_owned(), json!(self.now));
                match self.write_source(Some(&before), after).await? {
                    Ok(_) => {}
                    Err(_) => continue,
                }
            }
            return self.see_to_source(id).await;
        }
        Err(HandleError::Transient(format!("payment source {id} keeps changing")))
    }

    pub(super) async fn source_record(
        &self,
        id: &PaymentSourceId,
    ) -> Result<Option<Record>, StoreError> {
        self.services.store.record(self.organization, SOURCES, id.as_str()).await
    }

    pub(super) async fn customer(&self, id: &CustomerId) -> Result<Record, HandleError> {
        let found = self.services.store.record(self.organization, CUSTOMERS, id.as_str()).await?;
        found.ok_or_else(|| HandleError::Permanent(format!("there is no customer {id}")))
    }

    /// Gives a customer's sources another order.
    fn reorder<'a>(
        &self,
        commit: Commit<'a>,
        customer: &Record,
        order: &[PaymentSourceId],
    ) -> Commit<'a> {
        let mut after = customer.clone();
        if order.is_empty() {
            after.remove(SOURCE_IDS);
        } else {
            after.insert(SOURCE_IDS.to_owned(), json!(order));
        }
        after.insert("version".to_owned(), json!(version(customer) + 1));
        after.insert("updated_at".to_owned(), json!(self.now));
        commit.record(CUSTOMERS, &after, seen(customer))
    }

    /// Notes on another source that it is the default from now on, or no more.
    async fn mark<'a>(
        &self,
        commit: Commit<'a>,
        id: &PaymentSourceId,
        default: bool,
    ) -> Result<Commit<'a>, HandleError> {
        let Some(before) = self.source_record(id).await? else { return Ok(commit) };
        let mut after = before.clone();
        after.insert(DEFAULT.to_owned(), json!(default));
        after.insert("version".to_owned(), json!(version(&before) + 1));
        after.insert("updated_at".to_owned(), json!(self.now));
        let change = change_of(Some(&before), &after);
        let entry = self.entry(&mut after, change);
        Ok(commit.record(SOURCES, &after, seen(&before)).entry(SOURCES.letter, &entry))
    }
}

fn ids(record: &Record) -> Result<(PaymentSourceId, CustomerId), HandleError> {
    let unsound = || HandleError::Permanent("a payment source without ids".to_owned());
    let id = text(record, "id").and_then(|id| id.parse().ok());
    let customer = text(record, "customer_id").and_then(|id| id.parse().ok());
    id.zip(customer).ok_or_else(unsound)
}
