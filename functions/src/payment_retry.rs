//! Payment retry: tries the payment of a run again, attempt by attempt, until it is paid or the
//! policy gives it up.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use async_trait::async_trait;
use chrono::TimeDelta;
use futures::{StreamExt, stream};
use perennial_domain::{
    catalog::{Market, PaymentSource},
    ids::{OrganizationId, SkuId},
    journal::{Cause, append},
    lifecycle::SubscriptionStatus,
    order_copy::Culprit,
    plan::{
        Outcome, PlanError, RetryClaim, Settled, begin_anew, claim_retry, fix_run, price_run,
        settle_retry, unpriced,
    },
    pricing::{NoPrice, Wanted},
    run::{Run, RunStatus, charge_key},
    subscription::Subscription,
    tax::Taxes,
};
use perennial_messages::RetryDue;
use perennial_payments::{
    ChargeKey, ChargeLookup, ChargeOutcome, ChargeRequest, PaymentProvider, PaymentToken,
    VoidOutcome,
};
use perennial_runtime::{Clock, Environment, Function, FunctionError, Invocation, SettingError};
use perennial_store::{Expect, RunResult, Store, StoreError};
use serde_json::Value;

use crate::{
    Aws, charging, fallback,
    order_copy::{no_source, sku_missing},
    pricing,
    results::{Results, count, result_of},
    settings,
    sqs_batch::{DeadLetterQueue, HandleError, Outcomes, Received, guarded, handle_batch},
    stock,
    taxes::{self, TaxEngine},
};

/// Payments tried at once.
const CONCURRENCY: usize = 10;
/// Attempts at a commit that others keep getting ahead of.
const COMMIT_ATTEMPTS: u32 = 7;
/// How long a payment that nobody has claimed for it is left alone by others.
const LEASE: TimeDelta = TimeDelta::minutes(20);

/// The payment-retry function.
pub(crate) struct PaymentRetry {
    store: Store,
    provider: Arc<dyn PaymentProvider>,
    taxes: TaxEngine,
    dead_letters: DeadLetterQueue,
    clock: Arc<dyn Clock>,
}

