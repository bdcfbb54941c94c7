//! What travels on SQS and EventBridge, and how it is sent.

mod bus;
mod queue;
mod work;

pub use bus::{Bus, PublishError, SOURCE};
pub use queue::{ORGANIZATION, Outgoing, Queue, SendError};
pub use work::{JobRef, RetryDue, RunDue, TickPart, TickShards, ValidateOrder};
