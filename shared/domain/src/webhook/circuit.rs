//! The circuit breaker: a receiver that fails again and again is left alone, and tried with one
//! message at a time until it answers.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Failures in a row after which nothing more is sent.
pub const OPENS_AFTER: u32 = 30;
/// How long the receiver is left alone before the first probe; twice as long before each further
/// one.
const FIRST_REST: TimeDelta = TimeDelta::minutes(1);
/// The longest that it is left alone.
const LONGEST_REST: TimeDelta = TimeDelta::hours(1);
/// How long the outcome of a probe is waited for: longer than any delivery takes.
const PROBE_LEASE: TimeDelta = TimeDelta::minutes(2);

/// Where a circuit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// Messages are sent.
    #[default]
    Closed,
    /// Nothing is sent before the next probe.
    Open,
    /// One message is under way to see whether the receiver answers again.
    HalfOpen,
}

impl CircuitState {
    /// Its name, as clients see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The circuit of one receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Circuit {
    /// Where it stands.
    #[serde(default)]
    pub state: CircuitState,
    /// Failures in a row.
    #[serde(default)]
    pub failure_count: u32,
    /// When the next probe may be sent; `None` while the circuit is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_at: Option<DateTime<Utc>>,
    /// Probes that failed since it opened.
    #[serde(default)]
    pub failed_probes: u32,
}

/// Whether a message may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Pass,
    /// It may, as the probe, once this is the circuit: whoever stores it first sends.
    Probe(Circuit),
    /// Not before this instant.
    Wait(DateTime<Utc>),
}

impl Circuit {
    /// Whether a message may be sent at `now`.
    #[must_use]
    pub fn gate(&self, now: DateTime<Utc>) -> Gate {
        match (self.state, self.probe_at) {
            (CircuitState::Closed, _) => Gate::Pass,
            (CircuitState::Open | CircuitState::HalfOpen, Some(probe_at)) if now < probe_at => {
                Gate::Wait(probe_at)
            }
            // A probe whose outcome never came gives way to another.
            (CircuitState::Open | CircuitState::HalfOpen, _) => Gate::Probe(Self {
                state: CircuitState::HalfOpen,
                probe_at: Some(now + PROBE_LEASE),
                ..*self
            }),
        }
    }

    /// The circuit after a message that arrived: whichever it was, the receiver works.
    #[must_use]
    pub fn succeeded(&self) -> Self {
        Self::default()
    }

    /// The circuit after a message that did not arrive.
    #[must_use]
    pub fn failed(&self, now: DateTime<Utc>) -> Self {
        let failure_count = self.failure_count.saturating_add(1);
        match self.state {
            CircuitState::Closed if failure_count < OPENS_AFTER => Self { failure_count, ..*self },
            CircuitState::Closed => Self {
                state: CircuitState::Open,
                failure_count,
                probe_at: Some(now + FIRST_REST),
                failed_probes: 0,
            },
            // Sent before it opened, or by a probe that was given up: nothing is learned from it.
            CircuitState::Open => Self { failure_count, ..*self },
            CircuitState::HalfOpen => {
                let failed_probes = self.failed_probes.saturating_add(1);
                Self {
                    state: CircuitState::Open,
                    failure_count,
                    probe_at: Some(now + rest(failed_probes)),
                    failed_probes,
                }
            }
        }
    }
}

/// How long a receiver is left alone after so many failed probes.
fn rest(failed_probes: u32) -> TimeDelta {
    2_i32
        .checked_pow(failed_probes)
        .and_then(|times| FIRST_REST.checked_mul(times))
        .map_or(LONGEST_REST, |rest| rest.min(LONGEST_REST))
}

#[cfg(test)]
#[path = "circuit_tests.rs"]
mod tests;
