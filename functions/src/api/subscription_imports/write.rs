//! Writing what an import comes to: what subscriptions need first, then each with its journal.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, stream};
use perennial_domain::{
    ids::{AddressId, CustomerId, PaymentSourceId, SubscriptionId},
    import::imported_content,
    journal::{Change, append},
    subscription::Subscription,
};
use perennial_store::{Expect, Part, Record, RecordKind, StoreError};
use serde_json::Value;

use super::outcome::{Outcomes, Told, conflict};
use crate::{
    http::{
        context::Context,
        error::{Code, Outcome, Problem},
    },
    payments::{SOURCES, Work},
};

/// Rows that are written at once.
pub(super) const CONCURRENCY: usize = 32;

/// A row that can be written.
pub(super) struct New {
    pub(super) place: usize,
    pub(super) subscription: Subscription,
    pub(super) change: Change,
}

/// Writes what is needed and new (customers, addresses, payment sources), then the subscriptions, each
/// with the first entry of its journal. Answers those that were written.
pub(super) async fn write(
    context: &Context<'_>,
    needed: HashMap<String, (RecordKind, Record)>,
    made: Vec<New>,
    contents: &[String],
    outcomes: &mut Outcomes<'_>,
) -> Outcome<Vec<New>> {
    let organization = &context.caller.organization;
    let store = context.store();
    let (sources, others): (Vec<_>, Vec<_>) =
        needed.into_iter().partition(|(_, (kind, _))| *kind == SOURCES);
    let mut refused: HashSet<String> = stream::iter(others)
        .map(|(id, (kind, record))| async move {
            match store.create_record(organization, kind, &record).await {
                // Somebody else has just made it, from a row of the same customer.
                Ok(()) | Err(StoreError::Conflict(_)) => None,
                Err(error) => refusal(id, &error),
            }
        })
        .buffer_unordered(CONCURRENCY)
        .filter_map(|refused| async move { refused })
        .collect()
        .await;
    let mut of_customers: HashMap<String, Vec<(String, Record)>> = HashMap::new();
    for (id, (_, record)) in sources {
        let customer = record.get("customer_id").and_then(Value::as_str).unwrap_or_default();
        of_customers.entry(customer.to_owned()).or_default().push((id, record));
    }
    let work = &Work::of(context);
    let without_source: Vec<Vec<String>> = stream::iter(of_customers.into_values())
        .map(|records| add_sources(work, records))
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    refused.extend(without_source.into_iter().flatten());
    let results: Vec<(New, Result<(), StoreError>)> = stream::iter(made)
        .map(|mut new| {
            let refused = &refused;
            async move {
                if lacks(&new.subscription, refused) {
                    let without = "without what it needs".to_owned();
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

/// Whether something that a subscription refers to could not be stored.
fn lacks(subscription: &Subscription, refused: &HashSet<String>) -> bool {
    let Subscription { customer_id, payment_source_id, addresses, .. } = subscription;
    let people = [
        customer_id.as_ref().map(CustomerId::as_str),
        payment_source_id.as_ref().map(PaymentSourceId::as_str),
    ];
    let places = addresses.iter().map(AddressId::as_str);
    people.into_iter().flatten().chain(places).any(|id| refused.contains(id))
}

/// The id of what could not be stored.
fn refusal(id: String, error: &dyn std::fmt::Display) -> Option<String> {
    tracing::warn!(%error, id, "something that a subscription needs could not be imported");
    Some(id)
}

/// Stores payment sources of one customer, each last in the order of theirs: one after another, as
/// each moves that order on. Where one is there already, that is as good.
async fn add_sources(work: &Work<'_>, records: Vec<(String, Record)>) -> Vec<String> {
    let mut refused = Vec::new();
    for (id, record) in records {
        // No run here waits for a source that was paying elsewhere: it is tried when it is due. A book
        // may have more for a customer than can be made one by one.
        let stored = work.put_source(None, record, usize::MAX).await;
        refused.extend(match stored {
            Ok(Ok(_) | Err(StoreError::Conflict(_))) => None,
            Ok(Err(error)) => refusal(id, &error),
            Err(error) => refusal(id, &error),
        });
    }
    refused
}

/// What is to be told of a row whose subscription is not there: `None` where it never was.
pub(super) async fn told_gone(
    context: &Context<'_>,
    id: &SubscriptionId,
    external_id: &str,
) -> Result<Option<Told>, StoreError> {
    let organization = &context.caller.organization;
    let first = context.store().first_entry(organization, ("S", id.as_str())).await?;
    Ok(first.map(|_| gone(external_id)))
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
    let first = context.store().first_entry(organization, ("S", id.as_str())).await?;
    let before = first.as_ref().and_then(|entry| imported_content(&entry.after));
    Ok(if before == Some(content) {
        Told::Unchanged(id.clone())
    } else {
        Told::Conflict(conflict(external_id, "before"))
    })
}
