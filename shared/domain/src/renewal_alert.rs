//! Renewal alerts: how long before a run its customer is told, and whether it can be paid then.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{catalog::PaymentSource, money::MinorUnits};

/// The longest period, in hours: thirty days.
pub const MAXIMUM_PERIOD_HOURS: u16 = 720;

/// How long before a run it is announced: 1 to 720 hours. Hours of elapsed time: a change of clocks
/// in between makes none longer or shorter. Serialized as a plain integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct RenewalAlertPeriod(u16);

/// A period that is too short or too long.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("renewal_alert_period must be 1 to {MAXIMUM_PERIOD_HOURS} hours, not {0}")]
pub struct PeriodOutOfRange(u16);

impl TryFrom<u16> for RenewalAlertPeriod {
    type Error = PeriodOutOfRange;

    fn try_from(hours: u16) -> Result<Self, Self::Error> {
        if (1..=MAXIMUM_PERIOD_HOURS).contains(&hours) {
            Ok(Self(hours))
        } else {
            Err(PeriodOutOfRange(hours))
        }
    }
}

impl From<RenewalAlertPeriod> for u16 {
    fn from(period: RenewalAlertPeriod) -> Self {
        period.0
    }
}

impl RenewalAlertPeriod {
    /// The instant that lies this long before a run; the run's own where the calendar does not go
    /// back so far.
    #[must_use]
    pub fn before(self, run_at: DateTime<Utc>) -> DateTime<Utc> {
        run_at.checked_sub_signed(TimeDelta::hours(i64::from(self.0))).unwrap_or(run_at)
    }
}

/// Whether a run that is still to come can be paid, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// The run costs nothing.
    NotNeeded,
    /// The subscription has no payment source: the run would be refused.
    Missing,
    /// The last day of the payment source comes before the day of the run.
    ExpiresBeforeRun,
    /// Nothing is known to speak against it.
    Valid,
}

impl SourceState {
    /// The state of a payment source on the local date of a run that costs `total`.
    #[must_use]
    pub fn on(run_date: NaiveDate, total: MinorUnits, source: Option<&PaymentSource>) -> Self {
        match source {
            _ if total.is_zero() => Self::NotNeeded,
            None => Self::Missing,
            Some(source) if source.expires_on.is_some_and(|last| last < run_date) => {
                Self::ExpiresBeforeRun
            }
            Some(_) => Self::Valid,
        }
    }
}
