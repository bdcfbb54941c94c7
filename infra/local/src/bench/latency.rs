//! How long things take: quantiles, the whole distribution for a file, and when events were told.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use perennial_local::cloud::eventbridge::Event;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{Failure, figures::Thousandths};

/// Steps of the distribution in each half of what is left to 100 %.
const STEPS: u32 = 5;

/// Quantiles of a latency, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Latency {
    /// How many were measured.
    pub(super) count: u64,
    pub(super) p50: Thousandths,
    pub(super) p99: Thousandths,
    pub(super) max: Thousandths,
    /// All of them, in microseconds.
    #[serde(skip)]
    histogram: Histogram<u64>,
}

impl Latency {
    pub(super) fn of(latencies: impl IntoIterator<Item = Duration>) -> Result<Self, Failure> {
        let mut histogram = Histogram::<u64>::new(3)?;
        for latency in latencies {
            histogram.record(u64::try_from(latency.as_micros())?)?;
        }
        let at = |quantile| Thousandths(histogram.value_at_quantile(quantile));
        let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
        Ok(Self { count: histogram.len(), p50, p99, max, histogram })
    }

    /// The distribution as lines of milliseconds, the share that took no longer, and how many did
    /// not: the columns of HdrHistogram's `.hgrm` files.
    pub(super) fn distribution(&self) -> String {
        let mut lines = format!("{:>12} {:>10} {:>10}\n", "Value", "Percentile", "TotalCount");
        let mut counted = 0;
        for step in self.histogram.iter_quantiles(STEPS) {
            counted += step.count_since_last_iteration();
            let (value, share) =
                (Thousandths(step.value_iterated_to()), step.quantile_iterated_to());
            // Writing to a string can't fail.
            let _ = writeln!(lines, "{value:>12} {share:>10.6} {counted:>10}");
        }
        lines
    }
}

/// The instants at which subjects were first told of on the bus.
#[derive(Debug, Clone, Default)]
pub(super) struct Published(Arc<Mutex<HashMap<String, Instant>>>);

impl Published {
    /// What is known so far, by subject.
    pub(super) fn known(&self) -> HashMap<String, Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, subject: &str) {
        let now = Instant::now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(subject.to_owned()).or_insert(now);
    }
}

/// Notes when each subject was first told of, by events of one type or of any. Ends when events
/// come faster than they are read, and says so: what is missing then would be a lie.
pub(super) async fn listen(
    mut events: broadcast::Receiver<Arc<Event>>,
    of: Option<&'static str>,
    published: Published,
) {
    loop {
        match events.recv().await {
            Ok(event) => {
                let subject = event.detail.get("subject").and_then(Value::as_str);
                if let Some(subject) = subject
                    && of.is_none_or(|wanted| wanted == event.detail_type)
                {
                    published.note(subject);
                }
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::error!(missed, "events came faster than they were read");
                return;
            }
            Err(RecvError::Closed) => return,
        }
    }
}
