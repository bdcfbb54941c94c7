//! Reconciliation: proves the books for a span of time, and tells what does not agree. It reads
//! everything and changes nothing but its own report.
//!
//! A reconciliation goes from step to step: each looks at a page of subscriptions or at a slice of
//! time, and is committed with what it has found. Whoever has the message goes on from the last
//! committed step, so a step that is lost is done again and a message that comes twice does no harm.

mod payments;
mod records;
mod subscriptions;

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    ids::{JobRunId, OrganizationId},
    reconciliation::{Discrepancy, Prorations, Renewals},
};
use perennial_messages::{Outgoing, Queue, ReconciliationWork, TickPart};
use perennial_payments::PaymentProvider;
use perennial_runtime::{Clock, Environment, Function, FunctionError, Invocation, SettingError};
use perennial_store::{
    Cursor, Examined, JobKind, JobStatus, Progress, Reconciliation, Store, StoreError,
};
use serde_json::Value;

use crate::{
    Aws, api, charging,
    http::{context::Services, dispatch::HttpFunction, operation::Surface},
    job_events, settings,
    sqs_batch::{DeadLetterQueue, HandleError, Outcomes, Received, guarded, handle_batch},
    work_queues::WorkQueue,
};

/// Time kept back for committing and handing on when an invocation ends.
const RESERVE: Duration = Duration::from_secs(10);
/// What was begun less than this long ago may still be under way: a lease lasts 20 minutes, and a
/// queue delivers five times.
pub(crate) const PATIENCE: TimeDelta = TimeDelta::hours(1);
/// The span of the daily reconciliation: it covers the one before too, should that have been lost.
const DAILY: TimeDelta = TimeDelta::hours(50);
/// The length of the first slice of time; it adapts to how much was charged in it.
const FIRST_SLICE: i64 = 86_400;
/// Entries of the due index read at once when organizations are looked for.
const PAGE: u16 = 500;

/// The reconciliation function.
pub(crate) struct Reconciler {
    http: HttpFunction,
    store: Store,
    provider: Arc<dyn PaymentProvider>,
    work: Queue,
    dead_letters: DeadLetterQueue,
    clock: Arc<dyn Clock>,
}

