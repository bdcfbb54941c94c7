//! When occurrence n is: frequency, anchor, zone and rules together.

use crate::time::Zone;
use chrono::{DateTime, FixedOffset, Offset, TimeDelta, Timelike, Utc};
use serde::{Deserialize, Serialize};

use super::{
    CronExpression, Frequency, Occurrence, OccurrenceNumber, Occurrences, Reason, RuleError,
    ScheduleRules, Slot, Source,
    firing::{Firing, Firings},
    grid::Grid,
    interval::Step,
    interval_dates::{IntervalDates, Timing},
    schedule_error::{MAXIMUM_FIRINGS, ScheduleError},
    whole_second, zone,
};

/// A frequency from an anchor on, on the wall clock of a zone, by certain rules. Cheap to clone.
///
/// The anchor is occurrence 0 (or [`ScheduleRules::anchor_number`]), whatever day it falls on. For
/// intervals, occurrence n is the anchor's wall-clock time plus n intervals, clamped to the month's
/// end (hours: plus elapsed time). For cron, it is the n-th firing after the anchor. Occurrences are
/// strictly monotone: a later number is a later instant. Rules may leave numbers of an interval out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct Schedule {
    frequency: Frequency,
    anchor: DateTime<Utc>,
    zone: Zone,
    rules: ScheduleRules,
    /// What follows from the rest, computed once.
    timing: Timing,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    frequency: Frequency,
    anchor: DateTime<Utc>,
    zone: Zone,
    #[serde(default, skip_serializing_if = "ScheduleRules::is_default")]
    rules: ScheduleRules,
}

/// The last occurrence that has come, and how many before it were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatestDue {
    /// The latest occurrence at or before the given instant.
    pub occurrence: Occurrence,
    /// How many numbers, from the expected one on, come before it.
    pub skipped: u32,
}

impl Schedule {
    /// A schedule whose occurrence 0 is `anchor`, by the default rules. It counts
    /// [whole seconds](whole_second), so parts of one are dropped.
    #[must_use]
    pub fn new(frequency: Frequency, anchor: DateTime<Utc>, zone: Zone) -> Self {
        Self::assemble(frequency, anchor, zone, ScheduleRules::default())
    }

    /// The same schedule by other rules.
    ///
    /// # Errors
    ///
    /// [`RuleError`] names the field that has no meaning for the frequency.
    pub fn with_rules(self, rules: ScheduleRules) -> Result<Self, RuleError> {
        rules.check(&self.frequency)?;
        if let Some(local) = rules.anchor_local {
            let belongs = zone::first_instant(self.zone, local)
                .is_some_and(|(at, clock)| at == self.anchor && clock.gap().is_some());
            let is_anchors = belongs || zone::wall_clock(self.zone, self.anchor) == Some(local);
            if !is_anchors || local.nanosecond() != 0 {
                return Err(RuleError::AnchorLocal { local });
            }
        }
        Ok(Self::assemble(self.frequency, self.anchor, self.zone, rules))
    }

    /// `rules` are checked for the frequency and the anchor.
    pub(super) fn assemble(
        frequency: Frequency,
        anchor: DateTime<Utc>,
        zone: Zone,
        rules: ScheduleRules,
    ) -> Self {
        let anchor = whole_second(anchor);
        let timing = match (zone::wall_clock(zone, anchor), frequency.step()) {
            (None, _) => Timing::Never,
            (Some(_), None) => Timing::Cron,
            (Some(_), Some(Step::Hours(every))) => Timing::Hours(every),
            (Some(local), Some(step)) => {
                Grid::new(rules.anchor_local.unwrap_or(local), step, &rules)
                    .map_or(Timing::Never, Timing::Dates)
            }
        };
        Self { frequency, anchor, zone, rules, timing }
    }

    /// How often.
    #[must_use]
    pub const fn frequency(&self) -> &Frequency {
        &self.frequency
    }

    /// The instant of the first occurrence.
    #[must_use]
    pub const fn anchor(&self) -> DateTime<Utc> {
        self.anchor
    }

