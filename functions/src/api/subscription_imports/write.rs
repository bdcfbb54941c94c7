//! Writing what an import comes to: customers first, then each subscription with its journal.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, stream};
use perennial_domain::{
    ids::SubscriptionId,
    import::imported_content,
    journal::{Change, append},
    subscription::Subscription,
};
use perennial_store::{Expect, Part, Record, RecordKind, StoreError};

use super::outcome::{Outcomes, Told, conflict};
use crate::http::{
    context::Context,
    error::{Code, Outcome, Problem},
};

/// Rows that are written at once.
pub(super) const CONCURRENCY: usize = 32;

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
    let refused: HashSet<String> = stream::iter(people)
        .map(|(id, (kind, record))| async move {
            match store.create_record(organization, kind, &record).await {
                // Somebody else has just made them, from a row of the same customer.
                Ok(()) | Err(StoreError::Conflict(_)) => None,
                Err(error) => {
                    tracing::warn!(%error, id, "a customer could not be imported");
                    Some(id)
                }
            }
        })
        .buffer_unordered(CONCURRENCY)
        .filter_map(|refused| async move { refused })
        .collect()
        .await;
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
