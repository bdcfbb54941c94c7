//! Dead letters: keeps what no function could handle, with its story and what is at stake.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    ids::{DeadLetterId, OrganizationId, SubscriptionId},
    journal::Cause,
    money::{Currency, MinorUnits},
    order::OrderStatus,
    run::RunStatus,
    time::OccurrenceNumber,
};
use perennial_messages::{
    DeliveryDue, JobRef, ORGANIZATION, PaymentDue, PaymentSubject, ReconciliationWork, RetryDue,
    RunDue, ValidateOrder, WebhookWork,
};
use perennial_runtime::{
    Clock, Environment, Function, FunctionError, Invocation, SettingError, telemetry,
};
use perennial_store::{DeadLetter, DeadLetterStatus, RunResult, Store, StoredOrder};
use serde_json::Value;

use crate::{
    Aws, blocking, settings,
    sqs_batch::{ATTEMPTS, ERROR, HandleError, MESSAGE_ID, attribute, guarded, receives},
    work_queues::WorkQueue,
};

/// Whose dead letters those are that name no organization.
const SYSTEM_ORGANIZATION: &str = "system";

/// Longest body that is kept, in bytes. None of our messages comes near it.
const MAX_BODY: usize = 300_000;

/// The dead-letter function.
pub(crate) struct DeadLetters {
    store: Store,
    clock: Arc<dyn Clock>,
    /// The queue that each dead-letter queue's ARN belongs to.
    sources: Vec<(String, WorkQueue)>,
    system: OrganizationId,
}

/// How long an order rests whose message could not be handled, before it is handed to validation
/// again.
const ORDERS_REST: TimeDelta = TimeDelta::hours(1);
/// And a refund, dispute or payment source.
const RECORDS_REST: TimeDelta = TimeDelta::days(1);

/// What a message is about.
#[derive(Default)]
struct Stake {
    /// What is to be done: the same for all messages that stand for the same work. `None` where the
    /// body alone tells.
    about: Option<String>,
    subject: Option<String>,
    value: Option<(MinorUnits, Currency)>,
    work: Option<Work>,
}

/// What is left to be done of the work that a message was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// All of it, as far as is known.
    ToBeDone,
    /// Nothing: it was done, or is not to be done any more.
    Nothing,
}

/// The work that died with the message.
enum Work {
    Run(RunDue),
    Retry(RetryDue),
    Order(ValidateOrder),
    Delivery(DeliveryDue),
    Payment(PaymentSubject),
}

