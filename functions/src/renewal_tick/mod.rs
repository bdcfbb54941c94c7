//! Renewal tick: wakes what is due, opens the job run, and hands each run on.
//!
//! It asks for everything due up to now and claims it bit by bit, so it may run late, twice, or at
//! the same moment as another, and after any downtime, without losing or repeating a run.

mod alerts;
mod claimed;
mod deliveries;
mod jobs;
mod records;
mod retry_failed;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use perennial_domain::ids::{JobRunId, OrganizationId};
use perennial_messages::{Outgoing, Queue, TickPart, TickShards, ValidateOrder};
use perennial_runtime::{
    Clock, Environment, Function, FunctionError, Invocation, SettingError, telemetry,
};
use perennial_store::{Claim, Cursor, DueEntry, DueSubject, Store};
use serde_json::Value;

use self::{alerts::Alerted, claimed::Work};
use crate::{
    Aws,
    markets::Markets,
    settings,
    sqs_batch::{DeadLetterQueue, HandleError, Outcomes, Received, guarded, handle_batch},
    taxes::TaxEngine,
    work_queues::WorkQueue,
};

/// Entries of the due index read at once.
const PAGE: u16 = 200;
/// Claims in flight at once.
const CONCURRENCY: usize = 24;
/// Shards that one message goes through.
const SHARDS_PER_MESSAGE: usize = 4;
/// Time kept back for handing on what is left when an invocation ends.
const RESERVE: Duration = Duration::from_secs(15);
/// Default seconds for which claimed work is left alone.
const LEASE_SECONDS: u32 = 1_200;

/// The renewal-tick function.
pub(crate) struct RenewalTick {
    store: Store,
    taxes: TaxEngine,
    markets: Markets,
    ticks: Queue,
    runs: Queue,
    retries: Queue,
    validations: Queue,
    webhooks: Queue,
    payments: Queue,
    dead_letters: DeadLetterQueue,
    clock: Arc<dyn Clock>,
    lease: TimeDelta,
}

