//! Validation: checks an order that waits to be placed, collects its payment, places it, and makes
//! its subscriptions.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, future::try_join_all, stream};
use perennial_domain::{
    checks::{CheckName, CheckOutcome, CheckRecord, Decision, Verdict, decide, examine, findings},
    ids::{DeadLetterId, OrganizationId, SkuId},
    journal::{Cause, append},
    order::{Order, OrderStatus, Rejection},
    placement::{Collected, check_stock, fix_tax, hold, place, reject},
    plan::Outcome,
    tax::Settles,
};
use perennial_messages::ValidateOrder;
use perennial_payments::{
    ChargeKey, ChargeLookup, ChargeRequest, PaymentProvider, PaymentToken, decline_code,
};
use perennial_runtime::{
    Clock, Environment, Function, FunctionError, Invocation, SettingError, telemetry,
};
use perennial_store::{Expect, Related, Store, StoreError, StoredOrder};
use serde_json::Value;

use crate::{
    Aws, charging,
    checking::{Checked, settings_of},
    follow_up::FollowUp,
    settings,
    sqs_batch::{DeadLetterQueue, HandleError, Outcomes, Received, guarded, handle_batch},
    subscribe::add_subscriptions,
    taxes::{self, TaxEngine, TaxRefusal},
    work_queues::WorkQueue,
};

/// Orders validated at once.
const CONCURRENCY: usize = 10;
/// Attempts at a commit that others keep getting ahead of.
const COMMIT_ATTEMPTS: u32 = 5;

/// An order that is placed sooner than this has had one message only, which was not given up: it is
/// received again after three minutes, and a tick sends another after two.
const USUAL: TimeDelta = TimeDelta::minutes(2);

/// The validation function.
pub(crate) struct Validation {
    store: Store,
    provider: Arc<dyn PaymentProvider>,
    taxes: TaxEngine,
    dead_letters: DeadLetterQueue,
    clock: Arc<dyn Clock>,
}

impl Validation {
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

