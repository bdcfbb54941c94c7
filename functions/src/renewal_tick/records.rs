//! Refunds, disputes and payment sources whose time has come: handed on, and looked after again later in case
//! the message is lost. They belong to no job run.

use chrono::TimeDelta;
use futures::{StreamExt, stream};
use perennial_domain::ids::OrganizationId;
use perennial_messages::{Outgoing, PaymentDue, PaymentSubject};
use perennial_store::{Claim, DueEntry, DueSubject};

use super::{CONCURRENCY, RenewalTick};
use crate::sqs_batch::{HandleError, guarded};

/// How long a record that was handed on is not looked at.
const LEASE: TimeDelta = TimeDelta::minutes(5);

/// Those of the entries that are records, and the others.
pub(super) fn apart(entries: Vec<DueEntry>) -> (Vec<DueEntry>, Vec<DueEntry>) {
    entries.into_iter().partition(|entry| matches!(entry.subject, DueSubject::Record { .. }))
}

/// What a record is, to those who see to it.
fn subject(entry: &DueEntry) -> Option<PaymentSubject> {
    let DueSubject::Record { letter, id } = &entry.subject else { return None };
    match *letter {
        "F" => id.parse().ok().map(PaymentSubject::Refund),
        "P" => id.parse().ok().map(PaymentSubject::PaymentSource),
        "Q" => id.parse().ok().map(PaymentSubject::Dispute),
        _ => None,
    }
}

impl RenewalTick {
    /// Claims records of one organization, and hands on what was claimed.
    pub(super) async fn hand_on_records(
        &self,
        organization: &OrganizationId,
        entries: Vec<DueEntry>,
        claim: &Claim,
    ) -> Result<(), HandleError> {
        let claim = &Claim { lease: LEASE, ..claim.clone() };
        let claimed: Vec<Option<PaymentSubject>> = stream::iter(entries)
            .map(|entry| async move {
                let work = async { Ok(self.store.claim_record(&entry, claim).await?) };
                let claimed = guarded(work).await.unwrap_or_else(|error| {
                    // The entry stays in the index: the next tick tries again.
                    tracing::error!(?entry, %error, "a due record could not be claimed");
                    false
                });
                subject(&entry).filter(|_| claimed)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let messages = claimed
            .into_iter()
            .flatten()
            .map(|subject| {
                let due = PaymentDue { organization: organization.clone(), subject };
                Outgoing::json(&due, Some(organization))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| HandleError::Permanent(error.to_string()))?;
        if messages.is_empty() {
            return Ok(());
        }
        let sent = self.payments.send(messages).await;
        sent.map_err(|error| HandleError::Transient(error.to_string()))
    }
}
