//! Changing subscriptions: their attributes by an edit, their status by a trigger. Never under a run
//! that is being made.

use chrono::{DateTime, SubsecRound, Utc};
use perennial_domain::{
    catalog::PaymentSource,
    ids::PaymentSourceId,
    journal::{Change, append},
    lifecycle::{SubscriptionStatus, Trigger},
    plan::{PlanError, change_status},
    subscription::Subscription,
    time::Frequency,
};
use perennial_store::Expect;
use serde_json::{Number, Value, json};

use super::{
    answer,
    order_subscriptions::{KIND, in_path, object},
    reschedule::reschedule,
};
use crate::http::{
    attributes::{Attributes, Given},
    context::Context,
    document::{Document, Related, no_such},
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
};

/// What a client wants changed.
struct Wanted {
    trigger: Option<Trigger>,
    frequency: Option<Frequency>,
    expires_at: Given<DateTime<Utc>>,
    reference: Given<String>,
    metadata: Given<Value>,
    payment_source: Related<PaymentSourceId>,
}

impl Wanted {
    fn edits(&self) -> bool {
        self.frequency.is_some()
            || self.expires_at.is_given()
            || self.reference.is_given()
            || self.metadata.is_given()
            || self.payment_source != Related::Absent
    }
}

fn trigger(attributes: &mut Attributes, problems: &mut Problems) -> Option<Trigger> {
    let asked: Vec<(&str, Trigger)> = [
        ("_activate", Trigger::Activate),
        ("_deactivate", Trigger::Deactivate),
        ("_cancel", Trigger::Cancel),
    ]
    .into_iter()
    .filter(|(name, _)| attributes.trigger(name, problems))
    .collect();
    if let [_, (name, _), ..] = asked.as_slice() {
        problems.add(
            Problem::new(Code::InvalidValue, "only one trigger can be set off at a time")
                .at(attributes.pointer(name))
                .with("value", true),
        );
    }
    asked.first().map(|(_, trigger)| *trigger)
}

fn busy(detail: String) -> ApiError {
    let mut error = ApiError::from(Problem::new(Code::InvalidStatus, detail));
    error.headers.push(("retry-after", "5".to_owned()));
    error
}

pub(super) async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let before = in_path(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(before.version)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let mut wanted = Wanted {
        trigger: trigger(&mut attributes, &mut problems),
        frequency: attributes.value("frequency", &mut problems),
        expires_at: attributes.optional("expires_at", &mut problems),
        reference: attributes.optional("reference", &mut problems),
        metadata: attributes.optional("metadata", &mut problems),
        payment_source: document.related("customer_payment_source", &mut problems),
    };
    if let Related::To(id) = &wanted.payment_source {
        check_payment_source(context, &before, id, &mut problems).await?;
    }
    if let Given::Value(metadata) = &mut wanted.metadata {
        *metadata = settled(std::mem::take(metadata));
    }
    problems.check()?;
    if !wanted.edits() && wanted.trigger.is_none() {
        return answer::one(context, 200, &object(&before)).await;
    }
    refuse_while_busy(&before, &wanted)?;
    refuse_while_due(&before, &wanted, context.now)?;
    let (after, changes) = decide(context, &before, &wanted)?;
    let after = commit(context, &before, after, changes).await?;
    let mut changed = object(&after);
    if wanted.frequency.is_some() {
        changed.meta = Some(json!({
            "rescheduled": {
                "from": {"frequency": before.frequency, "next_run_at": before.next_run_at},
                "to": {"frequency": after.frequency, "next_run_at": after.next_run_at},
            }
        }));
    }
    answer::one(context, 200, &changed).await
}

/// A client's value as it will come back from storage, so that the journal's hashes are of what is
/// read later: a number without a fraction is a whole one, and one that a parser rounds is rounded.
fn settled(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let mut number = number;
            // Reading what was written may round once more, hardly ever twice.
            for _ in 0..8 {
                let text = match number.as_f64().filter(|_| number.is_f64()) {
                    Some(float) => float.to_string(),
                    None => return Value::Number(number),
                };
                let read = text
                    .parse::<i64>()
                    .map(Number::from)
                    .or_else(|_| serde_json::from_str(&number.to_string()));
                match read {
                    Ok(read) if read == number => break,
                    Ok(read) => number = read,
                    Err(_) => break,
                }
            }
            Value::Number(number)
        }
        Value::Array(items) => items.into_iter().map(settled).collect(),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, settled(value))).collect())
        }
        other => other,
    }
}