    async fn validate_all(&self, messages: Vec<Received<ValidateOrder>>) -> Outcomes {
        stream::iter(messages)
            .map(|received| async move {
                let outcome = guarded(self.validate(&received.message)).await;
                (received.id, outcome)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await
    }

    async fn validate(&self, message: &ValidateOrder) -> Result<(), HandleError> {
        let ValidateOrder { organization, order_id, give_up } = message;
        for _ in 0..COMMIT_ATTEMPTS {
            let Some(StoredOrder::Client(order)) = self.store.order(organization, order_id).await?
            else {
                return Err(HandleError::Permanent(format!("there is no order {order_id}")));
            };
            if order.status == OrderStatus::Placing {
                match self.decide(organization, &order, give_up.as_ref()).await {
                    Err(Stop::Conflict) => continue,
                    Err(Stop::Failed(error)) => return Err(error),
                    Ok(()) => {}
                }
            }
            // Whoever discards a letter notes that in it.
            if give_up.is_none() {
                self.resolve_letter(organization, &order).await;
            }
            return Ok(());
        }
        Err(HandleError::Transient(format!("order {order_id} keeps changing")))
    }

    /// Notes of the dead letter that an earlier message about an order may have become that nobody has
    /// to see to it. Only what took longer than usual may have one: one write unit.
    async fn resolve_letter(&self, organization: &OrganizationId, order: &Order) {
        let now = self.clock.now();
        if order.placing_at.is_none_or(|since| now - since < USUAL) {
            return;
        }
        let id = WorkQueue::Validation.letter_about(order.id.as_str());
        if let Err(error) = self.store.resolve_dead_letter(organization, &id, now).await {
            tracing::error!(%error, order_id = %order.id, "its dead letter may still wait");
        }
    }

    async fn decide(
        &self,
        organization: &OrganizationId,
        order: &Order,
        give_up: Option<&DeadLetterId>,
    ) -> Result<(), Stop> {
        let now = self.clock.now();
        let related = self.store.related_to_check(organization, order).await?;
        if let Some(letter) = give_up {
            let detail = format!("dead letter {letter} was discarded");
            let turn = Turn::Back(vec![rejection("given_up", detail, "/data/attributes/status")]);
            return self.turn_down(organization, order, &related, turn, now).await;
        }
        let settings = settings_of(&related, order, None)
            .map_err(|error| HandleError::Permanent(error.to_string()))?;
        let needs = settings.needs();
        let checked = Checked::load(&self.store, organization, order, related, needs, now).await?;
        let related = &checked.related;
        let examined = |order: &Order| {
            let checks = examine(&checked.facts(order, &[], now), &settings);
            Order { checks, ..order.clone() }
        };
        let mut looked_at = examined(order);
        if let Some(turn) = turn_by_checks(&looked_at) {
            return self.turn_down(organization, &looked_at, related, turn, now).await;
        }
        match self.fix_tax(organization, order, related, now).await? {
            Tax::Fixed => {}
            Tax::FixedNow(taxed) => {
                // It may cost more by now than was looked at.
                looked_at = examined(&taxed);
                if let Some(turn) = turn_by_checks(&looked_at) {
                    return self.turn_down(organization, &looked_at, related, turn, now).await;
                }
            }
            Tax::Refused(refusal) => {
                let turn = Turn::Back(vec![refusal]);
                return self.turn_down(organization, &looked_at, related, turn, now).await;
            }
            Tax::Charged(collected) => {
                return self.place(organization, &looked_at, related, collected, now).await;
            }
        }
        let order = &looked_at;
        let taken = tracked(order, related);
        if !taken.is_empty() {
            match self.store.hold_stock(organization, &order.id, &taken).await {
                Ok(()) => {}
                Err(StoreError::OutOfStock { sku }) => {
                    let (order, short) = out_of_stock(order, related, &sku);
                    let turn = Turn::Back(short);
                    return self.turn_down(organization, &order, related, turn, now).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if needs.reserving {
            let takers = checked.takers();
            let notes = takers
                .iter()
                .map(|(sku, subscription)| self.store.note_taker(organization, sku, subscription));
            try_join_all(notes).await?;
        }
        match self.pay(organization, order, related, now).await? {
            Ok(collected) => self.place(organization, order, related, collected, now).await,
            Err(declined) => {
                let turn = Turn::Back(vec![declined]);
                self.turn_down(organization, order, related, turn, now).await
            }
        }
    }

    /// Settles what an order bears of tax, in a write of its own, before anything is charged: should
    /// the message come again, the order costs the same, whatever the calculator says by then.
    async fn fix_tax(
        &self,
        organization: &OrganizationId,
        order: &Order,
        related: &Related,
        now: DateTime<Utc>,
    ) -> Result<Tax, Stop> {
        let Some(market) = related.market.as_ref().filter(|_| !order.tax_fixed) else {
            return Ok(Tax::Fixed);
        };
        match market.settles_order(order) {
            Settles::Never => return Ok(Tax::Fixed),
            Settles::First => {}
            Settles::UnlessCharged => {
                let lookup = charge_lookup(organization, order, related);
                let found = charging::paid_or_ended(self.provider.as_ref(), &lookup).await?;
                if let Some(Outcome::Paid { charge_id }) = found {
                    return Ok(Tax::Charged(Collected::Paid(charge_id)));
                }
            }
        }
        let sale = taxes::of_order(organization, market, order, order.placing_at.unwrap_or(now));
        let tax = match self.taxes.taxes_for(&sale, now).await? {
            Ok(tax) => tax,
            Err(TaxRefusal { code, detail }) => {
                return Ok(Tax::Refused(rejection(code, detail, "/data/relationships/market")));
            }
        };
        let taxed = fix_tax(order, tax, now);
        let commit = self.store.commit(organization);
        commit.order(&taxed, Expect::Version(order.version)).run().await?;
        Ok(Tax::FixedNow(Box::new(taxed)))
    }

    /// Sends an order back to draft, or has it wait for an operator, and puts back what it held of
    /// stock; unless an earlier delivery of its
    /// message has collected the payment already: then it was accepted, and is placed. A payment
    /// that such a delivery has left waiting for its customer is ended.
    async fn turn_down(
        &self,
        organization: &OrganizationId,
        order: &Order,
        related: &Related,
        turn: Turn,
        now: DateTime<Utc>,
    ) -> Result<(), Stop> {
        let lookup = charge_lookup(organization, order, related);
        let found = charging::paid_or_ended(self.provider.as_ref(), &lookup).await?;
        if let Some(Outcome::Paid { charge_id }) = found {
            let collected = Collected::Paid(charge_id);
            return self.place(organization, order, related, collected, now).await;
        }
        self.store.release_stock(organization, &order.id).await?;
        self.turn(organization, order, turn, now).await
    }

    async fn pay(
        &self,
        organization: &OrganizationId,
        order: &Order,
        related: &Related,
        now: DateTime<Utc>,
    ) -> Result<Result<Collected, Rejection>, Stop> {
        let total = order.total().map_err(|e| HandleError::Permanent(e.to_string()))?;
        let source = match &related.payment_source {
            Some(source) if !total.is_zero() => source,
            Some(_) | None => return Ok(Ok(Collected::Nothing)),
        };
        let request = ChargeRequest {
            key: charge_key(organization, order),
            organization: organization.to_string(),
            amount_minor: total.get(),
            currency: order.currency.to_string(),
            token: PaymentToken::new(&source.token),
            reference: order.id.to_string(),
            attempt: order.placements,
            requested_at: now,
            key_since: order.placing_at.unwrap_or(order.created_at),
        };
        let pointer = "/data/relationships/customer_payment_source";
        match charging::collect(self.provider.as_ref(), &request).await {
            Ok(Outcome::Paid { charge_id }) => Ok(Ok(Collected::Paid(charge_id))),
            Ok(Outcome::Free | Outcome::Cancelled) => Ok(Ok(Collected::Nothing)),
            Ok(
                Outcome::Declined { code, message, .. }
                | Outcome::FallsBack { code, message, .. }
                | Outcome::Refused { code, message, .. },
            ) => Ok(Err(rejection(&code, message, pointer))),
            // What waits for its customer is ended: the customer is there, and can try again.
            Ok(Outcome::NeedsAction { message, .. }) => {
                Ok(Err(rejection(decline_code::AUTHENTICATION_REQUIRED, message, pointer)))
            }
            Err(HandleError::Permanent(reason)) => {
                Ok(Err(rejection("payment_refused", reason, pointer)))
            }
            Err(error) => Err(Stop::Failed(error)),
        }
    }

    async fn place(
        &self,
        organization: &OrganizationId,
        before: &Order,
        related: &Related,
        collected: Collected,
        now: DateTime<Utc>,
    ) -> Result<(), Stop> {
        let (mut order, change) = place(before, collected, now);
        let subscribe = order.create_subscriptions
            && related.model.is_some()
            && order.recurring().next().is_some();
        order.subscriptions_created = subscribe;
        order.subscription_created_at = subscribe.then_some(now);
        let id = order.id.to_string();
        let entry = append(&mut order.journal, organization, &id, now, cause(), change);
        self.store.lock_addresses(organization, &order.addresses, now).await?;
        let mut commit = self
            .store
            .commit(organization)
            .order(&order, Expect::Version(before.version))
            .entry("O", &entry);
        if subscribe {
            (commit, _) = add_subscriptions(commit, organization, &order, related, &cause(), now)
                .map_err(HandleError::from)?;
        }
        let cause = cause();
        let follow_up = FollowUp { store: &self.store, organization, cause: &cause, now };
        let commit = follow_up.placed(commit, &order).await.map_err(HandleError::from)?;
        commit.run().await?;
        if let Err(error) = follow_up.put_back_source(&order).await {
            tracing::error!(%error, order_id = %order.id, "held stock was not put back");
        }
        if let Some(since) = order.placing_at {
            let millis = f64::from(
                u32::try_from((self.clock.now() - since).num_milliseconds()).unwrap_or(u32::MAX),
            );
            metrics::histogram!(telemetry::PLACEMENT_LATENCY).record(millis);
        }
        tracing::info!(%organization, order_id = %order.id, "order placed");
        Ok(())
    }

    async fn turn(
        &self,
        organization: &OrganizationId,
        before: &Order,
        turn: Turn,
        now: DateTime<Utc>,
    ) -> Result<(), Stop> {
        let goes_back = matches!(turn, Turn::Back(_));
        let (mut order, change) = match turn {
            Turn::Back(rejections) => reject(before, rejections, now),
            Turn::Hold => hold(before, now),
        };
        let id = order.id.to_string();
        let entry = append(&mut order.journal, organization, &id, now, cause(), change);
        let mut commit = self
            .store
            .commit(organization)
            .order(&order, Expect::Version(before.version))
            .entry("O", &entry);
        if let Some(record) = CheckRecord::of(&order, &order.checks, now) {
            commit = commit.check_record(&record, Expect::New);
        }
        let cause = cause();
        if goes_back {
            let follow_up = FollowUp { store: &self.store, organization, cause: &cause, now };
            commit = follow_up
                .rejected(commit, &order, &order.rejections)
                .await
                .map_err(HandleError::from)?;
        }
        commit.run().await?;
        let status = order.status.as_str();
        tracing::info!(%organization, order_id = %order.id, status, "order was not placed");
        Ok(())
    }
}

/// What is known of an order's tax.
enum Tax {
    /// It was settled before, or there is none to settle.
    Fixed,
    /// It is settled now: this is the order with it.
    FixedNow(Box<Order>),
    /// It can't be computed.
    Refused(Rejection),
    /// The order was charged before anybody had heard of taxes.
    Charged(Collected),
}

/// What an order turns to by its checks; `None` where they let it be placed.
fn turn_by_checks(order: &Order) -> Option<Turn> {
    match decide(&order.checks) {
        Decision::Reject => Some(Turn::Back(findings(&order.checks, Verdict::Rejected))),
        Decision::Hold => Some(Turn::Hold),
        Decision::Place => None,
    }
}

/// What an order turns to that is not placed.
enum Turn {
    /// It goes back to draft, for these reasons.
    Back(Vec<Rejection>),
    /// It waits for an operator.
    Hold,
}

/// The order as its check of stock ended after all, and what it lacks.
fn out_of_stock(order: &Order, related: &Related, sku: &str) -> (Order, Vec<Rejection>) {
    let mut short = check_stock(order, &related.skus);
    if short.is_empty() {
        short.push(rejection(
            "out_of_stock",
            format!("sku {sku:?} was taken by other orders meanwhile"),
            "/data/relationships/line_items",
        ));
    }
    let mut order = order.clone();
    let stock = order.checks.iter_mut().find(|outcome| outcome.check == CheckName::Stock);
    if let Some(stock) = stock {
        *stock = CheckOutcome::rejected(CheckName::Stock, short.clone());
    }
    (order, short)
}

/// The provider's idempotency key for this placement of the order.
fn charge_key(organization: &OrganizationId, order: &Order) -> ChargeKey {
    ChargeKey::new(format!("{organization}:{}:{}", order.id, order.placements))
}

/// The question what became of that key.
fn charge_lookup(organization: &OrganizationId, order: &Order, related: &Related) -> ChargeLookup {
    let lookup = ChargeLookup::new(organization.as_str(), charge_key(organization, order))
        .since(order.placing_at.unwrap_or(order.created_at));
    match &related.payment_source {
        Some(source) => lookup.paid_with(PaymentToken::new(&source.token)),
        None => lookup,
    }
}

/// Why a decision was not carried out.
enum Stop {
    /// The order changed meanwhile: read it again.
    Conflict,
    /// Something else.
    Failed(HandleError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(_) => Self::Conflict,
            other => Self::Failed(other.into()),
        }
    }
}

impl From<HandleError> for Stop {
    fn from(error: HandleError) -> Self {
        Self::Failed(error)
    }
}

fn cause() -> Cause {
    Cause {
        actor: "system:validation".to_owned(),
        reason: "the order was sent to be placed".to_owned(),
    }
}

fn rejection(code: &str, detail: String, pointer: &str) -> Rejection {
    Rejection { code: code.to_owned(), detail, pointer: pointer.to_owned() }
}

/// The skus whose stock is tracked, with their units.
fn tracked<'a>(order: &'a Order, related: &Related) -> Vec<(&'a str, u32)> {
    let units = order.line_items.iter().flat_map(|line| line.item.units(line.quantity));
    let tracked = |code: &str| {
        let sku = related.skus.get(&SkuId::of_code(code));
        sku.is_some_and(|sku| sku.stock.is_some())
    };
    units.filter(|(code, _)| tracked(code)).collect()
}

#[async_trait]
impl Function for Validation {
    async fn invoke(&self, event: Value, _: Invocation) -> Result<Value, FunctionError> {
        handle_batch(event, &self.dead_letters, |messages| self.validate_all(messages)).await
    }
}
