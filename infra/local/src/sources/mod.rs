//! Event sources: what takes messages from queues, records from streams and firings from
//! schedules, and brings them to functions as Lambda's event source mappings do.

mod batch_response;
mod checkpoint;
mod queue;
mod schedule;
mod stream;

pub use checkpoint::Checkpoints;
pub use queue::QueuePoller;
pub use schedule::{Firing, Schedules};
pub use stream::StreamRelay;
