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
use perennial_payments::{PaymentToken, TokenDigest};
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
/// may be charged, that one is next. So is the source of this attempt itself where the decline is that
/// of another token: an attempt that was cut short was made with that one, and its key answers what
/// became of it.
pub(crate) async fn after_decline(
    store: &Store,
    organization: &OrganizationId,
    paying: &Subscription,
    declined: &[PaymentSourceId],
    outcome: Outcome,
    now: DateTime<Utc>,
) -> Result<Outcome, StoreError> {
    let (
        Outcome::Declined { kind: DeclineKind::Hard, code, message, resource: None, token },
        Some(last),
    ) = (&outcome, &paying.payment_source_id)
    else {
        return Ok(outcome);
    };
    let falls_back =
        |declined| Outcome::FallsBack { code: code.clone(), message: message.clone(), declined };
    if let Some(token) = token {
        let own: Option<PaymentSource> = store.get(organization, last.as_str()).await?;
        if own.is_some_and(|own| !has_token(&own, token)) {
            let owner = owner_of(store, organization, paying, token).await?;
            return Ok(falls_back(owner));
        }
    }
    let declined: Vec<PaymentSourceId> = declined.iter().chain([last]).cloned().collect();
    Ok(match next(store, organization, paying, &declined, now).await? {
        Some(_) => falls_back(Some(last.clone())),
        None => outcome,
    })
}

fn has_token(source: &PaymentSource, digest: &str) -> bool {
    TokenDigest::of(&PaymentToken::new(&source.token)).as_str() == digest
}

/// The payment source of the customer that has a token.
async fn owner_of(
    store: &Store,
    organization: &OrganizationId,
    subscription: &Subscription,
    digest: &str,
) -> Result<Option<PaymentSourceId>, StoreError> {
    let sources = sources(store, organization, subscription).await?;
    Ok(sources.into_iter().find(|source| has_token(source, digest)).map(|source| source.id))
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
    if subscription.customer_id.is_none()
        || policy(store, organization, subscription).await? == Fallback::None
    {
        return Ok(None);
    }
    let sources = sources(store, organization, subscription).await?;
    let today = now.with_timezone(&subscription.time_zone).date_naive();
    Ok(next_source(&sources, declined, today).cloned())
}

/// The payment sources of the customer, in their order.
async fn sources(
    store: &Store,
    organization: &OrganizationId,
    subscription: &Subscription,
) -> Result<Vec<PaymentSource>, StoreError> {
    let Some(customer) = &subscription.customer_id else { return Ok(Vec::new()) };
    let customer: Option<Customer> = store.get(organization, customer.as_str()).await?;
    let order = customer.map(|customer| customer.payment_source_ids).unwrap_or_default();
    let ids = order.iter().map(ToString::to_string).collect();
    let mut sources = store.get_all::<PaymentSource>(organization, ids).await?;
    Ok(order.iter().filter_map(|id| sources.remove(id.as_str())).collect())
}
