use serde_json::json;

use crate::{
    lifecycle::SubscriptionStatus,
    order_copy::Factory,
    order_fixture::{TestResult, at, market, model},
    plan::{PlanError, convert, tests::monthly},
    subscription::Subscription,
};

fn copying() -> TestResult<Subscription> {
    Ok(Subscription { factory: Factory::OrderCopies, ..monthly()? })
}

#[test]
fn a_conversion_changes_the_kind_of_copies_and_leaves_dates_and_items() -> TestResult {
    let (before, model, now) = (copying()?, model(&[])?, at("2027-02-10T00:00:00Z")?);
    let (after, change) = convert(&before, &market()?, &model, now)?;
    assert_eq!((after.factory, &after.model_id), (Factory::RecurringOrderCopies, &Some(model.id)));
    assert_eq!((after.next(), &after.items), (before.next(), &before.items));
    assert_eq!(after.renewal_alert_period, model.renewal_alert_period);
    assert_eq!((change.event, after.version), ("order_subscriptions.convert", before.version + 1));
    assert_eq!(change.before.get("factory"), Some(&json!("order_copies")));
    assert_eq!(change.after.get("factory"), Some(&json!("recurring_order_copies")));
    Ok(())
}

#[test]
fn what_copies_its_items_already_is_not_converted() -> TestResult {
    let now = at("2027-02-10T00:00:00Z")?;
    assert_eq!(convert(&monthly()?, &market()?, &model(&[])?, now), Err(PlanError::Converted));
    let again = convert(&copying()?, &market()?, &model(&[])?, now)?.0;
    assert_eq!(convert(&again, &market()?, &model(&[])?, now), Err(PlanError::Converted));
    Ok(())
}

#[test]
fn a_model_that_does_not_offer_the_frequency_and_an_ended_subscription_refuse() -> TestResult {
    let now = at("2027-02-10T00:00:00Z")?;
    let refused = convert(&copying()?, &market()?, &model(&["weekly"])?, now);
    assert!(matches!(&refused, Err(PlanError::NotOffered(text)) if text.contains("weekly")));
    let ended = Subscription { status: SubscriptionStatus::Cancelled, ..copying()? };
    let refused = convert(&ended, &market()?, &model(&[])?, now);
    assert!(matches!(refused, Err(PlanError::Transition(_))));
    Ok(())
}