/// An occurrence that is due is run before the dates change: computing new ones would pass it over.
fn refuse_while_due(before: &Subscription, wanted: &Wanted, now: DateTime<Utc>) -> Outcome<()> {
    let due = before.status.repeats() && before.next_run_at.is_some_and(|at| at <= now);
    if due && wanted.frequency.is_some() {
        return Err(busy(format!(
            "order subscription {} has a run due: change its frequency when that has been made",
            before.id
        )));
    }
    Ok(())
}

/// A payment that is under way settles the subscription as it was claimed: what it is paid for must
/// not change under it.
fn refuse_while_busy(before: &Subscription, wanted: &Wanted) -> Outcome<()> {
    let running = before.status == SubscriptionStatus::Running || before.run_number.is_some();
    if let Some(letter) = before.blocked_by.as_ref().filter(|_| running) {
        // Nothing is under way: another payment source may be just what it needs. Its dates wait
        // for the run that the letter holds.
        if wanted.frequency.is_some() || wanted.expires_at.is_given() {
            return Err(busy(format!(
                "order subscription {} is blocked by dead letter {letter}: redrive or discard that \
                 before its dates are changed",
                before.id
            )));
        }
    } else if wanted.edits() && running {
        return Err(busy(format!(
            "order subscription {} has a run under way: edit it when that has ended",
            before.id
        )));
    }
    let blocked = before.blocked_by.is_some();
    let retrying = before.lease_claims.is_some() && before.run_number.is_none();
    if retrying && !blocked && (wanted.edits() || wanted.trigger == Some(Trigger::Cancel)) {
        return Err(busy(format!(
            "a payment of order subscription {} is being tried again right now: ask again when \
             that has ended",
            before.id
        )));
    }
    if wanted.edits() && before.status == SubscriptionStatus::Cancelled {
        return Err(Problem::new(
            Code::InvalidStatus,
            format!("order subscription {} is cancelled and can't change any more", before.id),
        )
        .into());
    }
    Ok(())
}

async fn check_payment_source(
    context: &Context<'_>,
    before: &Subscription,
    id: &PaymentSourceId,
    problems: &mut Problems,
) -> Outcome<()> {
    let at = "/data/relationships/customer_payment_source";
    let found: Option<PaymentSource> =
        context.store().get(&context.caller.organization, id.as_str()).await?;
    match (found, &before.customer_id) {
        (None, _) => problems.add(no_such("customer_payment_sources", id.as_str(), at)),
        (Some(source), Some(customer)) if source.customer_id != *customer => {
            let detail = format!("payment source {id} belongs to another customer than {customer}");
            problems.add(
                Problem::new(Code::InvalidValue, detail)
                    .at(format!("{at}/data/id"))
                    .with("value", id.as_str()),
            );
        }
        (Some(_), _) => {}
    }
    Ok(())
}

fn decide(
    context: &Context<'_>,
    before: &Subscription,
    wanted: &Wanted,
) -> Outcome<(Subscription, Vec<Change>)> {
    let mut after = before.clone();
    let mut changes = Vec::new();
    if wanted.edits() {
        after = edit(context, before, wanted)?;
        let (was, is) = differing(&told(before), &told(&after));
        changes.push(Change { event: "order_subscriptions.update", before: was, after: is });
    }
    if let Some(trigger) = wanted.trigger {
        let (changed, change) = change_status(&after, trigger, context.now)
            .map_err(|error| refused(&error, trigger))?;
        after = changed;
        changes.push(change);
    }
    Ok((after, changes))
}

