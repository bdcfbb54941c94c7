//! Changing subscriptions: their attributes by an edit, their status by a trigger. Never under a run
//! that is being made.

use chrono::{DateTime, SecondsFormat, Utc};
use perennial_domain::{
    catalog::PaymentSource,
    ids::PaymentSourceId,
    journal::{Change, append},
    lifecycle::SubscriptionStatus,
    plan::{
        ClosedForChanges, PlanError, activate, cancel, closed_for_changes, pause, skip_next_run,
    },
    subscription::Subscription,
};
use perennial_store::Expect;
use serde_json::{Map, Value, json};

use super::{
    answer,
    order_subscriptions::{KIND, in_path, object},
    subscription_edit::{Asked, Wanted, no_pause, told},
};
use crate::http::{
    context::Context,
    document::{Document, Related, no_such},
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
};

fn invalid_status(detail: String) -> Problem {
    Problem::new(Code::InvalidStatus, detail)
}

fn busy(detail: String) -> ApiError {
    let mut error = ApiError::from(invalid_status(detail));
    error.headers.push(("retry-after", "5".to_owned()));
    error
}

pub(super) async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let before = in_path(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    context.check_version(before.version)?;
    let mut problems = Problems::default();
    let wanted = Wanted::read(&mut document, &mut problems);
    if let Related::To(id) = &wanted.payment_source {
        check_payment_source(context, &before, id, &mut problems).await?;
    }
    problems.check()?;
    if !wanted.edits() && wanted.asked.is_none() {
        return answer::one(context, 200, &object(&before)).await;
    }
    refuse_while_busy(&before, &wanted)?;
    refuse_while_due(&before, &wanted, context.now)?;
    refuse_past_cut_off(&before, &wanted, context.now)?;
    refuse_by_status(&before, &wanted)?;
    let (after, changes) = decide(context, &before, &wanted)?;
    let meta = meta(&before, &after, &wanted, &changes);
    let after = commit(context, &before, after, changes).await?;
    let mut changed = object(&after);
    changed.meta = meta;
    answer::one(context, 200, &changed).await
}

/// What the answer tells beside the subscription: the old and the new next run, and the occurrences
/// that were passed over.
fn meta(
    before: &Subscription,
    after: &Subscription,
    wanted: &Wanted,
    changes: &[Change],
) -> Option<Value> {
    let mut meta = Map::new();
    if wanted.changes_dates() || wanted.asked == Some(Asked::SkipNext) {
        let told = |one: &Subscription| {
            let next_run_at = one.coming().map(|next| next.at);
            json!({"frequency": one.frequency, "next_run_at": next_run_at})
        };
        meta.insert("rescheduled".to_owned(), json!({"from": told(before), "to": told(after)}));
    }
    if let Some(skipped) = changes.iter().find_map(|change| change.after.get("skipped")) {
        meta.insert("skipped".to_owned(), skipped.clone());
    }
    (!meta.is_empty()).then_some(Value::Object(meta))
}

/// An occurrence that is due is run before the dates change: computing new ones would pass it over.
fn refuse_while_due(before: &Subscription, wanted: &Wanted, now: DateTime<Utc>) -> Outcome<()> {
    let due = before.status.repeats() && before.next().is_some_and(|next| next.at <= now);
    if due && (wanted.moves_dates() || wanted.asked == Some(Asked::SkipNext)) {
        return Err(busy(format!(
            "order subscription {} has a run due: ask again when that has been made",
            before.id
        )));
    }
    Ok(())
}