/// A reconciliation that is still to be done.
pub(crate) fn opened(
    id: JobRunId,
    actor: String,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Reconciliation {
    Reconciliation {
        id,
        kind: JobKind::Reconciliation,
        actor,
        started_at: now,
        ended_at: None,
        status: JobStatus::Running,
        from,
        to,
        progress: Progress::Subscriptions { after: None },
        step: 0,
        examined: Examined::default(),
        renewals: Renewals::default(),
        prorations: Prorations::default(),
        discrepancies: 0,
    }
}

/// What one step has found.
#[derive(Debug, Default)]
struct Found {
    discrepancies: Vec<Discrepancy>,
    examined: Examined,
    renewals: Renewals,
    prorations: Prorations,
}

impl Found {
    /// Both together.
    fn add(&mut self, one: Self) {
        self.discrepancies.extend(one.discrepancies);
        self.examined = self.examined.plus(one.examined);
        self.renewals = self.renewals.plus(one.renewals);
        self.prorations = self.prorations.plus(one.prorations);
    }
}

impl Reconciler {
    pub(crate) fn build(
        environment: &Environment,
        aws: &Aws,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SettingError> {
        let queue = WorkQueue::Reconciliation;
        let store = settings::store(environment, aws)?;
        Ok(Self {
            http: HttpFunction {
                surface: Surface::Reconciliation,
                operations: &[api::reconciliations::OPERATIONS],
                open: None,
                services: Services {
                    queues: vec![(queue, queue.open(environment, aws)?)],
                    ..Services::over(store.clone())
                },
                clock: Arc::clone(clock),
                sam_local: environment.get("AWS_SAM_LOCAL") == Some("true"),
            },
            store,
            provider: charging::provider(environment, aws)?,
            work: queue.open(environment, aws)?,
            dead_letters: DeadLetterQueue::from_environment(environment, aws)?,
            clock: Arc::clone(clock),
        })
    }

    async fn work_all(
        &self,
        messages: Vec<Received<ReconciliationWork>>,
        until: Instant,
    ) -> Outcomes {
        let mut outcomes = Outcomes::new();
        for received in messages {
            let outcome = guarded(self.work(received.message, until)).await;
            outcomes.push((received.id, outcome));
        }
        outcomes
    }

    async fn work(&self, work: ReconciliationWork, until: Instant) -> Result<(), HandleError> {
        match work {
            ReconciliationWork::GoOn { organization, id } => {
                self.go_on(&organization, &id, until).await
            }
            ReconciliationWork::StartDaily { at, part } => self.start_daily(at, part, until).await,
        }
    }

    /// Goes on from the last committed step, as long as there is time.
    async fn go_on(
        &self,
        organization: &OrganizationId,
        id: &JobRunId,
        until: Instant,
    ) -> Result<(), HandleError> {
        loop {
            let Some(before) = self.store.reconciliation(organization, id).await? else {
                return Err(HandleError::Permanent(format!("there is no reconciliation {id}")));
            };
            job_events::tell_of_reconciliation(&self.store, organization, &before).await?;
            if before.progress == Progress::Done {
                return Ok(());
            }
            if Instant::now() >= until {
                let work =
                    ReconciliationWork::GoOn { organization: organization.clone(), id: id.clone() };
                return self.hand_on(&work, Some(organization)).await;
            }
            let (progress, found) = self.step(organization, &before).await?;
            let after = self.after(before, progress, &found);
            match self.store.commit_reconciliation(organization, &after, &found.discrepancies).await
            {
                Ok(()) => {}
                // Somebody else has the message too, and goes on.
                Err(StoreError::Conflict(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn step(
        &self,
        organization: &OrganizationId,
        before: &Reconciliation,
    ) -> Result<(Progress, Found), HandleError> {
        match &before.progress {
            Progress::Subscriptions { after } => {
                self.subscriptions(organization, before, after.as_ref()).await
            }
            Progress::Payments { from, seconds } => {
                self.payments(organization, before, *from, *seconds).await
            }
            Progress::Records { of, after } => {
                self.records(organization, before, *of, after.as_ref()).await
            }
            Progress::Done => Ok((Progress::Done, Found::default())),
        }
    }

    fn after(&self, before: Reconciliation, progress: Progress, found: &Found) -> Reconciliation {
        let now = self.clock.now();
        let count = u64::try_from(found.discrepancies.len()).unwrap_or(u64::MAX);
        let discrepancies = before.discrepancies.saturating_add(count);
        let done = progress == Progress::Done;
        let status = match (done, discrepancies) {
            (false, _) => JobStatus::Running,
            (true, 0) => JobStatus::Completed,
            (true, _) => JobStatus::CompletedWithErrors,
        };
        if done {
            tracing::info!(id = %before.id, discrepancies, "reconciled");
        }
        for Discrepancy { code, subject, detail, numbers } in &found.discrepancies {
            tracing::error!(?code, subject, detail, %numbers, "the books do not agree");
        }
        Reconciliation {
            progress,
            status,
            ended_at: done.then_some(now),
            step: before.step + 1,
            examined: before.examined.plus(found.examined),
            renewals: before.renewals.plus(found.renewals),
            prorations: before.prorations.plus(found.prorations),
            discrepancies,
            ..before
        }
    }

    /// The scheduled event: one message for each shard of the due index, in which organizations are
    /// looked for.
    async fn fan_out(&self, at: DateTime<Utc>) -> Result<(), FunctionError> {
        let messages = (0..self.store.shards())
            .map(|shard| {
                let part = TickPart { shard, cursor: None };
                Outgoing::json(&ReconciliationWork::StartDaily { at, part }, None)
            })
            .collect::<Result<_, _>>()?;
        self.work.send(messages).await?;
        Ok(())
    }

    /// Starts a reconciliation of the last day for each organization that has something in a shard
    /// of the due index. Its id derives from the day, so it is started once.
    async fn start_daily(
        &self,
        at: DateTime<Utc>,
        part: TickPart,
        until: Instant,
    ) -> Result<(), HandleError> {
        let decode = |text: &String| {
            Cursor::decode(text).map_err(|e| HandleError::Permanent(format!("the cursor {e}")))
        };
        let mut cursor = part.cursor.as_ref().map(decode).transpose()?;
        let mut started = BTreeSet::new();
        let end = at.checked_add_signed(TimeDelta::days(366 * 400)).unwrap_or(at);
        loop {
            if Instant::now() >= until {
                let cursor = cursor.map(|cursor| cursor.encode());
                let part = TickPart { shard: part.shard, cursor };
                return self.hand_on(&ReconciliationWork::StartDaily { at, part }, None).await;
            }
            let page = self.store.due(part.shard, end, PAGE, cursor.as_ref()).await?;
            for entry in page.items {
                if !started.contains(&entry.organization) {
                    self.start(&entry.organization, at).await?;
                    started.insert(entry.organization);
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    async fn start(
        &self,
        organization: &OrganizationId,
        at: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let id = JobRunId::of_day(organization, at.timestamp_millis());
        let actor = "system:reconciliation".to_owned();
        let reconciliation = opened(id.clone(), actor, (at - DAILY, at), at);
        if self.store.open_reconciliation(organization, &reconciliation).await? {
            tracing::info!(%organization, %id, "a day is reconciled");
        }
        // Told each time: who has opened it may have died before it was told.
        let work = ReconciliationWork::GoOn { organization: organization.clone(), id };
        self.hand_on(&work, Some(organization)).await
    }

    async fn hand_on(
        &self,
        work: &ReconciliationWork,
        organization: Option<&OrganizationId>,
    ) -> Result<(), HandleError> {
        let message = Outgoing::json(work, organization)
            .map_err(|error| HandleError::Permanent(error.to_string()))?;
        let sent = self.work.send(vec![message]).await;
        sent.map_err(|error| HandleError::Transient(error.to_string()))
    }
}

#[async_trait]
impl Function for Reconciler {
    async fn invoke(&self, event: Value, invocation: Invocation) -> Result<Value, FunctionError> {
        if event.get("requestContext").is_some() {
            return self.http.invoke(event, invocation).await;
        }
        if event.get("Records").is_some() {
            let until = invocation.deadline.checked_sub(RESERVE).unwrap_or(invocation.deadline);
            return handle_batch(event, &self.dead_letters, |messages| {
                self.work_all(messages, until)
            })
            .await;
        }
        // A scheduled event names its instant, so that one delivered twice starts nothing twice.
        let at = event
            .get("time")
            .and_then(Value::as_str)
            .and_then(|time| DateTime::parse_from_rfc3339(time).ok())
            .map_or_else(|| self.clock.now(), |time| time.to_utc());
        self.fan_out(at).await?;
        Ok(Value::Null)
    }
}
