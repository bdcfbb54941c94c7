//! The queues on which functions hand work to each other.

use perennial_domain::ids::DeadLetterId;
use perennial_messages::Queue;
use perennial_runtime::{Environment, SettingError};

use crate::Aws;

/// A queue of work. The name stands in dead letters and in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkQueue {
    /// Orders to be validated.
    Validation,
    /// Parts of ticks.
    RenewalTick,
    /// Runs to be made.
    OrderCopy,
    /// Payments to be tried again.
    PaymentRetry,
    /// Events to be delivered to webhooks.
    Webhooks,
    /// Parts of reconciliations.
    Reconciliation,
    /// Refunds and payment sources to be seen to.
    Payments,
}

impl WorkQueue {
    /// Every queue of work.
    pub(crate) const ALL: [Self; 7] = [
        Self::Validation,
        Self::RenewalTick,
        Self::OrderCopy,
        Self::PaymentRetry,
        Self::Webhooks,
        Self::Reconciliation,
        Self::Payments,
    ];

    /// Its name.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::RenewalTick => "renewal-tick",
            Self::OrderCopy => "order-copy",
            Self::PaymentRetry => "payment-retry",
            Self::Webhooks => "webhooks",
            Self::Reconciliation => "reconciliation",
            Self::Payments => "payments",
        }
    }

    /// The queue of this name.
    #[must_use]
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.name() == name)
    }

    /// The dead letter of its messages about this: however many of them fail, it is one failure.
    pub(crate) fn letter_about(self, about: &str) -> DeadLetterId {
        DeadLetterId::derived(&[self.name(), about])
    }

    /// What the environment variables about it begin with.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Validation => "VALIDATION",
            Self::RenewalTick => "RENEWAL_TICK",
            Self::OrderCopy => "ORDER_COPY",
            Self::PaymentRetry => "PAYMENT_RETRY",
            Self::Webhooks => "WEBHOOK",
            Self::Reconciliation => "RECONCILIATION",
            Self::Payments => "PAYMENTS",
        }
    }

    /// The queue that `<NAME>_QUEUE_URL` leads to.
    ///
    /// # Errors
    /// When the variable is not set.
    pub(crate) fn open(self, environment: &Environment, aws: &Aws) -> Result<Queue, SettingError> {
        let url = environment.require(&format!("{}_QUEUE_URL", self.variable()))?;
        Ok(Queue::new(aws.sqs.clone(), url))
    }
}
