//! Schedules count whole seconds.

use chrono::{DateTime, Utc};

/// An instant without its part of a second. A leap second (`23:59:60`) is the second before it, as
/// clocks that know none show it: a schedule from it must not ask every day for a `:60`.
#[must_use]
pub fn whole_second(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

#[cfg(test)]
#[path = "whole_second_tests.rs"]
mod tests;
