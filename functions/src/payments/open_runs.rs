//! What a new or changed payment source may pay: open runs of its customer, tried again at once.

use std::collections::BTreeSet;

use perennial_domain::{
    catalog::PaymentSource,
    journal::{Change, append},
    payment::usable,
    plan::retry_open_runs,
    subscription::Subscription,
};
use perennial_messages::{Outgoing, TickPart, TickShards};
use perennial_store::{Expect, Span, StoreError, shard_of};
use serde_json::json;

use super::{COMMIT_ATTEMPTS, Work};
use crate::{sqs_batch::HandleError, work_queues::WorkQueue};

/// Subscriptions read at once.
const PAGE: u16 = 100;

impl Work<'_> {
    /// Has the open runs of a customer tried again that a source may pay: those of the subscriptions
    /// that go by it, and those that were given up for want of a source that pays. These go by it
    /// from now on, because that is what their customer was asked for.
    pub(super) async fn pay_open_runs(&self, source: &PaymentSource) -> Result<(), HandleError> {
        let mut shards = BTreeSet::new();
        for subscription in self.subscriptions_of(source).await? {
            let id = subscription.id.clone();
            if self.try_again(subscription, source).await? {
                shards.insert(shard_of(id.as_str(), self.services.store.shards()));
            }
        }
        if let Err(error) = self.wake(shards).await {
            // They stand in the due index: the schedule wakes them within a minute.
            tracing::warn!(%error, "open runs wait for the next tick");
        }
        Ok(())
    }

    /// Every subscription of the customer to whom a source belongs.
    pub(super) async fn subscriptions_of(
        &self,
        source: &PaymentSource,
    ) -> Result<Vec<Subscription>, HandleError> {
        let (store, span) = (&self.services.store, Span::default());
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let customer = &source.customer_id;
            let page = store
                .of_customer::<Subscription>(
                    self.organization,
                    customer,
                    &span,
                    PAGE,
                    cursor.as_ref(),
                )
                .await?
                .map_err(|error| HandleError::Permanent(error.to_string()))?;
            all.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// Whether there was anything to be tried again.
    async fn try_again(
        &self,
        read: Subscription,
        source: &PaymentSource,
    ) -> Result<bool, HandleError> {
        let (store, id) = (&self.services.store, read.id.clone());
        let mut read = Some(read);
        for _ in 0..COMMIT_ATTEMPTS {
            let before = match read.take() {
                Some(before) => Some(before),
                None => store.subscription(self.organization, &id).await?,
            };
            let Some(before) = before else { return Ok(false) };
            let Some((mut after, changes)) = self.retried(&before, source) else {
                return Ok(false);
            };
            let mut commit = store.commit(self.organization);
            for change in changes {
                let (journal, cause) = (&mut after.journal, self.cause.clone());
                let entry =
                    append(journal, self.organization, id.as_str(), self.now, cause, change);
                commit = commit.entry("S", &entry);
            }
            match commit.subscription(&after, Expect::Version(before.version)).run().await {
                Ok(()) => return Ok(true),
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(HandleError::Transient(format!("subscription {id} keeps changing")))
    }

    /// A subscription with its open runs brought forward, if this source may pay them.
    fn retried(
        &self,
        before: &Subscription,
        source: &PaymentSource,
    ) -> Option<(Subscription, Vec<Change>)> {
        let mut with_source = before.clone();
        let mut changes = Vec::new();
        if before.payment_source_id.as_ref() != Some(&source.id) {
            let today = self.now.with_timezone(&before.time_zone).date_naive();
            before.awaits_method.as_ref().filter(|_| usable(source, today))?;
            with_source.payment_source_id = Some(source.id.clone());
            changes.push(Change {
                event: "order_subscriptions.update",
                before: json!({"customer_payment_source_id": before.payment_source_id}),
                after: json!({"customer_payment_source_id": source.id}),
            });
        }
        let (mut after, change) = retry_open_runs(&with_source, self.now)?;
        after.version = before.version + 1;
        changes.push(change);
        Some((after, changes))
    }

    /// Has these parts of the due index gone through now.
    pub(super) async fn wake(&self, shards: BTreeSet<u16>) -> Result<(), HandleError> {
        if shards.is_empty() {
            return Ok(());
        }
        let parts = shards.into_iter().map(|shard| TickPart { shard, cursor: None }).collect();
        let tick = TickShards {
            tick_at: self.now,
            parts,
            organization: Some(self.organization.clone()),
            job_run_id: None,
            retry_of: None,
        };
        let message = Outgoing::json(&tick, Some(self.organization))
            .map_err(|error| HandleError::Permanent(error.to_string()))?;
        let sent = self.services.send(WorkQueue::RenewalTick, vec![message]).await;
        sent.map_err(|error| HandleError::Transient(error.inside.unwrap_or_default()))
    }
}
