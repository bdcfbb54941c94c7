//! The Lambda functions of Perennial: a module per concern, each a thin shell around a pure
//! decision in `perennial-domain`.

mod api;
mod aws;
mod blocking;
pub mod build;
mod channels;
mod charging;
mod checking;
mod checks;
mod dead_letter;
mod event_relay;
mod failures;
mod fallback;
mod follow_up;
mod goods;
mod health;
mod http;
mod https;
mod import;
mod intake;
mod job_events;
mod markets;
mod order_copy;
mod payment_events;
mod payment_retry;
mod payments;
mod pricing;
mod reconciliation;
mod refusals;
mod renewal_tick;
mod results;
mod run;
mod secrets;
mod settings;
mod sqs_batch;
mod stock;
mod subscribe;
mod tallies;
mod taxes;
mod validation;
mod webhooks;
mod work_queues;

pub use aws::Aws;
pub use run::run;

/// The OpenAPI 3.1 document of the API, made from the operations that are served.
#[must_use]
pub fn openapi() -> serde_json::Value {
    http::openapi::document()
}
