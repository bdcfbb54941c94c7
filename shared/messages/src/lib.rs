//! What travels on SQS and EventBridge, and how it is sent.

mod bus;
mod queue;
mod webhooks;
mod work;

pub use bus::{Bus, PublishError, SOURCE};
pub use queue::{CountError, Depth, LONGEST_DELAY, ORGANIZATION, Outgoing, Queue, SendError};
pub use webhooks::{DeliveryDue, EventDetail, EventToDeliver, Trigger, WebhookWork};
pub use work::{
    JobRef, PaymentDue, PaymentNews, PaymentSubject, ReconciliationWork, RetryDue, RunDue,
    TickPart, TickShards, ValidateOrder,
};
