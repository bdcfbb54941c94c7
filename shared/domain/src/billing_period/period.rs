//! One billing period.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{money::Ratio, time::OccurrenceNumber};

/// The time between two dates of a schedule, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillingPeriod {
    /// The number of the date at which it begins: of the occurrence that is there unless a rule moves
    /// it or leaves it out. For cron, every firing counts, also one that another serves.
    pub number: OccurrenceNumber,
    /// Its first instant.
    pub start: DateTime<Utc>,
    /// The first instant after it.
    pub end: DateTime<Utc>,
    /// Whether it is whole, or which end of a whole one is missing.
    pub kind: PeriodKind,
    /// Its share of a whole period, as counted: local calendar days (`31/31` when whole, `17/31`
    /// for a stub). Periods by the hour, and those of less than a day, are counted in seconds.
    pub fraction: Ratio,
    /// When it is invoiced: on the run of the boundary, or on the neighbour that serves it.
    pub invoiced_at: DateTime<Utc>,
}

/// Whether a period is whole, or which of its ends is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodKind {
    /// From one date to the next.
    Whole,
    /// From a start that is not on the anchor day up to the first date that is.
    StartStub,
    /// From a date up to the end of the subscription.
    EndStub,
    /// From a start that is not on the anchor day up to an end before the first that is.
    StartAndEndStub,
}

impl PeriodKind {
    /// Whether something is missing.
    #[must_use]
    pub const fn is_stub(self) -> bool {
        match self {
            Self::Whole => false,
            Self::StartStub | Self::EndStub | Self::StartAndEndStub => true,
        }
    }

    pub(super) const fn of(starts_late: bool, ends_early: bool) -> Self {
        match (starts_late, ends_early) {
            (false, false) => Self::Whole,
            (true, false) => Self::StartStub,
            (false, true) => Self::EndStub,
            (true, true) => Self::StartAndEndStub,
        }
    }
}

/// In words: `whole`, `start stub`, `end stub`, `start and end stub`.
impl fmt::Display for PeriodKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "whole",
            Self::StartStub => "start stub",
            Self::EndStub => "end stub",
            Self::StartAndEndStub => "start and end stub",
        })
    }
}

/// Whether a period is invoiced before or after it is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billing {
    /// When it starts.
    #[default]
    Advance,
    /// When it ends.
    Arrears,
}