/// What the next run orders, and when, stands fast from its cut-off on. It may always be given up, and
/// a payment that has failed may always get another source.
fn refuse_past_cut_off(before: &Subscription, wanted: &Wanted, now: DateTime<Utc>) -> Outcome<()> {
    let changes_source = wanted.payment_source != Related::Absent && before.unsettled.is_empty();
    let changes_run = wanted.moves_dates() || wanted.asked == Some(Asked::SkipNext);
    if !changes_run && !changes_source {
        return Ok(());
    }
    let Some(closed) = closed_for_changes(before, now) else { return Ok(()) };
    let ClosedForChanges { run_at, closed_at, reopens_at } = closed;
    let [run_at, closed_at] = [run_at, closed_at].map(instant);
    let possible = reopens_at.map_or_else(
        || "runs are closer together than that: give fewer cut_off_hours first".to_owned(),
        |at| format!("it is possible again from {}", instant(at)),
    );
    let detail = format!(
        "order subscription {} closes cut_off_hours ({}) before each run: for the run at {run_at} \
         it closed at {closed_at}; {possible}",
        before.id, before.cut_off.hours
    );
    Err(invalid_status(detail).into())
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A payment that is under way settles the subscription as it was claimed: what it is paid for must
/// not change under it.
fn refuse_while_busy(before: &Subscription, wanted: &Wanted) -> Outcome<()> {
    let running = before.status == SubscriptionStatus::Running || before.run_number.is_some();
    let skips = wanted.asked == Some(Asked::SkipNext);
    if let Some(letter) = before.blocked_by.as_ref().filter(|_| running) {
        // Nothing is under way: another payment source may be just what it needs. Its dates wait
        // for the run that the letter holds.
        if wanted.changes_dates() || skips {
            return Err(busy(format!(
                "order subscription {} is blocked by dead letter {letter}: redrive or discard that \
                 before its dates are changed",
                before.id
            )));
        }
    } else if (wanted.edits() || skips) && running {
        return Err(busy(format!(
            "order subscription {} has a run under way: edit it when that has ended",
            before.id
        )));
    }
    let blocked = before.blocked_by.is_some();
    let retrying = before.lease_claims.is_some() && before.run_number.is_none();
    if retrying && !blocked && (wanted.edits() || wanted.asked == Some(Asked::Cancel)) {
        return Err(busy(format!(
            "a payment of order subscription {} is being tried again right now: ask again when \
             that has ended",
            before.id
        )));
    }
    Ok(())
}

/// What makes no sense in the status that the subscription is in.
fn refuse_by_status(before: &Subscription, wanted: &Wanted) -> Outcome<()> {
    let id = &before.id;
    let status = json!(before.status);
    let status = status.as_str().unwrap_or_default();
    if wanted.edits() && before.status == SubscriptionStatus::Cancelled {
        let detail = format!("order subscription {id} is cancelled and can't change any more");
        return Err(invalid_status(detail).into());
    }
    if wanted.pause().is_some() && before.status != SubscriptionStatus::Inactive {
        let detail = format!(
            "resumes_at is for a pause: order subscription {id} is {status}; give it together with \
             _deactivate"
        );
        return Err(invalid_status(detail).at("/data/attributes/resumes_at").into());
    }
    if wanted.reschedules() && !before.status.repeats() {
        let detail = format!(
            "next_run_at is for an active subscription: order subscription {id} is {status}; \
             activate it first"
        );
        return Err(invalid_status(detail).at("/data/attributes/next_run_at").into());
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
    let now = context.now;
    let mut after = before.clone();
    let mut changes = Vec::new();
    if wanted.edits() {
        after = wanted.edit(before, now)?;
        let (was, is) = differing(&told(before), &told(&after));
        changes.push(Change { event: "order_subscriptions.update", before: was, after: is });
    }
    if let Some(asked) = wanted.asked {
        let changed = match asked {
            Asked::Activate => activate(&after, now),
            Asked::Deactivate => pause(&after, wanted.new_pause(), now),
            Asked::Cancel => cancel(&after, now),
            Asked::SkipNext => skip_next_run(&after, now),
        };
        let (changed, change) = changed.map_err(|error| refused(&error, asked))?;
        after = changed;
        changes.push(change);
    }
    Ok((after, changes))
}

fn refused(error: &PlanError, asked: Asked) -> ApiError {
    let code = match error {
        PlanError::Pause(_) => return no_pause(error),
        PlanError::Transition(_) | PlanError::Ended { .. } | PlanError::NoNextRun => {
            Code::InvalidStatus
        }
        PlanError::Schedule(_) | PlanError::Money(_) => Code::InvalidValue,
    };
    Problem::new(code, error.to_string()).at(format!("/data/attributes/{}", asked.name())).into()
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
