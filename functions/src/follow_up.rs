//! What follows when an order is placed, refused or cancelled: subscriptions that were made from it by
//! hand, and the copy that made it. All of it is committed together with the order, or not at all.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use perennial_domain::{
    catalog::Customer,
    catalog::SubscriptionModel,
    copy_order::{cancel_order, target_placed, target_rejected},
    ids::{OrganizationId, PaymentSourceId},
    journal::{Cause, Change, append},
    lifecycle::SubscriptionStatus,
    manual_subscription::activate_by_source,
    order::{Order, OrderStatus, Rejection},
    order_copy::{Culprit, OrderCopy},
    plan::{PlanError, cancel},
    run::RunError,
    subscription::Subscription,
};
use perennial_store::{Commit, Expect, MAX_WRITES, Store, StoreError, StoredOrder};
use serde_json::{Value, json};
use thiserror::Error;

use crate::{api::orders::subscriptions_from, sqs_batch::HandleError};

/// Who follows, why, and when.
#[derive(Clone, Copy)]
pub(crate) struct FollowUp<'a> {
    pub(crate) store: &'a Store,
    pub(crate) organization: &'a OrganizationId,
    pub(crate) cause: &'a Cause,
    pub(crate) now: DateTime<Utc>,
}

/// Why nothing can follow.
#[derive(Debug, Error)]
pub(crate) enum FollowUpError {
    /// A run of a subscription, or its payment, is under way.
    #[error(
        "order subscription {0} would be cancelled with the order, and a payment of it is being \
         tried again right now: ask again when that has ended"
    )]
    Busy(String),
    /// More subscriptions go with an order than one transaction holds beside its copy.
    #[error(
        "{0} subscriptions would be cancelled with the source order, more than can be in one \
         transaction with its copy: cancel the order by itself"
    )]
    TooMany(usize),
    /// The rules do not allow it.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<FollowUpError> for HandleError {
    fn from(error: FollowUpError) -> Self {
        match error {
            FollowUpError::Store(error) => error.into(),
            FollowUpError::Plan(error) => error.into(),
            busy @ (FollowUpError::Busy(_) | FollowUpError::TooMany(_)) => {
                Self::Transient(busy.to_string())
            }
        }
    }
}