impl PaymentRetry {
    pub(crate) fn build(
        environment: &Environment,
        aws: &Aws,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SettingError> {
        let store = settings::store(environment, aws)?;
        Ok(Self {
            taxes: TaxEngine::build(environment, &store)?,
            store,
            provider: charging::provider(environment, aws)?,
            dead_letters: DeadLetterQueue::from_environment(environment, aws)?,
            clock: Arc::clone(clock),
        })
    }

    async fn retry_all(&self, messages: Vec<Received<RetryDue>>) -> Outcomes {
        let results = Results::default();
        let results_ref = &results;
        let outcomes = stream::iter(messages)
            .map(|received| async move {
                let message = &received.message;
                let outcome = guarded(self.retry(message)).await.map(|result| {
                    results_ref.note(
                        &message.organization,
                        &message.job,
                        &message.subscription_id,
                        message.number,
                        result,
                    );
                });
                (received.id, outcome)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        results.record(&self.store).await;
        outcomes
    }

    async fn retry(&self, message: &RetryDue) -> Result<RunResult, HandleError> {
        let RetryDue { organization, subscription_id, number, .. } = message;
        let mut attempts = message.attempts;
        for _ in 0..COMMIT_ATTEMPTS {
            let (subscription, run) = futures::try_join!(
                self.store.subscription(organization, subscription_id),
                self.store.run(organization, subscription_id, *number),
            )?;
            let (Some(subscription), Some(run)) = (subscription, run) else {
                return Err(HandleError::Permanent(format!(
                    "there is no run {number} of subscription {subscription_id}"
                )));
            };
            if run.status == RunStatus::Successful || run.attempts != attempts {
                stock::put_back_late(&self.store, organization, &run).await?;
                return Ok(result_of(run.status));
            }
            match self.attempt(message, &subscription, &run).await? {
                Step::Done(result) => return Ok(result),
                Step::LookAgain => {}
                Step::NextAttempt(next) => attempts = next,
            }
        }
        Err(HandleError::Transient(format!("subscription {subscription_id} keeps changing")))
    }

    /// One attempt against subscription and run as read.
    async fn attempt(
        &self,
        message: &RetryDue,
        subscription: &Subscription,
        run: &Run,
    ) -> Result<Step, HandleError> {
        let organization = &message.organization;
        let (paying, source) = self.paying(organization, subscription, run).await?;
        let paying = paying.as_ref();
        // What was given up with its subscription is not taken up again by a message that comes late.
        let goes_on = subscription.status.repeats() && run.status != RunStatus::Aborted;
        let mut outcome = if goes_on {
            if let Some(step) = self.claim(message, subscription, run).await? {
                return Ok(step);
            }
            match self.outstanding(message, subscription, paying, run).await? {
                Outstanding::Settled(outcome) => outcome,
                Outstanding::GivenUp(attempts) => return Ok(Step::NextAttempt(attempts)),
                Outstanding::Changed => return Ok(Step::LookAgain),
                Outstanding::None => match self.priced(message, subscription, run).await? {
                    Priced::Before => {
                        match self.collect(organization, paying, source, run).await? {
                            // An attempt that was cut short may have collected it before that was so.
                            refused @ Outcome::Refused { .. } => {
                                self.collected_before(organization, run).await?.unwrap_or(refused)
                            }
                            outcome => outcome,
                        }
                    }
                    Priced::Now => return Ok(Step::LookAgain),
                    Priced::Not(outcome) => outcome,
                },
            }
        } else {
            match self.closing(organization, subscription, run).await? {
                Some(outcome) => outcome,
                None => return Ok(Step::Done(RunResult::Skipped)),
            }
        };
        let now = self.clock.now();
        let declined = &run.declined_sources;
        outcome =
            fallback::after_decline(&self.store, organization, paying, declined, outcome, now)
                .await?;
        let source = paying.payment_source_id.clone();
        let settle = |outcome: &Outcome| settle_retry(paying, run, source.clone(), outcome, now);
        let mut settled = settle(&outcome)?;
        if matches!(outcome, Outcome::NeedsAction { .. }) && settled.run.status == RunStatus::Failed
        {
            // Nobody is to pay for what is given up.
            if let Ended::Paid(paid) = self.end(organization, run).await? {
                outcome = paid;
                settled = settle(&outcome)?;
            }
        }
        fallback::put_back(&self.store, organization, subscription, &outcome, &mut settled).await?;
        self.commit(message, subscription, run, settled).await
    }

    /// The subscription as this attempt pays for it, and the source that is charged.
    async fn paying<'a>(
        &self,
        organization: &OrganizationId,
        subscription: &'a Subscription,
        run: &Run,
    ) -> Result<(Cow<'a, Subscription>, Option<PaymentSource>), HandleError> {
        let own = match &subscription.payment_source_id {
            Some(id) => self.store.get::<PaymentSource>(organization, id.as_str()).await?,
            None => None,
        };
        let (declined, now) = (&run.declined_sources, self.clock.now());
        Ok(fallback::paying(&self.store, organization, subscription, own, declined, now).await?)
    }

    /// Makes sure that nobody cancels or pauses the subscription while its payment is tried; `None`
    /// where that is so.
    async fn claim(
        &self,
        message: &RetryDue,
        subscription: &Subscription,
        run: &Run,
    ) -> Result<Option<Step>, HandleError> {
        let now = self.clock.now();
        let until = now + LEASE;
        match claim_retry(subscription, run, &message.job.job_run_id, (now, until)) {
            RetryClaim::Held => Ok(None),
            RetryClaim::Waits => Ok(Some(Step::Done(RunResult::Pending))),
            RetryClaim::Busy => Err(HandleError::Transient(format!(
                "a run of subscription {} is under way",
                subscription.id
            ))),
            RetryClaim::Take(claimed) => {
                let commit = self.store.commit(&message.organization);
                let commit = commit.subscription(&claimed, Expect::Version(subscription.version));
                match commit.run().await {
                    Ok(()) | Err(StoreError::Conflict(_)) => Ok(Some(Step::LookAgain)),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    async fn commit(
        &self,
        message: &RetryDue,
        before: &Subscription,
        run: &Run,
        settled: Settled,
    ) -> Result<Step, HandleError> {
        let RetryDue { organization, subscription_id, number, .. } = message;
        let (store, now) = (&self.store, self.clock.now());
        let (id, cause) = (subscription_id.as_str(), cause(message));
        let commit = |settled: &Settled| {
            let Settled { subscription: mut after, run: run_after, change } = settled.clone();
            let entry = append(&mut after.journal, organization, id, now, cause.clone(), change);
            store
                .commit(organization)
                .subscription(&after, Expect::Version(before.version))
                .changed_run(&run_after, run.version)
                .entry("S", &entry)
        };
        let run_after = settled.run.clone();
        let committed = match (run.status, run_after.status) {
            (_, RunStatus::Failed | RunStatus::Aborted) => {
                commit(&settled).run_releasing(&run_after.order_id()).await
            }
            (RunStatus::Failed | RunStatus::Aborted, _) => {
                stock::commit_resumed((store, organization), settled, now, &commit).await
            }
            (RunStatus::Open | RunStatus::Successful, _) => commit(&settled).run().await,
        };
        match committed {
            Ok(()) => {}
            Err(StoreError::Conflict(_)) => return Ok(Step::LookAgain),
            Err(error) => return Err(error.into()),
        }
        count(run_after.status);
        tracing::info!(
            %organization,
            %subscription_id,
            run = %number,
            attempts = run_after.attempts,
            status = ?run_after.status,
            "payment tried again"
        );
        Ok(Step::Done(result_of(run_after.status)))
    }

    /// What has become of a payment that waits for its customer. Where the subscription has another
    /// payment source by now, it is ended, and the next attempt begins.
    async fn outstanding(
        &self,
        message: &RetryDue,
        subscription: &Subscription,
        paying: &Subscription,
        run: &Run,
    ) -> Result<Outstanding, HandleError> {
        let organization = &message.organization;
        if run.action.is_none() {
            return Ok(Outstanding::None);
        }
        let source = paying.payment_source_id.clone();
        if source.is_none() || source == run.payment_source_id {
            let lookup = self.lookup(organization, run);
            let found = self.provider.lookup(&lookup).await;
            let found = found.map_err(|error| charging::failure(&error))?;
            return Ok(found.map_or(Outstanding::None, |outcome| {
                Outstanding::Settled(charging::outcome_of(outcome))
            }));
        }
        if let Ended::Paid(paid) = self.end(organization, run).await? {
            return Ok(Outstanding::Settled(paid));
        }
        let now = self.clock.now();
        let (mut after, anew, change) = begin_anew(subscription, run, source, now);
        let id = message.subscription_id.as_str();
        let entry = append(&mut after.journal, organization, id, now, cause(message), change);
        let committed = self
            .store
            .commit(organization)
            .subscription(&after, Expect::Version(subscription.version))
            .changed_run(&anew, run.version)
            .entry("S", &entry)
            .run()
            .await;
        match committed {
            Ok(()) => Ok(Outstanding::GivenUp(anew.attempts)),
            Err(StoreError::Conflict(_)) => Ok(Outstanding::Changed),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a payment that waits for its customer, so that it can't be paid any more.
    async fn end(&self, organization: &OrganizationId, run: &Run) -> Result<Ended, HandleError> {
        let ended = self.provider.void(&self.lookup(organization, run)).await;
        match ended.map_err(|error| charging::failure(&error))? {
            VoidOutcome::Voided => Ok(Ended::Unpaid),
            VoidOutcome::Paid { charge_id } => Ok(Ended::Paid(Outcome::Paid { charge_id })),
            VoidOutcome::NotFound => Err(HandleError::Transient(format!(
                "the payment of order {} that waits for its customer is not found",
                run.order_id()
            ))),
        }
    }

    /// The next attempt at a run, to ask the provider about.
    fn lookup(&self, organization: &OrganizationId, run: &Run) -> ChargeLookup {
        ChargeLookup::new(organization.as_str(), key(organization, run)).since(run.started_at)
    }

    /// Gives a run that had no prices or no tax when it was due those that its list and its market have
    /// by now, and takes from stock what it has not taken then. Nothing is charged before that is committed, so that
    /// the run costs the same when its message comes again.
    async fn priced(
        &self,
        message: &RetryDue,
        subscription: &Subscription,
        run: &Run,
    ) -> Result<Priced, HandleError> {
        if !run.unpriced {
            return Ok(Priced::Before);
        }
        let RetryDue { organization, subscription_id, .. } = message;
        let wanted = match &subscription.price_list_id {
            Some(list) => Wanted::of(list, run.lines.iter().map(|line| &line.item)),
            None => Wanted::default(),
        };
        let current = pricing::current(&self.store, organization, wanted).await?;
        let priced = match price_run(subscription, run, &current) {
            Ok(priced) => priced,
            Err(NoPrice::Money(error)) => return Err(PlanError::from(error).into()),
            Err(missing) => return Ok(Priced::Not(unpriced(&missing))),
        };
        let tax = match self.tax_of(organization, &priced).await? {
            Ok(tax) => tax,
            Err(untaxed) => return Ok(Priced::Not(untaxed)),
        };
        let (priced, change) = fix_run(run, priced, tax).map_err(PlanError::from)?;
        if let Some(lacking) = self.hold_stock(organization, run).await? {
            return Ok(Priced::Not(lacking));
        }
        let (mut after, now) = (subscription.clone(), self.clock.now());
        after.version += 1;
        after.updated_at = now;
        let id = subscription_id.as_str();
        let entry = append(&mut after.journal, organization, id, now, cause(message), change);
        let committed = self
            .store
            .commit(organization)
            .subscription(&after, Expect::Version(subscription.version))
            .changed_run(&priced, run.version)
            .entry("S", &entry)
            .run()
            .await;
        match committed {
            Ok(()) | Err(StoreError::Conflict(_)) => Ok(Priced::Now),
            Err(error) => Err(error.into()),
        }
    }

    /// What a run bears of tax by the rules of when it was due; or why that can't be told yet.
    async fn tax_of(
        &self,
        organization: &OrganizationId,
        run: &Run,
    ) -> Result<Result<Option<Taxes>, Outcome>, HandleError> {
        let market: Option<Market> = self.store.get(organization, run.market_id.as_str()).await?;
        let Some(market) = market.filter(|market| market.settles_renewal(run.due_at)) else {
            return Ok(Ok(None));
        };
        let sale = taxes::of_run(organization, &market, run);
        match self.taxes.taxes_for(&sale, self.clock.now()).await? {
            Ok(taxes) => Ok(Ok(taxes)),
            Err(refusal) => Ok(Err(refusal.of_run(&market)?)),
        }
    }

    /// What becomes of a run whose subscription was cancelled or rests: it is not charged again,
    /// but what an attempt cut short has collected counts. `None` leaves it for later.
    async fn closing(
        &self,
        organization: &OrganizationId,
        subscription: &Subscription,
        run: &Run,
    ) -> Result<Option<Outcome>, HandleError> {
        if let Some(paid) = self.collected_before(organization, run).await? {
            return Ok(Some(paid));
        }
        let waits = subscription.unsettled.iter().any(|unsettled| unsettled.number == run.number);
        if subscription.status != SubscriptionStatus::Cancelled || !waits {
            return Ok(None);
        }
        if run.action.is_some()
            && let Ended::Paid(paid) = self.end(organization, run).await?
        {
            return Ok(Some(paid));
        }
        Ok(Some(Outcome::Cancelled))
    }

    /// What an attempt that was cut short has collected, under the key of this one.
    async fn collected_before(
        &self,
        organization: &OrganizationId,
        run: &Run,
    ) -> Result<Option<Outcome>, HandleError> {
        let found = self.provider.lookup(&self.lookup(organization, run)).await;
        let found = found.map_err(|error| charging::failure(&error))?;
        Ok(found.filter(ChargeOutcome::is_paid).map(charging::outcome_of))
    }

    /// Collects with the payment source that the subscription has by now.
    async fn collect(
        &self,
        organization: &OrganizationId,
        subscription: &Subscription,
        source: Option<PaymentSource>,
        run: &Run,
    ) -> Result<Outcome, HandleError> {
        if run.status == RunStatus::Failed {
            // What it lacked then may still be missing, and what it held was put back.
            if let Some(lacking) = self.hold_stock(organization, run).await? {
                return Ok(lacking);
            }
        }
        if run.total.is_zero() {
            return Ok(Outcome::Free);
        }
        let Some(source) = source else {
            return Ok(no_source(subscription));
        };
        let attempt = run.attempts.saturating_add(1);
        let request = ChargeRequest {
            key: key(organization, run),
            organization: organization.to_string(),
            amount_minor: run.total.get(),
            currency: run.currency.to_string(),
            token: PaymentToken::new(&source.token),
            reference: run.order_id().to_string(),
            attempt,
            requested_at: self.clock.now(),
            key_since: run.started_at,
        };
        charging::collect_or_wait(self.provider.as_ref(), &request).await
    }

    /// Takes what a run orders out of stock; or why it can't be had.
    async fn hold_stock(
        &self,
        organization: &OrganizationId,
        run: &Run,
    ) -> Result<Option<Outcome>, StoreError> {
        let lines = run.lines.iter().map(|line| (&line.item, line.quantity));
        let held = match stock::tracked(&self.store, organization, lines, &HashMap::new()).await? {
            Ok(held) if held.is_empty() => return Ok(None),
            Ok(held) => held,
            Err(gone) => return Ok(Some(sku_missing(gone))),
        };
        match self.store.hold_stock(organization, &run.order_id(), &held).await {
            Ok(()) => Ok(None),
            Err(StoreError::OutOfStock { sku }) => Ok(Some(out_of_stock(&sku))),
            Err(error) => Err(error),
        }
    }
}

/// What one attempt has come to.
enum Step {
    /// It is settled, or not to be tried.
    Done(RunResult),
    /// Subscription or run are others by now.
    LookAgain,
    /// So many attempts are settled, and another one begins.
    NextAttempt(u32),
}

/// What has become of a payment that waited for its customer.
enum Outstanding {
    /// There is none.
    None,
    /// It stands so.
    Settled(Outcome),
    /// It was given up; so many attempts are settled by now.
    GivenUp(u32),
    /// Subscription or run are others by now.
    Changed,
}

/// How a payment has ended that was to be ended.
enum Ended {
    /// Nothing will be taken.
    Unpaid,
    /// It was paid before that.
    Paid(Outcome),
}

/// Whether a run has prices.
enum Priced {
    /// It had before.
    Before,
    /// It has now, and is to be read again.
    Now,
    /// It can't go on yet.
    Not(Outcome),
}

fn out_of_stock(sku: &str) -> Outcome {
    Outcome::Refused {
        code: "out_of_stock".to_owned(),
        message: format!("there is not enough of sku {sku:?} in stock"),
        resource: Some(Culprit::sku(&SkuId::of_code(sku), sku)),
    }
}

fn cause(message: &RetryDue) -> Cause {
    Cause { actor: "system:payment-retry".to_owned(), reason: message.job.job_run_id.to_string() }
}

/// The provider's idempotency key for the next attempt at a run.
fn key(organization: &OrganizationId, run: &Run) -> ChargeKey {
    let attempt = run.attempts.saturating_add(1);
    ChargeKey::new(charge_key(organization, &run.subscription_id, run.number, attempt))
}

#[async_trait]
impl Function for PaymentRetry {
    async fn invoke(&self, event: Value, _: Invocation) -> Result<Value, FunctionError> {
        handle_batch(event, &self.dead_letters, |messages| self.retry_all(messages)).await
    }
}
