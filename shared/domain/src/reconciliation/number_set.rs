//! A set of occurrence numbers as a few ranges: a subscription that has run for years is one range.

use std::collections::BTreeMap;

use crate::{run::Skipped, time::OccurrenceNumber};

/// A set of numbers, kept as ranges that do not touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NumberSet(BTreeMap<u32, u32>);

impl NumberSet {
    /// Adds the numbers from `first` to `last`, both included. Answers those that it had already.
    pub fn insert(&mut self, first: u32, last: u32) -> Self {
        if first > last {
            return Self::default();
        }
        let before = self.within(first, last);
        let (mut from, mut to) = (first, last);
        // What overlaps or touches becomes one range.
        let reach = last.saturating_add(1);
        let touching: Vec<(u32, u32)> = self
            .0
            .range(..=reach)
            .rev()
            .map(|(start, end)| (*start, *end))
            .take_while(|(_, end)| end.saturating_add(1) >= first)
            .collect();
        for (start, end) in touching {
            self.0.remove(&start);
            (from, to) = (from.min(start), to.max(end));
        }
        self.0.insert(from, to);
        before
    }

    /// The numbers of it from `first` to `last`, both included.
    #[must_use]
    pub fn within(&self, first: u32, last: u32) -> Self {
        let overlapping = self.0.range(..=last).rev().take_while(|(_, end)| **end >= first);
        Self(overlapping.map(|(start, end)| ((*start).max(first), (*end).min(last))).collect())
    }

    /// The numbers from `first` to `last` that it does not have.
    #[must_use]
    pub fn missing(&self, first: u32, last: u32) -> Self {
        let mut missing = BTreeMap::new();
        let mut next = u64::from(first);
        for (start, end) in self.within(first, last).0 {
            if u64::from(start) > next {
                // Below `start`, so it fits.
                missing.insert(u32::try_from(next).unwrap_or(start), start - 1);
            }
            next = u64::from(end) + 1;
        }
        if let Ok(next) = u32::try_from(next)
            && next <= last
        {
            missing.insert(next, last);
        }
        Self(missing)
    }

    /// How many numbers there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(start, end)| u64::from(end - start) + 1).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The greatest number.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.0.last_key_value().map(|(_, end)| *end)
    }

    /// Its ranges, from the lowest: first and last number of each.
    pub fn ranges(&self) -> impl Iterator<Item = (u32, u32)> {
        self.0.iter().map(|(start, end)| (*start, *end))
    }

    /// Its ranges as text: `3, 7-9`. At most a hundred of them, so that a report stays small.
    #[must_use]
    pub fn told(&self) -> String {
        let shown = self.ranges().take(100).map(|(start, end)| match end - start {
            0 => start.to_string(),
            _ => format!("{start}-{end}"),
        });
        shown.collect::<Vec<_>>().join(", ")
    }
}

impl From<Skipped> for NumberSet {
    fn from(skipped: Skipped) -> Self {
        let mut set = Self::default();
        set.insert(skipped.first.get(), skipped.last.get());
        set
    }
}

impl From<OccurrenceNumber> for NumberSet {
    fn from(number: OccurrenceNumber) -> Self {
        Self(BTreeMap::from([(number.get(), number.get())]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[(u32, u32)]) -> NumberSet {
        let mut set = NumberSet::default();
        for (first, last) in ranges {
            set.insert(*first, *last);
        }
        set
    }

    #[test]
    fn ranges_that_touch_become_one_and_what_was_there_is_told() {
        let mut numbers = set(&[(1, 3), (7, 9)]);
        assert_eq!(numbers.told(), "1-3, 7-9");
        assert!(numbers.insert(4, 4).is_empty());
        assert_eq!(numbers.told(), "1-4, 7-9");
        assert_eq!(numbers.insert(3, 8).told(), "3-4, 7-8");
        assert_eq!((numbers.told(), numbers.count()), ("1-9".to_owned(), 9));
        assert!(numbers.insert(5, 4).is_empty(), "an empty range adds nothing");
    }

    #[test]
    fn what_is_missing_between_two_numbers_is_told() {
        let numbers = set(&[(2, 3), (6, 6)]);
        assert_eq!(numbers.missing(1, 8).told(), "1, 4-5, 7-8");
        assert_eq!(numbers.missing(2, 3).told(), "");
        assert_eq!(numbers.missing(9, 8).told(), "");
        assert_eq!(set(&[(1, u32::MAX)]).missing(1, u32::MAX).told(), "");
    }
}
