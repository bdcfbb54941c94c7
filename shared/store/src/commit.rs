//! Commits: everything that one decision changes, written in one transaction or not at all.

use std::{fmt, time::Duration};

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
        Update,
    },
};
use perennial_domain::{
    ids::{OrderId, OrganizationId, SkuId, SubscriptionId},
    journal::Entry,
    order::Order,
    run::Run,
    subscription::Subscription,
};

use crate::{
    Listed, Store, StoreError,
    customer_index::place_by_customer,
    item::{Item, key_item, n, s, to_item},
    journal::{JOB_RUN_ID, LastEntry, STARTED_AT},
    keys::{Key, due_instant, due_pk, due_sk, entry_sk, list_pk, list_sk, partition, shard_of},
    stock::StockNote,
    subscriptions::leave_to_key,
};

/// What a write of a commit is about; conflicts name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A subscription.
    Subscription,
    /// A run and its order.
    Run,
    /// An order of a client.
    Order,
    /// A journal entry.
    Journal,
    /// The stock of a sku.
    Stock,
    /// A sku.
    Sku,
    /// A customer.
    Customer,
    /// A payment source.
    PaymentSource,
    /// A market.
    Market,
    /// A subscription model.
    Model,
    /// A job run.
    JobRun,
    /// A dead letter.
    DeadLetter,
    /// A record of this kind.
    Record(&'static str),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subscription => "subscription",
            Self::Run => "run",
            Self::Order => "order",
            Self::Journal => "journal",
            Self::Stock => "stock",
            Self::Sku => "sku",
            Self::Customer => "customer",
            Self::PaymentSource => "payment source",
            Self::Market => "market",
            Self::Model => "subscription model",
            Self::JobRun => "job run",
            Self::DeadLetter => "dead letter",
            Self::Record(kind) => kind,
        })
    }
}

/// Most items that one commit can write (AWS limit).
pub const MAX_WRITES: usize = 100;

/// What must be true of an item for a commit to replace it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// It does not exist.
    New,
    /// It has this version. A claim moves the version on too, so nobody writes over a claim that
    /// they have not seen.
    Version(u64),
    /// It exists, whatever it holds.
    There,
}

/// The writes of one decision. Nothing is written before [`Commit::run`].
#[derive(Debug, Clone)]
pub struct Commit<'a> {
    store: &'a Store,
    organization: &'a OrganizationId,
    writes: Vec<(Part, String, TransactWriteItem)>,
    failure: Option<StoreError>,
}

impl Store {
    /// Begins a commit.
    #[must_use]
    pub fn commit<'a>(&'a self, organization: &'a OrganizationId) -> Commit<'a> {
        Commit { store: self, organization, writes: Vec::new(), failure: None }
    }
}

