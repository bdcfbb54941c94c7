//! Why nothing can be prorated.

use thiserror::Error;

use super::Moment;
use crate::money::{MinorUnits, MoneyError};

/// What is wrong with a request. Trying again cannot help; the text is for clients.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProrationError {
    /// A date that the calendar does not reach.
    #[error("{field} must be in the years 1 to 9999, not {at}")]
    OutOfRange {
        /// The field that holds it.
        field: &'static str,
        /// The date given.
        at: Moment,
    },
    /// The period ends before it starts, or at once.
    #[error("period_end must be after period_start: from {start} to {end} there is nothing")]
    EmptyPeriod {
        /// The start as it is counted: a local day or a whole second.
        start: Moment,
        /// The end as it is counted.
        end: Moment,
    },
    /// 30E/360 counts nothing between the 30th and the 31st.
    #[error("denominator fixed_30 counts no day from {start} to {end}")]
    UncountedPeriod {
        /// The start of the period.
        start: Moment,
        /// Its end.
        end: Moment,
    },
    /// Months of 30 days say nothing about seconds.
    #[error("denominator fixed_30 counts days, so unit must be day, not second")]
    SecondsOfFixedMonths,
    /// The change is not within the period.
    #[error("change_at must be from {start} to {end}, where the period ends, not {at}")]
    OutsidePeriod {
        /// The change as it is counted.
        at: Moment,
        /// The start of the period.
        start: Moment,
        /// Its end.
        end: Moment,
    },
    /// A change was entered after a later one.
    #[error("change_at must not be before {settled}, up to which the period is settled, not {at}")]
    OutOfOrder {
        /// The change as it is counted.
        at: Moment,
        /// Where the last change cut the period.
        settled: Moment,
    },
    /// An amount that can only be 0 or more.
    #[error("{field} must not be negative, not {amount}")]
    Negative {
        /// The field that holds it.
        field: &'static str,
        /// The amount given.
        amount: MinorUnits,
    },
    /// More was given back than was ever charged.
    #[error("already_credited must be at most charged_amount: {credited} of {charged}")]
    CreditedAboveCharged {
        /// What was charged.
        charged: MinorUnits,
        /// What is said to have been given back.
        credited: MinorUnits,
    },
    /// Neither an end nor a start.
    #[error("old_amount and new_amount are both null: there is nothing to prorate")]
    NothingToProrate,
    /// Money for old terms, without old terms.
    #[error("{field} tells of old terms, so old_amount must not be null")]
    NoOldTerms {
        /// The field that tells of them.
        field: &'static str,
    },
    /// A number of units is to change where nothing is held.
    #[error("quantity can't change: nothing is charged for at {at}")]
    NothingHeld {
        /// The time of the change.
        at: Moment,
    },
    /// Amounts that do not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl ProrationError {
    /// The attribute to be put right; `None` where no single one is at fault.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::OutOfRange { field, .. }
            | Self::Negative { field, .. }
            | Self::NoOldTerms { field } => Some(field),
            Self::EmptyPeriod { .. } | Self::UncountedPeriod { .. } => Some("period_end"),
            Self::SecondsOfFixedMonths => Some("unit"),
            Self::OutsidePeriod { .. } | Self::OutOfOrder { .. } => Some("change_at"),
            Self::CreditedAboveCharged { .. } => Some("already_credited"),
            Self::NothingHeld { .. } => Some("quantity"),
            Self::NothingToProrate => Some("new_amount"),
            Self::Money(_) => None,
        }
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
