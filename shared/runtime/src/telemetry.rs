//! Logs as JSON lines and metrics in CloudWatch's embedded metric format, both on standard output.

use std::sync::OnceLock;

use metrics_cloudwatch_embedded::Collector;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    prelude::*,
};

use crate::Environment;

/// The CloudWatch namespace of all metrics.
pub const NAMESPACE: &str = "Perennial";

/// Milliseconds from a request's arrival at intake to its answer.
pub const INTAKE_LATENCY: &str = "IntakeLatency";
/// Milliseconds from a request's arrival at intake until its order is placed.
pub const PLACEMENT_LATENCY: &str = "PlacementLatency";
/// Orders refused because too many others wait to be placed.
pub const ORDERS_SHED: &str = "OrdersShed";
/// Renewals that ended placed and paid.
pub const RENEWALS_SUCCEEDED: &str = "RenewalsSucceeded";
/// Attempts at a renewal that ended unpaid or refused.
pub const RENEWALS_FAILED: &str = "RenewalsFailed";
/// Seconds between the instant a wake was due and the tick that claimed it.
pub const TICK_LAG: &str = "TickLag";
/// Messages that became dead letters.
pub const DEAD_LETTERS: &str = "DeadLetters";

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

/// Starts logging and metrics. Call once per process; later calls change nothing.
pub fn init(environment: &Environment, function: &str) {
    let filter = environment
        .get("RUST_LOG")
        .and_then(|directives| directives.parse::<Targets>().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let logs = fmt::layer().json().flatten_event(true).with_current_span(true);
    if tracing_subscriber::registry().with(filter).with(logs).try_init().is_err() {
        return;
    }
    let metrics = metrics_cloudwatch_embedded::Builder::new()
        .cloudwatch_namespace(NAMESPACE)
        .with_dimension("Function", function.to_owned())
        .init();
    match metrics {
        Ok(collector) => {
            COLLECTOR.get_or_init(|| collector);
        }
        Err(error) => tracing::error!(%error, "metrics are not recorded"),
    }
}

/// Writes the metrics recorded since the last call to standard output, where CloudWatch reads
/// them. Called after each invocation, before Lambda may freeze the sandbox.
pub fn flush() {
    if let Some(collector) = COLLECTOR.get()
        && let Err(error) = collector.flush(std::io::stdout().lock())
    {
        tracing::error!(%error, "metrics could not be written");
    }
}