impl<'a> Commit<'a> {
    /// How many items it would write by now.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.writes.len()
    }

    /// Whose data it is.
    pub(crate) fn organization(&self) -> &'a OrganizationId {
        self.organization
    }

    /// Where it is written.
    pub(crate) fn store(&self) -> &'a Store {
        self.store
    }

    /// The number of partitions of the due index.
    pub(crate) fn shards(&self) -> u16 {
        self.store.shards
    }

    /// Writes a subscription, its place in the list, and its place in the due index.
    #[must_use]
    pub fn subscription(mut self, subscription: &Subscription, expect: Expect) -> Self {
        let key = Key::of(self.organization, "S", subscription.id.as_str());
        let item = to_item(&key, subscription).map(|mut item| {
            leave_to_key(&mut item);
            self.list(&mut item, "S", subscription.created_at);
            place_by_customer(&mut item);
            if let Some((at, kind)) = subscription.wake() {
                self.due(&mut item, subscription.id.as_str(), due_sk(at, kind));
            }
            item
        });
        self.put(Part::Subscription, item, expect);
        self
    }

    /// Writes an order of a client; one that waits for validation has a place in the due index,
    /// so that a lost message is made good by the tick.
    #[must_use]
    pub fn order(mut self, order: &Order, expect: Expect) -> Self {
        let key = Key::of(self.organization, "O", order.id.as_str());
        let item = to_item(&key, order).map(|mut item| {
            self.list(&mut item, "O", order.created_at);
            place_by_customer(&mut item);
            if let Some(at) = order.placing_at
                && order.status == perennial_domain::order::OrderStatus::Placing
            {
                let at = at + crate::due_index::VALIDATION_GRACE;
                let sk = format!("{}#{}", due_instant(at), crate::due_index::VALIDATE);
                self.due(&mut item, order.id.as_str(), sk);
            }
            item
        });
        self.put(Part::Order, item, expect);
        self
    }

    /// Writes a new run with the order it makes. It carries the journal entry that tells of it,
    /// which saves the entry an item of its own.
    #[must_use]
    pub fn new_run(mut self, run: &Run, entry: &Entry) -> Self {
        let item = self.run_attributes(run).and_then(|mut item| {
            // A draft that it has left is an order of its own, and stands in the list as such.
            if run.place_target_order {
                self.list(&mut item, "O", run.started_at);
            }
            item.insert("entry".to_owned(), crate::journal::stored(entry, Some(run))?);
            Ok(item)
        });
        self.put(Part::Run, item, Expect::New);
        self
    }

    /// Writes a run whose version was `seen`, leaving the journal entry it carries as it is.
    #[must_use]
    pub fn changed_run(mut self, run: &Run, seen: u64) -> Self {
        let key = Key::of_run(self.organization, &run.subscription_id, run.number);
        let update = self.run_attributes(run).and_then(|mut item| {
            let fixed = ["pk", "sk", STARTED_AT, JOB_RUN_ID];
            item.retain(|name, _| !fixed.contains(&name.as_str()));
            let mut update = Update::builder()
                .table_name(&self.store.book)
                .set_key(Some(key_item(&key)))
                .condition_expression("version = :seen")
                .expression_attribute_values(":seen", n(seen));
            let mut set = Vec::with_capacity(item.len());
            for (index, (name, value)) in item.into_iter().enumerate() {
                set.push(format!("#n{index} = :v{index}"));
                update = update
                    .expression_attribute_names(format!("#n{index}"), name)
                    .expression_attribute_values(format!(":v{index}"), value);
            }
            // What a run may lose on its way: see `plan::settle`.
            let lost = [
                ("retry_at", run.retry_at.is_none()),
                ("failed_at", run.failed_at.is_none()),
                ("completed_at", run.completed_at.is_none()),
                ("unpriced", !run.unpriced),
                ("action", run.action.is_none()),
                ("access_until", run.access_until.is_none()),
            ];
            // Some of the names are words of the expression's own language.
            let mut gone = Vec::new();
            for (name, _) in lost.into_iter().filter(|(_, gone)| *gone) {
                gone.push(format!("#{name}"));
                update = update.expression_attribute_names(format!("#{name}"), name);
            }
            let mut expression = format!("SET {}", set.join(", "));
            if !gone.is_empty() {
                expression.push_str(&format!(" REMOVE {}", gone.join(", ")));
            }
            update
                .update_expression(expression)
                .build()
                .map_err(|error| StoreError::Refused(error.to_string()))
        });
        self.update(Part::Run, update);
        self
    }

    /// Changes an item. Its condition is about `part`.
    pub(crate) fn update(&mut self, part: Part, update: Result<Update, StoreError>) {
        match update {
            Ok(update) => self.writes.push((
                part,
                String::new(),
                TransactWriteItem::builder().update(update).build(),
            )),
            Err(error) => self.fail(error),
        }
    }

    fn run_attributes(&self, run: &Run) -> Result<Item, StoreError> {
        let key = Key::of_run(self.organization, &run.subscription_id, run.number);
        let mut item = to_item(&key, run)?;
        leave_to_key(&mut item);
        Ok(item)
    }

    /// Writes a journal entry. `kind` is the letter of its subject's kind.
    #[must_use]
    pub fn entry(mut self, kind: &str, entry: &Entry) -> Self {
        let item = self.entry_item(kind, entry);
        self.put(Part::Journal, item, Expect::New);
        self
    }

    /// Writes the last entry of the journal of what this commit removes. It stands in a list, so that
    /// the journal can still be found and proven.
    #[must_use]
    pub fn last_entry(mut self, kind: &str, entry: &Entry) -> Self {
        let item = self.entry_item(kind, entry).map(|mut item| {
            self.list(&mut item, LastEntry::LETTER, entry.at);
            item
        });
        self.put(Part::Journal, item, Expect::New);
        self
    }

    fn entry_item(&self, kind: &str, entry: &Entry) -> Result<Item, StoreError> {
        let key = Key {
            pk: partition(self.organization, kind, &entry.subject),
            sk: entry_sk(entry.sequence),
        };
        let mut item = key_item(&key);
        item.insert("entry".to_owned(), crate::journal::stored(entry, None)?);
        Ok(item)
    }

    /// Takes units out of stock, or with a negative quantity puts them back. The commit fails
    /// where there are fewer, or where the stock is not tracked.
    pub(crate) fn take_stock(mut self, code: &str, quantity: i64) -> Self {
        let id = SkuId::of_code(code);
        let key = Key::of(self.organization, "K", id.as_str());
        let update = Update::builder()
            .table_name(&self.store.book)
            .set_key(Some(key_item(&key)))
            .update_expression("SET stock = stock - :units, version = version + :one")
            .condition_expression("stock >= :units")
            .expression_attribute_values(":units", n(quantity))
            .expression_attribute_values(":one", n(1))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        match update {
            Ok(update) => self.writes.push((
                Part::Stock,
                code.to_owned(),
                TransactWriteItem::builder().update(update).build(),
            )),
            Err(error) => self.fail(StoreError::Refused(error.to_string())),
        }
        self
    }

    /// Removes an order of a client whose version was `seen`. Its journal stays.
    #[must_use]
    pub fn delete_order(self, order: &OrderId, seen: u64) -> Self {
        self.delete(Part::Order, ("O", order.as_str()), seen)
    }

    /// Removes a subscription whose version was `seen`. Its journal, its runs and their orders stay.
    #[must_use]
    pub fn delete_subscription(self, subscription: &SubscriptionId, seen: u64) -> Self {
        self.delete(Part::Subscription, ("S", subscription.as_str()), seen)
    }

    pub(crate) fn delete(mut self, part: Part, (kind, id): (&str, &str), seen: u64) -> Self {
        let key = Key::of(self.organization, kind, id);
        let delete = Delete::builder()
            .table_name(&self.store.book)
            .set_key(Some(key_item(&key)))
            .condition_expression("version = :seen")
            .expression_attribute_values(":seen", n(seen))
            .build();
        match delete {
            Ok(delete) => self.writes.push((
                part,
                String::new(),
                TransactWriteItem::builder().delete(delete).build(),
            )),
            Err(error) => self.fail(StoreError::Refused(error.to_string())),
        }
        self
    }

    /// Notes what an order holds of stock, or with `None` that it holds nothing any more.
    pub(crate) fn stock_note(mut self, order: &OrderId, held: Option<&StockNote>) -> Self {
        let key = StockNote::key(self.organization, order);
        if let Some(held) = held {
            self.put(Part::Stock, to_item(&key, held), Expect::New);
            return self;
        }
        let delete = Delete::builder()
            .table_name(&self.store.book)
            .set_key(Some(key_item(&key)))
            .condition_expression("attribute_exists(pk)")
            .build();
        match delete {
            Ok(delete) => self.writes.push((
                Part::Stock,
                String::new(),
                TransactWriteItem::builder().delete(delete).build(),
            )),
            Err(error) => self.fail(StoreError::Refused(error.to_string())),
        }
        self
    }

    /// Leaves the note of what an order holds as it is; the commit fails where it is gone.
    pub(crate) fn stock_note_stands(mut self, order: &OrderId, held: &StockNote) -> Self {
        let key = StockNote::key(self.organization, order);
        self.put(Part::Stock, to_item(&key, held), Expect::There);
        self
    }

    pub(crate) fn list(&self, item: &mut Item, kind: &str, at: chrono::DateTime<chrono::Utc>) {
        item.insert("list_pk".to_owned(), s(list_pk(self.organization, kind)));
        item.insert("list_sk".to_owned(), s(list_sk(at)));
    }

    fn due(&self, item: &mut Item, id: &str, sk: String) {
        item.insert("due_pk".to_owned(), s(due_pk(shard_of(id, self.store.shards))));
        item.insert("due_sk".to_owned(), s(sk));
    }

    pub(crate) fn put(&mut self, part: Part, item: Result<Item, StoreError>, expect: Expect) {
        let built = item.and_then(|item| {
            let put = Put::builder().table_name(&self.store.book).set_item(Some(item));
            let put = match expect {
                Expect::New => put.condition_expression("attribute_not_exists(pk)"),
                Expect::There => put.condition_expression("attribute_exists(pk)"),
                Expect::Version(version) => put
                    .condition_expression("version = :seen")
                    .expression_attribute_values(":seen", n(version)),
            };
            put.build().map_err(|error| StoreError::Refused(error.to_string()))
        });
        match built {
            Ok(put) => self.writes.push((
                part,
                String::new(),
                TransactWriteItem::builder().put(put).build(),
            )),
            Err(error) => self.fail(error),
        }
    }

    /// Writes an item whatever stands there: what is committed with it has the conditions.
    pub(crate) fn replace(&mut self, item: Result<Item, StoreError>) {
        let put = item.and_then(|item| {
            let put = Put::builder().table_name(&self.store.book).set_item(Some(item));
            put.build().map_err(|error| StoreError::Refused(error.to_string()))
        });
        match put {
            Ok(put) => self.writes.push((
                Part::Order,
                String::new(),
                TransactWriteItem::builder().put(put).build(),
            )),
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: StoreError) {
        self.failure.get_or_insert(error);
    }

    /// Writes it all, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] names the first part whose condition did not hold,
    /// [`StoreError::OutOfStock`] the first sku that ran short, [`StoreError::NotTracked`] the first
    /// whose stock is not tracked.
    pub async fn run(self) -> Result<(), StoreError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let mut meetings = 0;
        while !self.writes.is_empty() {
            let writes = self.writes.iter().map(|(_, _, write)| write.clone()).collect();
            let sent = self
                .store
                .client
                .transact_write_items()
                .set_transact_items(Some(writes))
                .send()
                .await;
            let Err(error) = sent else { return Ok(()) };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
                error.as_service_error()
            else {
                return Err(StoreError::from_sdk(&error));
            };
            match self.read(cancelled.cancellation_reasons())? {
                Some(part) => {
                    meetings += 1;
                    if meetings > MEETINGS {
                        return Err(StoreError::Unavailable(format!("the {part} is contended")));
                    }
                    tokio::time::sleep(Duration::from_millis(5 << meetings)).await;
                }
                None => {
                    let message = cancelled.message().unwrap_or_default();
                    return Err(StoreError::Refused(message.to_owned()));
                }
            }
        }
        Ok(())
    }

    /// The part at which another transaction was writing at that moment, so that trying again at once
    /// can help; or else the error that cancelled the transaction first.
    fn read(&self, reasons: &[CancellationReason]) -> Result<Option<Part>, StoreError> {
        for (reason, (part, code, _)) in reasons.iter().zip(&self.writes) {
            match reason.code() {
                None | Some("None") => {}
                Some("ConditionalCheckFailed") if code.is_empty() => {
                    return Err(StoreError::Conflict(*part));
                }
                Some("ConditionalCheckFailed") => {
                    let sku = reason.item().filter(|sku| !sku.is_empty());
                    let tracked = sku.is_none_or(|sku| sku.contains_key("stock"));
                    let sku = code.clone();
                    return Err(if tracked {
                        StoreError::OutOfStock { sku }
                    } else {
                        StoreError::NotTracked { sku }
                    });
                }
                Some("TransactionConflict") => return Ok(Some(*part)),
                Some("ThrottlingError" | "ProvisionedThroughputExceeded") => {
                    return Err(StoreError::Unavailable(format!("the {part} was throttled")));
                }
                Some(other) => {
                    return Err(StoreError::Refused(format!(
                        "the {part} was refused: {other}: {}",
                        reason.message().unwrap_or_default()
                    )));
                }
            }
        }
        Ok(None)
    }
}

/// How often a commit that meets others at the same items is sent again: about 0.3 s in all.
const MEETINGS: u32 = 5;

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
