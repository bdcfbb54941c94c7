//! What there is to see to, with what its impact is weighed by.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use perennial_domain::{
    catalog::Customer,
    checks::{CheckRecord, RecordOutcome},
    ids::{CheckRecordId, CustomerId, DeadLetterId, OrderId, SubscriptionId},
    impact::{AtStake, CustomerTier, FailedStep, Impact, impact},
    money::{Currency, MinorUnits},
    order::OrderStatus,
    organization::Organization,
    run::{Run, RunStatus},
    time::OccurrenceNumber,
};
use perennial_messages::{RetryDue, RunDue};
use perennial_store::{
    Cursor, DeadLetter, DeadLetterStatus, Listed, Span, StoreError, StoredOrder,
};

use crate::{
    api::dead_letters::OF_CHANNELS,
    http::{context::Context, error::Outcome},
    work_queues::WorkQueue,
};

/// Most records of each kind that are looked through, the newest first.
pub(crate) const LOOKED_THROUGH: usize = 5_000;
/// Records of one read: with the payloads of channels, whose bodies are the longest, 25 MB.
const PAGE: u16 = 100;
/// Reads in flight at once.
const CONCURRENCY: usize = 16;

/// A failure with its weight.
pub(super) struct Failure {
    pub(super) kind: &'static str,
    pub(super) id: String,
    pub(super) source: String,
    pub(super) subject: Option<String>,
    pub(super) error: Option<String>,
    pub(super) attempts: u32,
    pub(super) redrives: u32,
    pub(super) value: Option<(MinorUnits, Currency)>,
    pub(super) order: Option<OrderId>,
    pub(super) subscription: Option<SubscriptionId>,
    pub(super) customer: Option<CustomerId>,
    pub(super) tier: CustomerTier,
    pub(super) impact: Impact,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
}

/// A run of a subscription.
type RunKey = (SubscriptionId, OccurrenceNumber);

/// An open letter, and the run that it is about.
struct OpenLetter {
    letter: DeadLetter,
    run: Option<RunKey>,
}

impl OpenLetter {
    /// Without its body, which nothing is weighed by. `None` for a letter that somebody has seen to.
    fn of(mut letter: DeadLetter) -> Option<Self> {
        if letter.status != DeadLetterStatus::Open {
            return None;
        }
        let body = std::mem::take(&mut letter.body);
        let run = match WorkQueue::named(&letter.source) {
            Some(WorkQueue::OrderCopy) => {
                let due = serde_json::from_str::<RunDue>(&body).ok();
                due.map(|due| (due.subscription_id, due.number))
            }
            Some(WorkQueue::PaymentRetry) => {
                let due = serde_json::from_str::<RetryDue>(&body).ok();
                due.map(|due| (due.subscription_id, due.number))
            }
            _ => None,
        };
        Some(Self { letter, run })
    }
}

/// What was found, not weighed yet.
pub(super) struct Found {
    letters: Vec<OpenLetter>,
    records: Vec<CheckRecord>,
}

/// What is `kept` of the newest of a kind: as little as is needed, since there may be many.
pub(crate) async fn newest<T: Listed + Sync, K>(
    context: &Context<'_>,
    kept: impl Fn(T) -> Option<K>,
) -> Outcome<Vec<K>> {
    let organization = &context.caller.organization;
    let span = Span { descending: true, ..Span::default() };
    let (mut found, mut seen) = (Vec::new(), 0);
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = context.store().list_within::<T>(organization, &span, PAGE, cursor.as_ref());
        let Ok(page) = page.await? else { return Ok(found) };
        seen += page.items.len();
        found.extend(page.items.into_iter().filter_map(&kept));
        match page.next {
            Some(next) if seen < LOOKED_THROUGH => cursor = Some(next),
            _ => return Ok(found),
        }
    }
}

fn unresolved(record: CheckRecord) -> Option<CheckRecord> {
    record.resolution.is_none().then_some(record)
}

impl Found {
    /// All that is open.
    pub(super) async fn all(context: &Context<'_>) -> Outcome<Self> {
        let letters = newest(context, OpenLetter::of).await?;
        let records = newest(context, unresolved).await?;
        Self { letters, records }.standing(context).await
    }

