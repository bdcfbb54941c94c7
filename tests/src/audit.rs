//! The books of a shop, read beside the API: what was ordered, run, charged and told, and the
//! proof that all of these agree.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{JobRunId, SubscriptionId},
    journal::{Entry, Head, verify},
    order::{Order, OrderStatus, PaymentStatus},
    order_copy::OrderCopy,
    payment::{Refund, RefundStatus},
    run::{Run, RunStatus},
    subscription::Subscription,
};
use perennial_payments::{
    PaymentProvider, PaymentState, RefundOutcome, RefundRecord, test_provider::LedgerEntry,
};
use perennial_store::{
    Cursor, DeadLetter, JobBatch, JobRun, Page, Part, Record, RecordKind, Span, StoredOrder,
};
use serde_json::Value;

use crate::{Failure, Shop, TestResult};

/// Resources read at once.
const PAGE: u16 = 500;

/// Reads a list of the store to its end.
macro_rules! all {
    (|$cursor:ident| $page:expr) => {{
        let mut items = Vec::new();
        let mut next: Option<Cursor> = None;
        loop {
            let $cursor = next.as_ref();
            let Page { items: more, next: following } = $page.await?.map_err(Failure::from)?;
            items.extend(more);
            next = following;
            if next.is_none() {
                break items;
            }
        }
    }};
}

