//! Why the dates of a subscription can't be changed as asked.

use chrono::{DateTime, SecondsFormat, Utc};
use thiserror::Error;

use crate::time::{RescheduleError, RuleError, ScheduleError};

/// Why the dates of a subscription can't be changed as asked. The text names the value and the rule.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum DatesError {
    /// A rule has no meaning for the frequency.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// By the new frequency or rules there is no further date.
    #[error("by frequency {frequency} there is no further date: {error}")]
    Frequency {
        /// The frequency.
        frequency: String,
        /// Why.
        error: ScheduleError,
    },
    /// In the new zone the next date can't be computed.
    #[error("in time_zone {zone} the next date can't be computed: {error}")]
    Zone {
        /// The zone.
        zone: String,
        /// Why.
        error: ScheduleError,
    },
    /// The expiry is over already.
    #[error("expires_at must be after {bound} ({}), not {}", text(*.at), text(*.expires_at))]
    ExpiryPassed {
        /// What was asked for.
        expires_at: DateTime<Utc>,
        /// What it is not after: `now` or `starts_at`.
        bound: &'static str,
        /// When that is.
        at: DateTime<Utc>,
    },
    /// There have been more occurrences than there are to be at all.
    #[error(
        "max_occurrences must be at least {been}, as many as there have been, the source order \
         counted, not {maximum}"
    )]
    MaximumPassed {
        /// What was asked for.
        maximum: u32,
        /// How many there have been, the source order included.
        been: u32,
    },
    /// The next run can't be put on that date.
    #[error("next_run_at: {0}")]
    NextRun(#[from] RescheduleError),
    /// The next run would come after the end.
    #[error(
        "next_run_at must be before expires_at ({}), not {}", text(*.expires_at), text(*.to)
    )]
    NotBeforeExpiry {
        /// What was asked for.
        to: DateTime<Utc>,
        /// The expiry.
        expires_at: DateTime<Utc>,
    },
    /// There is no next run.
    #[error("next_run_at: there is no next run, none comes before the end")]
    NoNextRun,
    /// The calendar has come to its end.
    #[error("the schedule has come to its end, and does not go on by other rules")]
    ScheduleEnded,
}

impl DatesError {
    /// The attribute that is refused.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Rule(error) => error.field(),
            Self::Frequency { .. } | Self::ScheduleEnded => "frequency",
            Self::Zone { .. } => "time_zone",
            Self::ExpiryPassed { .. } => "expires_at",
            Self::MaximumPassed { .. } => "max_occurrences",
            Self::NextRun(_) | Self::NotBeforeExpiry { .. } | Self::NoNextRun => "next_run_at",
        }
    }
}

/// An instant as clients write it.
pub(super) fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
