//! When occurrence n is: frequency, anchor and zone together.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    ClockReading, CronExpression, Frequency, Occurrence, OccurrenceNumber, Reason, Slot, Source,
    anchor, interval::Step, zone,
};

/// How many firings of a cron expression are counted through in one go: more than eleven years of
/// the most frequent one.
const MAXIMUM_FIRINGS: u32 = 100_000;

/// A frequency from an anchor on, on the wall clock of a zone.
///
/// Occurrence 0 is the anchor. For intervals, occurrence n is the anchor's wall-clock time plus n
/// intervals, clamped to the month's end (hours: plus elapsed time). For cron, it is the n-th firing
/// after the anchor. Occurrences are strictly monotone: a later number is a later instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    frequency: Frequency,
    anchor: DateTime<Utc>,
    zone: Tz,
}

/// Why a schedule has no answer. Trying again cannot help.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ScheduleError {
    /// The date would lie outside the years 1 to 9999.
    #[error("the schedule has no occurrence there: dates must be in the years 1 to 9999")]
    OutOfRange,
    /// The numbers of a schedule have run out.
    #[error("the schedule has no more occurrence numbers")]
    NumbersExhausted,
    /// A cron expression would have to be counted through for longer than is sensible.
    #[error("the cron expression fires more than {MAXIMUM_FIRINGS} times until then")]
    TooManyFirings,
}

/// The last occurrence that has come, and how many before it were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatestDue {
    /// The latest occurrence at or before the given instant.
    pub occurrence: Occurrence,
    /// How many occurrences, from the expected one on, came before it.
    pub skipped: u32,
}

impl Schedule {
    /// A schedule whose occurrence 0 is `anchor`.
    #[must_use]
    pub const fn new(frequency: Frequency, anchor: DateTime<Utc>, zone: Tz) -> Self {
        Self { frequency, anchor, zone }
    }

    /// How often.
    #[must_use]
    pub const fn frequency(&self) -> &Frequency {
        &self.frequency
    }

    /// The instant of occurrence 0.
    #[must_use]
    pub const fn anchor(&self) -> DateTime<Utc> {
        self.anchor
    }

    /// Whose wall clock counts.
    #[must_use]
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// Computes occurrence `number`. For intervals in constant time; a cron expression is counted
    /// through from the anchor, so prefer [`Schedule::following`] there.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::OutOfRange`], and for cron [`ScheduleError::TooManyFirings`].
    pub fn occurrence(&self, number: OccurrenceNumber) -> Result<Occurrence, ScheduleError> {
        let anchor = self.anchor_occurrence()?;
        if number == OccurrenceNumber::ANCHOR {
            return Ok(anchor);
        }
        match (&self.frequency, self.frequency.step()) {
            (Frequency::Cron(cron), _) => {
                if number.get() > MAXIMUM_FIRINGS {
                    return Err(ScheduleError::TooManyFirings);
                }
                let mut occurrence = self.next_firing(cron, anchor.slot())?;
                while occurrence.number < number {
                    occurrence = self.next_firing(cron, occurrence.slot())?;
                }
                Ok(occurrence)
            }
            (_, Some(step)) => self.nth_interval(step, number).ok_or(ScheduleError::OutOfRange),
            (_, None) => Err(ScheduleError::OutOfRange),
        }
    }

    /// The first occurrence strictly after an instant; `None` when the calendar ends before it.
    ///
    /// For cron the number counts from the anchor, which takes as long as there are firings in
    /// between; use [`Schedule::first_after`] when a later occurrence is known.
    #[must_use]
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<Occurrence> {
        self.first_after(self.anchor_occurrence().ok()?.slot(), after).ok()
    }

    /// The first occurrence strictly after an instant, counted on from a known occurrence, which is
    /// itself the answer when it is still to come.
    ///
    /// # Errors
    ///
    /// As [`Schedule::latest_due`] and [`Schedule::following`].
    pub fn first_after(
        &self,
        known: Slot,
        after: DateTime<Utc>,
    ) -> Result<Occurrence, ScheduleError> {
        match self.latest_due(known, after)? {
            Some(latest) => self.following(latest.occurrence.slot()),
            None => self.explained(known),
        }
    }

    /// The occurrence after a given one, in constant time for intervals and cron alike.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::OutOfRange`] at the end of the calendar, or
    /// [`ScheduleError::NumbersExhausted`] after the last number.
    pub fn following(&self, previous: Slot) -> Result<Occurrence, ScheduleError> {
        match &self.frequency {
            Frequency::Cron(cron) => self.next_firing(cron, previous),
            Frequency::Named(_) | Frequency::Every(_) => {
                let next = previous.number.next().ok_or(ScheduleError::NumbersExhausted)?;
                self.occurrence(next)
            }
        }
    }

