//! Disputes: what a provider tells of them is written down, once for each thing that it tells.

use perennial_domain::{
    ids::{DisputeId, OrderId},
    payment::{Dispute, DisputeTold, dispute},
};
use perennial_store::{Expect, StoreError};

use super::{
    COMMIT_ATTEMPTS, Work,
    record::{DISPUTES, read, seen, written},
};
use crate::sqs_batch::HandleError;

impl Work<'_> {
    /// Takes what a provider tells of a dispute about the payment of an order, and holds its
    /// subscriptions where policy says so. It may be told twice, late, and out of order.
    pub(crate) async fn note_dispute(
        &self,
        order: &OrderId,
        told: &DisputeTold,
    ) -> Result<DisputeId, HandleError> {
        let id = DisputeId::derived(&[self.organization.as_str(), &told.gateway_dispute_id]);
        for _ in 0..COMMIT_ATTEMPTS {
            match self.write_dispute(&id, order, told).await? {
                Ok(()) => {
                    self.hold_disputed(&id).await?;
                    return Ok(id);
                }
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(HandleError::Transient(format!("order {order} keeps changing")))
    }

    async fn write_dispute(
        &self,
        id: &DisputeId,
        order: &OrderId,
        told: &DisputeTold,
    ) -> Result<Result<(), StoreError>, HandleError> {
        let (store, organization) = (&self.services.store, self.organization);
        let gone = || HandleError::Permanent(format!("there is no order {order}"));
        let paid = self.paid(order).await?.ok_or_else(gone)?;
        let known = store.record(organization, DISPUTES, id.as_str()).await?;
        let before: Option<Dispute> = known.as_ref().map(read).transpose()?;
        let news = dispute(organization, before.as_ref(), &paid.collected, told, self.now)
            .map_err(|error| HandleError::Permanent(error.to_string()))?;
        let Some((after, reversals, change)) = news else { return Ok(Ok(())) };
        let mut record = written(&after)?;
        let entry = self.entry(&mut record, change);
        let commit = store
            .commit(organization)
            .record(DISPUTES, &record, known.as_ref().map_or(Expect::New, seen))
            .entry(DISPUTES.letter, &entry);
        let committed = paid.write(commit, reversals, self.now).run().await;
        if committed.is_ok() {
            let status = after.status;
            tracing::warn!(%organization, %order, dispute_id = %id, ?status, "a payment is disputed");
        }
        Ok(committed)
    }
}
