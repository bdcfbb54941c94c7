//! One occurrence after the other.

use std::iter::FusedIterator;

use super::{Occurrence, Schedule, ScheduleError};

/// The occurrences of a schedule in order, without the numbers that its rules leave out.
///
/// It ends with the schedule: at the end of the calendar or of the numbers. An error ends it too,
/// and is given once; only the first occurrence and a cron expression have any.
#[derive(Clone, Debug)]
pub struct Occurrences<'a> {
    schedule: &'a Schedule,
    /// The one given last, or the error; `None` at the end.
    next: Option<Step>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    First(Result<Occurrence, ScheduleError>),
    After(Occurrence),
}

impl<'a> Occurrences<'a> {
    pub(super) const fn new(
        schedule: &'a Schedule,
        first: Result<Occurrence, ScheduleError>,
    ) -> Self {
        Self { schedule, next: Some(Step::First(first)) }
    }
}

impl Iterator for Occurrences<'_> {
    type Item = Result<Occurrence, ScheduleError>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = match self.next.take()? {
            Step::First(first) => first,
            Step::After(previous) => match self.schedule.following(previous.slot()) {
                Err(error) if error.is_end() => return None,
                found => found,
            },
        };
        self.next = found.ok().map(Step::After);
        Some(found)
    }
}

impl FusedIterator for Occurrences<'_> {}

#[cfg(test)]
#[path = "occurrences_tests.rs"]
mod tests;