    /// Whose wall clock counts.
    #[must_use]
    pub const fn zone(&self) -> Zone {
        self.zone
    }

    /// The rules of its dates.
    #[must_use]
    pub const fn rules(&self) -> &ScheduleRules {
        &self.rules
    }

    /// What the zone's clocks show at an instant, with their offset from UTC.
    #[must_use]
    pub fn local(&self, at: DateTime<Utc>) -> DateTime<FixedOffset> {
        let local = at.with_timezone(&self.zone);
        local.with_timezone(&local.offset().fix())
    }

    /// Whether the frequency itself comes to the anchor: always for intervals, for cron when the
    /// expression fires then.
    #[must_use]
    pub fn fires_at_anchor(&self) -> bool {
        match &self.frequency {
            Frequency::Named(_) | Frequency::Every(_) => true,
            Frequency::Cron(cron) => self
                .anchor
                .checked_sub_signed(TimeDelta::nanoseconds(1))
                .and_then(|before| self.firings(cron).next_after(before))
                .is_some_and(|firing| firing.at == self.anchor),
        }
    }

    /// Computes occurrence `number`. For intervals in constant time; a cron expression is counted
    /// through from the anchor, so prefer [`Schedule::following`] there.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::OutOfRange`], [`ScheduleError::BeforeAnchor`], for intervals
    /// [`ScheduleError::LeftOut`] and for cron [`ScheduleError::TooManyFirings`].
    pub fn occurrence(&self, number: OccurrenceNumber) -> Result<Occurrence, ScheduleError> {
        let anchor = self.anchor_occurrence()?;
        let first = anchor.number;
        let Some(index) = number.get().checked_sub(first.get()) else {
            return Err(ScheduleError::BeforeAnchor { number, first });
        };
        if index == 0 {
            return Ok(anchor);
        }
        match &self.frequency {
            Frequency::Named(_) | Frequency::Every(_) => self.interval_dates().occurrence(index),
            Frequency::Cron(_) if index > MAXIMUM_FIRINGS => Err(ScheduleError::TooManyFirings),
            Frequency::Cron(cron) => {
                let mut occurrence = self.next_firing(cron, anchor.slot())?;
                while occurrence.number < number {
                    occurrence = self.next_firing(cron, occurrence.slot())?;
                }
                Ok(occurrence)
            }
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

    /// The occurrence after a given one, in constant time for intervals and cron alike. Numbers
    /// that a rule leaves out are passed over.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::OutOfRange`] at the end of the calendar, or
    /// [`ScheduleError::NumbersExhausted`] after the last number.
    pub fn following(&self, previous: Slot) -> Result<Occurrence, ScheduleError> {
        if let Frequency::Cron(cron) = &self.frequency {
            return self.next_firing(cron, previous);
        }
        let mut number = previous.number;
        loop {
            number = number.next().ok_or(ScheduleError::NumbersExhausted)?;
            match self.occurrence(number) {
                // Days off come to an end: a calendar leaves a day to work on in every week, and
                // its holidays are limited.
                Err(ScheduleError::LeftOut { .. }) => {}
                found => return found,
            }
        }
    }

    /// All occurrences from the anchor on.
    ///
    /// For cron that includes the anchor whether or not the expression fires then.
    #[must_use]
    pub fn occurrences(&self) -> Occurrences<'_> {
        Occurrences::new(self, self.anchor_occurrence())
    }

    /// A known occurrence and all that follow it.
    #[must_use]
    pub fn occurrences_from(&self, known: Slot) -> Occurrences<'_> {
        Occurrences::new(self, self.explained(known))
    }

