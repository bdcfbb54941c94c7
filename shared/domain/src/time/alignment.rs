//! Several subscriptions on one day: each gets the common anchor day, and a stub up to it.

use chrono::Weekday;
use thiserror::Error;

use super::{
    AnchorDay, RuleError, Schedule, ScheduleError, ScheduleRules, Slot, Source, Stub, zone,
};

/// The day that several schedules are to have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommonDay {
    /// A day of the month, for frequencies of months and years.
    OfMonth(AnchorDay),
    /// A day of the week, for frequencies of weeks.
    OfWeek(Weekday),
}

/// A schedule on the common day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aligned {
    /// The schedule, anchored at the occurrence from which on it was aligned.
    pub schedule: Schedule,
    /// The partial period up to the common day; `None` when that occurrence is on it already.
    pub stub: Option<Stub>,
}

/// Why a schedule cannot come to the common day.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AlignmentError {
    /// Its frequency does not count such days.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// Its dates cannot be computed.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

/// The first schedule of several that cannot come to the common day.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("schedule {position}: {reason}")]
pub struct CannotAlign {
    /// Its place among those given, from 0.
    pub position: usize,
    /// Why.
    pub reason: AlignmentError,
}

impl Schedule {
    /// The schedule from an occurrence on, with a common day. That occurrence keeps its number and
    /// instant, so a period that is paid for stays whole; the stub follows it.
    ///
    /// To align a schedule from its start, give its anchor.
    ///
    /// # Errors
    ///
    /// [`AlignmentError`] when the frequency has no such day or the dates leave the calendar.
    pub fn aligned(&self, from: Slot, day: CommonDay) -> Result<Aligned, AlignmentError> {
        let (anchor_day, anchor_weekday) = match day {
            CommonDay::OfMonth(day) => (Some(day), None),
            CommonDay::OfWeek(weekday) => (None, Some(weekday)),
        };
        let schedule = self.counted_from(from, anchor_day, anchor_weekday)?;
        let stub = schedule.stub()?;
        Ok(Aligned { schedule, stub })
    }

    /// The schedule from an occurrence on, by another anchor day, or none. That occurrence keeps its
    /// number; the time of day stays, also where somebody put the occurrence at another.
    ///
    /// # Errors
    ///
    /// [`AlignmentError`] when the frequency has no such day or the dates leave the calendar.
    pub(crate) fn counted_from(
        &self,
        from: Slot,
        anchor_day: Option<AnchorDay>,
        anchor_weekday: Option<Weekday>,
    ) -> Result<Self, AlignmentError> {
        let anchor_number = from.number;
        let rules =
            ScheduleRules { anchor_day, anchor_weekday, anchor_number, ..self.rules().clone() };
        rules.check(self.frequency())?;
        let nominal = self.nominal(from)?;
        let shown = zone::wall_clock(self.zone(), from.at).ok_or(ScheduleError::OutOfRange)?;
        // Where a day off put it later, the common day may not come at the same time or before it.
        let date = nominal.date().max(shown.date());
        let was_set = self.explained(from)?.reason.source == Source::Recorded;
        let time = if was_set { self.anchor_local()?.time() } else { nominal.time() };
        Ok(self.anchored(self.zone(), date.and_time(time), from.at, rules)?)
    }
}

/// Brings several schedules to one day, each from the occurrence given with it. The wall-clock time
/// and the zone of each stay its own.
///
/// # Errors
///
/// [`CannotAlign`] names the first one that cannot; then none is aligned.
pub fn align<'a>(
    schedules: impl IntoIterator<Item = (&'a Schedule, Slot)>,
    day: CommonDay,
) -> Result<Vec<Aligned>, CannotAlign> {
    schedules
        .into_iter()
        .enumerate()
        .map(|(position, (schedule, from))| {
            schedule.aligned(from, day).map_err(|reason| CannotAlign { position, reason })
        })
        .collect()
}

#[cfg(test)]
#[path = "alignment_tests.rs"]
mod tests;
