//! Changing subscriptions: their attributes by an edit, their status by a trigger. Never under a run
//! that is being made.

use perennial_domain::{
    catalog::{DEFAULT_REACTIVATION_DAYS, Market, PaymentSource, Sku, SubscriptionModel},
    ids::{ModelId, PaymentSourceId, SkuId},
    journal::{Change, append},
    lifecycle::SubscriptionStatus,
    placement::frequency_refusals,
    plan::{
        PlanError, activate, cancel, convert, pause, reactivate, rest_so_far, retry_open_runs,
        run_now, skip_next_run,
    },
    subscription::Subscription,
    time::Frequency,
};
use perennial_store::Expect;
use serde_json::{Map, Value, json};

use super::{
    answer, asked_before, change_items,
    editable::{self, invalid_status},
    order_subscriptions::{KIND, in_path, object},
    organizations, sold,
    subscription_edit::{Asked, Settled, Wanted, no_pause, told},
    wake,
};
use crate::http::{
    context::Context,
    document::{Document, Related, no_such},
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Answer,
};

pub(super) async fn update(context: &Context<'_>) -> Outcome<Answer> {
    let before = in_path(context).await?;
    let mut document = Document::update(context.request, &KIND, context.id)?;
    let mut problems = Problems::default();
    let wanted = Wanted::read(&mut document, &mut problems);
    let request = request(context, wanted.asked);
    let of = ("S", before.id.as_str());
    if asked_before::entry(context, of, request.as_deref()).await?.is_some() {
        // Done by this very request, which then died before it could answer.
        return answer::one(context, 200, &object(&before)).await;
    }
    context.check_version(before.version)?;
    if let Related::To(id) = &wanted.payment_source {
        check_payment_source(context, &before, id, &mut problems).await?;
    }
    if let Some(frequency) = wanted.frequency.as_ref().filter(|new| **new != before.frequency) {
        check_frequency(context, &before, frequency, &mut problems).await?;
    }
    let settled = wanted.settle(context, &before, &mut problems).await?;
    problems.check()?;
    if !wanted.touches().anything() && wanted.asked.is_none() {
        return answer::one(context, 200, &object(&before)).await;
    }
    editable::check(&before, wanted.touches(), wanted.asked, context.now)?;
    if matches!(wanted.asked, Some(Asked::Activate | Asked::Reactivate | Asked::RunNow)) {
        organizations::check_enabled(context).await?;
    }
    refuse_by_status(&before, &wanted)?;
    let (after, changes) = decide(context, &before, &wanted, settled).await?;
    let meta = meta(&before, &after, &wanted, &changes);
    if wanted.addresses.is_given() {
        let organization = &context.caller.organization;
        context.store().lock_addresses(organization, &after.addresses, context.now).await?;
    }
    let after = commit(context, &before, after, changes).await?;
    let tried_again = before.payment_source_id != after.payment_source_id
        && after.status.repeats()
        && after.next_retry().is_some_and(|first| first.retry_at <= context.now);
    if wanted.asked == Some(Asked::RunNow) || tried_again {
        wake::wake(context, &after).await;
    }
    let mut changed = object(&after);
    changed.meta = meta;
    answer::one(context, 200, &changed).await
}

