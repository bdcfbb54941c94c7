//! Order copy: makes one target order from one due run, pays it, and commits subscription, run,
//! order and journal together.

mod passed;

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use perennial_domain::{
    catalog::{Market, PaymentSource, Sku},
    copy_order::left_draft,
    ids::{OrderId, OrganizationId, SkuId, SubscriptionId},
    journal::{Cause, Change, append},
    lifecycle::SubscriptionStatus,
    order_copy::Culprit,
    plan::{
        AbortReason, NO_PAYMENT_SOURCE, Outcome, PlanError, PlannedRun, Settled, abandon_run,
        abort_run, discard_run, fix_prices, plan_passed, plan_run, settle_passed, settle_retry,
        settle_run, unpriced,
    },
    pricing::NoPrice,
    run::{Run, RunStatus, charge_key},
    subscription::Subscription,
};
use perennial_messages::RunDue;
use perennial_payments::{ChargeKey, ChargeLookup, ChargeRequest, PaymentProvider, PaymentToken};
use perennial_runtime::{Clock, Environment, Function, FunctionError, Invocation, SettingError};
use perennial_store::{Expect, Part, RunResult, Store, StoreError};
use serde_json::Value;

use crate::{
    Aws, charging, fallback,
    markets::Markets,
    pricing,
    results::{Results, count, result_of},
    settings,
    sqs_batch::{DeadLetterQueue, HandleError, Outcomes, Received, guarded, handle_batch},
    stock,
    taxes::{self, TaxEngine},
};

/// Runs made at once. A batch has ten at most; all of them wait for the provider together.
const CONCURRENCY: usize = 10;
/// Attempts at a commit that others keep getting ahead of.
const COMMIT_ATTEMPTS: u32 = 5;

/// The order-copy function.
pub(crate) struct OrderCopy {
    store: Store,
    provider: Arc<dyn PaymentProvider>,
    taxes: TaxEngine,
    markets: Markets,
    dead_letters: DeadLetterQueue,
    clock: Arc<dyn Clock>,
}

/// What the runs of a batch need, read together. What is missing is read again by itself.
#[derive(Default)]
struct Loaded {
    subscriptions: HashMap<(OrganizationId, SubscriptionId), Subscription>,
    sources: HashMap<String, PaymentSource>,
    skus: HashMap<String, Sku>,
}

/// What the provider has collected for a run in this invocation.
struct Collected {
    paid: Outcome,
    /// The subscription as it was charged.
    subscription: Subscription,
    planned: PlannedRun,
}