impl RenewalTick {
    pub(crate) fn build(
        environment: &Environment,
        aws: &Aws,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SettingError> {
        let lease: u32 =
            environment.parse_or("LEASE_SECONDS", "number of seconds", LEASE_SECONDS)?;
        let store = settings::store(environment, aws)?;
        Ok(Self {
            taxes: TaxEngine::build(environment, &store)?,
            markets: Markets::default(),
            store,
            ticks: WorkQueue::RenewalTick.open(environment, aws)?,
            runs: WorkQueue::OrderCopy.open(environment, aws)?,
            retries: WorkQueue::PaymentRetry.open(environment, aws)?,
            validations: WorkQueue::Validation.open(environment, aws)?,
            webhooks: WorkQueue::Webhooks.open(environment, aws)?,
            payments: WorkQueue::Payments.open(environment, aws)?,
            dead_letters: DeadLetterQueue::from_environment(environment, aws)?,
            clock: Arc::clone(clock),
            lease: TimeDelta::seconds(i64::from(lease)),
        })
    }

    /// The scheduled event: one message for each group of shards.
    async fn fan_out(&self, tick_at: DateTime<Utc>) -> Result<(), FunctionError> {
        let messages = shard_groups(self.store.shards())
            .into_iter()
            .map(|parts| {
                let message = TickShards {
                    tick_at,
                    parts,
                    organization: None,
                    job_run_id: None,
                    retry_of: None,
                };
                Outgoing::json(&message, None)
            })
            .collect::<Result<_, _>>()?;
        self.ticks.send(messages).await?;
        Ok(())
    }

    async fn go_through_all(
        &self,
        messages: Vec<Received<TickShards>>,
        until: Instant,
    ) -> Outcomes {
        let mut outcomes = Outcomes::new();
        for received in messages {
            let outcome = guarded(self.go_through(received.message, until)).await;
            outcomes.push((received.id, outcome));
        }
        outcomes
    }

    async fn go_through(&self, message: TickShards, until: Instant) -> Result<(), HandleError> {
        if let Some(retried) = &message.retry_of {
            if let Some(rest) = self.retry_failed(&message, retried, until).await? {
                return self.hand_on(rest).await;
            }
            return self.part_is_through(&message).await;
        }
        let mut joined = HashMap::new();
        let mut parts = message.parts.clone().into_iter();
        while let Some(part) = parts.next() {
            if let Some(rest) = self.shard(&message, &part, until, &mut joined).await? {
                let parts = std::iter::once(rest).chain(parts).collect();
                return self.hand_on(TickShards { parts, ..message }).await;
            }
        }
        self.part_is_through(&message).await
    }

    /// Goes through one shard page by page; answers what is left when time runs out.
    async fn shard(
        &self,
        message: &TickShards,
        part: &TickPart,
        until: Instant,
        joined: &mut HashMap<OrganizationId, JobRunId>,
    ) -> Result<Option<TickPart>, HandleError> {
        let decode = |text: &String| {
            Cursor::decode(text).map_err(|e| HandleError::Permanent(format!("the cursor {e}")))
        };
        let mut cursor = part.cursor.as_ref().map(decode).transpose()?;
        loop {
            if Instant::now() >= until {
                let cursor = cursor.map(|cursor| cursor.encode());
                return Ok(Some(TickPart { shard: part.shard, cursor }));
            }
            let now = self.clock.now();
            let page = self.store.due(part.shard, now, PAGE, cursor.as_ref()).await?;
            let mut by_organization: HashMap<OrganizationId, Vec<DueEntry>> = HashMap::new();
            for entry in page.items {
                if message.organization.as_ref().is_none_or(|only| *only == entry.organization) {
                    by_organization.entry(entry.organization.clone()).or_default().push(entry);
                }
            }
            for (organization, entries) in by_organization {
                self.claim_all(message, &organization, entries, joined).await?;
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(None);
            }
        }
    }

    /// Claims entries of one organization, and hands on what was claimed.
    async fn claim_all(
        &self,
        message: &TickShards,
        organization: &OrganizationId,
        entries: Vec<DueEntry>,
        joined: &mut HashMap<OrganizationId, JobRunId>,
    ) -> Result<(), HandleError> {
        let job_run_id = joined.get(organization).cloned();
        let job_run_id = job_run_id.unwrap_or_else(|| job_of(message, organization));
        let claim = Claim { job_run_id, now: self.clock.now(), lease: self.lease };
        let (deliveries, entries) = deliveries::apart(entries);
        self.hand_on_deliveries(organization, deliveries, &claim).await?;
        let (records, entries) = records::apart(entries);
        self.hand_on_records(organization, records, &claim).await?;
        let (jobs, entries) = jobs::apart(entries);
        self.end_jobs(organization, jobs).await;
        let entries = self.without_waiting(organization, entries).await?;
        let (claim_ref, work) = (&claim, stream::iter(entries));
        let work: Vec<Option<Work>> = work
            .map(|entry| async move {
                let work = guarded(self.claim(&entry, claim_ref)).await;
                work.unwrap_or_else(|error| {
                    // The entry stays in the index: the next tick tries again.
                    tracing::error!(?entry, %error, "a due entry could not be claimed");
                    None
                })
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let work: Vec<Work> = work.into_iter().flatten().collect();
        if work.is_empty() {
            return Ok(());
        }
        let job_run_id = match joined.get(organization) {
            Some(id) => id.clone(),
            None => {
                let id = self.take_part(message, organization).await?;
                joined.insert(organization.clone(), id.clone());
                id
            }
        };
        self.dispatch(organization, &job_run_id, work).await
    }

    /// The entries without those that wait: where an organization has switched subscriptions off,
    /// only its orders go on. Half a read unit for a page of the due index.
    async fn without_waiting(
        &self,
        organization: &OrganizationId,
        mut entries: Vec<DueEntry>,
    ) -> Result<Vec<DueEntry>, HandleError> {
        let goes_on = |entry: &DueEntry| matches!(entry.subject, DueSubject::Order(_));
        if !entries.iter().all(goes_on) && self.store.subscriptions_off(organization).await? {
            entries.retain(goes_on);
        }
        Ok(entries)
    }

    async fn claim(&self, entry: &DueEntry, claim: &Claim) -> Result<Option<Work>, HandleError> {
        if let DueSubject::Order(order_id) = &entry.subject {
            let claimed = self.store.claim_order(entry, claim).await?;
            return Ok(claimed.map(|_| {
                Work::Validate(ValidateOrder {
                    organization: entry.organization.clone(),
                    order_id: order_id.clone(),
                    give_up: None,
                })
            }));
        }
        let mut due_at = entry.due_at;
        if let DueSubject::Alert(id) = &entry.subject
            && self.alert(entry, id, claim).await? == Alerted::Done
        {
            note_lag(due_at, claim.now);
            return Ok(None);
        }
        let Some(subscription) = self.store.claim(entry, claim).await? else { return Ok(None) };
        if let DueSubject::Alert(_) = entry.subject {
            due_at = subscription.next_run_at.unwrap_or(due_at);
        }
        note_lag(due_at, claim.now);
        self.decide(&entry.organization, subscription, claim).await
    }

    async fn hand_on(&self, message: TickShards) -> Result<(), HandleError> {
        let message = Outgoing::json(&message, message.organization.as_ref())
            .map_err(|error| HandleError::Permanent(error.to_string()))?;
        self.ticks
            .send(vec![message])
            .await
            .map_err(|error| HandleError::Transient(error.to_string()))
    }
}

/// Measures how late something is taken up.
fn note_lag(due_at: DateTime<Utc>, now: DateTime<Utc>) {
    let lag = u32::try_from((now - due_at).num_seconds()).unwrap_or(u32::MAX);
    metrics::histogram!(telemetry::TICK_LAG).record(f64::from(lag));
}

/// The due index in groups of shards, one for each message of a tick.
pub(crate) fn shard_groups(shards: u16) -> Vec<Vec<TickPart>> {
    let all: Vec<TickPart> = (0..shards).map(|shard| TickPart { shard, cursor: None }).collect();
    all.chunks(SHARDS_PER_MESSAGE).map(<[TickPart]>::to_vec).collect()
}

/// The job run that a tick's work belongs to.
fn job_of(message: &TickShards, organization: &OrganizationId) -> JobRunId {
    message
        .job_run_id
        .clone()
        .unwrap_or_else(|| JobRunId::of_tick(organization, message.tick_at.timestamp_millis()))
}

#[async_trait]
impl Function for RenewalTick {
    async fn invoke(&self, event: Value, invocation: Invocation) -> Result<Value, FunctionError> {
        if event.get("Records").is_some() {
            let until = invocation.deadline.checked_sub(RESERVE).unwrap_or(invocation.deadline);
            return handle_batch(event, &self.dead_letters, |messages| {
                self.go_through_all(messages, until)
            })
            .await;
        }
        // A scheduled event names its instant, so that one delivered twice names the same job run.
        let tick_at = event
            .get("time")
            .and_then(Value::as_str)
            .and_then(|time| DateTime::parse_from_rfc3339(time).ok())
            .map_or_else(|| self.clock.now(), |time| time.to_utc());
        self.fan_out(tick_at).await?;
        Ok(Value::Null)
    }
}
