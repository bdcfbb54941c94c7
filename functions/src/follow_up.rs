//! What follows when an order is placed, refused or cancelled: subscriptions that were made from it by
//! hand, and the copy that made it. All of it is committed together with the order, or not at all.

use chrono::{DateTime, Utc};
use perennial_domain::{
    catalog::SubscriptionModel,
    copy_order::{target_placed, target_rejected},
    ids::OrganizationId,
    journal::{Cause, Change, append},
    lifecycle::SubscriptionStatus,
    manual_subscription::activate_by_source,
    order::{Order, Rejection},
    order_copy::OrderCopy,
    plan::{PlanError, cancel},
    subscription::Subscription,
};
use perennial_store::{Commit, Expect, Related, Store, StoreError};
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
            busy @ FollowUpError::Busy(_) => Self::Transient(busy.to_string()),
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
        related: &Related,
    ) -> Result<Commit<'a>, FollowUpError> {
        for waiting in self.manual(order).await? {
            if waiting.status != SubscriptionStatus::Draft || !waiting.activate_by_source_order {
                continue;
            }
            // The order may be paid by now: what can't follow must not keep it from being placed.
            let hindrance = match activate_by_source(&waiting, order, &related.skus, self.now) {
                Ok((after, change)) if !after.items.is_empty() => {
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
            commit = self.settled_copy(commit, &copy, after, change);
        }
        Ok(commit)
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
        let mut made = subscriptions_from(self.store, self.organization, order).await?;
        made.retain(|one| one.status != SubscriptionStatus::Cancelled);
        let models = made.iter().filter_map(|one| one.model_id.as_ref()).map(ToString::to_string);
        let models: std::collections::BTreeSet<String> = models.collect();
        let models = self.store.get_many::<SubscriptionModel>(self.organization, models).await?;
        for before in made {
            let waits =
                before.status == SubscriptionStatus::Draft && before.activate_by_source_order;
            let model = before.model_id.as_ref().and_then(|id| models.get(id.as_str()));
            if !waits && !model.is_some_and(|model| model.auto_cancel) {
                continue;
            }
            let retrying = before.lease_claims.is_some() && before.run_number.is_none();
            if retrying && before.blocked_by.is_none() {
                return Err(FollowUpError::Busy(before.id.to_string()));
            }
            let (after, change) = cancel(&before, self.now)?;
            let change = because(change, "its source order was cancelled");
            commit = self.subscription(commit, &before, after, change);
        }
        Ok(commit)
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

/// The same change, with why it came about.
fn because(mut change: Change, reason: &str) -> Change {
    if let Value::Object(members) = &mut change.after {
        members.insert("reason".to_owned(), json!(reason));
    }
    change
}
