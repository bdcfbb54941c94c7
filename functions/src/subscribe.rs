//! Making subscriptions from a placed order.

use chrono::{DateTime, Utc};
use perennial_domain::{
    ids::{OrganizationId, PaymentSourceId},
    journal::{Cause, Change, append},
    order::{Order, OrderStatus, Rejection},
    placement::{check_followed_prices, check_repeating, create_subscriptions},
    plan::PlanError,
    pricing::Wanted,
    subscription::Subscription,
};
use perennial_store::{Commit, Expect, Related, Store, StoreError};
use serde_json::json;
use thiserror::Error;

use crate::pricing;

/// Why no subscriptions were made.
#[derive(Debug, Error)]
pub(crate) enum SubscribeError {
    /// The order is not placed.
    #[error("order {0} is not placed: subscriptions are made from placed orders")]
    NotPlaced(String),
    /// The order's market has no subscription model.
    #[error("market {0} has no subscription model, so its orders make no subscriptions")]
    NoModel(String),
    /// No line repeats.
    #[error("order {0} has no line item with a frequency")]
    NothingRecurs(String),
    /// Lines can't repeat as they ask to, or have no price to follow.
    #[error("order {order} has lines that can't repeat")]
    Refused {
        /// The order.
        order: String,
        /// Every line, and why.
        rejections: Vec<Rejection>,
    },
    /// A date or amount can't be computed.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds the subscriptions that `order` becomes to a commit, each with its journal entry.
pub(crate) fn add_subscriptions<'a>(
    mut commit: Commit<'a>,
    organization: &OrganizationId,
    order: &Order,
    related: &Related,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(Commit<'a>, Vec<Subscription>), PlanError> {
    let (Some(market), Some(model)) = (&related.market, &related.model) else {
        return Ok((commit, Vec::new()));
    };
    let made = create_subscriptions(organization, order, market, model, now)?;
    let mut subscriptions = Vec::with_capacity(made.len());
    for (mut subscription, change) in made {
        if subscription.payment_source_id.is_none() {
            subscription.payment_source_id = default_source(related);
        }
        let id = subscription.id.to_string();
        let entry =
            append(&mut subscription.journal, organization, &id, now, cause.clone(), change);
        commit = commit.subscription(&subscription, Expect::New).entry("S", &entry);
        subscriptions.push(subscription);
    }
    Ok((commit, subscriptions))
}

/// The customer's default payment source, by which a subscription is paid that has none of its own.
pub(crate) fn default_source(related: &Related) -> Option<PaymentSourceId> {
    related.customer.as_ref()?.payment_source_ids.first().cloned()
}

/// What keeps an order from becoming subscriptions that its lines don't tell: that they are switched
/// off, and lines that would follow the market's price list and have no price there. Reads prices
/// only where the model lets subscriptions follow them.
pub(crate) async fn unfollowed(
    store: &Store,
    organization: &OrganizationId,
    order: &Order,
    related: &Related,
    now: DateTime<Utc>,
) -> Result<Vec<Rejection>, StoreError> {
    if order.create_subscriptions && store.subscriptions_off(organization).await? {
        return Ok(vec![switched_off(organization)]);
    }
    let (Some(market), Some(model)) = (&related.market, &related.model) else {
        return Ok(Vec::new());
    };
    let wanted = match model.followed_list(market) {
        Some(list) => Wanted::of(&list, order.recurring().map(|(line, _)| &line.item)),
        None => Wanted::default(),
    };
    let current = pricing::current(store, organization, wanted).await?;
    Ok(check_followed_prices(order, market, model, &current, now))
}

fn switched_off(organization: &OrganizationId) -> Rejection {
    Rejection {
        code: "invalid_status".to_owned(),
        detail: format!(
            "organization {organization} has switched subscriptions off: place the order without \
             _create_subscriptions, or set subscriptions_enabled of the organization to true first"
        ),
        pointer: "/data/attributes/_create_subscriptions".to_owned(),
    }
}

/// Makes the subscriptions of an order that was placed before, in one commit with the order.
/// Asking again for an order that has them answers the order unchanged.
///
/// # Errors
/// When the order or its market does not allow it; nothing is written then.
pub(crate) async fn create_for_order(
    store: &Store,
    organization: &OrganizationId,
    order: &Order,
    cause: Cause,
    now: DateTime<Utc>,
) -> Result<Order, SubscribeError> {
    if order.subscriptions_created {
        return Ok(order.clone());
    }
    if order.status != OrderStatus::Placed {
        return Err(SubscribeError::NotPlaced(order.id.to_string()));
    }
    if order.recurring().next().is_none() {
        return Err(SubscribeError::NothingRecurs(order.id.to_string()));
    }
    let related = store.related(organization, order).await?;
    let Some(model) = &related.model else {
        return Err(SubscribeError::NoModel(order.market_id.to_string()));
    };
    let mut after = order.clone();
    after.create_subscriptions = true;
    let mut rejections = check_repeating(order, model, &related.skus);
    rejections.extend(unfollowed(store, organization, &after, &related, now).await?);
    if !rejections.is_empty() {
        return Err(SubscribeError::Refused { order: order.id.to_string(), rejections });
    }
    after.subscriptions_created = true;
    after.subscription_created_at = Some(now);
    after.version += 1;
    after.updated_at = now;
    let change = Change {
        event: "orders.create_subscriptions",
        before: json!({"subscriptions_created": false}),
        after: json!({"subscriptions_created": true}),
    };
    let id = after.id.to_string();
    let entry = append(&mut after.journal, organization, &id, now, cause.clone(), change);
    let commit =
        store.commit(organization).order(&after, Expect::Version(order.version)).entry("O", &entry);
    let (commit, _) = add_subscriptions(commit, organization, &after, &related, &cause, now)?;
    commit.run().await?;
    Ok(after)
}
