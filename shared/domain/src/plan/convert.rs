//! A subscription that copies its source order, made one whose items can be edited.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{PlanError, standing};
use crate::{
    catalog::{Market, SubscriptionModel},
    journal::Change,
    lifecycle::Trigger,
    order_copy::Factory,
    placement::frequency_refusals,
    subscription::Subscription,
};

/// Lets a subscription that was made by hand go on as if a model had made it: its runs copy its
/// items, and what follows a declined payment or an outage is the model's to say (or, for payments, the
/// market's). Its dates, its
/// frequency and what it has been through stay as they are.
///
/// # Errors
/// When it copies its items already, when its status does not allow it, or when the model does not
/// offer its frequency.
pub fn convert(
    before: &Subscription,
    market: &Market,
    model: &SubscriptionModel,
    now: DateTime<Utc>,
) -> Result<(Subscription, Change), PlanError> {
    if before.factory == Factory::RecurringOrderCopies {
        return Err(PlanError::Converted);
    }
    let mut after = before.clone();
    after.status = after.status.after(Trigger::Convert)?;
    if let Some(refusal) =
        frequency_refusals(&before.frequency, &[], Some(model)).into_iter().next()
    {
        return Err(PlanError::NotOffered(refusal));
    }
    after.factory = Factory::RecurringOrderCopies;
    after.model_id = Some(model.id.clone());
    after.price_list_id = model.followed_list(market);
    after.catch_up = model.catch_up;
    after.retry = market.retry_policy(Some(model));
    after.renewal_alert_period = before.renewal_alert_period.or(model.renewal_alert_period);
    after.version += 1;
    after.updated_at = now;
    let kind = |one: &Subscription| {
        let mut told = standing(one);
        if let Value::Object(members) = &mut told {
            members.insert("factory".to_owned(), json!(one.factory));
            members.insert("subscription_model_id".to_owned(), json!(one.model_id));
        }
        told
    };
    let change =
        Change { event: "order_subscriptions.convert", before: kind(before), after: kind(&after) };
    Ok((after, change))
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