    /// The orders of those records of checks that are meant and still stand, the newest first.
    pub(super) async fn orders(
        context: &Context<'_>,
        meant: impl Fn(&CheckRecord) -> bool,
    ) -> Outcome<Vec<String>> {
        let meant = |record| unresolved(record).filter(&meant);
        let records = newest(context, meant).await?;
        let found = Self { letters: Vec::new(), records }.standing(context).await?;
        Ok(found.records.iter().map(|record| record.order_id.to_string()).collect())
    }

    /// The one with this id, if it is open.
    pub(super) async fn one(
        context: &Context<'_>,
        letter: Option<DeadLetterId>,
        record: Option<CheckRecordId>,
    ) -> Outcome<Self> {
        let (store, organization) = (context.store(), &context.caller.organization);
        let letter = match letter {
            Some(id) => store.dead_letter(organization, &id).await?.and_then(OpenLetter::of),
            None => None,
        };
        let record = match record {
            Some(id) => store.check_record(organization, &id).await?,
            None => None,
        };
        let records = record.and_then(unresolved).into_iter().collect();
        Self { letters: letter.into_iter().collect(), records }.standing(context).await
    }

    /// The same without what has been settled since: orders that have gone on since checks held or
    /// refused them, and letters of orders and runs that were made all the same.
    async fn standing(self, context: &Context<'_>) -> Outcome<Self> {
        let Self { letters, records } = self;
        let (store, organization) = (context.store(), &context.caller.organization);
        let runs: Vec<RunKey> = letters.iter().filter_map(|open| open.run.clone()).collect();
        let runs = &store.runs_among(organization, runs).await?;
        let letters = stream::iter(letters).map(|open| async move {
            Ok(still_waits(context, &open, runs).await?.then_some(open))
        });
        let records = stream::iter(records).map(|record| async move {
            let order = store.order(organization, &record.order_id).await?;
            let Some(StoredOrder::Client(order)) = order else { return Ok(None) };
            let stands = match record.outcome {
                RecordOutcome::Held => order.status == OrderStatus::Held,
                RecordOutcome::Rejected => order.status == OrderStatus::Draft,
            };
            let last = order.placements == record.placement;
            Ok((stands && last).then_some(record))
        });
        Ok(Self { letters: all_of(letters).await?, records: all_of(records).await? })
    }

    /// Each with its impact: by whose it is, and by what the organization has set.
    pub(super) async fn weighed(self, context: &Context<'_>) -> Outcome<Vec<Failure>> {
        let (store, organization) = (context.store(), &context.caller.organization);
        let mut failures: Vec<Failure> = self
            .letters
            .into_iter()
            .map(|open| of_letter(open.letter))
            .chain(self.records.into_iter().map(of_record))
            .collect();
        let wanted = failures.iter().filter_map(|failure| failure.subscription.clone());
        let wanted = wanted.map(|id| (organization.clone(), id));
        let subscriptions = store.subscriptions(wanted).await?;
        let orders: Vec<OrderId> = failures
            .iter()
            .filter(|failure| failure.customer.is_none())
            .filter_map(|failure| failure.order.clone())
            .collect();
        let orders: HashMap<OrderId, Option<CustomerId>> = stream::iter(orders)
            .map(|id| async move {
                let customer = match store.order(organization, &id).await? {
                    Some(StoredOrder::Client(order)) => order.customer_id,
                    Some(StoredOrder::Run(_)) | None => None,
                };
                Ok::<_, StoreError>((id, customer))
            })
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        for failure in &mut failures {
            let of_subscription = failure
                .subscription
                .clone()
                .and_then(|id| subscriptions.get(&(organization.clone(), id))?.customer_id.clone());
            let of_order =
                failure.order.as_ref().and_then(|order| orders.get(order).cloned().flatten());
            failure.customer = failure.customer.take().or(of_subscription).or(of_order);
        }
        let mut ids: Vec<String> = failures
            .iter()
            .filter_map(|one| one.customer.as_ref())
            .map(ToString::to_string)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let customers = store.get_all::<Customer>(organization, ids).await?;
        let settings = store.get::<Organization>(organization, organization.as_str()).await?;
        let weights = settings.map(|settings| settings.impact_weights).unwrap_or_default();
        for failure in &mut failures {
            let customer = failure.customer.as_ref().and_then(|id| customers.get(id.as_str()));
            failure.tier = customer.map(|customer| customer.tier).unwrap_or_default();
            let at_stake = AtStake {
                value: failure.value,
                step: step(failure),
                since: failure.created_at,
                tier: failure.tier,
            };
            failure.impact = impact(&at_stake, &weights, context.now);
        }
        Ok(failures)
    }
}

