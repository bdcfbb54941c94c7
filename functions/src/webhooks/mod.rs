//! Webhooks: finds out whom an event is to be told to, and tells them.
//!
//! An event becomes one delivery for each webhook that listens to it, kept in the table before
//! anything is sent. From then on messages are only hints: a delivery stands in the due index until
//! it has ended, so none is lost, and a claim lets one worker at a time be at it.

mod delivery;
mod fan_out;
mod listeners;

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use perennial_domain::{ids::OrganizationId, webhook::EventCallback};
use perennial_https::Outbound;
use perennial_messages::{DeliveryDue, LONGEST_DELAY, Outgoing, Queue, WebhookWork};
use perennial_runtime::{Clock, Environment, Function, FunctionError, Invocation, SettingError};
use serde_json::Value;

use crate::{
    Aws,
    http::context::Services,
    settings,
    sqs_batch::{DeadLetterQueue, HandleError, Outcomes, Received, guarded, handle_batch},
    work_queues::WorkQueue,
};

use self::listeners::Listeners;

/// Messages handled at once.
const CONCURRENCY: usize = 10;

/// The webhooks function.
pub(crate) struct Webhooks {
    services: Services,
    queue: Queue,
    dead_letters: DeadLetterQueue,
    clock: Arc<dyn Clock>,
    client: Outbound,
}

impl Webhooks {
    pub(crate) fn build(
        environment: &Environment,
        aws: &Aws,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SettingError> {
        Ok(Self {
            services: Services::over(settings::store(environment, aws)?),
            queue: WorkQueue::Webhooks.open(environment, aws)?,
            dead_letters: DeadLetterQueue::from_environment(environment, aws)?,
            clock: Arc::clone(clock),
            client: Outbound::new(settings::private_webhooks(environment)?),
        })
    }

    async fn handle_all(&self, messages: Vec<Received<WebhookWork>>) -> Outcomes {
        let listeners = Listeners::default();
        stream::iter(messages)
            .map(|received| async {
                let outcome = match received.message {
                    WebhookWork::Deliver(due) => guarded(self.deliver(&due)).await,
                    WebhookWork::FanOut(event) => guarded(self.fan_out(*event, &listeners)).await,
                };
                (received.id, outcome)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await
    }

    /// Sends what lets a delivery be made when it is next to be tried, where a queue can hold it
    /// back for so long; the tick looks after the others, and after what is lost here.
    async fn hand_on(
        &self,
        organization: &OrganizationId,
        delivery: &EventCallback,
    ) -> Result<(), HandleError> {
        let Some(next) = delivery.next_attempt_at else { return Ok(()) };
        // Rounded up: what comes too early does nothing.
        let wait = (next - self.clock.now()).num_milliseconds();
        let seconds = u64::try_from(wait).unwrap_or_default().div_ceil(1_000);
        let Some(delay) = u16::try_from(seconds).ok().filter(|delay| *delay <= LONGEST_DELAY)
        else {
            return Ok(());
        };
        let due = DeliveryDue {
            organization: organization.clone(),
            event_callback_id: delivery.id.clone(),
            attempts: delivery.attempts,
        };
        let message = Outgoing::json(&due, Some(organization))
            .map_err(|error| HandleError::Permanent(error.to_string()))?;
        let sent = self.queue.send(vec![message.after(delay)]).await;
        sent.map_err(|error| HandleError::Transient(error.to_string()))
    }
}

#[async_trait]
impl Function for Webhooks {
    async fn invoke(&self, event: Value, _: Invocation) -> Result<Value, FunctionError> {
        handle_batch(event, &self.dead_letters, |messages| self.handle_all(messages)).await
    }
}
