//! The local stack, driven from outside with functions made up for the purpose.

mod authorizer;
mod clock;
mod endpoints;
mod fakes;
mod kill;
mod own_template;
mod queues;
mod refusals;
mod restart;
mod routes;
mod streams;

/// What a test returns, so that it can use `?`.
type TestResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;