impl DeadLetters {
    pub(crate) fn build(
        environment: &Environment,
        aws: &Aws,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SettingError> {
        let sources = WorkQueue::ALL
            .into_iter()
            .map(|queue| {
                let arn = format!("{}_DEAD_LETTER_QUEUE_ARN", queue.variable());
                Ok((environment.require(&arn)?, queue))
            })
            .collect::<Result<_, SettingError>>()?;
        let system = environment.get("SYSTEM_ORGANIZATION").unwrap_or(SYSTEM_ORGANIZATION);
        Ok(Self {
            store: settings::store(environment, aws)?,
            clock: Arc::clone(clock),
            sources,
            system: system.parse().map_err(|_| SettingError::Invalid {
                name: "SYSTEM_ORGANIZATION".to_owned(),
                value: system.to_owned(),
                expected: "organization",
            })?,
        })
    }

    async fn keep(&self, record: &SqsMessage) -> Result<(), HandleError> {
        let arn = record.event_source_arn.as_deref().unwrap_or_default();
        let source = self.sources.iter().find(|(of, _)| of == arn).map(|(_, queue)| *queue);
        let source = source.ok_or_else(|| {
            HandleError::Permanent(format!("{arn} is no dead-letter queue of ours"))
        })?;
        let organization = attribute(record, ORGANIZATION)
            .and_then(|text| text.parse().ok())
            .or_else(|| told_by_bus(record.body.as_deref().unwrap_or_default()))
            .unwrap_or_else(|| self.system.clone());
        let own_id = record.message_id.as_deref().unwrap_or_default();
        let message_id = attribute(record, MESSAGE_ID).unwrap_or_else(|| own_id.to_owned());
        let body = kept_body(record.body.as_deref().unwrap_or_default());
        // What can't be found out must not keep the letter from being kept.
        let stake = match self.stake(&organization, source, &body).await {
            Err(HandleError::Permanent(reason)) => {
                tracing::error!(reason, "what a dead letter is about can't be read");
                Stake::default()
            }
            stake => stake?,
        };
        let now = self.clock.now();
        let id = source.letter_about(stake.about.as_deref().unwrap_or(&body));
        let letter = DeadLetter {
            id: id.clone(),
            status: DeadLetterStatus::Open,
            source: source.name().to_owned(),
            message_id,
            body,
            error: attribute(record, ERROR),
            attempts: attribute(record, ATTEMPTS)
                .and_then(|attempts| attempts.parse().ok())
                .unwrap_or_else(|| receives(record)),
            subject: stake.subject,
            value_at_risk: stake.value.map(|(value, _)| value),
            currency: stake.value.map(|(_, currency)| currency),
            redrives: 0,
            discard_reason: None,
            handled_by: None,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        let before = self.store.keep_dead_letter(&organization, &letter).await?;
        let again = before.as_ref().and_then(|before| before.failed_again(&letter));
        if let (Some(before), Some(again)) = (&before, &again) {
            self.store.update_dead_letter(&organization, again, before.version).await?;
        }
        let waited = before.as_ref().map(|before| before.status == DeadLetterStatus::Open);
        // A message that comes twice must not undo what somebody has done about it meanwhile.
        let waits = again.is_some() || waited.unwrap_or(true);
        if let Some(work) = stake.work.filter(|_| waits) {
            match self.rest(&organization, &work, &id, now).await {
                Ok(Left::ToBeDone) => {}
                Ok(Left::Nothing) => {
                    self.store.resolve_dead_letter(&organization, &id, now).await?;
                }
                Err(HandleError::Permanent(reason)) => {
                    tracing::error!(reason, dead_letter = %id, "its subject can't be put to rest");
                }
                Err(error) => return Err(error),
            }
        }
        if waits && waited != Some(true) {
            metrics::counter!(telemetry::DEAD_LETTERS, "Source" => source.name()).increment(1);
            tracing::error!(%organization, dead_letter = %id, source = source.name(), error = letter.error, "dead letter kept");
        }
        Ok(())
    }

    /// Lets the subject rest: else a later tick sends the same work again, and it dies again at once.
    /// An order and what concerns a payment are tried again by themselves after that; a run waits
    /// until somebody has seen to its letter. Answers whether the work is still to be done: another
    /// worker may have come to its end meanwhile.
    async fn rest(
        &self,
        organization: &OrganizationId,
        work: &Work,
        id: &DeadLetterId,
        now: DateTime<Utc>,
    ) -> Result<Left, HandleError> {
        let cause = Cause { actor: "system:dead-letter".to_owned(), reason: id.to_string() };
        let (store, to_be_done) = (&self.store, Ok(Left::ToBeDone));
        let (subscription, number, job) = match work {
            Work::Order(ValidateOrder { order_id, .. }) => {
                if store.postpone_order(organization, order_id, now + ORDERS_REST).await? {
                    return to_be_done;
                }
                let order = store.order(organization, order_id).await?;
                return Ok(match order {
                    Some(StoredOrder::Client(order)) if order.status != OrderStatus::Placing => {
                        Left::Nothing
                    }
                    _ => Left::ToBeDone,
                });
            }
            Work::Delivery(message) => {
                store.rest_event_callback(organization, &message.event_callback_id).await?;
                return to_be_done;
            }
            Work::Payment(subject) => {
                self.rest_record(organization, subject, now).await?;
                return to_be_done;
            }
            Work::Run(RunDue { subscription_id, number, job, .. }) => {
                let found =
                    blocking::block(store, organization, subscription_id, *number, id, &cause, now);
                if found.await?.is_some_and(|found| found.run_number != Some(*number)) {
                    // What was passed over may be paid all the same: its message would find that.
                    let run = store.run(organization, subscription_id, *number).await?;
                    return Ok(match run {
                        Some(run) if run.attempts > 0 => Left::Nothing,
                        Some(run)
                            if matches!(run.status, RunStatus::Open | RunStatus::Successful) =>
                        {
                            Left::Nothing
                        }
                        _ => Left::ToBeDone,
                    });
                }
                (subscription_id, *number, job)
            }
            Work::Retry(RetryDue { subscription_id, number, job, .. }) => {
                let run = store.run(organization, subscription_id, *number).await?;
                if run.is_some_and(|run| run.status == RunStatus::Successful) {
                    return Ok(Left::Nothing);
                }
                blocking::postpone(store, organization, subscription_id, *number, &cause, now)
                    .await?;
                (subscription_id, *number, job)
            }
        };
        let result = [(subscription.clone(), number, RunResult::DeadLettered)];
        let JobRef { job_run_id, batch } = job;
        let recorded = store.record_results(organization, job_run_id, batch, &result).await;
        if let Err(error) = recorded {
            tracing::error!(%error, "a dead letter is missing from the job log");
        }
        to_be_done
    }

    /// Puts a refund, dispute or payment source off: it stands in the due index, and would come again
    /// and again.
    async fn rest_record(
        &self,
        organization: &OrganizationId,
        subject: &PaymentSubject,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let (letter, id) = match subject {
            PaymentSubject::Refund(id) => ("F", id.as_str()),
            PaymentSubject::PaymentSource(id) => ("P", id.as_str()),
            PaymentSubject::Dispute(id) => ("Q", id.as_str()),
            // The provider tells it, and nothing here wakes for it.
            PaymentSubject::News { .. } => return Ok(()),
        };
        Ok(self.store.postpone_record(organization, letter, id, now + RECORDS_REST).await?)
    }

    /// What the message is about, and what its loss would cost. A body that can't be read has
    /// nothing at stake that we could know of.
    async fn stake(
        &self,
        organization: &OrganizationId,
        source: WorkQueue,
        body: &str,
    ) -> Result<Stake, HandleError> {
        match source {
            WorkQueue::OrderCopy => {
                let Ok(run) = serde_json::from_str::<RunDue>(body) else {
                    return Ok(Stake::default());
                };
                let subscription =
                    self.store.subscription(organization, &run.subscription_id).await?;
                let value =
                    subscription.and_then(|sub| Some((sub.due_total().ok()?, sub.currency)));
                let subject = Some(run.subscription_id.to_string());
                let about = Some(of_run(&run.subscription_id, run.number));
                Ok(Stake { about, subject, value, work: Some(Work::Run(run)) })
            }
            WorkQueue::PaymentRetry => {
                let Ok(retry) = serde_json::from_str::<RetryDue>(body) else {
                    return Ok(Stake::default());
                };
                let run =
                    self.store.run(organization, &retry.subscription_id, retry.number).await?;
                let subject = Some(retry.subscription_id.to_string());
                let value = run.map(|run| (run.total, run.currency));
                let about = Some(of_run(&retry.subscription_id, retry.number));
                Ok(Stake { about, subject, value, work: Some(Work::Retry(retry)) })
            }
            WorkQueue::Validation => {
                let Ok(message) = serde_json::from_str::<ValidateOrder>(body) else {
                    return Ok(Stake::default());
                };
                let order = self.store.order(organization, &message.order_id).await?;
                let value = match order {
                    Some(StoredOrder::Client(order)) => {
                        order.total().ok().map(|total| (total, order.currency))
                    }
                    Some(StoredOrder::Run(run)) => Some((run.total, run.currency)),
                    None => None,
                };
                let subject = Some(message.order_id.to_string());
                Ok(Stake {
                    about: subject.clone(),
                    subject,
                    value,
                    work: Some(Work::Order(message)),
                })
            }
            WorkQueue::Webhooks => Ok(match serde_json::from_str::<WebhookWork>(body) {
                Ok(WebhookWork::Deliver(due)) => Stake {
                    about: Some(due.event_callback_id.to_string()),
                    subject: Some(due.event_callback_id.to_string()),
                    value: None,
                    work: Some(Work::Delivery(due)),
                },
                Ok(WebhookWork::FanOut(event)) => {
                    Stake { subject: Some(event.detail.subject), ..Stake::default() }
                }
                Err(_) => Stake::default(),
            }),
            WorkQueue::Payments => {
                let subject = serde_json::from_str::<PaymentDue>(body).ok().map(|due| due.subject);
                let (about, id) = match &subject {
                    Some(PaymentSubject::Refund(id)) => (true, Some(id.to_string())),
                    Some(PaymentSubject::PaymentSource(id)) => (true, Some(id.to_string())),
                    Some(PaymentSubject::Dispute(id)) => (true, Some(id.to_string())),
                    // Of one order there may be several news.
                    Some(PaymentSubject::News { order_id, .. }) => {
                        (false, Some(order_id.to_string()))
                    }
                    None => (false, None),
                };
                let about = id.clone().filter(|_| about);
                Ok(Stake { about, subject: id, value: None, work: subject.map(Work::Payment) })
            }
            WorkQueue::Reconciliation => {
                let work = serde_json::from_str::<ReconciliationWork>(body);
                let subject = match work {
                    Ok(ReconciliationWork::GoOn { id, .. }) => Some(id.to_string()),
                    Ok(ReconciliationWork::StartDaily { .. }) | Err(_) => None,
                };
                Ok(Stake { about: subject.clone(), subject, ..Stake::default() })
            }
            WorkQueue::RenewalTick => Ok(Stake::default()),
        }
    }
}

/// The run with this number of a subscription.
fn of_run(subscription: &SubscriptionId, number: OccurrenceNumber) -> String {
    format!("{subscription}#{number}")
}

/// The organization that an event names: messages that the bus sends carry no attributes.
fn told_by_bus(body: &str) -> Option<OrganizationId> {
    let body: Value = serde_json::from_str(body).ok()?;
    body.pointer("/detail/organization")?.as_str()?.parse().ok()
}

/// The body as it is kept: whole, unless it would not fit an item (400 KB).
fn kept_body(body: &str) -> String {
    let mut end = body.len().min(MAX_BODY);
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    body.get(..end).unwrap_or_default().to_owned()
}

#[async_trait]
impl Function for DeadLetters {
    async fn invoke(&self, event: Value, _: Invocation) -> Result<Value, FunctionError> {
        let event: SqsEvent = serde_json::from_value(event)?;
        let mut response = SqsBatchResponse::default();
        for record in event.records {
            let id = record.message_id.clone().ok_or("a record has no messageId")?;
            if let Err(error) = guarded(self.keep(&record)).await {
                // It stays on its dead-letter queue, which keeps it for 14 days and raises an alarm.
                tracing::error!(message_id = id, %error, "a dead letter could not be kept");
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = id;
                response.batch_item_failures.push(failure);
            }
        }
        Ok(serde_json::to_value(response)?)
    }
}
