//! Writing what an import comes to: customers first, then each subscription with its journal.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, stream};
use perennial_domain::{
    ids::{PaymentSourceId, SubscriptionId},
    import::imported_content,
    journal::{Change, Head, append},
    payment::with_default,
    subscription::Subscription,
};
use perennial_store::{Expect, Part, Record, RecordKind, StoreError};
use serde_json::{Value, json};

use super::outcome::{Outcomes, Told, conflict};
use crate::api::{
    customer_payment_sources::{self, DEFAULT, TOKEN, masked},
    customers,
};
use crate::http::{
    context::Context,
    error::{Code, Outcome, Problem},
};

/// Rows that are written at once.
pub(super) const CONCURRENCY: usize = 32;
/// Attempts at a commit that others keep getting ahead of: many sources may be one customer's.
const ATTEMPTS: u32 = 40;
/// The member of a customer that holds their payment sources in the order in which they are tried.
const SOURCE_IDS: &str = "payment_source_ids";

/// A row that can be written.
pub(super) struct New {
    pub(super) place: usize,
    pub(super) subscription: Subscription,
    pub(super) change: Change,
}

/// Writes who is new, then the subscriptions, each with the first entry of its journal. Answers those
/// that were written.
pub(super) async fn write(
    context: &Context<'_>,
    people: HashMap<String, (RecordKind, Record)>,
    made: Vec<New>,
    contents: &[String],
    outcomes: &mut Outcomes<'_>,
) -> Outcome<Vec<New>> {
    let organization = &context.caller.organization;
    let store = context.store();
    let (customers, sources): (Vec<_>, Vec<_>) =
        people.into_iter().partition(|(_, (kind, _))| *kind == customers::CATALOG.stored);
    let mut refused: HashSet<String> = stream::iter(customers)
        .map(|(id, (kind, record))| async move {
            let stored = match store.create_record(organization, kind, &record).await {
                // Somebody else has just made them, from a row of the same customer.
                Err(StoreError::Conflict(_)) => Ok(()),
                stored => stored,
            };
            refusal(id, stored)
        })
        .buffer_unordered(CONCURRENCY)
        .filter_map(|refused| async move { refused })
        .collect()
        .await;
    let without_source: Vec<String> = stream::iter(sources)
        .map(|(id, (_, record))| async move { refusal(id, add_source(context, &record).await) })
        .buffer_unordered(CONCURRENCY)
        .filter_map(|refused| async move { refused })
        .collect()
        .await;
    refused.extend(without_source);
    let results: Vec<(New, Result<(), StoreError>)> = stream::iter(made)
        .map(|mut new| {
            let refused = &refused;
            async move {
                let whose = [
                    new.subscription.customer_id.as_ref().map(ToString::to_string),
                    new.subscription.payment_source_id.as_ref().map(ToString::to_string),
                ];
                if whose.into_iter().flatten().any(|id| refused.contains(&id)) {
                    let without = "without its customer".to_owned();
                    return (new, Err(StoreError::Unavailable(without)));
                }
                let written = commit(context, &mut new).await;
                (new, written)
            }
        })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    let mut written = Vec::with_capacity(results.len());
    for (new, result) in results {
        let id = new.subscription.id.clone();
        match result {
            Ok(()) => written.push(new),
            Err(StoreError::Conflict(part)) => {
                let content = contents.get(new.place).map(String::as_str).unwrap_or_default();
                let external_id = outcomes.rows.get(new.place).and_then(|(id, _)| *id);
                let external_id = external_id.unwrap_or_default();
                let told = match told_before(context, &id, content, external_id).await? {
                    Told::Unchanged(_) if part == Part::Journal => gone(external_id),
                    told => told,
                };
                outcomes.tell(new.place, told);
            }
            Err(error) => {
                tracing::warn!(%error, %id, "a row could not be imported");
                outcomes.tell(new.place, Told::Failed);
            }
        }
    }
    Ok(written)
}

