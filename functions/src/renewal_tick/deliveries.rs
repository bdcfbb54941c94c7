//! Deliveries to webhooks whose time has come: handed on, and looked after again later in case the
//! message is lost. They belong to no job run.

use chrono::TimeDelta;
use futures::{StreamExt, stream};
use perennial_domain::{ids::OrganizationId, webhook::EventCallback};
use perennial_messages::{DeliveryDue, Outgoing};
use perennial_store::{Claim, DueEntry, DueSubject};

use super::{CONCURRENCY, RenewalTick};
use crate::sqs_batch::{HandleError, guarded};

/// How long a delivery that was handed on is not looked at.
const LEASE: TimeDelta = TimeDelta::minutes(5);

/// Those of the entries that are deliveries, and the others.
pub(super) fn apart(entries: Vec<DueEntry>) -> (Vec<DueEntry>, Vec<DueEntry>) {
    entries.into_iter().partition(|entry| matches!(entry.subject, DueSubject::Delivery(_)))
}

impl RenewalTick {
    /// Claims deliveries of one organization, and hands on what was claimed.
    pub(super) async fn hand_on_deliveries(
        &self,
        organization: &OrganizationId,
        entries: Vec<DueEntry>,
        claim: &Claim,
    ) -> Result<(), HandleError> {
        let claim = &Claim { lease: LEASE, ..claim.clone() };
        let claimed: Vec<Option<EventCallback>> = stream::iter(entries)
            .map(|entry| async move {
                let work = async { Ok(self.store.claim_delivery(&entry, claim).await?) };
                guarded(work).await.unwrap_or_else(|error| {
                    // The entry stays in the index: the next tick tries again.
                    tracing::error!(?entry, %error, "a due delivery could not be claimed");
                    None
                })
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let messages = claimed
            .into_iter()
            .flatten()
            .map(|delivery| {
                let due = DeliveryDue {
                    organization: organization.clone(),
                    event_callback_id: delivery.id,
                    attempts: delivery.attempts,
                };
                Outgoing::json(&due, Some(organization))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| HandleError::Permanent(error.to_string()))?;
        if messages.is_empty() {
            return Ok(());
        }
        let sent = self.webhooks.send(messages).await;
        sent.map_err(|error| HandleError::Transient(error.to_string()))
    }
}
