//! Falling back: the payment source that an attempt at a run is charged to, where that of its
//! subscription is missing, expired, or was declined for good.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use perennial_domain::{
    catalog::{Customer, PaymentSource, SubscriptionModel},
    dunning::DeclineKind,
    ids::{OrganizationId, PaymentSourceId},
    payment::{Fallback, next_source, usable},
    plan::{Outcome, Settled},
    subscription::Subscription,
};
use perennial_store::{Store, StoreError};

/// The subscription as this attempt pays for it: by its own payment source, or where that can't be
/// charged and its model says so, by the customer's next. With it comes the source that is charged.
pub(crate) async fn paying<'a>(
    store: &Store,
    organization: &OrganizationId,
    subscription: &'a Subscription,
    own: Option<PaymentSource>,
    declined: &[PaymentSourceId],
    now: DateTime<Utc>,
) -> Result<(Cow<'a, Subscription>, Option<PaymentSource>), StoreError> {
    let today = now.with_timezone(&subscription.time_zone).date_naive();
    let sound = |own: &PaymentSource| usable(own, today) && !declined.contains(&own.id);
    if own.as_ref().is_some_and(sound) {
        return Ok((Cow::Borrowed(subscription), own));
    }
    let Some(next) = next(store, organization, subscription, declined, now).await? else {
        return Ok((Cow::Borrowed(subscription), own));
    };
    let mut paying = subscription.clone();
    paying.payment_source_id = Some(next.id.clone());
    Ok((Cow::Owned(paying), Some(next)))
}

/// What a decline comes to: where it is for good, and the customer has another payment source that
/// may be charged, that one is next.
pub(crate) async fn after_decline(
    store: &Store,
    organization: &OrganizationId,
    paying: &Subscription,
    declined: &[PaymentSourceId],
    outcome: Outcome,
    now: DateTime<Utc>,
) -> Result<Outcome, StoreError> {
    let (Outcome::Declined { kind: DeclineKind::Hard, code, message, resource: None }, Some(last)) =
        (&outcome, &paying.payment_source_id)
    else {
        return Ok(outcome);
    };
    let declined: Vec<PaymentSourceId> = declined.iter().chain([last]).cloned().collect();
    Ok(match next(store, organization, paying, &declined, now).await? {
        Some(_) => Outcome::FallsBack {
            code: code.clone(),
            message: message.clone(),
            declined: last.clone(),
        },
        None => outcome,
    })
}

/// Gives a subscription its own payment source back after an attempt by another, unless that has
/// paid and its model says that it takes the place of its own.
pub(crate) async fn put_back(
    store: &Store,
    organization: &OrganizationId,
    before: &Subscription,
    outcome: &Outcome,
    settled: &mut Settled,
) -> Result<(), StoreError> {
    let after = &mut settled.subscription;
    if after.payment_source_id == before.payment_source_id {
        return Ok(());
    }
    let paid = matches!(outcome, Outcome::Paid { .. });
    if !paid || policy(store, organization, before).await? != Fallback::SwitchSource {
        after.payment_source_id.clone_from(&before.payment_source_id);
        return Ok(());
    }
    if let serde_json::Value::Object(told) = &mut settled.change.after {
        let switched = serde_json::json!(after.payment_source_id);
        told.insert("customer_payment_source_id".to_owned(), switched);
    }
    if let serde_json::Value::Object(told) = &mut settled.change.before {
        let was = serde_json::json!(before.payment_source_id);
        told.insert("customer_payment_source_id".to_owned(), was);
    }
    Ok(())
}

async fn policy(
    store: &Store,
    organization: &OrganizationId,
    subscription: &Subscription,
) -> Result<Fallback, StoreError> {
    let Some(id) = &subscription.model_id else { return Ok(Fallback::default()) };
    let model: Option<SubscriptionModel> = store.get(organization, id.as_str()).await?;
    Ok(model.map(|model| model.payment_fallback).unwrap_or_default())
}

/// The customer's next payment source, where the subscription may be paid by it.
async fn next(
    store: &Store,
    organization: &OrganizationId,
    subscription: &Subscription,
    declined: &[PaymentSourceId],
    now: DateTime<Utc>,
) -> Result<Option<PaymentSource>, StoreError> {
    let Some(customer) = &subscription.customer_id else { return Ok(None) };
    if policy(store, organization, subscription).await? == Fallback::None {
        return Ok(None);
    }
    let customer: Option<Customer> = store.get(organization, customer.as_str()).await?;
    let order = customer.map(|customer| customer.payment_source_ids).unwrap_or_default();
    let ids = order.iter().map(ToString::to_string).collect();
    let sources = store.get_all::<PaymentSource>(organization, ids).await?;
    let ordered = order.iter().filter_map(|id| sources.get(id.as_str()));
    let today = now.with_timezone(&subscription.time_zone).date_naive();
    Ok(next_source(ordered, declined, today).cloned())
}