    /// All occurrences strictly after an instant. For cron, see [`Schedule::next_after`].
    #[must_use]
    pub fn occurrences_after(&self, after: DateTime<Utc>) -> Occurrences<'_> {
        let first =
            self.anchor_occurrence().and_then(|anchor| self.first_after(anchor.slot(), after));
        Occurrences::new(self, first)
    }

    /// The latest occurrence at or before `now`, from the expected one on; `None` when even that
    /// one is still to come.
    ///
    /// Takes constant time for intervals, but for numbers left out; a cron expression is followed
    /// firing by firing.
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
            Frequency::Named(_) | Frequency::Every(_) => {
                self.interval_dates().latest_after(expected.number, now).unwrap_or(expected)
            }
        };
        let skipped = occurrence.number.get() - expected.number.get();
        Ok(Some(LatestDue { occurrence, skipped }))
    }

    /// Gives a recorded occurrence its reason back, where its instant is the computed one. Another
    /// instant was set by somebody, or by earlier rules: it is kept, and said to be recorded.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::OutOfRange`] when it is outside the calendar.
    pub fn explained(&self, recorded: Slot) -> Result<Occurrence, ScheduleError> {
        let Slot { number, at } = recorded;
        if !zone::in_range(at) {
            return Err(ScheduleError::OutOfRange);
        }
        let computed = match &self.frequency {
            Frequency::Cron(cron) if number != self.rules.anchor_number => at
                .checked_sub_signed(TimeDelta::seconds(1))
                .and_then(|before| self.firings(cron).next_after(before))
                .map(|firing| fired(number, &firing)),
            Frequency::Cron(_) | Frequency::Named(_) | Frequency::Every(_) => {
                match self.occurrence(number) {
                    Ok(computed) => Some(computed),
                    Err(ScheduleError::LeftOut { .. } | ScheduleError::BeforeAnchor { .. }) => None,
                    Err(error) => return Err(error),
                }
            }
        };
        Ok(computed.filter(|computed| computed.at == at).unwrap_or(Occurrence {
            number,
            at,
            reason: Reason::plain(Source::Recorded),
        }))
    }

    /// As [`Schedule::explained`]; what is known besides is that the anchor's own run was moved by a day
    /// off. Counting goes on from the anchor, so its occurrence stays on its own date.
    ///
    /// # Errors
    ///
    /// As [`Schedule::explained`].
    pub fn explained_in_full(&self, recorded: Slot) -> Result<Occurrence, ScheduleError> {
        let explained = self.explained(recorded)?;
        let interval = !matches!(self.frequency, Frequency::Cron(_));
        if interval
            && explained.reason.source == Source::Recorded
            && recorded.number == self.rules.anchor_number
            && let Ok(moved) = self.interval_dates().occurrence(0)
            && moved.at == recorded.at
        {
            let reason = Reason { source: Source::Anchor, ..moved.reason };
            return Ok(Occurrence { reason, ..moved });
        }
        Ok(explained)
    }

    pub(super) fn anchor_occurrence(&self) -> Result<Occurrence, ScheduleError> {
        if !zone::in_range(self.anchor) {
            return Err(ScheduleError::OutOfRange);
        }
        let number = self.rules.anchor_number;
        Ok(Occurrence { number, ..Occurrence::anchor(self.anchor) })
    }

    pub(super) const fn timing(&self) -> &Timing {
        &self.timing
    }

    pub(super) const fn interval_dates(&self) -> IntervalDates<'_> {
        IntervalDates::new(self)
    }

    fn firings<'a>(&'a self, cron: &'a CronExpression) -> Firings<'a> {
        Firings::new(cron, self.zone, &self.rules)
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
        let firing = self.firings(cron).next_after(previous.at).ok_or(ScheduleError::OutOfRange)?;
        Ok(fired(number, &firing))
    }
}

fn fired(number: OccurrenceNumber, firing: &Firing) -> Occurrence {
    Occurrence { number, at: firing.at, reason: firing.reason() }
}

impl TryFrom<Record> for Schedule {
    type Error = RuleError;

    fn try_from(record: Record) -> Result<Self, Self::Error> {
        let Record { frequency, anchor, zone, rules } = record;
        Self::new(frequency, anchor, zone).with_rules(rules)
    }
}

impl From<Schedule> for Record {
    fn from(schedule: Schedule) -> Self {
        let Schedule { frequency, anchor, zone, rules, timing: _ } = schedule;
        Self { frequency, anchor, zone, rules }
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
