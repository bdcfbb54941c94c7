//! Making subscriptions by hand, from a source order; and deleting those that never ran or have ended.

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};
use perennial_domain::{
    catalog::{Market, PaymentSource, SubscriptionModel},
    ids::{MarketId, ModelId, OrderId, PaymentSourceId, SubscriptionId},
    journal::{Change, append},
    lifecycle::SubscriptionStatus,
    manual_subscription::{MAX_MANUAL_SUBSCRIPTIONS, ManualTerms, Source, create_manual},
    order::Order,
    renewal_alert::RenewalAlertPeriod,
    subscription::Subscription,
    time::{CutOff, Frequency, Zone, whole_second},
};
use perennial_store::{Expect, StoreError, StoredOrder};
use serde_json::{Value, json};

use super::{
    addresses::AddressChange,
    annotations::AnnotationChange,
    answer,
    order_subscriptions::{KIND, find, in_path, object},
    orders, organizations,
    schedule_rules::RulesChange,
    sold,
    tags::TagChange,
};
use crate::{
    http::{
        attributes::{Attributes, Given},
        context::Context,
        document::{Document, Related, no_such},
        error::{ApiError, Code, Outcome, Problem, Problems},
        event::Answer,
    },
    refusals::problems_of,
    subscribe::default_source,
};

/// How often a commit is tried while the source order is changed by others, as by being placed.
const COMMIT_ATTEMPTS: u32 = 5;
const AT_SOURCE: &str = "/data/relationships/source_order";

/// What a client gives, beside what it refers to.
struct Asked {
    frequency: Option<Frequency>,
    activate_by_source_order: bool,
    place_target_order: bool,
    starts_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    max_occurrences: Given<NonZeroU32>,
    time_zone: Option<Zone>,
    rules: RulesChange,
    renewal_alert_period: Given<RenewalAlertPeriod>,
    cut_off: Given<CutOff>,
    annotations: AnnotationChange,
}

impl Asked {
    fn read(attributes: &mut Attributes, problems: &mut Problems) -> Self {
        let whole = |given: Given<DateTime<Utc>>| given.value().map(whole_second);
        let yes = |given: Given<bool>| given.value().unwrap_or(true);
        Self {
            frequency: attributes.required("frequency", problems),
            activate_by_source_order: yes(attributes.optional("activate_by_source_order", problems)),
            place_target_order: yes(attributes.optional("place_target_order", problems)),
            starts_at: whole(attributes.optional("starts_at", problems)),
            expires_at: whole(attributes.optional("expires_at", problems)),
            max_occurrences: attributes.optional("max_occurrences", problems),
            time_zone: attributes.value("time_zone", problems),
            rules: RulesChange::read(attributes, problems),
            renewal_alert_period: attributes.optional("renewal_alert_period", problems),
            cut_off: attributes.optional("cut_off_hours", problems),
            annotations: AnnotationChange::read(attributes, problems),
        }
    }

    fn terms(
        &self,
        frequency: Frequency,
        market: &Market,
        model: Option<&SubscriptionModel>,
    ) -> ManualTerms {
        let rules = model.map(|model| model.rules.clone()).unwrap_or_default();
        let mut max_occurrences = model.and_then(|model| model.max_occurrences);
        self.max_occurrences.clone().apply(&mut max_occurrences);
        ManualTerms {
            frequency,
            rules: self.rules.of(&rules),
            time_zone: self.time_zone.unwrap_or(market.time_zone),
            activate_by_source_order: self.activate_by_source_order,
            starts_at: self.starts_at,
            expires_at: self.expires_at,
            max_occurrences,
            place_target_order: self.place_target_order,
        }
    }

    /// Adds what no rule asks for when a subscription is made.
    fn apply(&self, made: &mut Subscription) {
        self.renewal_alert_period.clone().apply(&mut made.renewal_alert_period);
        self.cut_off.clone().or_default(&mut made.cut_off);
        let Subscription { reference, reference_origin, metadata, .. } = made;
        self.annotations.apply(reference, reference_origin, metadata);
    }
}

