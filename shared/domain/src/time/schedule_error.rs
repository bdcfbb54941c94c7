//! Why a schedule has no answer.

use chrono::NaiveDateTime;
use thiserror::Error;

use super::OccurrenceNumber;

/// How many firings of a cron expression are counted through in one go: more than eleven years of
/// the most frequent one.
pub(super) const MAXIMUM_FIRINGS: u32 = 100_000;

/// Why a schedule has no answer. Trying again cannot help.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ScheduleError {
    /// The date would lie outside the years 1 to 9999.
    #[error("the schedule has no occurrence there: dates must be in the years 1 to 9999")]
    OutOfRange,
    /// The numbers of a schedule have run out.
    #[error("the schedule has no more occurrence numbers")]
    NumbersExhausted,
    /// The number is below that of the anchor.
    #[error("the schedule has no occurrence {number}: it begins with {first}")]
    BeforeAnchor {
        /// The number that was asked for.
        number: OccurrenceNumber,
        /// The anchor's own.
        first: OccurrenceNumber,
    },
    /// A rule leaves the number out; the ones around it stand.
    #[error("the schedule leaves occurrence {number} out: {omission}")]
    LeftOut {
        /// The number that was asked for.
        number: OccurrenceNumber,
        /// The rule.
        omission: Omission,
    },
    /// A cron expression would have to be counted through for longer than is sensible.
    #[error("the cron expression fires more than {MAXIMUM_FIRINGS} times until then")]
    TooManyFirings,
}

/// Why a number of an interval schedule has no occurrence.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Omission {
    /// Clocks jump over its wall-clock time and the policy is to skip it, or shifting it would put
    /// it on the next one's time.
    #[error("clocks jump over {0}")]
    Gap(NaiveDateTime),
    /// Moving it to a working day would put it on its neighbour's date or past it.
    #[error("it is moved off a day without work, and its neighbour serves its period")]
    ServedByNeighbour,
}

impl ScheduleError {
    /// Whether the schedule has come to its end: the calendar's or the numbers'.
    #[must_use]
    pub const fn is_end(self) -> bool {
        match self {
            Self::OutOfRange | Self::NumbersExhausted => true,
            Self::BeforeAnchor { .. } | Self::LeftOut { .. } | Self::TooManyFirings => false,
        }
    }
}