impl Shop {
    /// Every subscription.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn subscriptions(&self) -> TestResult<Vec<Subscription>> {
        let (store, organization) = (&self.store, &self.organization);
        Ok(all!(|after| store.list::<Subscription>(organization, PAGE, false, after)))
    }

    /// Every run of a subscription, in the order of their numbers.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn runs(&self, subscription: &SubscriptionId) -> TestResult<Vec<Run>> {
        let (store, organization) = (&self.store, &self.organization);
        let mut runs = all!(|after| store.runs(organization, subscription, PAGE, after));
        runs.sort_by_key(|run: &Run| run.number);
        Ok(runs)
    }

    /// Every order that clients made.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn client_orders(&self) -> TestResult<Vec<Order>> {
        let (store, organization) = (&self.store, &self.organization);
        let orders = all!(|after| store.list::<StoredOrder>(organization, PAGE, false, after));
        Ok(orders
            .into_iter()
            .filter_map(|order| match order {
                StoredOrder::Client(order) => Some(*order),
                StoredOrder::Run(_) => None,
            })
            .collect())
    }

    /// Every copy of an order that was made by hand.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn order_copies(&self) -> TestResult<Vec<OrderCopy>> {
        let (store, organization) = (&self.store, &self.organization);
        Ok(all!(|after| store.list::<OrderCopy>(organization, PAGE, false, after)))
    }

    /// Every job run with its batches, oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn job_runs(&self) -> TestResult<Vec<(JobRun, Vec<JobBatch>)>> {
        let (store, organization) = (&self.store, &self.organization);
        let jobs = all!(|after| store.list::<JobRun>(organization, PAGE, false, after));
        let mut found = Vec::new();
        for job in jobs {
            let id: &JobRunId = &job.id;
            found.extend(store.job_run(organization, id).await?);
        }
        Ok(found)
    }

    /// Every dead letter, oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn dead_letters(&self) -> TestResult<Vec<DeadLetter>> {
        let (store, organization) = (&self.store, &self.organization);
        Ok(all!(|after| store.list::<DeadLetter>(organization, PAGE, false, after)))
    }

    /// Every payment that was taken, as the provider's own ledger has it.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn charges(&self) -> TestResult<Vec<LedgerEntry>> {
        let ledger = self.provider.ledger_of_organization(self.organization.as_str()).await?;
        Ok(ledger.into_iter().filter(|entry| entry.outcome.is_paid()).collect())
    }

    /// How often the provider was asked to pay for a run, and took the money.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn charges_of(&self, run: &Run) -> TestResult<usize> {
        let order = run.order_id().to_string();
        Ok(self.charges().await?.iter().filter(|charge| charge.reference == order).count())
    }

    /// The journal of an order (`O`) or a subscription (`S`).
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn journal(&self, kind: &str, subject: &str) -> TestResult<Vec<Entry>> {
        Ok(self.store.whole_journal(&self.organization, kind, subject).await?)
    }

    /// Proves that the books agree: each paid order has exactly one charge, for its amount, each
    /// charge one order, and every journal is whole. Answers all journal entries.
    ///
    /// # Errors
    /// The first thing that does not agree.
    pub async fn prove_books(&self) -> TestResult<Vec<Entry>> {
        let mut charges: BTreeMap<String, Vec<LedgerEntry>> = BTreeMap::new();
        for charge in self.charges().await? {
            charges.entry(charge.reference.clone()).or_default().push(charge);
        }
        let mut entries = Vec::new();
        for order in self.client_orders().await? {
            let paid = order.payment_status == PaymentStatus::Paid;
            // What was cancelled after it was paid is not given back by itself.
            if paid && !matches!(order.status, OrderStatus::Placed | OrderStatus::Cancelled) {
                return Err(format!("{} is paid and {:?}", order.id, order.status).into());
            }
            let due = paid.then_some((order.charge_id.as_deref(), order.total()?.get()));
            settle_account(order.id.as_str(), due, charges.remove(order.id.as_str()))?;
            let journal = self.journal("O", order.id.as_str()).await?;
            entries.extend(whole(order.id.as_str(), &order.journal, journal)?);
        }
        for copy in self.order_copies().await? {
            let journal = self.journal("Y", copy.id.as_str()).await?;
            entries.extend(whole(copy.id.as_str(), &copy.journal, journal)?);
        }
        for subscription in self.subscriptions().await? {
            for run in self.runs(&subscription.id).await? {
                let order = run.order_id().to_string();
                if !run.place_target_order {
                    // The draft that it has left stands among the orders of clients.
                    continue;
                }
                let paid = run.status == RunStatus::Successful && run.total.get() > 0;
                let due = paid.then_some((run.charge_id.as_deref(), run.total.get()));
                settle_account(&order, due, charges.remove(&order))?;
            }
            let journal = self.journal("S", subscription.id.as_str()).await?;
            entries.extend(whole(subscription.id.as_str(), &subscription.journal, journal)?);
        }
        if let Some(reference) = charges.keys().next() {
            return Err(format!("a charge for {reference}, which is no order").into());
        }
        for (letter, record) in self.told_records().await? {
            let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
            // What was imported has no journal before it is changed.
            let head = record.get("journal").cloned().map(serde_json::from_value).transpose()?;
            let head: Head = head.unwrap_or_default();
            let journal = self.journal(letter, text("id")).await?;
            entries.extend(whole(text("id"), &head, journal)?);
        }
        for (job, batches) in self.job_runs().await? {
            entries.extend(self.journal_of_job(&job, &batches).await?);
        }
        self.prove_refunds().await?;
        Ok(entries)
    }

    /// The journal of a job run: that it began, and where it is over that it is, which is told only
    /// when each of its runs has a result.
    async fn journal_of_job(&self, job: &JobRun, batches: &[JobBatch]) -> TestResult<Vec<Entry>> {
        let journal = self.journal("J", job.id.as_str()).await?;
        let head =
            journal.last().map(|last| Head { sequence: last.sequence, hash: last.hash.clone() });
        let journal = whole(job.id.as_str(), &head.unwrap_or_default(), journal)?;
        let told: Vec<&str> = journal.iter().map(|entry| entry.event.as_str()).collect();
        match told.as_slice() {
            ["job_runs.create"] => {}
            ["job_runs.create", "job_runs.complete"] => {
                let runs: usize = batches.iter().map(|batch| batch.runs.len()).sum();
                let claimed = journal.last().and_then(|end| end.after.get("claimed_count"));
                let claimed = claimed.and_then(Value::as_u64);
                if claimed.is_some_and(|claimed| usize::try_from(claimed) != Ok(runs)) {
                    let problem = format!("{} was over at {claimed:?} of {runs} runs", job.id);
                    return Err(problem.into());
                }
            }
            _ => return Err(format!("{} is told by {told:?}", job.id).into()),
        }
        Ok(journal)
    }

    /// Records that have a journal, with the letter of their kind: payment sources, refunds, disputes.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn told_records(&self) -> TestResult<Vec<(&'static str, Record)>> {
        let (store, organization, span) = (&self.store, &self.organization, &Span::default());
        let mut all = Vec::new();
        for letter in ["P", "F", "Q"] {
            let kind = RecordKind { letter, part: Part::Record("record") };
            let found = all!(|after| store.records_within(organization, kind, span, PAGE, after));
            all.extend(found.into_iter().map(|record| (letter, record)));
        }
        Ok(all)
    }

    /// The refunds that the provider has made, as its own ledger has them.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn given_back(&self) -> TestResult<Vec<RefundRecord>> {
        // Years of four digits: the ledger is sorted as text.
        let to = "9999-12-31T23:59:59Z".parse()?;
        let span = perennial_payments::Span { from: DateTime::<Utc>::UNIX_EPOCH, to };
        let organization = self.organization.as_str();
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.provider.list_refunds(organization, span, cursor.as_ref()).await?;
            all.extend(page.records);
            cursor = page.next;
            if cursor.is_none() {
                all.retain(|refund| matches!(refund.outcome, RefundOutcome::Refunded { .. }));
                return Ok(all);
            }
        }
    }

    /// Proves that the provider gave back what our refunds say, once each, and that each order knows
    /// how much of it that was.
    async fn prove_refunds(&self) -> TestResult {
        let mut given: BTreeMap<String, i64> = BTreeMap::new();
        for refund in self.given_back().await? {
            let reference = refund.reference.unwrap_or_default();
            if given.insert(reference.clone(), refund.amount_minor).is_some() {
                return Err(format!("{reference} was given back twice").into());
            }
        }
        let mut by_order: BTreeMap<String, i64> = BTreeMap::new();
        for (_, record) in self.told_records().await?.iter().filter(|(letter, _)| *letter == "F") {
            let refund: Refund = serde_json::from_value(Value::Object(record.clone()))?;
            let id = refund.id.to_string();
            let amount = given.remove(&id);
            if (refund.status == RefundStatus::Succeeded) != amount.is_some() {
                return Err(format!("{id} is {:?}, given back: {amount:?}", refund.status).into());
            }
            if amount.is_some_and(|amount| amount != refund.amount.get()) {
                return Err(format!("{id} gave back {amount:?}, not {:?}", refund.amount).into());
            }
            *by_order.entry(refund.order_id.to_string()).or_default() += amount.unwrap_or_default();
        }
        if let Some(reference) = given.keys().next() {
            return Err(format!("{reference} was given back, and is no refund").into());
        }
        for (order, amount) in by_order {
            let stored = self.store.order(&self.organization, &order.parse()?).await?;
            let (reversals, captured) = match stored.ok_or("a refunded order is gone")? {
                StoredOrder::Client(order) => (order.reversals.clone(), order.total()?),
                StoredOrder::Run(run) => (run.reversals.clone(), run.total),
            };
            let refunded = reversals.unwrap_or_default().refunded;
            if refunded.get() != amount || refunded > captured {
                return Err(
                    format!("{order}: {refunded:?} of {captured:?}, ledger {amount}").into()
                );
            }
        }
        Ok(())
    }

    /// Proves that each journal entry became exactly one event, in order for each subject, and
    /// that nothing else was told. For a stack that has run since its data began.
    ///
    /// # Errors
    /// The first thing that does not agree.
    pub async fn prove_events(&self) -> TestResult {
        // The stream tells of a commit after it is answered.
        self.settle().await?;
        let entries = self.prove_books().await?;
        let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for event in self.stack.cloud().buses.recent() {
            let text = |name: &str| event.detail.get(name).and_then(|value| value.as_str());
            if text("organization") != Some(self.organization.as_str()) {
                continue;
            }
            if event.source != "perennial" || text("event") != Some(event.detail_type.as_str()) {
                return Err(format!("an odd event: {event:?}").into());
            }
            let sequence = event.detail.get("sequence").and_then(Value::as_u64);
            let subject = text("subject").unwrap_or_default().to_owned();
            told.entry(subject).or_default().push(sequence.unwrap_or_default());
        }
        let mut expected: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for entry in entries {
            expected.entry(entry.subject).or_default().push(entry.sequence);
        }
        for (subject, sequences) in &expected {
            if told.get(subject) != Some(sequences) {
                let told = told.get(subject);
                return Err(format!("{subject}: entries {sequences:?}, events {told:?}").into());
            }
        }
        // A payment source that was deleted leaves its journal.
        for subject in told.keys().filter(|subject| subject.starts_with("pay_")) {
            if !expected.contains_key(subject) && !self.journal("P", subject).await?.is_empty() {
                expected.insert(subject.clone(), Vec::new());
            }
        }
        match told.keys().find(|subject| !expected.contains_key(*subject)) {
            Some(subject) => Err(format!("events of {subject}, which has no journal").into()),
            None => Ok(()),
        }
    }

    /// Proves that the job log, as the API tells it, is at its end: no run of any job is pending,
    /// the counts add up, and every placed run stands in the log as placed.
    ///
    /// # Errors
    /// The first thing that does not agree.
    pub async fn prove_job_log(&self) -> TestResult {
        let mut placed = BTreeSet::new();
        for job in self.api.all("job_runs").await? {
            let id = job.get("id").and_then(Value::as_str).unwrap_or_default();
            let job = self.api.get(&format!("job_runs/{id}")).await?;
            let count =
                |name: &str| job.attribute(&format!("{name}_count")).as_u64().unwrap_or(u64::MAX);
            let ended = ["placed", "open", "failed", "skipped", "dead_lettered"];
            let ended: u64 = ended.into_iter().map(count).fold(0, u64::saturating_add);
            if count("pending") != 0 || count("claimed") != ended {
                return Err(format!("the job run is not at its end: {:#}", job.body).into());
            }
            for run in job.attribute("runs").as_array().into_iter().flatten() {
                if run.get("result").and_then(Value::as_str) == Some("placed") {
                    placed.extend(run.get("order_id").and_then(Value::as_str).map(str::to_owned));
                }
            }
        }
        for subscription in self.subscriptions().await? {
            for run in self.runs(&subscription.id).await? {
                let order = run.order_id().to_string();
                if run.status == RunStatus::Successful && !placed.contains(&order) {
                    return Err(format!("{order} is placed, and no job run says so").into());
                }
            }
        }
        Ok(())
    }

    /// Proves that every occurrence of a subscription before its next one was either run or
    /// recorded as skipped, and none twice. Answers the numbers that were run and those skipped.
    ///
    /// # Errors
    /// The first occurrence that has no account, or two.
    pub async fn prove_occurrences(&self, id: &SubscriptionId) -> TestResult<(Vec<u32>, Vec<u32>)> {
        let subscription = self.subscription(id).await?;
        let mut run = Vec::new();
        let mut skipped = Vec::new();
        for one in self.runs(id).await? {
            // What was aborted made no order; the journal tells that it was passed over.
            if one.status == RunStatus::Aborted {
                continue;
            }
            run.push(one.number.get());
            if let Some(range) = one.skipped {
                skipped.extend(range.first.get()..=range.last.get());
            }
        }
        for entry in self.journal("S", id.as_str()).await? {
            let number = |end: &str| entry.after.pointer(&format!("/skipped/{end}"))?.as_u64();
            if let (Some(first), Some(last)) = (number("first"), number("last")) {
                skipped.extend(u32::try_from(first)?..=u32::try_from(last)?);
            }
        }
        run.sort_unstable();
        skipped.sort_unstable();
        let next = subscription.next_number.map(perennial_domain::time::OccurrenceNumber::get);
        let accounted: BTreeSet<u32> = run.iter().chain(&skipped).copied().collect();
        let all: BTreeSet<u32> = (1..next.unwrap_or(1)).collect();
        if accounted != all || accounted.len() != run.len() + skipped.len() {
            return Err(format!("next {next:?}, run {run:?}, skipped {skipped:?}").into());
        }
        Ok((run, skipped))
    }
}

/// Checks the charges for one order: one, of this id and amount, or none.
fn settle_account(
    order: &str,
    due: Option<(Option<&str>, i64)>,
    charges: Option<Vec<LedgerEntry>>,
) -> TestResult {
    let charges = charges.unwrap_or_default();
    match (due, charges.as_slice()) {
        (None, []) => Ok(()),
        (Some((charge_id, amount)), [charge]) => {
            let PaymentState::Paid { charge_id: taken } = &charge.outcome else {
                return Err(format!("{order}: {charge:?}").into());
            };
            if charge_id == Some(taken) && charge.amount_minor == amount {
                Ok(())
            } else {
                Err(format!("{order} costs {amount} by {charge_id:?}, taken was {charge:?}").into())
            }
        }
        (due, charges) => Err(format!("{order}: due {due:?}, taken {charges:?}").into()),
    }
}

fn whole(subject: &str, head: &Head, journal: Vec<Entry>) -> TestResult<Vec<Entry>> {
    let found = verify(&journal)?;
    if found == *head {
        Ok(journal)
    } else {
        Err(format!("the journal of {subject} ends with {found:?} instead of {head:?}").into())
    }
}
