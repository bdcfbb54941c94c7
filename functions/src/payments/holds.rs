//! Subscriptions on hold because a payment of theirs is disputed.

use perennial_domain::{
    catalog::SubscriptionModel,
    ids::{DisputeId, SubscriptionId},
    journal::append,
    payment::{Dispute, OnDispute, hold, holds_settled, note_held},
    subscription::Subscription,
};
use perennial_store::{Expect, StoreError, StoredOrder};

use super::{
    COMMIT_ATTEMPTS, Work,
    record::{DISPUTES, read, seen, written},
};
use crate::{api::orders::subscriptions_from, sqs_batch::HandleError};

impl Work<'_> {
    /// Puts the subscriptions behind a disputed payment on hold, where that was not done yet: once it
    /// was, the dispute wakes no more, and what somebody has activated since stays so.
    pub(crate) async fn hold_disputed(&self, id: &DisputeId) -> Result<(), HandleError> {
        let (store, organization) = (&self.services.store, self.organization);
        for _ in 0..COMMIT_ATTEMPTS {
            let Some(record) = store.record(organization, DISPUTES, id.as_str()).await? else {
                return Ok(());
            };
            let dispute: Dispute = read(&record)?;
            if dispute.wakes_at.is_none() {
                return Ok(());
            }
            let mut held = false;
            for subscription in self.subscriptions_behind(&dispute).await? {
                held |= self.hold_for(&dispute, &subscription).await?;
            }
            if held {
                // It has noted what it holds: read it again.
                continue;
            }
            let settled = written(&holds_settled(&dispute, self.now))?;
            let commit = store.commit(organization).record(DISPUTES, &settled, seen(&record));
            match commit.run().await {
                Ok(()) => return Ok(()),
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(HandleError::Transient(format!("what dispute {id} concerns keeps changing")))
    }

    /// The subscription whose run has made the order, or those that were made from it.
    async fn subscriptions_behind(
        &self,
        dispute: &Dispute,
    ) -> Result<Vec<SubscriptionId>, HandleError> {
        let (store, organization) = (&self.services.store, self.organization);
        Ok(match store.order(organization, &dispute.order_id).await? {
            Some(StoredOrder::Run(run)) => vec![run.subscription_id.clone()],
            Some(StoredOrder::Client(order)) => {
                let made = subscriptions_from(store, organization, &order).await?;
                let left_by = order.order_subscription_id.clone();
                made.into_iter().map(|made| made.id).chain(left_by).collect()
            }
            None => Vec::new(),
        })
    }

    /// Puts one subscription on hold, and notes that with the dispute. Whether it did.
    async fn hold_for(&self, dispute: &Dispute, id: &SubscriptionId) -> Result<bool, HandleError> {
        let (store, organization) = (&self.services.store, self.organization);
        for _ in 0..COMMIT_ATTEMPTS {
            let record = store.record(organization, DISPUTES, dispute.id.as_str()).await?;
            let Some(record) = record else { return Ok(false) };
            let dispute: Dispute = read(&record)?;
            let Some(before) = store.subscription(organization, id).await? else {
                return Ok(false);
            };
            if dispute.held.contains(id) || self.on_dispute(&before).await? == OnDispute::Keep {
                return Ok(false);
            }
            if before.is_retrying() {
                let reason = format!("a payment of subscription {id} is being tried");
                return Err(HandleError::Transient(reason));
            }
            let Some((mut after, change)) = hold(&before, &dispute.id, self.now)? else {
                return Ok(false);
            };
            let (journal, cause) = (&mut after.journal, self.cause.clone());
            let entry = append(journal, organization, id.as_str(), self.now, cause, change);
            let noted = written(&note_held(&dispute, id, self.now))?;
            let commit = store
                .commit(organization)
                .subscription(&after, Expect::Version(before.version))
                .entry("S", &entry)
                .record(DISPUTES, &noted, seen(&record));
            match commit.run().await {
                Ok(()) => return Ok(true),
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(HandleError::Transient(format!("subscription {id} keeps changing")))
    }

    /// What the model of a subscription says; held is what has none.
    async fn on_dispute(&self, subscription: &Subscription) -> Result<OnDispute, HandleError> {
        let Some(id) = &subscription.model_id else { return Ok(OnDispute::default()) };
        let model: Option<SubscriptionModel> =
            self.services.store.get(self.organization, id.as_str()).await?;
        Ok(model.map(|model| model.on_dispute).unwrap_or_default())
    }
}
