//! Dunning: when a declined payment is tried again, and when it is given up.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most retries a policy may ask for.
pub const MAXIMUM_RETRIES: u32 = 100;
/// The longest wait between two attempts, in minutes: 366 days.
pub const MAXIMUM_DELAY_MINUTES: u32 = 366 * DAY;

const DAY: u32 = 24 * 60;

/// How often, and after which waits, a declined payment is tried again, and what happens to the
/// subscription once it is given up.
///
/// Retry number k waits for the k-th delay after the decline before it; when the list is shorter
/// than the maximum, its last delay repeats. Serialized with `delays_in_minutes`, `maximum` and
/// `on_exhausted`; a missing field takes its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RetryPolicyFields", into = "RetryPolicyFields")]
pub struct RetryPolicy {
    delays: Vec<RetryDelay>,
    maximum: u32,
    on_exhausted: FinalAction,
}

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
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetryPolicyFields {
    delays_in_minutes: Vec<RetryDelay>,
    maximum: u32,
    on_exhausted: FinalAction,
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
        Ok(Self { delays, maximum, on_exhausted })
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

    /// Decides what follows a decline at `now`, after `retries_done` retries (0: the first attempt
    /// was declined).
    ///
    /// The run stays open as long as the count of the retry to come is at most the maximum; above
    /// it, the run fails. A hard decline ends it at once.
    #[must_use]
    pub fn decide(
        &self,
        retries_done: u32,
        decline: DeclineKind,
        now: DateTime<Utc>,
    ) -> RetryDecision {
        let give_up = |reason| RetryDecision::GiveUp { reason, action: self.on_exhausted };
        match decline {
            DeclineKind::Hard => give_up(GiveUpReason::HardDecline),
            DeclineKind::Soft => {
                let retry_count = retries_done.saturating_add(1);
                match self.delay_before(retry_count) {
                    Some(delay) if retry_count <= self.maximum => RetryDecision::RetryAt {
                        at: now
                            .checked_add_signed(TimeDelta::minutes(i64::from(delay.0)))
                            .unwrap_or(DateTime::<Utc>::MAX_UTC),
                        retry_count,
                    },
                    _ => give_up(GiveUpReason::RetriesExhausted),
                }
            }
        }
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
        let RetryPolicy { delays, maximum, on_exhausted } = policy;
        Self { delays_in_minutes: delays, maximum, on_exhausted }
    }
}

impl TryFrom<RetryPolicyFields> for RetryPolicy {
    type Error = RetryPolicyError;

    fn try_from(fields: RetryPolicyFields) -> Result<Self, Self::Error> {
        let RetryPolicyFields { delays_in_minutes, maximum, on_exhausted } = fields;
        Self::new(delays_in_minutes, maximum, on_exhausted)
    }
}

#[cfg(test)]
#[path = "dunning_tests.rs"]
mod tests;
