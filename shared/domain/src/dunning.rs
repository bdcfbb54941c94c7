//! Dunning: when a declined payment is tried again, and when it is given up.

use chrono::{DateTime, Days, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::time::{Zone, first_instant};

/// The most retries a policy may ask for.
pub const MAXIMUM_RETRIES: u32 = 100;
/// The longest wait between two attempts, in minutes: 366 days.
pub const MAXIMUM_DELAY_MINUTES: u32 = 366 * DAY;
/// The longest grace period, in hours: 366 days.
pub const MAXIMUM_GRACE_HOURS: u32 = 366 * 24;

const DAY: u32 = 24 * 60;

/// How often, and after which waits, a declined payment is tried again, how long the customer keeps
/// access meanwhile, and what happens to the subscription once the payment is given up.
///
/// Retry number k waits for the k-th delay after the decline before it; when the list is shorter
/// than the maximum, its last delay repeats. A delay in whole days ends at the local hour, where
/// there is one. Serialized with `delays_in_minutes`, `maximum` and `on_exhausted`, and `local_hour`,
/// `grace_hours` and `manual_retries_count` where they are set; a missing field takes its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RetryPolicyFields", into = "RetryPolicyFields")]
pub struct RetryPolicy {
    delays: Vec<RetryDelay>,
    maximum: u32,
    on_exhausted: FinalAction,
    local_hour: Option<LocalHour>,
    grace: GraceHours,
    manual_retries_count: bool,
}

/// An hour of the wall clock, 0 to 23.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LocalHour(u32);

/// For how many hours after an unpaid run was due the customer keeps access.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct GraceHours(u32);

/// How long to wait after a decline, in whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RetryDelay(u32);

/// What happens to a subscription whose payment is given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalAction {
    /// It goes on as if nothing happened; only this run is failed.
    #[default]
    KeepActive,
    /// It stops renewing until somebody resumes it.
    Pause,
    /// This cycle is left out; the next one is tried as usual.
    Skip,
    /// It ends.
    Cancel,
}

/// How a provider declined a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineKind {
    /// Trying the same payment source later may work: funds, limits, an issuer out of reach.
    Soft,
    /// Trying again cannot work: stolen, closed or expired for good.
    Hard,
}

/// What to do after a decline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum RetryDecision {
    /// The run stays open and is tried again.
    RetryAt {
        /// When, in UTC.
        at: DateTime<Utc>,
        /// Which retry that will be, counted from 1; at most the policy's maximum.
        retry_count: u32,
    },
    /// The run is failed.
    GiveUp {
        /// Why no retry follows.
        reason: GiveUpReason,
        /// What happens to the subscription.
        action: FinalAction,
    },
}

/// Why a payment is not tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GiveUpReason {
    /// The provider said that no retry can work.
    HardDecline,
    /// Every retry that the policy allows has been made.
    RetriesExhausted,
}

/// Which rule a retry policy breaks.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RetryPolicyError {
    /// Retries are asked for without saying when.
    #[error("a retry policy with retries needs at least one delay")]
    NoDelays,
    /// More retries than allowed.
    #[error("a retry policy may ask for at most {MAXIMUM_RETRIES} retries, not {0}")]
    TooManyRetries(u32),
    /// More delays than retries could ever use.
    #[error("a retry policy may list at most {MAXIMUM_RETRIES} delays, not {0}")]
    TooManyDelays(usize),
    /// A wait of nothing, or of more than a year.
    #[error("a retry delay must be between 1 and {MAXIMUM_DELAY_MINUTES} minutes, not {0}")]
    DelayOutOfRange(u32),
    /// No hour of the wall clock.
    #[error("local_hour must be between 0 and 23, not {0}")]
    NoSuchHour(u32),
    /// A grace period of more than a year.
    #[error("grace_hours must be at most {MAXIMUM_GRACE_HOURS}, not {0}")]
    GraceTooLong(u32),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetryPolicyFields {
    delays_in_minutes: Vec<RetryDelay>,
    maximum: u32,
    on_exhausted: FinalAction,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_hour: Option<LocalHour>,
    #[serde(skip_serializing_if = "GraceHours::is_none")]
    grace_hours: GraceHours,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    manual_retries_count: bool,
}

