//! Payments: what is asked about money over HTTP (refunds, writes of payment sources), and what is
//! seen to about it later: refunds whose answer got lost, open runs that a new payment source may
//! pay, sources that are about to expire.

pub(crate) mod collected;
pub(crate) mod disputes;
pub(crate) mod holds;
mod notices;
mod open_runs;
mod record;
pub(crate) mod refunds;
pub(crate) mod sources;
mod watch;

pub(crate) use self::record::{DISPUTES, REFUNDS, SOURCES, read};

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use perennial_domain::{ids::OrganizationId, journal::Cause};
use perennial_messages::{PaymentDue, PaymentSubject};
use perennial_payments::PaymentProvider;
use perennial_runtime::{Clock, Environment, Function, FunctionError, Invocation, SettingError};
use serde_json::Value;

use crate::{
    Aws, charging,
    http::{
        context::{Context, Services},
        dispatch::HttpFunction,
        operation::Surface,
    },
    settings,
    sqs_batch::{DeadLetterQueue, HandleError, Outcomes, Received, guarded, handle_batch},
    work_queues::WorkQueue,
};

/// Messages handled at once.
const CONCURRENCY: usize = 10;
/// Attempts at a commit that others keep getting ahead of.
const COMMIT_ATTEMPTS: u32 = 8;

/// The payments function.
pub(crate) struct Payments {
    http: HttpFunction,
    dead_letters: DeadLetterQueue,
}

/// Who moves the money, for those who log what they have.
#[derive(Clone)]
pub(crate) struct Provider(pub(crate) Arc<dyn PaymentProvider>);

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Provider(..)")
    }
}

impl Payments {
    pub(crate) fn build(
        environment: &Environment,
        aws: &Aws,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SettingError> {
        let ticks = WorkQueue::RenewalTick;
        Ok(Self {
            http: HttpFunction {
                surface: Surface::Payments,
                operations: &[refunds::OPERATIONS, sources::OPERATIONS],
                open: None,
                services: Services {
                    queues: vec![(ticks, ticks.open(environment, aws)?)],
                    provider: Some(Provider(charging::provider(environment, aws)?)),
                    ..Services::over(settings::store(environment, aws)?)
                },
                clock: Arc::clone(clock),
                sam_local: environment.get("AWS_SAM_LOCAL") == Some("true"),
            },
            dead_letters: DeadLetterQueue::from_environment(environment, aws)?,
        })
    }

    async fn see_to_all(&self, messages: Vec<Received<PaymentDue>>) -> Outcomes {
        stream::iter(messages)
            .map(|received| async move {
                let outcome = guarded(self.see_to(&received.message)).await;
                (received.id, outcome)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await
    }

    async fn see_to(&self, message: &PaymentDue) -> Result<(), HandleError> {
        let PaymentDue { organization, subject } = message;
        let cause = cause("what was under way is seen to");
        let work =
            Work { services: &self.http.services, organization, cause, now: self.http.clock.now() };
        match subject {
            PaymentSubject::Refund(id) => work.settle_refund(id).await,
            PaymentSubject::PaymentSource(id) => work.see_to_source(id).await,
            PaymentSubject::Dispute(id) => work.hold_disputed(id).await,
            PaymentSubject::News { order_id, news } => work.see_to_news(order_id, news).await,
        }
    }
}

/// What is done for one organization, and why.
pub(crate) struct Work<'a> {
    pub(crate) services: &'a Services,
    pub(crate) organization: &'a OrganizationId,
    pub(crate) cause: Cause,
    pub(crate) now: chrono::DateTime<chrono::Utc>,
}

impl<'a> Work<'a> {
    /// What a request asks for.
    pub(crate) fn of(context: &'a Context<'_>) -> Self {
        Self {
            services: context.services,
            organization: &context.caller.organization,
            cause: context.cause(),
            now: context.now,
        }
    }
}

/// What the journal says of what is done without anybody asking.
pub(crate) fn cause(reason: &str) -> Cause {
    Cause { actor: "system:payments".to_owned(), reason: reason.to_owned() }
}

#[async_trait]
impl Function for Payments {
    async fn invoke(&self, event: Value, invocation: Invocation) -> Result<Value, FunctionError> {
        if event.get("Records").is_some() {
            return handle_batch(event, &self.dead_letters, |messages| self.see_to_all(messages))
                .await;
        }
        self.http.invoke(event, invocation).await
    }
}
