//! How long a schedule goes on: a maximum number of occurrences, an expiry.

use std::num::NonZeroU32;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{OccurrenceNumber, Slot};

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

/// A term of a schedule whose numbers are not all counted. By default it has no end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberedTerm {
    /// How long it goes on.
    pub term: Term,
    /// How many numbers changes of frequency have jumped over. No occurrence had them, so they do
    /// not count towards the maximum.
    pub jumped_numbers: u32,
}

impl From<Term> for NumberedTerm {
    fn from(term: Term) -> Self {
        Self { term, jumped_numbers: 0 }
    }
}

impl NumberedTerm {
    /// How many occurrences there are before this number, the start included.
    #[must_use]
    pub const fn occurrences_before(self, number: OccurrenceNumber) -> u32 {
        number.get().saturating_sub(self.jumped_numbers)
    }

    /// Why an occurrence is not made; `None` when it is within the term.
    #[must_use]
    pub fn end_at(self, slot: Slot) -> Option<TermEnd> {
        self.term.end_at(slot.at, self.occurrences_before(slot.number))
    }

    /// The last instant up to `now` at which there can be an occurrence.
    pub(super) fn last_instant(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let before = |end: DateTime<Utc>| end.checked_sub_signed(TimeDelta::nanoseconds(1));
        self.term.expires_at.and_then(before).map_or(now, |last| last.min(now))
    }

    /// Whether a number is one of the occurrences that there may be at all.
    pub(super) fn counts(self, number: OccurrenceNumber) -> bool {
        let before_it = self.occurrences_before(number);
        self.term.max_occurrences.is_none_or(|maximum| before_it < maximum.get())
    }
}

#[cfg(test)]
#[path = "term_tests.rs"]
mod tests;