/// The id of what could not be stored.
fn refusal(id: String, stored: Result<(), StoreError>) -> Option<String> {
    let error = stored.err()?;
    tracing::warn!(%error, id, "a customer, or how they pay, could not be imported");
    Some(id)
}

/// Stores a payment source, last in the order of its customer's, with the first entry of its journal.
/// Where it is there already, that is as good.
async fn add_source(context: &Context<'_>, record: &Record) -> Result<(), StoreError> {
    let (store, organization) = (context.store(), &context.caller.organization);
    let (of_customers, of_sources) =
        (customers::CATALOG.stored, customer_payment_sources::CATALOG.stored);
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let corrupt = |error: perennial_domain::ids::IdError| StoreError::Refused(error.to_string());
    let id: PaymentSourceId = text("id").parse().map_err(corrupt)?;
    for _ in 0..ATTEMPTS {
        let Some(mut customer) =
            store.record(organization, of_customers, text("customer_id")).await?
        else {
            return Err(StoreError::Unavailable("its customer is not there".to_owned()));
        };
        let known = customer.get(SOURCE_IDS).cloned().unwrap_or_else(|| json!([]));
        let known: Vec<PaymentSourceId> = serde_json::from_value(known).unwrap_or_default();
        let order = with_default(&known, &id, false);
        let default = order.first() == Some(&id);
        let mut source = record.clone();
        source.insert(DEFAULT.to_owned(), json!(default));
        let told = json!({
            "name": record.get("name"),
            "customer_id": text("customer_id"),
            DEFAULT: default,
            TOKEN: masked(text(TOKEN)),
        });
        let event = "customer_payment_sources.create";
        let change = Change { event, before: Value::Null, after: told };
        let mut head = Head::default();
        let cause = context.cause();
        let entry = append(&mut head, organization, id.as_str(), context.now, cause, change);
        source.insert("journal".to_owned(), json!(head));
        let seen = customer.get("version").and_then(Value::as_u64).unwrap_or_default();
        for (name, value) in [
            (SOURCE_IDS, json!(order)),
            ("version", json!(seen + 1)),
            ("updated_at", json!(context.now)),
        ] {
            customer.insert(name.to_owned(), value);
        }
        let commit = store
            .commit(organization)
            .record(of_sources, &source, Expect::New)
            .entry(of_sources.letter, &entry)
            .record(of_customers, &customer, Expect::Version(seen));
        match commit.run().await {
            Err(StoreError::Conflict(_)) => {
                if store.record(organization, of_sources, id.as_str()).await?.is_some() {
                    return Ok(());
                }
            }
            done => return done,
        }
    }
    Err(StoreError::Unavailable("its customer keeps changing".to_owned()))
}

/// The subscription is not there, and its journal is.
fn gone(external_id: &str) -> Told {
    let detail = format!(
        "external_id {external_id:?} was imported before, and its subscription was deleted since: \
         give the row another external_id to bring it back"
    );
    let problem = Problem::new(Code::Taken, detail).at("/external_id").with("value", external_id);
    Told::Conflict(problem)
}

async fn commit(context: &Context<'_>, new: &mut New) -> Result<(), StoreError> {
    let organization = &context.caller.organization;
    let made = &mut new.subscription;
    let id = made.id.to_string();
    let change = new.change.clone();
    let entry = append(&mut made.journal, organization, &id, context.now, context.cause(), change);
    let commit = context.store().commit(organization);
    commit.subscription(made, Expect::New).entry("S", &entry).run().await
}

/// What is to be told of a row whose subscription, or at least its journal, is there.
pub(super) async fn told_before(
    context: &Context<'_>,
    id: &SubscriptionId,
    content: &str,
    external_id: &str,
) -> Result<Told, StoreError> {
    let organization = &context.caller.organization;
    let first = context.store().journal_entry(organization, ("S", id.as_str()), 1).await?;
    let before = first.as_ref().and_then(|entry| imported_content(&entry.after));
    Ok(if before == Some(content) {
        Told::Unchanged(id.clone())
    } else {
        Told::Conflict(conflict(external_id, "before"))
    })
}