impl OrderCopy {
    pub(crate) fn build(
        environment: &Environment,
        aws: &Aws,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SettingError> {
        let store = settings::store(environment, aws)?;
        Ok(Self {
            taxes: TaxEngine::build(environment, &store)?,
            markets: Markets::default(),
            store,
            provider: charging::provider(environment, aws)?,
            dead_letters: DeadLetterQueue::from_environment(environment, aws)?,
            clock: Arc::clone(clock),
        })
    }

    async fn make_all(&self, messages: Vec<Received<RunDue>>) -> Outcomes {
        let loaded = match self.load(&messages).await {
            Ok(loaded) => loaded,
            // One of the items can't be read. Each message reads for itself then, and only the one
            // that it concerns fails.
            Err(error) if !error.is_transient() => Loaded::default(),
            Err(error) => {
                let reason = error.to_string();
                return messages
                    .into_iter()
                    .map(|received| (received.id, Err(HandleError::Transient(reason.clone()))))
                    .collect();
            }
        };
        let results = Results::default();
        let (loaded_ref, results_ref) = (&loaded, &results);
        let outcomes = stream::iter(messages)
            .map(|received| async move {
                let RunDue { organization, subscription_id, number, job, .. } = &received.message;
                let made = guarded(self.make(&received.message, loaded_ref)).await;
                let outcome = made.map(|result| {
                    results_ref.note(organization, job, subscription_id, *number, result);
                });
                (received.id, outcome)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        results.record(&self.store).await;
        outcomes
    }

    /// One read for all subscriptions of the batch, and one for what they refer to in each
    /// organization: as a rule there is one.
    async fn load(&self, messages: &[Received<RunDue>]) -> Result<Loaded, StoreError> {
        let wanted = messages.iter().map(|received| {
            (received.message.organization.clone(), received.message.subscription_id.clone())
        });
        let subscriptions = self.store.subscriptions(wanted).await?;
        let mut sources = HashMap::new();
        let mut skus = HashMap::new();
        let mut by_organization: HashMap<&OrganizationId, Vec<&Subscription>> = HashMap::new();
        for ((organization, _), subscription) in &subscriptions {
            by_organization.entry(organization).or_default().push(subscription);
        }
        for (organization, subscriptions) in by_organization {
            let ids: Vec<String> = subscriptions
                .iter()
                .filter_map(|subscription| subscription.payment_source_id.as_ref())
                .map(ToString::to_string)
                .collect();
            sources.extend(self.store.get_many(organization, ids).await?);
            let codes = subscriptions
                .iter()
                .filter(|subscription| subscription.place_target_order)
                .flat_map(|subscription| &subscription.items)
                .flat_map(|item| item.item.sku_codes());
            let wanted: BTreeSet<String> =
                codes.map(|code| SkuId::of_code(code).to_string()).collect();
            skus.extend(self.store.get_many::<Sku>(organization, wanted).await?);
        }
        Ok(Loaded { subscriptions, sources, skus })
    }

    async fn make(&self, message: &RunDue, loaded: &Loaded) -> Result<RunResult, HandleError> {
        let RunDue { organization, subscription_id, .. } = message;
        let mut subscription =
            loaded.subscriptions.get(&(organization.clone(), subscription_id.clone())).cloned();
        let mut collected = None;
        for _ in 0..COMMIT_ATTEMPTS {
            let current = match subscription.take() {
                Some(current) => Some(current),
                None => self.store.subscription(organization, subscription_id).await?,
            };
            let Some(current) = current else {
                return self.deleted(message, collected.as_ref()).await;
            };
            if let Some(result) = self.attempt(message, &current, loaded, &mut collected).await? {
                return Ok(result);
            }
        }
        Err(HandleError::Transient(format!("subscription {subscription_id} keeps changing")))
    }

    /// One attempt against the subscription as read; `None` when it changed meanwhile.
    async fn attempt(
        &self,
        message: &RunDue,
        subscription: &Subscription,
        loaded: &Loaded,
        collected: &mut Option<Collected>,
    ) -> Result<Option<RunResult>, HandleError> {
        let RunDue { organization, number, give_up, .. } = message;
        if subscription.run_number != Some(*number) {
            return self.made_before(message, subscription, collected.as_ref()).await;
        }
        match (&subscription.blocked_by, give_up) {
            (Some(blocked_by), Some(letter)) if blocked_by == letter.as_str() => {
                return self.give_up(message, subscription).await;
            }
            // Its dead letter waits for somebody; a second message must not make a second letter.
            (Some(_), _) => return Ok(Some(RunResult::DeadLettered)),
            // Redriven before it was discarded: the run goes its way.
            (None, Some(_)) => return Ok(Some(RunResult::Pending)),
            (None, None) => {}
        }
        let Some(planned) = plan_run(subscription)? else {
            return self.abandon(message, subscription).await;
        };
        let paying = self.paying(organization, subscription, &planned, loaded).await?;
        let paying = paying.as_ref();
        let outcome = if !subscription.place_target_order && subscription.status.repeats() {
            // Whoever places the draft pays for it, and takes it from stock.
            Outcome::Free
        } else if subscription.status.repeats() {
            if !subscription.prices_fixed {
                let market = self.settling_tax(organization, subscription, &planned).await?;
                if subscription.price_list_id.is_some() || market.is_some() {
                    return self.fix_prices(message, subscription, &planned, market).await;
                }
            }
            self.collect(organization, paying, &planned, loaded).await?
        } else {
            match self.collected_before(organization, subscription, &planned).await? {
                Some(outcome) => outcome,
                None => {
                    let reason = match subscription.status {
                        SubscriptionStatus::Cancelled => AbortReason::Cancelled,
                        SubscriptionStatus::Draft
                        | SubscriptionStatus::Inactive
                        | SubscriptionStatus::Active
                        | SubscriptionStatus::Running => AbortReason::Paused,
                    };
                    let aborted = abort_run(subscription, &planned, reason, self.clock.now())?;
                    return self.commit_settled(message, subscription, &planned, aborted).await;
                }
            }
        };
        if matches!(outcome, Outcome::Paid { .. }) {
            *collected = Some(Collected {
                paid: outcome.clone(),
                subscription: paying.clone(),
                planned: planned.clone(),
            });
        }
        let (store, now) = (&self.store, self.clock.now());
        let outcome =
            fallback::after_decline(store, organization, paying, &[], outcome, now).await?;
        let mut settled = settle_run(paying, &planned, &outcome, now)?;
        if matches!(outcome, Outcome::NeedsAction { .. })
            && settled.run.status == RunStatus::Failed
            && let Some(paid) = self.collected_before(organization, paying, &planned).await?
        {
            // Nobody was to pay any more for what is given up; they had by then.
            settled = settle_run(paying, &planned, &paid, now)?;
        }
        fallback::put_back(store, organization, subscription, &outcome, &mut settled).await?;
        self.commit_settled(message, subscription, &planned, settled).await
    }

    /// The subscription as its run is paid for: by another payment source than its own where that
    /// can't be charged and its model says so.
    async fn paying<'a>(
        &self,
        organization: &OrganizationId,
        subscription: &'a Subscription,
        planned: &PlannedRun,
        loaded: &Loaded,
    ) -> Result<Cow<'a, Subscription>, HandleError> {
        let charged = subscription.place_target_order && subscription.status.repeats();
        if !charged || planned.total.is_zero() {
            return Ok(Cow::Borrowed(subscription));
        }
        let own = self.source(organization, subscription, loaded).await?;
        let (store, now) = (&self.store, self.clock.now());
        let (paying, _) =
            fallback::paying(store, organization, subscription, own, &[], now).await?;
        Ok(paying)
    }

    /// The run was made already, or passed over: the message came late, or twice. Whatever was
    /// collected for a run that others have given up meanwhile is settled all the same: money that is
    /// found always ends in a run that is paid.
    async fn made_before(
        &self,
        message: &RunDue,
        subscription: &Subscription,
        collected: Option<&Collected>,
    ) -> Result<Option<RunResult>, HandleError> {
        let RunDue { organization, subscription_id, number, .. } = message;
        let run = self.store.run(organization, subscription_id, *number).await?;
        if let Some(run) = &run
            && (run.status == RunStatus::Successful
                || (collected.is_none() && (run.attempts > 0 || run.status == RunStatus::Open)))
        {
            // Its first attempt is settled, or waits for its customer; later ones are not made here.
            stock::put_back_late(&self.store, organization, run).await?;
            return Ok(Some(result_of(run.status)));
        }
        let now = self.clock.now();
        let (paid, settled, seen) = match (&run, collected) {
            (run, None) => {
                let planned = plan_passed(subscription, *number)?;
                let paid = self.collected_before(organization, subscription, &planned).await?;
                let Some(paid) = paid else {
                    return self.put_back_late(message, subscription, run.as_ref()).await;
                };
                let settled = match run {
                    Some(run) => settle_retry(subscription, run, None, &paid, now)?,
                    None => self.settle_found(organization, subscription, planned, &paid).await?,
                };
                (paid, settled, run.as_ref().map(|run| run.version))
            }
            (Some(run), Some(Collected { paid, .. })) => {
                let settled = settle_retry(subscription, run, None, paid, now)?;
                (paid.clone(), settled, Some(run.version))
            }
            (None, Some(Collected { paid, subscription: charged, planned })) => {
                (paid.clone(), settle_passed(subscription, charged, planned, paid, now)?, None)
            }
        };
        tracing::warn!(
            %organization, %subscription_id, run = %number, ?paid,
            "a charge was found for a run that was given up; it is settled"
        );
        let (store, cause) = (&self.store, cause(message));
        let commit = |settled: &Settled| {
            let Settled { subscription: mut after, run, change } = settled.clone();
            let id = subscription_id.as_str();
            let entry = append(&mut after.journal, organization, id, now, cause.clone(), change);
            let commit = store.commit(organization);
            let commit = commit.subscription(&after, Expect::Version(subscription.version));
            match seen {
                Some(version) => commit.changed_run(&run, version).entry("S", &entry),
                None => commit.new_run(&run, &entry),
            }
        };
        let status = settled.run.status;
        match stock::commit_resumed((store, organization), settled, now, &commit).await {
            Ok(()) => Ok(Some(result_of(status))),
            Err(StoreError::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The subscription was deleted meanwhile. A run that was paid before that is as it should be; a
    /// charge that nobody has an order for any more is for a person to give back.
    async fn deleted(
        &self,
        message: &RunDue,
        collected: Option<&Collected>,
    ) -> Result<RunResult, HandleError> {
        let RunDue { organization, subscription_id, number, .. } = message;
        let run = self.store.run(organization, subscription_id, *number).await?;
        if let Some(run) = &run {
            if run.status == RunStatus::Successful {
                return Ok(result_of(run.status));
            }
            stock::put_back_late(&self.store, organization, run).await?;
        }
        let charge = match (collected, &run) {
            (Some(collected), _) => Some(collected.paid.clone()),
            (None, Some(run)) => {
                let key = charge_key(organization, subscription_id, *number, 1);
                let lookup = ChargeLookup::new(organization.as_str(), ChargeKey::new(key));
                let lookup = lookup.since(run.due_at.min(run.started_at));
                charging::paid_or_ended(self.provider.as_ref(), &lookup).await?
            }
            (None, None) => None,
        };
        Err(HandleError::Permanent(match charge {
            Some(Outcome::Paid { charge_id }) => format!(
                "subscription {subscription_id} was deleted while its run {number} was being paid: \
                 charge {charge_id:?} has no order and is to be refunded at the provider"
            ),
            _ => format!("there is no subscription {subscription_id}"),
        }))
    }

    /// Puts back what this worker, or one before it, took for a run that others had ended or passed
    /// over by then. `None` where that run is made after all.
    async fn put_back_late(
        &self,
        message: &RunDue,
        subscription: &Subscription,
        run: Option<&Run>,
    ) -> Result<Option<RunResult>, HandleError> {
        let RunDue { organization, number, .. } = message;
        if let Some(run) = run {
            stock::put_back_late(&self.store, organization, run).await?;
            return Ok(Some(result_of(run.status)));
        }
        // A run that is made meanwhile moves the version of its subscription.
        let mut unchanged = subscription.clone();
        unchanged.version += 1;
        let commit = self.store.commit(organization);
        let commit = commit.subscription(&unchanged, Expect::Version(subscription.version));
        match commit.run_if_held(&OrderId::of_run(&subscription.id, *number)).await {
            Ok(()) => Ok(Some(RunResult::Skipped)),
            Err(StoreError::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The market of a run whose taxes are to be settled before it is charged.
    async fn settling_tax(
        &self,
        organization: &OrganizationId,
        subscription: &Subscription,
        planned: &PlannedRun,
    ) -> Result<Option<Market>, StoreError> {
        let (market, due_at, now) = (&subscription.market_id, planned.due_at, self.clock.now());
        self.markets.settling(&self.store, organization, market, due_at, now).await
    }

    /// Gives a run the prices that its list has and the taxes that its market computes, before
    /// anything is charged: should the message come again, the run costs the same, whatever list and
    /// calculator say by then. `None` where they are fixed now, and the subscription is to be read
    /// again.
    async fn fix_prices(
        &self,
        message: &RunDue,
        before: &Subscription,
        planned: &PlannedRun,
        market: Option<Market>,
    ) -> Result<Option<RunResult>, HandleError> {
        let (organization, now) = (&message.organization, self.clock.now());
        let current = pricing::current(&self.store, organization, before.wanted_prices()).await?;
        let priced = match before.at_current_prices(&current, planned.due_at) {
            Ok(priced) => priced,
            Err(NoPrice::Money(error)) => return Err(PlanError::from(error).into()),
            Err(missing) => {
                let outcome = unpriced(&missing);
                return self.commit(message, before, planned, &outcome).await;
            }
        };
        let mut tax = None;
        if let Some(market) = &market {
            let sale = taxes::of_renewal(organization, market, &priced, planned);
            match self.taxes.taxes_for(&sale, now).await? {
                Ok(taxes) => tax = taxes,
                Err(refusal) => {
                    let outcome = refusal.of_run(market)?;
                    return self.commit(message, before, planned, &outcome).await;
                }
            }
        }
        let (mut after, change) = fix_prices(before, priced, tax, now);
        let mut commit = self.store.commit(organization);
        if let Some(change) = change {
            let id = message.subscription_id.as_str();
            let journal = &mut after.journal;
            let entry = append(journal, organization, id, now, cause(message), change);
            commit = commit.entry("S", &entry);
        }
        match commit.subscription(&after, Expect::Version(before.version)).run().await {
            Ok(()) | Err(StoreError::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes what the run needs: stock first, then the payment.
    async fn collect(
        &self,
        organization: &OrganizationId,
        subscription: &Subscription,
        planned: &PlannedRun,
        loaded: &Loaded,
    ) -> Result<Outcome, HandleError> {
        let source = self.source(organization, subscription, loaded).await?;
        if source.is_none() && !planned.total.is_zero() {
            // The source may have been taken away after an attempt that was cut short.
            if let Some(paid) = self.collected_before(organization, subscription, planned).await? {
                return Ok(paid);
            }
            return Ok(no_source(subscription));
        }
        let items = subscription.items.iter().map(|item| (&item.item, item.quantity));
        let held = match stock::tracked(&self.store, organization, items, &loaded.skus).await? {
            Ok(held) => held,
            Err(gone) => {
                let paid = self.collected_before(organization, subscription, planned).await?;
                return Ok(paid.unwrap_or_else(|| sku_missing(gone)));
            }
        };
        if !held.is_empty() {
            match self.store.hold_stock(organization, &planned.order_id, &held).await {
                Ok(()) => {}
                Err(StoreError::OutOfStock { sku }) => {
                    // An attempt that was cut short may have needed none of it.
                    let paid = self.collected_before(organization, subscription, planned).await?;
                    return Ok(paid.unwrap_or_else(|| Outcome::Refused {
                        code: "out_of_stock".to_owned(),
                        message: format!("there is not enough of sku {sku:?} in stock"),
                        resource: Some(Culprit::sku(&SkuId::of_code(&sku), &sku)),
                    }));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let Some(source) = source.filter(|_| !planned.total.is_zero()) else {
            return Ok(Outcome::Free);
        };
        let request = ChargeRequest {
            key: key(organization, subscription, planned),
            organization: organization.to_string(),
            amount_minor: planned.total.get(),
            currency: subscription.currency.to_string(),
            token: PaymentToken::new(&source.token),
            reference: planned.order_id.to_string(),
            attempt: 1,
            requested_at: self.clock.now(),
            key_since: planned.due_at,
        };
        charging::collect_or_wait(self.provider.as_ref(), &request).await
    }

    /// The payment source as it is now: the joint read may be a moment behind.
    async fn source(
        &self,
        organization: &OrganizationId,
        subscription: &Subscription,
        loaded: &Loaded,
    ) -> Result<Option<PaymentSource>, HandleError> {
        let Some(id) = &subscription.payment_source_id else { return Ok(None) };
        match loaded.sources.get(id.as_str()) {
            Some(source) => Ok(Some(source.clone())),
            None => Ok(self.store.get(organization, id.as_str()).await?),
        }
    }

    /// What the provider collected for this run, which is not to be charged any more. A payment that
    /// waits for its customer is ended.
    async fn collected_before(
        &self,
        organization: &OrganizationId,
        subscription: &Subscription,
        planned: &PlannedRun,
    ) -> Result<Option<Outcome>, HandleError> {
        let key = key(organization, subscription, planned);
        let lookup = ChargeLookup::new(organization.as_str(), key).since(planned.due_at);
        charging::paid_or_ended(self.provider.as_ref(), &lookup).await
    }

    async fn commit(
        &self,
        message: &RunDue,
        before: &Subscription,
        planned: &PlannedRun,
        outcome: &Outcome,
    ) -> Result<Option<RunResult>, HandleError> {
        let settled = settle_run(before, planned, outcome, self.clock.now())?;
        self.commit_settled(message, before, planned, settled).await
    }

    /// Commits a run that has ended or waits for its payment, with its subscription. A draft that
    /// it leaves stands in the same transaction.
    async fn commit_settled(
        &self,
        message: &RunDue,
        before: &Subscription,
        planned: &PlannedRun,
        mut settled: Settled,
    ) -> Result<Option<RunResult>, HandleError> {
        let RunDue { organization, subscription_id, number, .. } = message;
        let now = self.clock.now();
        let entry = append(
            &mut settled.subscription.journal,
            organization,
            subscription_id.as_str(),
            now,
            cause(message),
            settled.change,
        );
        let mut commit = self
            .store
            .commit(organization)
            .subscription(&settled.subscription, Expect::Version(before.version))
            .new_run(&settled.run, &entry);
        if settled.run.leaves_draft() {
            let (mut draft, change) = left_draft(&settled.run, now);
            let id = draft.id.to_string();
            let journal = &mut draft.journal;
            let entry = append(journal, organization, &id, now, cause(message), change);
            commit = commit.order(&draft, Expect::New).entry("O", &entry);
        }
        let committed = match settled.run.status {
            RunStatus::Failed | RunStatus::Aborted => commit.run_releasing(&planned.order_id).await,
            RunStatus::Open | RunStatus::Successful => commit.run().await,
        };
        match committed {
            Ok(()) => {}
            Err(StoreError::Conflict(Part::Run | Part::Subscription)) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        count(settled.run.status);
        tracing::info!(
            %organization,
            %subscription_id,
            run = %number,
            status = ?settled.run.status,
            "run committed"
        );
        Ok(Some(result_of(settled.run.status)))
    }

    /// Ends a run whose dead letter was discarded. What was collected for it counts; else it is
    /// passed over, and its subscription goes on with the next.
    async fn give_up(
        &self,
        message: &RunDue,
        blocked: &Subscription,
    ) -> Result<Option<RunResult>, HandleError> {
        let RunDue { organization, .. } = message;
        let mut subscription = blocked.clone();
        subscription.blocked_by = None;
        let now = self.clock.now();
        if let Some(planned) = plan_run(&subscription)? {
            let paid = self.collected_before(organization, &subscription, &planned).await?;
            return match paid {
                Some(paid) => self.commit(message, &subscription, &planned, &paid).await,
                None => {
                    let aborted = abort_run(&subscription, &planned, AbortReason::Discarded, now)?;
                    self.commit_settled(message, &subscription, &planned, aborted).await
                }
            };
        }
        let Some((after, change)) = discard_run(&subscription, now)? else {
            return Ok(Some(RunResult::Skipped));
        };
        self.end_without_order(message, blocked, after, change).await
    }

    /// Ends a run whose subscription was cancelled or paused before anything was collected.
    async fn abandon(
        &self,
        message: &RunDue,
        before: &Subscription,
    ) -> Result<Option<RunResult>, HandleError> {
        let now = self.clock.now();
        let (after, change) = abandon_run(before, now);
        self.end_without_order(message, before, after, change).await
    }

    async fn end_without_order(
        &self,
        message: &RunDue,
        before: &Subscription,
        mut after: Subscription,
        change: Change,
    ) -> Result<Option<RunResult>, HandleError> {
        let entry = append(
            &mut after.journal,
            &message.organization,
            message.subscription_id.as_str(),
            self.clock.now(),
            cause(message),
            change,
        );
        let committed = self
            .store
            .commit(&message.organization)
            .subscription(&after, Expect::Version(before.version))
            .entry("S", &entry)
            .run_releasing(&OrderId::of_run(&message.subscription_id, message.number))
            .await;
        match committed {
            Ok(()) => Ok(Some(RunResult::Skipped)),
            Err(StoreError::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Why a run can't be made: what it orders is gone.
pub(crate) fn sku_missing(code: &str) -> Outcome {
    Outcome::Refused {
        code: "sku_missing".to_owned(),
        message: format!("there is no sku {code:?} any more"),
        resource: Some(Culprit::sku(&SkuId::of_code(code), code)),
    }
}

/// Why a run can't be paid: no source was given, or the one that was is gone.
pub(crate) fn no_source(subscription: &Subscription) -> Outcome {
    let (message, resource) = match &subscription.payment_source_id {
        Some(id) => {
            (format!("there is no payment source {id} any more"), Culprit::payment_source(id))
        }
        None => (
            "the subscription has no payment source".to_owned(),
            Culprit::new("order_subscriptions", &subscription.id),
        ),
    };
    Outcome::Refused { code: NO_PAYMENT_SOURCE.to_owned(), message, resource: Some(resource) }
}

fn key(
    organization: &OrganizationId,
    subscription: &Subscription,
    planned: &PlannedRun,
) -> ChargeKey {
    ChargeKey::new(charge_key(organization, &subscription.id, planned.number, 1))
}

fn cause(message: &RunDue) -> Cause {
    Cause { actor: "system:order-copy".to_owned(), reason: message.job.job_run_id.to_string() }
}

#[async_trait]
impl Function for OrderCopy {
    async fn invoke(&self, event: Value, _: Invocation) -> Result<Value, FunctionError> {
        handle_batch(event, &self.dead_letters, |messages| self.make_all(messages)).await
    }
}
