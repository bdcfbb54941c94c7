//! What a provider tells of a payment after it was answered: a hint, after which the state of things
//! is read.

use chrono::NaiveDate;
use perennial_domain::{
    catalog::PaymentSource, ids::OrderId, journal::append, plan::retry_run_now, run::RunStatus,
};
use perennial_messages::PaymentNews;
use perennial_store::{Expect, StoreError, shard_of};

use super::{COMMIT_ATTEMPTS, Work, record::read, sources::order_of};
use crate::sqs_batch::HandleError;

impl Work<'_> {
    /// Sees to what a provider has told about the payment of an order.
    pub(super) async fn see_to_news(
        &self,
        order: &OrderId,
        news: &PaymentNews,
    ) -> Result<(), HandleError> {
        match news {
            PaymentNews::Settled { attempt } => self.look_again(order, *attempt).await,
            PaymentNews::Disputed(told) => self.note_dispute(order, told).await.map(drop),
            PaymentNews::SourceRenewed { payment_method, expires_on } => {
                self.renew_by_token(order, payment_method, *expires_on).await
            }
        }
    }

    /// Has the payment of a run that waits looked at now, under the key that it waits with: the
    /// provider answers what became of it.
    async fn look_again(&self, order: &OrderId, attempt: u32) -> Result<(), HandleError> {
        let Some((id, number)) = order.run() else { return Ok(()) };
        let (store, organization) = (&self.services.store, self.organization);
        for _ in 0..COMMIT_ATTEMPTS {
            let (subscription, run) = futures::try_join!(
                store.subscription(organization, &id),
                store.run(organization, &id, number),
            )?;
            let Some((before, run)) = subscription.zip(run) else { return Ok(()) };
            // Settled already, or given up for another attempt.
            if run.status != RunStatus::Open || run.attempts.checked_add(1) != Some(attempt) {
                return Ok(());
            }
            let (mut after, change) = retry_run_now(&before, &run, self.now);
            let (journal, cause) = (&mut after.journal, self.cause.clone());
            let entry = append(journal, organization, id.as_str(), self.now, cause, change);
            let commit = store.commit(organization).entry("S", &entry);
            match commit.subscription(&after, Expect::Version(before.version)).run().await {
                Ok(()) => {
                    let shard = shard_of(id.as_str(), store.shards());
                    if let Err(error) = self.wake([shard].into()).await {
                        // It stands in the due index: the schedule wakes it within a minute.
                        tracing::warn!(%error, "a payment that was settled waits for the next tick");
                    }
                    return Ok(());
                }
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(HandleError::Transient(format!("subscription {id} keeps changing")))
    }

    /// Notes the new expiry of a card on the payment source of its customer that goes by it.
    async fn renew_by_token(
        &self,
        order: &OrderId,
        payment_method: &str,
        expires_on: Option<NaiveDate>,
    ) -> Result<(), HandleError> {
        let paid = self.paid(order).await?;
        let Some(customer_id) = paid.and_then(|paid| paid.collected.customer_id) else {
            return Ok(());
        };
        let customer = self.customer(&customer_id).await?;
        for id in order_of(&customer) {
            let Some(record) = self.source_record(&id).await? else { continue };
            let source: PaymentSource = read(&record)?;
            let method = source.token.rsplit_once('|').map_or(source.token.as_str(), |(_, pm)| pm);
            if method == payment_method {
                self.renew_source(&id, None, expires_on).await?;
            }
        }
        Ok(())
    }
}
