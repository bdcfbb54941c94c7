//! What every new subscription begins with, whether a model makes it or somebody by hand.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    catalog::{Market, SubscriptionModel},
    ids::{CustomerId, OrderId, PaymentSourceId, SubscriptionId, SubscriptionItemId},
    journal::Head,
    lifecycle::SubscriptionStatus,
    money::Currency,
    order::{Addresses, Annotations, LineItem, Order},
    order_copy::Factory,
    pricing::PriceSource,
    run::Skipped,
    subscription::{Subscription, SubscriptionItem},
    time::{CutOff, Frequency, OccurrenceNumber, ScheduleError, Slot, resume, whole_second},
};

/// What a subscription is made of.
pub(crate) struct Beginning<'a> {
    pub(crate) id: SubscriptionId,
    pub(crate) status: SubscriptionStatus,
    pub(crate) origin: Origin,
    pub(crate) market: &'a Market,
    pub(crate) model: Option<&'a SubscriptionModel>,
    pub(crate) items: Vec<SubscriptionItem>,
    pub(crate) frequency: Frequency,
    /// The instant of its occurrence 0.
    pub(crate) anchor: DateTime<Utc>,
    pub(crate) now: DateTime<Utc>,
}

/// Where it comes from, and what it takes over from there.
pub(crate) struct Origin {
    /// The order that it repeats; `None` where that was made in another book.
    pub(crate) order_id: Option<OrderId>,
    pub(crate) customer_id: Option<CustomerId>,
    pub(crate) payment_source_id: Option<PaymentSourceId>,
    pub(crate) addresses: Addresses,
    pub(crate) currency: Currency,
    /// When the order was placed.
    pub(crate) placed_at: Option<DateTime<Utc>>,
}

impl From<&Order> for Origin {
    fn from(order: &Order) -> Self {
        Self {
            order_id: Some(order.id.clone()),
            customer_id: order.customer_id.clone(),
            payment_source_id: order.payment_source_id.clone(),
            addresses: order.addresses.clone(),
            currency: order.currency,
            placed_at: order.placed_at,
        }
    }
}

impl Beginning<'_> {
    /// The subscription, without a next run.
    pub(crate) fn subscription(self) -> Subscription {
        let Self { id, status, origin, market, model, items, frequency, anchor, now } = self;
        Subscription {
            id,
            status,
            market_id: market.id.clone(),
            model_id: model.map(|model| model.id.clone()),
            source_order_id: origin.order_id,
            customer_id: origin.customer_id,
            payment_source_id: origin.payment_source_id,
            addresses: origin.addresses,
            tags: Vec::new(),
            currency: origin.currency,
            items,
            price_list_id: model.and_then(|model| model.followed_list(market)),
            frequency,
            anchor: whole_second(anchor),
            time_zone: market.time_zone,
            rules: model.map(|model| model.rules.clone()).unwrap_or_default(),
            next_number: None,
            next_run_at: None,
            expires_at: None,
            max_occurrences: model.and_then(|model| model.max_occurrences),
            jumped_numbers: 0,
            rescheduled: None,
            stands_for: None,
            cut_off: model.map_or_else(CutOff::default, |model| model.cut_off),
            resumes_at: None,
            cancelled_at: None,
            renewal_alert_period: model.and_then(|model| model.renewal_alert_period),
            alerted: None,
            last_run_at: origin.placed_at,
            last_ordered_at: None,
            factory: Factory::default(),
            activate_by_source_order: true,
            place_target_order: true,
            occurrencies: 0,
            errors_count: 0,
            succeeded_on_last_run: None,
            unsettled: Vec::new(),
            awaits_method: None,
            access_until: None,
            catch_up: model.map(|model| model.catch_up).unwrap_or_default(),
            retry: market.retry_policy(model),
            reference: None,
            reference_origin: None,
            metadata: Value::Null,
            created_at: now,
            updated_at: now,
            version: 1,
            journal: Head::default(),
            run_number: None,
            lease_until: None,
            lease_claims: None,
            job_run_id: None,
            prices_fixed: false,
            tax: None,
            blocked_by: None,
            held_by: None,
        }
    }
}

/// Begins the schedule with the source order as occurrence 0. What fell due between that and `now`
/// is not made up for; answers these numbers.
///
/// # Errors
/// When there is no date after the anchor.
pub(crate) fn begin_with_source(
    subscription: &mut Subscription,
    now: DateTime<Utc>,
) -> Result<Option<Skipped>, ScheduleError> {
    let schedule = subscription.schedule();
    let source = Slot { number: OccurrenceNumber::ANCHOR, at: subscription.anchor };
    let first = schedule.following(source)?;
    let resumed = resume(&schedule, first.slot(), now)?;
    subscription.set_next(resumed.next.map(crate::time::Occurrence::slot));
    Ok(resumed.passed.map(|passed| Skipped { first: passed.first, last: passed.last }))
}

/// The item that a line of the source order becomes.
pub(crate) fn item_of(subscription: &SubscriptionId, line: &LineItem) -> SubscriptionItem {
    SubscriptionItem {
        id: SubscriptionItemId::of(subscription, line.id.as_str()),
        item: line.item.clone(),
        name: line.name.clone(),
        quantity: line.quantity,
        unit_amount: line.unit_amount,
        price_override: line.price_source == PriceSource::Given,
        one_off: false,
        annotations: Annotations::default(),
    }
}