/// The name of this request, where what it asks for happens each time it is asked for.
fn request(context: &Context<'_>, asked: Option<Asked>) -> Option<String> {
    let asked = asked.filter(|asked| matches!(asked, Asked::RunNow | Asked::SkipNext))?;
    asked_before::request(context, asked.name())
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
    let moves = matches!(wanted.asked, Some(Asked::SkipNext | Asked::RunNow));
    if wanted.changes_dates() || moves {
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

/// What makes no sense in the status that the subscription is in, whatever else is asked.
fn refuse_by_status(before: &Subscription, wanted: &Wanted) -> Outcome<()> {
    let id = &before.id;
    let status = json!(before.status);
    let status = status.as_str().unwrap_or_default();
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

/// Checks that everything that it orders can be ordered at another frequency.
async fn check_frequency(
    context: &Context<'_>,
    before: &Subscription,
    frequency: &Frequency,
    problems: &mut Problems,
) -> Outcome<()> {
    let organization = &context.caller.organization;
    let repeating = before.items.iter().filter(|item| !item.one_off);
    let codes: Vec<&str> = repeating.flat_map(|item| item.item.sku_codes()).collect();
    let ids: Vec<String> = codes.iter().map(|code| SkuId::of_code(code).to_string()).collect();
    let skus = context.store().get_many::<Sku>(organization, ids).await?;
    let mut skus: Vec<&Sku> = skus.values().collect();
    skus.sort_by_key(|sku| codes.iter().position(|code| *code == sku.code));
    let model = model(context, before).await?;
    for refusal in frequency_refusals(frequency, &skus, model.as_ref()) {
        let problem = Problem::new(Code::FrequencyNotAllowed, refusal);
        let problem = problem.at("/data/attributes/frequency");
        problems.add(problem.with("value", frequency.to_string()));
    }
    Ok(())
}

/// The model that made it, as it is now.
async fn model(
    context: &Context<'_>,
    subscription: &Subscription,
) -> Outcome<Option<SubscriptionModel>> {
    let Some(id) = &subscription.model_id else { return Ok(None) };
    Ok(context.store().get(&context.caller.organization, id.as_str()).await?)
}

/// The market of a subscription, and the model by which it is to go on: the one that is given, or the
/// market's.
async fn model_to_convert(
    context: &Context<'_>,
    subscription: &Subscription,
    given: &Related<ModelId>,
) -> Outcome<(Market, SubscriptionModel)> {
    let (store, organization) = (context.store(), &context.caller.organization);
    let market: Option<Market> = store.get(organization, subscription.market_id.as_str()).await?;
    let at = "/data/relationships/subscription_model";
    let own = market.as_ref().and_then(|market| market.model_id.as_ref());
    let given = match given {
        Related::To(id) => Some(id),
        Related::Absent | Related::Nothing => None,
    };
    let missing = || {
        let detail = format!(
            "market {} has no subscription model: give one to convert by",
            subscription.market_id
        );
        Problem::new(Code::Required, detail).at(at)
    };
    let id = given.or(own).ok_or_else(missing)?;
    let model: Option<SubscriptionModel> = store.get(organization, id.as_str()).await?;
    let model = model.ok_or_else(|| no_such("subscription_models", id.as_str(), at))?;
    Ok((market.ok_or_else(missing)?, model))
}

async fn decide(
    context: &Context<'_>,
    before: &Subscription,
    wanted: &Wanted,
    settled: Settled,
) -> Outcome<(Subscription, Vec<Change>)> {
    let now = context.now;
    let mut after = before.clone();
    let mut changes = Vec::new();
    if wanted.edits() {
        // What a pause has passed over by the old frequency is not for the new one to count.
        let moves = wanted.frequency.as_ref().is_some_and(|new| *new != before.frequency);
        let rested = if moves { rest_so_far(before, now) } else { Ok(None) };
        let (rested, passed) = rested
            .map_err(|error| {
                let problem = Problem::new(Code::OutOfRange, error.to_string());
                problem.at("/data/attributes/frequency")
            })?
            .unzip();
        after = wanted.edit(rested.as_ref().unwrap_or(before), settled, now)?;
        let (was, mut is) = differing(&told(before), &told(&after));
        if let (Value::Object(members), Some(passed)) = (&mut is, passed) {
            members.insert("skipped".to_owned(), passed);
        }
        changes.push(Change { event: "order_subscriptions.update", before: was, after: is });
    }
    if after.payment_source_id.is_some() && after.payment_source_id != before.payment_source_id {
        // Another payment method is tried at once.
        if let Some((retried, change)) = retry_open_runs(&after, now) {
            after = retried;
            changes.push(change);
        }
    }
    if let Some(swap) = &wanted.swap {
        let swap = swap.decide(context, &after).await?;
        let (swapped, change) = change_items::decided(&after, &swap, context)?;
        after = swapped;
        changes.push(change);
    }
    if let Some(asked) = wanted.asked {
        let changed = match asked {
            Asked::Activate => activate(&after, now),
            Asked::Deactivate => pause(&after, wanted.new_pause(), now),
            Asked::Cancel => cancel(&after, now),
            Asked::SkipNext => skip_next_run(&after, now),
            Asked::RunNow => run_now(&after, now),
            Asked::Reactivate => {
                let days = model(context, before).await?;
                let days = days.map_or(DEFAULT_REACTIVATION_DAYS, |model| model.reactivation_days);
                reactivate(&after, days, now)
            }
            Asked::Convert => {
                let (market, model) = model_to_convert(context, before, &wanted.model).await?;
                convert(&after, &market, &model, now)
            }
        };
        let (changed, mut change) = changed.map_err(|error| refused(&error, asked))?;
        asked_before::mark(&mut change, request(context, wanted.asked));
        after = changed;
        changes.push(change);
        if asked == Asked::Convert {
            let mut problems = Problems::default();
            let at = format!("/data/attributes/{}", asked.name());
            sold::check_followed(context, &after, &after.items, &at, &mut problems).await?;
            problems.check()?;
        }
    }
    Ok((after, changes))
}

fn refused(error: &PlanError, asked: Asked) -> ApiError {
    let code = match error {
        PlanError::Pause(_) => return no_pause(error),
        PlanError::Transition(_)
        | PlanError::Ended { .. }
        | PlanError::CancelledForGood { .. }
        | PlanError::WaitsForSource(_)
        | PlanError::Converted
        | PlanError::Retrying
        | PlanError::NoNextRun => Code::InvalidStatus,
        PlanError::Schedule(_) | PlanError::Money(_) | PlanError::NotOffered(_) => {
            Code::InvalidValue
        }
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

pub(super) async fn commit(
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