pub(super) async fn create(context: &Context<'_>) -> Outcome<Answer> {
    let mut document = Document::create(context.request, &KIND)?;
    let mut problems = Problems::default();
    let mut attributes = document.attributes(&mut problems);
    let asked = Asked::read(&mut attributes, &mut problems);
    let tags = TagChange::read(&mut attributes, &document, &mut problems);
    let addresses = AddressChange::read(&document, &mut problems);
    let source: Option<OrderId> = document.related("source_order", &mut problems).id();
    let market: Option<MarketId> = document.related("market", &mut problems).id();
    let model: Option<ModelId> = document.related("subscription_model", &mut problems).id();
    let payment_source: Related<PaymentSourceId> =
        document.related("customer_payment_source", &mut problems);
    let (source, frequency) = problems.finish(source.zip(asked.frequency.clone()))?;
    let organization = &context.caller.organization;
    organizations::check_enabled(context).await?;
    let id = SubscriptionId::from_uuid(context.new_uuid(KIND.name));
    if context.once.is_some()
        && let Some(existing) = find(context, &id).await?
    {
        // Made by this very request, which then died before it could answer.
        return answer::one(context, 201, &object(&existing)).await;
    }
    let mut problems = Problems::default();
    let model = model_of(context, model.as_ref(), &mut problems).await?;
    let mut conflict = None;
    for _ in 0..COMMIT_ATTEMPTS {
        let stored = source_order(context, &source).await?;
        let order = without_deleted(context, &stored).await?;
        if let Some(market) = market.as_ref().filter(|market| **market != order.market_id) {
            let at = "/data/relationships/market";
            let detail =
                format!("order {source} was taken in market {}, not in {market}", order.market_id);
            let problem = Problem::new(Code::InvalidValue, detail).at(format!("{at}/data/id"));
            problems.add(problem.with("value", market.as_str()));
        }
        let related = context.store().related(organization, &order).await?;
        let Some(market) = &related.market else {
            let detail = format!("the market {} of order {source} is gone", order.market_id);
            return Err(Problem::new(Code::InvalidValue, detail).at(AT_SOURCE).into());
        };
        let terms = asked.terms(frequency.clone(), market, model.as_ref());
        let from = Source { order: &order, market, model: model.as_ref(), skus: &related.skus };
        let (mut made, change) = match create_manual(id.clone(), from, &terms, context.now) {
            Ok(made) => made,
            Err(rejections) => {
                problems_of(&rejections).for_each(|problem| problems.add(problem));
                return problems.finish(None);
            }
        };
        asked.apply(&mut made);
        check_source(context, &made, &payment_source, &mut problems).await?;
        let at_model = "/data/relationships/subscription_model";
        sold::check_followed(context, &made, &made.items, at_model, &mut problems).await?;
        match &payment_source {
            Related::Absent if made.status == SubscriptionStatus::Draft => {
                // What its order has when it is placed is what pays for it.
                let waits = terms.activate_by_source_order;
                made.payment_source_id = made.payment_source_id.filter(|_| !waits);
            }
            Related::Absent if made.payment_source_id.is_none() => {
                made.payment_source_id = default_source(&related);
            }
            Related::Absent => {}
            Related::Nothing => made.payment_source_id = None,
            Related::To(source) => made.payment_source_id = Some(source.clone()),
        }
        made.addresses = addresses.of(context, &made.addresses, &mut problems).await?;
        made.tags = tags.of_typed(context, &[], &mut problems).await?;
        problems.check()?;
        match store_new(context, made, change, (&stored, order)).await {
            Ok(made) => return answer::one(context, 201, &object(&made)).await,
            Err(error @ StoreError::Conflict(_)) => {
                if let (true, Some(existing)) = (context.once.is_some(), find(context, &id).await?)
                {
                    return answer::one(context, 201, &object(&existing)).await;
                }
                conflict = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
        problems = Problems::default();
    }
    Err(conflict.map_or_else(|| ApiError::internal("nothing was tried"), ApiError::from))
}

/// The order of a client that a subscription can be made from.
async fn source_order(context: &Context<'_>, id: &OrderId) -> Outcome<Order> {
    match orders::find(context, id).await? {
        Some(StoredOrder::Client(order)) => Ok(*order),
        Some(StoredOrder::Run(run)) => {
            let detail = format!(
                "order {id} was made by a run of order subscription {}: make an order copy of it, \
                 or give that subscription's source order",
                run.subscription_id
            );
            Err(Problem::new(Code::InvalidValue, detail).at(format!("{AT_SOURCE}/data/id")).into())
        }
        None => Err(no_such("orders", id.as_str(), AT_SOURCE).into()),
    }
}

/// A source order without those of its subscriptions that are deleted, where they would keep it from
/// having another.
async fn without_deleted(context: &Context<'_>, stored: &Order) -> Outcome<Order> {
    let mut order = stored.clone();
    if order.manual_subscription_ids.len() >= MAX_MANUAL_SUBSCRIPTIONS {
        let organization = &context.caller.organization;
        let ids = order.manual_subscription_ids.iter().cloned();
        let wanted = ids.map(|id| (organization.clone(), id));
        let standing = context.store().subscriptions(wanted).await?;
        let stands = |id: &SubscriptionId| standing.keys().any(|(_, standing)| standing == id);
        order.manual_subscription_ids.retain(stands);
    }
    Ok(order)
}

async fn model_of(
    context: &Context<'_>,
    id: Option<&ModelId>,
    problems: &mut Problems,
) -> Outcome<Option<SubscriptionModel>> {
    let Some(id) = id else { return Ok(None) };
    let found = context.store().get(&context.caller.organization, id.as_str()).await?;
    if found.is_none() {
        let at = "/data/relationships/subscription_model";
        problems.add(no_such("subscription_models", id.as_str(), at));
    }
    Ok(found)
}

async fn check_source(
    context: &Context<'_>,
    made: &Subscription,
    source: &Related<PaymentSourceId>,
    problems: &mut Problems,
) -> Outcome<()> {
    let Related::To(id) = source else { return Ok(()) };
    let at = "/data/relationships/customer_payment_source";
    let found: Option<PaymentSource> =
        context.store().get(&context.caller.organization, id.as_str()).await?;
    match found {
        None => problems.add(no_such("customer_payment_sources", id.as_str(), at)),
        Some(source) if made.customer_id.as_ref() != Some(&source.customer_id) => {
            let detail =
                format!("payment source {id} belongs to another customer than the source order");
            let problem = Problem::new(Code::InvalidValue, detail).at(format!("{at}/data/id"));
            problems.add(problem.with("value", id.as_str()));
        }
        Some(_) => {}
    }
    Ok(())
}

/// Commits a new subscription together with its source order, which keeps its id.
async fn store_new(
    context: &Context<'_>,
    mut made: Subscription,
    change: Change,
    (stored, mut order): (&Order, Order),
) -> Result<Subscription, StoreError> {
    let organization = &context.caller.organization;
    if made.status != SubscriptionStatus::Draft {
        context.store().lock_addresses(organization, &made.addresses, context.now).await?;
    }
    let (cause, now) = (context.cause(), context.now);
    let id = made.id.to_string();
    let entry = append(&mut made.journal, organization, &id, now, cause.clone(), change);
    let before = json!({"manual_subscription_ids": stored.manual_subscription_ids});
    order.manual_subscription_ids.push(made.id.clone());
    order.version += 1;
    order.updated_at = now;
    let after = json!({"manual_subscription_ids": order.manual_subscription_ids});
    let changed = Change { event: "orders.update", before, after };
    let order_id = order.id.to_string();
    let of_order = append(&mut order.journal, organization, &order_id, now, cause, changed);
    context
        .store()
        .commit(organization)
        .subscription(&made, Expect::New)
        .entry("S", &entry)
        .order(&order, Expect::Version(stored.version))
        .entry("O", &of_order)
        .run()
        .await?;
    Ok(made)
}

/// Deletes a subscription that was never active, or is cancelled and owes nothing. Its journal, its
/// runs and their orders stay.
pub(super) async fn delete(context: &Context<'_>) -> Outcome<Answer> {
    let mut before = in_path(context).await?;
    context.check_version(before.version)?;
    let id = before.id.clone();
    let ended = matches!(before.status, SubscriptionStatus::Draft | SubscriptionStatus::Cancelled);
    let invalid = |detail: String| ApiError::from(Problem::new(Code::InvalidStatus, detail));
    if !ended {
        let status = json!(before.status);
        return Err(invalid(format!(
            "order subscription {id} is {}; only a draft or a cancelled one can be deleted: cancel \
             it first",
            status.as_str().unwrap_or_default()
        )));
    }
    if before.run_number.is_some() || !before.unsettled.is_empty() {
        let mut error = invalid(format!(
            "order subscription {id} has runs that are being closed: delete it when that is done"
        ));
        error.headers.push(("retry-after", "60".to_owned()));
        return Err(error);
    }
    let organization = &context.caller.organization;
    let change = Change {
        event: "order_subscriptions.destroy",
        before: json!({"status": before.status}),
        after: Value::Null,
    };
    let (seen, cause) = (before.version, context.cause());
    let entry = append(&mut before.journal, organization, id.as_str(), context.now, cause, change);
    let commit = context.store().commit(organization).delete_subscription(&id, seen);
    commit.last_entry("S", &entry).run().await?;
    Ok(Answer::empty(204))
}