impl LocalHour {
    /// An hour; checked when a policy is made of it.
    #[must_use]
    pub const fn new(hour: u32) -> Self {
        Self(hour)
    }
}

impl GraceHours {
    /// So many hours; checked when a policy is made of it.
    #[must_use]
    pub const fn new(hours: u32) -> Self {
        Self(hours)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.0 == 0
    }

    /// Until when a customer keeps access whose run was due then and is not paid.
    #[must_use]
    pub fn after(self, due_at: DateTime<Utc>) -> DateTime<Utc> {
        later(due_at, TimeDelta::hours(i64::from(self.0)))
    }
}

fn later(at: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    at.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

impl RetryDelay {
    /// A wait of so many minutes; checked when a policy is made of it.
    #[must_use]
    pub const fn from_minutes(minutes: u32) -> Self {
        Self(minutes)
    }

    /// A wait of so many hours; checked when a policy is made of it.
    #[must_use]
    pub const fn from_hours(hours: u32) -> Self {
        Self(hours.saturating_mul(60))
    }

    /// A wait of so many days of 24 hours; checked when a policy is made of it.
    #[must_use]
    pub const fn from_days(days: u32) -> Self {
        Self(days.saturating_mul(DAY))
    }

    /// The wait in minutes.
    #[must_use]
    pub const fn minutes(self) -> u32 {
        self.0
    }
}

impl RetryPolicy {
    /// A policy of at most `maximum` retries (0: none at all) after the given waits.
    ///
    /// # Errors
    ///
    /// [`RetryPolicyError`] names the rule that the values break.
    pub fn new(
        delays: Vec<RetryDelay>,
        maximum: u32,
        on_exhausted: FinalAction,
    ) -> Result<Self, RetryPolicyError> {
        if maximum > MAXIMUM_RETRIES {
            return Err(RetryPolicyError::TooManyRetries(maximum));
        }
        if delays.len() > MAXIMUM_RETRIES as usize {
            return Err(RetryPolicyError::TooManyDelays(delays.len()));
        }
        if delays.is_empty() && maximum > 0 {
            return Err(RetryPolicyError::NoDelays);
        }
        let in_range = |delay: &RetryDelay| (1..=MAXIMUM_DELAY_MINUTES).contains(&delay.0);
        if let Some(delay) = delays.iter().find(|delay| !in_range(delay)) {
            return Err(RetryPolicyError::DelayOutOfRange(delay.0));
        }
        let (local_hour, grace) = (None, GraceHours::default());
        Ok(Self { delays, maximum, on_exhausted, local_hour, grace, manual_retries_count: false })
    }

    /// The same policy, in which waits of whole days end at this hour of the subscription's zone.
    ///
    /// # Errors
    ///
    /// When a day has no such hour.
    pub fn at_local_hour(self, hour: LocalHour) -> Result<Self, RetryPolicyError> {
        if hour.0 > 23 {
            return Err(RetryPolicyError::NoSuchHour(hour.0));
        }
        Ok(Self { local_hour: Some(hour), ..self })
    }

    /// The same policy with this grace period.
    ///
    /// # Errors
    ///
    /// When it is longer than [`MAXIMUM_GRACE_HOURS`].
    pub fn with_grace(self, grace: GraceHours) -> Result<Self, RetryPolicyError> {
        if grace.0 > MAXIMUM_GRACE_HOURS {
            return Err(RetryPolicyError::GraceTooLong(grace.0));
        }
        Ok(Self { grace, ..self })
    }

    /// The same policy, in which retries that somebody asks for are among the maximum, or not.
    #[must_use]
    pub fn counting_manual_retries(self, manual_retries_count: bool) -> Self {
        Self { manual_retries_count, ..self }
    }

    /// The waits, in order.
    #[must_use]
    pub fn delays(&self) -> &[RetryDelay] {
        &self.delays
    }

    /// The most retries after the first attempt.
    #[must_use]
    pub const fn maximum(&self) -> u32 {
        self.maximum
    }

    /// What happens to the subscription when the payment is given up.
    #[must_use]
    pub const fn on_exhausted(&self) -> FinalAction {
        self.on_exhausted
    }

    /// For how long the customer of an unpaid run keeps access.
    #[must_use]
    pub const fn grace(&self) -> GraceHours {
        self.grace
    }

    /// Whether retries that somebody asks for, or that a new payment method sets off, are among the
    /// maximum.
    #[must_use]
    pub const fn manual_retries_count(&self) -> bool {
        self.manual_retries_count
    }

    /// Decides what follows a decline at `now`, after `retries_done` retries (0: the first attempt
    /// was declined), for a subscription in this zone.
    ///
    /// The run stays open as long as the count of the retry to come is at most the maximum; above
    /// it, the run fails. A hard decline ends it at once.
    #[must_use]
    pub fn decide(
        &self,
        retries_done: u32,
        decline: DeclineKind,
        now: DateTime<Utc>,
        zone: Zone,
    ) -> RetryDecision {
        let give_up = |reason| RetryDecision::GiveUp { reason, action: self.on_exhausted };
        match decline {
            DeclineKind::Hard => give_up(GiveUpReason::HardDecline),
            DeclineKind::Soft => {
                let retry_count = retries_done.saturating_add(1);
                match self.delay_before(retry_count) {
                    Some(delay) if retry_count <= self.maximum => {
                        RetryDecision::RetryAt { at: self.end_of(delay, now, zone), retry_count }
                    }
                    _ => give_up(GiveUpReason::RetriesExhausted),
                }
            }
        }
    }

    /// When a wait ends: so many minutes from now, or, where it is of whole days and there is a
    /// local hour, at that hour so many calendar days from today. Where clocks jump over the hour it
    /// is the first instant after, where they show it twice, the first pass.
    fn end_of(&self, delay: RetryDelay, now: DateTime<Utc>, zone: Zone) -> DateTime<Utc> {
        let plain = later(now, TimeDelta::minutes(i64::from(delay.0)));
        let Some(LocalHour(hour)) = self.local_hour.filter(|_| delay.0.is_multiple_of(DAY)) else {
            return plain;
        };
        let today = now.with_timezone(&zone).date_naive();
        let day = today.checked_add_days(Days::new(u64::from(delay.0 / DAY)));
        let local = day.and_then(|day| day.and_hms_opt(hour, 0, 0));
        let at = local.and_then(|local| first_instant(zone, local)).map(|(at, _)| at);
        at.filter(|at| *at > now).unwrap_or(plain)
    }

    fn delay_before(&self, retry_count: u32) -> Option<RetryDelay> {
        let index = usize::try_from(retry_count.checked_sub(1)?).ok()?;
        self.delays.get(index).or_else(|| self.delays.last()).copied()
    }
}

/// Four retries, 1, 3, 5 and 7 days apart; the subscription stays active.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            delays: [1, 3, 5, 7].map(RetryDelay::from_days).to_vec(),
            maximum: 4,
            on_exhausted: FinalAction::default(),
            local_hour: None,
            grace: GraceHours::default(),
            manual_retries_count: false,
        }
    }
}

impl Default for RetryPolicyFields {
    fn default() -> Self {
        RetryPolicy::default().into()
    }
}

impl From<RetryPolicy> for RetryPolicyFields {
    fn from(policy: RetryPolicy) -> Self {
        let RetryPolicy { delays, maximum, on_exhausted, local_hour, grace, manual_retries_count } =
            policy;
        Self {
            delays_in_minutes: delays,
            maximum,
            on_exhausted,
            local_hour,
            grace_hours: grace,
            manual_retries_count,
        }
    }
}

impl TryFrom<RetryPolicyFields> for RetryPolicy {
    type Error = RetryPolicyError;

    fn try_from(fields: RetryPolicyFields) -> Result<Self, Self::Error> {
        let RetryPolicyFields {
            delays_in_minutes,
            maximum,
            on_exhausted,
            local_hour,
            grace_hours,
            manual_retries_count,
        } = fields;
        let policy = Self::new(delays_in_minutes, maximum, on_exhausted)?
            .with_grace(grace_hours)?
            .counting_manual_retries(manual_retries_count);
        match local_hour {
            Some(hour) => policy.at_local_hour(hour),
            None => Ok(policy),
        }
    }
}

#[cfg(test)]
#[path = "dunning_tests.rs"]
mod tests;
