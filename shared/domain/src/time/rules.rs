//! What may be set about a schedule's dates beyond frequency, anchor and zone.

use chrono::{NaiveDateTime, Weekday};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{AnchorDay, Frequency, OccurrenceNumber, WorkingDays, interval::Step, weekday_name};

/// The rules of a schedule's dates, each with a default that is not serialized.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleRules {
    /// The day of the month to come to after the start. Only with frequencies of months or years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor_day: Option<AnchorDay>,
    /// The day of the week to come to after the start. Only with frequencies of weeks.
    #[serde(with = "weekday_name::optional", skip_serializing_if = "Option::is_none")]
    pub anchor_weekday: Option<Weekday>,
    /// What becomes of an anchor on the last day of its month. Counts for months and years only,
    /// and not with an `anchor_day`, which says the day itself.
    #[serde(skip_serializing_if = "is_default")]
    pub month_end: MonthEnd,
    /// What becomes of a wall-clock time that clocks jump over.
    #[serde(skip_serializing_if = "is_default")]
    pub dst_gap: GapPolicy,
    /// What becomes of a wall-clock time that happens twice.
    #[serde(skip_serializing_if = "is_default")]
    pub dst_overlap: OverlapPolicy,
    /// The working days, if occurrences keep to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_days: Option<WorkingDays>,
    /// The number of the occurrence at the anchor. Above 0 when a schedule goes on with the
    /// numbers of the one before it, because a number is a licence for one run.
    #[serde(skip_serializing_if = "is_default")]
    pub anchor_number: OccurrenceNumber,
    /// The wall-clock time that dates are counted from, where the zone's clocks jump over it at the
    /// anchor, as may happen when a schedule changes zones. Otherwise the anchor's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor_local: Option<NaiveDateTime>,
}

/// What becomes of an anchor on the last day of its month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonthEnd {
    /// The day of the month counts, clamped in shorter months: 30 June, 30 July.
    #[default]
    Clamp,
    /// A month's end stays a month's end: 30 June, 31 July.
    Sticky,
}

/// What becomes of a wall-clock time that clocks jump over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapPolicy {
    /// The first instant after the jump: 02:30 becomes 03:00.
    #[default]
    FirstValid,
    /// Later by the length of the jump: 02:30 becomes 03:30.
    Shift,
    /// There is no occurrence then. An interval's number is left out.
    Skip,
}

/// What becomes of a fixed wall-clock time of a cron expression that happens twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverlapPolicy {
    /// It fires on the first pass.
    #[default]
    #[serde(rename = "first")]
    FirstPass,
    /// It fires on both passes.
    Both,
}

/// Why rules are refused for a schedule. The text names the field, the value and the rule.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuleError {
    /// A day of the month for a frequency without months.
    #[error(
        "anchor_day {day} needs a frequency of months or years: `{frequency}` does not count them"
    )]
    AnchorDay {
        /// The day.
        day: AnchorDay,
        /// The frequency.
        frequency: String,
    },
    /// A day of the week for a frequency without weeks.
    #[error(
        "anchor_weekday {} needs a frequency of weeks: `{frequency}` does not count them",
        weekday_name::weekday_name(*.weekday)
    )]
    AnchorWeekday {
        /// The day of the week.
        weekday: Weekday,
        /// The frequency.
        frequency: String,
    },
    /// Both passes for an interval.
    #[error(
        "dst_overlap `both` is for cron expressions: `{frequency}` makes one run per period, on \
         the first pass"
    )]
    BothPasses {
        /// The frequency.
        frequency: String,
    },
    /// A wall-clock time that does not belong to the anchor.
    #[error(
        "anchor_local {local} is not the wall-clock time of the anchor, nor one that clocks jump \
         over there"
    )]
    AnchorLocal {
        /// What was given.
        local: NaiveDateTime,
    },
}

impl RuleError {
    /// The field that is refused.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::AnchorDay { .. } => "anchor_day",
            Self::AnchorWeekday { .. } => "anchor_weekday",
            Self::BothPasses { .. } => "dst_overlap",
            Self::AnchorLocal { .. } => "anchor_local",
        }
    }
}

impl ScheduleRules {
    /// Checks that each rule has a meaning for the frequency.
    ///
    /// # Errors
    ///
    /// [`RuleError`] for the first that has none.
    pub fn check(&self, frequency: &Frequency) -> Result<(), RuleError> {
        let step = frequency.step();
        if let Some(day) = self.anchor_day
            && !matches!(step, Some(Step::Months(_)))
        {
            return Err(RuleError::AnchorDay { day, frequency: frequency.to_string() });
        }
        if let Some(weekday) = self.anchor_weekday
            && !matches!(step, Some(Step::Days(days)) if days.get() % 7 == 0)
        {
            return Err(RuleError::AnchorWeekday { weekday, frequency: frequency.to_string() });
        }
        if self.dst_overlap == OverlapPolicy::Both && step.is_some() {
            return Err(RuleError::BothPasses { frequency: frequency.to_string() });
        }
        Ok(())
    }

    /// Whether every rule is the default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        is_default(self)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
