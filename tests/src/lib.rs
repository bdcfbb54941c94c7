//! End to end, fault and conformance tests of the whole system: what they share.

pub mod api;
pub mod audit;
mod described;
pub mod documents;
pub mod fault;
pub mod gate;
mod messages;
pub mod receiver;
pub mod shop;
pub mod taxes;
pub mod worker;

pub use api::{Answer, Api};
pub use shop::{Plan, Shop};

/// What went wrong in a test.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a test or a step of one returns.
pub type TestResult<T = ()> = Result<T, Failure>;