fn refused(error: &PlanError, trigger: Trigger) -> ApiError {
    let name = match trigger {
        Trigger::Activate => "_activate",
        Trigger::Deactivate => "_deactivate",
        Trigger::Cancel => "_cancel",
        Trigger::StartRun | Trigger::EndRun | Trigger::Expire => "status",
    };
    let code = match error {
        PlanError::Transition(_) => Code::InvalidStatus,
        PlanError::Schedule(_) | PlanError::Money(_) => Code::InvalidValue,
    };
    Problem::new(code, error.to_string()).at(format!("/data/attributes/{name}")).into()
}

fn edit(context: &Context<'_>, before: &Subscription, wanted: &Wanted) -> Outcome<Subscription> {
    let mut after = before.clone();
    let invalid = |name: &str, detail: String, value: Value| -> ApiError {
        Problem::new(Code::InvalidValue, detail)
            .at(format!("/data/attributes/{name}"))
            .with("value", value)
            .into()
    };
    match &wanted.expires_at {
        Given::Absent => {}
        Given::Null => after.expires_at = None,
        Given::Value(end) => {
            let end = end.trunc_subsecs(0);
            if end <= after.anchor || end <= context.now {
                let detail = format!(
                    "expires_at must be after starts_at ({}) and now, not {}",
                    after.anchor.to_rfc3339(),
                    end.to_rfc3339()
                );
                return Err(invalid("expires_at", detail, json!(end)));
            }
            after.expires_at = Some(end);
        }
    }
    if let Some(frequency) = &wanted.frequency {
        after = reschedule(&after, frequency.clone(), context.now).map_err(|error| {
            let detail = format!("frequency {frequency}: {error}");
            invalid("frequency", detail, json!(frequency))
        })?;
    } else if wanted.expires_at.is_given() {
        after = reschedule(&after, after.frequency.clone(), context.now)
            .map_err(|error| invalid("expires_at", error.to_string(), json!(after.expires_at)))?;
    }
    wanted.reference.clone().apply(&mut after.reference);
    match &wanted.metadata {
        Given::Absent => {}
        Given::Null => after.metadata = Value::Null,
        Given::Value(metadata) => after.metadata = metadata.clone(),
    }
    match &wanted.payment_source {
        Related::Absent => {}
        Related::Nothing => after.payment_source_id = None,
        Related::To(id) => after.payment_source_id = Some(id.clone()),
    }
    after.version += 1;
    after.updated_at = context.now;
    Ok(after)
}

/// What the journal tells of the attributes that clients edit.
fn told(subscription: &Subscription) -> Value {
    json!({
        "frequency": subscription.frequency,
        "anchor": subscription.anchor,
        "next_number": subscription.next_number,
        "next_run_at": subscription.next_run_at,
        "expires_at": subscription.expires_at,
        "reference": subscription.reference,
        "metadata": subscription.metadata,
        "customer_payment_source_id": subscription.payment_source_id,
    })
}

/// The members in which two objects differ, as they stand in each.
pub(crate) fn differing(before: &Value, after: &Value) -> (Value, Value) {
    let (mut was, mut is) = (serde_json::Map::new(), serde_json::Map::new());
    if let (Value::Object(before), Value::Object(after)) = (before, after) {
        for (name, value) in after {
            if before.get(name) != Some(value) {
                was.insert(name.clone(), before.get(name).cloned().unwrap_or_default());
                is.insert(name.clone(), value.clone());
            }
        }
    }
    (Value::Object(was), Value::Object(is))
}

async fn commit(
    context: &Context<'_>,
    before: &Subscription,
    mut after: Subscription,
    changes: Vec<Change>,
) -> Outcome<Subscription> {
    let organization = &context.caller.organization;
    // Two steps at once are one change of the item.
    after.version = before.version + 1;
    let id = after.id.to_string();
    let entries: Vec<_> = changes
        .into_iter()
        .map(|change| {
            append(&mut after.journal, organization, &id, context.now, context.cause(), change)
        })
        .collect();
    // A claim moves the version on: a run that a tick has just claimed is not overwritten.
    let expect = Expect::Version(before.version);
    let mut commit = context.store().commit(organization).subscription(&after, expect);
    for entry in &entries {
        commit = commit.entry("S", entry);
    }
    commit.run().await?;
    Ok(after)
}
