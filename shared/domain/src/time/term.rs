//! How long a schedule goes on: a maximum number of occurrences, an expiry.

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The end of a schedule, by count or by date, whichever comes first. Without either it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Term {
    /// How many occurrences there are at all, the start included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_occurrences: Option<NonZeroU32>,
    /// No occurrence is at or after this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// Why there is no further occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermEnd {
    /// The maximum number of occurrences is reached.
    MaximumReached,
    /// The expiry is reached.
    Expired,
}

impl Term {
    /// Why an occurrence is not made that has so many before it (its number, where all numbers
    /// count); `None` when it is within the term.
    #[must_use]
    pub fn end_at(self, at: DateTime<Utc>, before_it: u32) -> Option<TermEnd> {
        if self.max_occurrences.is_some_and(|maximum| before_it >= maximum.get()) {
            return Some(TermEnd::MaximumReached);
        }
        self.expires_at.filter(|expiry| at >= *expiry).map(|_| TermEnd::Expired)
    }
}

#[cfg(test)]
#[path = "term_tests.rs"]
mod tests;