/// What there is, in its order, read several at once.
async fn all_of<T>(
    reads: impl Stream<Item = impl Future<Output = Result<Option<T>, StoreError>>>,
) -> Outcome<Vec<T>> {
    let found = reads.buffered(CONCURRENCY).try_filter_map(|one| async move { Ok(one) });
    Ok(found.try_collect().await?)
}

/// Whether the work of a letter is still to be done, as far as runs and orders tell. One read unit for
/// the order of a validation.
async fn still_waits(
    context: &Context<'_>,
    open: &OpenLetter,
    runs: &HashMap<RunKey, Run>,
) -> Result<bool, StoreError> {
    if let Some(run) = open.run.as_ref().and_then(|key| runs.get(key)) {
        return Ok(run.status != RunStatus::Successful);
    }
    if WorkQueue::named(&open.letter.source) != Some(WorkQueue::Validation) {
        return Ok(true);
    }
    let id = open.letter.subject.as_ref().and_then(|subject| subject.parse().ok());
    let Some(id) = id else { return Ok(true) };
    Ok(match context.store().order(&context.caller.organization, &id).await? {
        Some(StoredOrder::Client(order)) => order.status == OrderStatus::Placing,
        Some(StoredOrder::Run(_)) | None => true,
    })
}

fn step(failure: &Failure) -> FailedStep {
    match (failure.kind, WorkQueue::named(&failure.source)) {
        ("held_order", _) => FailedStep::HeldOrders,
        ("rejected_order", _) => FailedStep::RejectedOrders,
        (_, Some(WorkQueue::Validation)) => FailedStep::Validation,
        (_, Some(WorkQueue::OrderCopy)) => FailedStep::OrderCopy,
        (_, Some(WorkQueue::PaymentRetry | WorkQueue::Payments)) => FailedStep::PaymentRetry,
        (_, Some(WorkQueue::RenewalTick)) => FailedStep::RenewalTick,
        (_, Some(WorkQueue::Webhooks)) => FailedStep::Webhooks,
        (_, _) if failure.source.starts_with(OF_CHANNELS) => FailedStep::Channels,
        _ => FailedStep::Other,
    }
}

/// Nothing yet; see [`Found::weighed`].
const UNWEIGHED: Impact =
    Impact { impact: 0, money: 0, urgency_percent: 0, age_percent: 0, tier_percent: 0 };

fn of_letter(letter: DeadLetter) -> Failure {
    let DeadLetter {
        id,
        source,
        error,
        attempts,
        subject,
        value_at_risk,
        currency,
        redrives,
        created_at,
        updated_at,
        ..
    } = letter;
    Failure {
        kind: "dead_letter",
        id: id.to_string(),
        source,
        error,
        attempts,
        redrives,
        value: value_at_risk.zip(currency),
        order: subject.as_ref().and_then(|subject| subject.parse().ok()),
        subscription: subject.as_ref().and_then(|subject| subject.parse().ok()),
        subject,
        customer: None,
        tier: CustomerTier::default(),
        impact: UNWEIGHED,
        created_at,
        updated_at,
    }
}

fn of_record(record: CheckRecord) -> Failure {
    let CheckRecord {
        id,
        order_id,
        placement,
        outcome,
        customer_id,
        total,
        currency,
        failures,
        created_at,
        updated_at,
        ..
    } = record;
    let codes: Vec<&str> =
        failures.iter().flat_map(|failure| failure.codes.iter().map(String::as_str)).collect();
    Failure {
        kind: match outcome {
            RecordOutcome::Held => "held_order",
            RecordOutcome::Rejected => "rejected_order",
        },
        id: id.to_string(),
        source: "checks".to_owned(),
        subject: Some(order_id.to_string()),
        error: Some(codes.join(", ")),
        attempts: placement,
        redrives: 0,
        value: total.map(|total| (total, currency)),
        order: Some(order_id),
        subscription: None,
        customer: customer_id,
        tier: CustomerTier::default(),
        impact: UNWEIGHED,
        created_at,
        updated_at,
    }
}