    /// The latest occurrence at or before `now`, from the expected one on; `None` when even that
    /// one is still to come.
    ///
    /// Takes O(log n) steps for intervals; a cron expression is followed firing by firing.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::OutOfRange`] when the expected occurrence is outside the calendar, and for
    /// cron [`ScheduleError::TooManyFirings`].
    pub fn latest_due(
        &self,
        next: Slot,
        now: DateTime<Utc>,
    ) -> Result<Option<LatestDue>, ScheduleError> {
        let expected = self.explained(next)?;
        if expected.at > now {
            return Ok(None);
        }
        let occurrence = match &self.frequency {
            Frequency::Cron(cron) => self.latest_firing(cron, expected, now)?,
            Frequency::Named(_) | Frequency::Every(_) => self.latest_interval(expected, now),
        };
        let skipped = occurrence.number.get() - expected.number.get();
        Ok(Some(LatestDue { occurrence, skipped }))
    }

    /// Gives a recorded occurrence its reason back, where its instant is the computed one. Another
    /// instant was set by somebody: it is kept, and said to be recorded.
    pub(super) fn explained(&self, recorded: Slot) -> Result<Occurrence, ScheduleError> {
        let Slot { number, at } = recorded;
        if !zone::in_range(at) {
            return Err(ScheduleError::OutOfRange);
        }
        let computed = match &self.frequency {
            Frequency::Named(_) | Frequency::Every(_) => Some(self.occurrence(number)?),
            Frequency::Cron(_) if number == OccurrenceNumber::ANCHOR => {
                Some(self.anchor_occurrence()?)
            }
            Frequency::Cron(cron) => at
                .checked_sub_signed(TimeDelta::seconds(1))
                .and_then(|before| cron.next_after(self.zone, before))
                .map(|firing| Occurrence {
                    number,
                    at: firing.at,
                    reason: Reason::cron(firing.clock),
                }),
        };
        Ok(computed.filter(|computed| computed.at == at).unwrap_or(Occurrence {
            number,
            at,
            reason: Reason::plain(Source::Recorded),
        }))
    }

    fn anchor_occurrence(&self) -> Result<Occurrence, ScheduleError> {
        if zone::in_range(self.anchor) {
            Ok(Occurrence::anchor(self.anchor))
        } else {
            Err(ScheduleError::OutOfRange)
        }
    }

    fn nth_interval(&self, step: Step, number: OccurrenceNumber) -> Option<Occurrence> {
        let times = |every: u32| u64::from(every) * u64::from(number.get());
        let local = || zone::wall_clock(self.zone, self.anchor);
        let (date, one_day) = match step {
            Step::Hours(every) => {
                let elapsed = TimeDelta::try_hours(i64::try_from(times(every.get())).ok()?)?;
                let at =
                    self.anchor.checked_add_signed(elapsed).filter(|at| zone::in_range(*at))?;
                let reason = Reason::interval(None, ClockReading::Plain);
                return Some(Occurrence { number, at, reason });
            }
            Step::Days(every) => {
                (anchor::plus_days(local()?, times(every.get()))?, every.get() == 1)
            }
            Step::Months(every) => (anchor::plus_months(local()?, times(every.get()))?, false),
        };
        let (mut at, clock) = zone::first_instant(self.zone, date.local)?;
        if one_day && matches!(clock, ClockReading::GapMoved { .. }) {
            // A zone that leaves out a whole day (Samoa, 30 December 2011) would put midnight of
            // that day and of the next on one instant: the left-out one ends just before the jump.
            let tomorrow = anchor::plus_days(date.local, 1)?;
            if zone::first_instant(self.zone, tomorrow.local)?.0 == at {
                at = at.checked_sub_signed(TimeDelta::seconds(1))?;
            }
        }
        Some(Occurrence { number, at, reason: Reason::interval(date.clamped_from, clock) })
    }

    /// Doubles the distance until it is too far, then halves: occurrences are monotone.
    fn latest_interval(&self, expected: Occurrence, now: DateTime<Utc>) -> Occurrence {
        let due = |number: u32| {
            self.occurrence(OccurrenceNumber::new(number)).ok().filter(|found| found.at <= now)
        };
        let mut latest = expected;
        let mut distance = 1_u32;
        while let Some(found) = latest.number.get().checked_add(distance).and_then(due) {
            latest = found;
            distance = distance.saturating_mul(2);
        }
        while distance > 1 {
            distance /= 2;
            if let Some(found) = latest.number.get().checked_add(distance).and_then(due) {
                latest = found;
            }
        }
        latest
    }

    fn latest_firing(
        &self,
        cron: &CronExpression,
        expected: Occurrence,
        now: DateTime<Utc>,
    ) -> Result<Occurrence, ScheduleError> {
        let mut latest = expected;
        for _ in 0..MAXIMUM_FIRINGS {
            match self.next_firing(cron, latest.slot()) {
                Ok(following) if following.at <= now => latest = following,
                Ok(_) | Err(ScheduleError::OutOfRange) => return Ok(latest),
                Err(error) => return Err(error),
            }
        }
        Err(ScheduleError::TooManyFirings)
    }

    fn next_firing(
        &self,
        cron: &CronExpression,
        previous: Slot,
    ) -> Result<Occurrence, ScheduleError> {
        let number = previous.number.next().ok_or(ScheduleError::NumbersExhausted)?;
        let firing = cron.next_after(self.zone, previous.at).ok_or(ScheduleError::OutOfRange)?;
        Ok(Occurrence { number, at: firing.at, reason: Reason::cron(firing.clock) })
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