impl<'a> FollowUp<'a> {
    /// Makes the subscriptions active that have waited for the order, and completes the copy that
    /// made it.
    pub(crate) async fn placed(
        self,
        mut commit: Commit<'a>,
        order: &Order,
    ) -> Result<Commit<'a>, FollowUpError> {
        for waiting in self.manual(order).await? {
            if waiting.status != SubscriptionStatus::Draft || !waiting.activate_by_source_order {
                continue;
            }
            // The order may be paid by now: what can't follow must not keep it from being placed.
            let hindrance = match activate_by_source(&waiting, order, self.now) {
                Ok((mut after, change)) if !after.items.is_empty() => {
                    if after.payment_source_id.is_none() {
                        after.payment_source_id = self.default_source(order).await?;
                    }
                    commit = self.subscription(commit, &waiting, after, change);
                    continue;
                }
                Ok(_) => "its source order was placed without a line to copy".to_owned(),
                Err(error) => error.to_string(),
            };
            let (after, change) = cancel(&waiting, self.now)?;
            let change = because(change, &hindrance);
            commit = self.subscription(commit, &waiting, after, change);
        }
        if let Some(copy) = self.copy(order).await?
            && let Some((after, change)) = target_placed(&copy, self.now)
        {
            let mut after = after;
            if copy.options.cancel_source_order {
                (commit, after) = self.cancel_source(commit, after).await?;
            }
            commit = self.settled_copy(commit, &copy, after, change);
        }
        Ok(commit)
    }

    /// Cancels the source order of a copy whose order is placed. The order may be paid by now: where
    /// the source can't be cancelled any more, the copy says so, and is completed all the same.
    async fn cancel_source(
        self,
        commit: Commit<'a>,
        mut copy: OrderCopy,
    ) -> Result<(Commit<'a>, OrderCopy), FollowUpError> {
        let source = copy.id.source().map(|(source, _)| source);
        let found = match &source {
            Some(source) => self.store.order(self.organization, source).await?,
            None => None,
        };
        let cancellable =
            |order: &Order| matches!(order.status, OrderStatus::Draft | OrderStatus::Placed);
        if let Some(StoredOrder::Client(order)) = found
            && cancellable(&order)
            && self.can_cancel(&commit, &order).await?
        {
            return Ok((self.cancel(commit, &order).await?, copy));
        }
        copy.errors_log.push(RunError {
            at: self.now,
            code: "source_order_not_cancelled".to_owned(),
            message: "the source order could not be cancelled any more".to_owned(),
            resource: source.map(|source| Culprit::new("orders", &source)),
        });
        Ok((commit, copy))
    }

    /// Fails the copy that has sent the order to be placed.
    pub(crate) async fn rejected(
        self,
        commit: Commit<'a>,
        order: &Order,
        rejections: &[Rejection],
    ) -> Result<Commit<'a>, FollowUpError> {
        Ok(match self.copy(order).await? {
            Some(copy) => match target_rejected(&copy, order, rejections, self.now) {
                Some((after, change)) => self.settled_copy(commit, &copy, after, change),
                None => commit,
            },
            None => commit,
        })
    }

    /// Cancels the subscriptions that wait for the order, and those whose model says that they go
    /// with it.
    pub(crate) async fn cancelled(
        self,
        mut commit: Commit<'a>,
        order: &Order,
    ) -> Result<Commit<'a>, FollowUpError> {
        for before in self.going_with(order).await? {
            if is_retrying(&before) {
                return Err(FollowUpError::Busy(before.id.to_string()));
            }
            let (after, change) = cancel(&before, self.now)?;
            let change = because(change, "its source order was cancelled");
            commit = self.subscription(commit, &before, after, change);
        }
        Ok(commit)
    }

    /// Whether an order can be cancelled with all that goes with it, in this commit.
    async fn can_cancel(self, commit: &Commit<'a>, order: &Order) -> Result<bool, StoreError> {
        let going = self.going_with(order).await?;
        Ok(has_room(commit, going.len()) && !going.iter().any(is_retrying))
    }

    /// The subscriptions that are cancelled with an order.
    async fn going_with(self, order: &Order) -> Result<Vec<Subscription>, StoreError> {
        let mut made = subscriptions_from(self.store, self.organization, order).await?;
        made.retain(|one| one.status != SubscriptionStatus::Cancelled);
        let models = made.iter().filter_map(|one| one.model_id.as_ref()).map(ToString::to_string);
        let models: BTreeSet<String> = models.collect();
        let models = self.store.get_many::<SubscriptionModel>(self.organization, models).await?;
        made.retain(|one| {
            let waits = one.status == SubscriptionStatus::Draft && one.activate_by_source_order;
            let model = one.model_id.as_ref().and_then(|id| models.get(id.as_str()));
            waits || model.is_some_and(|model| model.auto_cancel)
        });
        Ok(made)
    }

    /// The payment source by which the order's customer pays where none is given.
    async fn default_source(&self, order: &Order) -> Result<Option<PaymentSourceId>, StoreError> {
        let Some(id) = &order.customer_id else { return Ok(None) };
        let customer: Option<Customer> = self.store.get(self.organization, id.as_str()).await?;
        Ok(customer.and_then(|customer| customer.payment_source_ids.into_iter().next()))
    }

    /// Cancels an order as it stands, with all that goes with it.
    pub(crate) async fn cancel(
        self,
        commit: Commit<'a>,
        before: &Order,
    ) -> Result<Commit<'a>, FollowUpError> {
        let going = self.going_with(before).await?.len();
        if !has_room(&commit, going) {
            return Err(FollowUpError::TooMany(going));
        }
        let (mut after, change) = cancel_order(before, self.now);
        let id = after.id.to_string();
        let cause = self.cause.clone();
        let journal = &mut after.journal;
        let entry = append(journal, self.organization, &id, self.now, cause, change);
        let commit = commit.order(&after, Expect::Version(before.version)).entry("O", &entry);
        self.cancelled(commit, &after).await
    }

    /// Puts back what an order has taken from stock that was cancelled as a placed one. A failure leaves
    /// units out of stock that nobody gets; it is logged for an operator.
    pub(crate) async fn put_back(self, order: &Order) {
        if order.placed_at.is_none() {
            return;
        }
        if let Err(error) = self.store.release_stock(self.organization, &order.id).await {
            tracing::error!(%error, order_id = %order.id, "held stock was not put back");
        }
    }

    /// Puts back what the source order has taken that was cancelled when the order was placed, which a
    /// copy of it has made.
    pub(crate) async fn put_back_source(self, order: &Order) -> Result<(), StoreError> {
        let Some(copy) = self.copy(order).await? else { return Ok(()) };
        let Some((source, _)) = copy.id.source().filter(|_| copy.options.cancel_source_order)
        else {
            return Ok(());
        };
        if let Some(StoredOrder::Client(source)) =
            self.store.order(self.organization, &source).await?
            && source.status == OrderStatus::Cancelled
        {
            self.put_back(&source).await;
        }
        Ok(())
    }

    async fn manual(self, order: &Order) -> Result<Vec<Subscription>, StoreError> {
        if order.manual_subscription_ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids = order.manual_subscription_ids.iter();
        let wanted = ids.map(|id| (self.organization.clone(), id.clone()));
        Ok(self.store.subscriptions(wanted).await?.into_values().collect())
    }

    async fn copy(self, order: &Order) -> Result<Option<OrderCopy>, StoreError> {
        match &order.order_copy_id {
            Some(id) => self.store.order_copy(self.organization, id).await,
            None => Ok(None),
        }
    }

    fn subscription(
        self,
        commit: Commit<'a>,
        before: &Subscription,
        mut after: Subscription,
        change: Change,
    ) -> Commit<'a> {
        let id = after.id.to_string();
        let cause = self.cause.clone();
        let journal = &mut after.journal;
        let entry = append(journal, self.organization, &id, self.now, cause, change);
        commit.subscription(&after, Expect::Version(before.version)).entry("S", &entry)
    }

    fn settled_copy(
        self,
        commit: Commit<'a>,
        before: &OrderCopy,
        mut after: OrderCopy,
        change: Change,
    ) -> Commit<'a> {
        let id = after.id.to_string();
        let cause = self.cause.clone();
        let journal = &mut after.journal;
        let entry = append(journal, self.organization, &id, self.now, cause, change);
        after.version = before.version + 1;
        commit.order_copy(&after, Expect::Version(before.version)).entry("Y", &entry)
    }
}

/// Whether a commit has room for an order with the subscriptions that go with it, and for the copy
/// that takes its place: each with its journal entry.
fn has_room(commit: &Commit<'_>, subscriptions: usize) -> bool {
    commit.writes() + 2 * (subscriptions + 2) <= MAX_WRITES
}

/// Whether a payment of it is being tried again right now.
fn is_retrying(subscription: &Subscription) -> bool {
    subscription.lease_claims.is_some()
        && subscription.run_number.is_none()
        && subscription.blocked_by.is_none()
}

/// The same change, with why it came about.
fn because(mut change: Change, reason: &str) -> Change {
    if let Value::Object(members) = &mut change.after {
        members.insert("reason".to_owned(), json!(reason));
    }
    change
}
