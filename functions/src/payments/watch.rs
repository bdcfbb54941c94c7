//! Looking after a payment source: the open runs that it may pay, and the runs that it will miss when
//! it expires.

use chrono::NaiveDate;
use perennial_domain::{
    catalog::PaymentSource,
    ids::PaymentSourceId,
    journal::Change,
    payment::{ExpiryWatch, MissedRun, missed_run, watch_expiry},
};
use perennial_store::{Record, StoreError, WAKES_AT};
use serde_json::{Value, json};

use super::{
    COMMIT_ATTEMPTS, Work,
    record::{SOURCES, read, read_member, seen, version},
    sources::PAYS_OPEN_RUNS,
};
use crate::sqs_batch::HandleError;

/// Most runs that an alert names; it tells how many there are.
const NAMED: usize = 20;
/// The member that holds the expiry that was told last.
const TOLD_FOR: &str = "expiry_told_for";

impl Work<'_> {
    /// Does what is to be done about a payment source by now. May be asked for again and again.
    pub(crate) async fn see_to_source(&self, id: &PaymentSourceId) -> Result<(), HandleError> {
        for _ in 0..COMMIT_ATTEMPTS {
            let Some(record) = self.source_record(id).await? else { return Ok(()) };
            if !record.contains_key(WAKES_AT) {
                return Ok(());
            }
            let source: PaymentSource = read(&record)?;
            if record.get(PAYS_OPEN_RUNS) == Some(&json!(true)) {
                self.pay_open_runs(&source).await?;
            }
            let (after, change) = self.watched(&record, &source).await?;
            let mut commit = self.services.store.commit(self.organization);
            let mut after = after;
            if let Some(change) = change {
                let entry = self.entry(&mut after, change);
                commit = commit.entry(SOURCES.letter, &entry);
            }
            match commit.record(SOURCES, &after, seen(&record)).run().await {
                Ok(()) => return Ok(()),
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(HandleError::Transient(format!("payment source {id} keeps changing")))
    }

    /// The source as it is looked at next, and what is told of its expiry. Only what is told is a
    /// change to clients: the rest leaves its version as it is.
    async fn watched(
        &self,
        record: &Record,
        source: &PaymentSource,
    ) -> Result<(Record, Option<Change>), HandleError> {
        let mut after = record.clone();
        after.remove(PAYS_OPEN_RUNS);
        after.remove(WAKES_AT);
        let told_for: Option<NaiveDate> = read_member(record, TOLD_FOR);
        let again_at = match watch_expiry(source.expires_on, told_for, self.now) {
            ExpiryWatch::Nothing => None,
            ExpiryWatch::At(at) => Some(at),
            ExpiryWatch::Now { again_at } => {
                let missed = self.missed_runs(source).await?;
                if !missed.is_empty() {
                    after.insert(TOLD_FOR.to_owned(), json!(source.expires_on));
                    after.insert("version".to_owned(), json!(version(record) + 1));
                    after.insert("updated_at".to_owned(), json!(self.now));
                    return Ok((after, Some(expiring(source, missed))));
                }
                again_at
            }
        };
        if let Some(at) = again_at {
            after.insert(WAKES_AT.to_owned(), json!(at));
        }
        Ok((after, None))
    }

    /// The first run of each subscription that is to be paid by a source after its last day.
    async fn missed_runs(&self, source: &PaymentSource) -> Result<Vec<MissedRun>, HandleError> {
        let Some(expires_on) = source.expires_on else { return Ok(Vec::new()) };
        let mut missed = Vec::new();
        for subscription in self.subscriptions_of(source).await? {
            if subscription.payment_source_id.as_ref() != Some(&source.id) {
                continue;
            }
            match missed_run(&subscription, expires_on) {
                Ok(run) => missed.extend(run),
                // Its next run meets the same, and becomes a dead letter.
                Err(error) => tracing::error!(id = %subscription.id, %error, "dates are wrong"),
            }
        }
        missed.sort_by(|a, b| {
            (a.due_at, &a.order_subscription_id).cmp(&(b.due_at, &b.order_subscription_id))
        });
        Ok(missed)
    }
}

fn expiring(source: &PaymentSource, mut missed: Vec<MissedRun>) -> Change {
    let count = missed.len();
    missed.truncate(NAMED);
    Change {
        event: "customer_payment_sources.expiring",
        before: Value::Null,
        after: json!({
            "customer_id": source.customer_id,
            "expires_on": source.expires_on,
            "missed_runs_count": count,
            "missed_runs": missed,
        }),
    }
}
