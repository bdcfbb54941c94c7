//! The settings of proration, each with its default.

use serde::{Deserialize, Serialize};

use crate::{money::Rounding, time::Zone};

/// What a period is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Local calendar days, half-open: the first day counts, the day of the end does not. The day
    /// on which clocks change is a day like any other.
    #[default]
    Day,
    /// Elapsed seconds: a local day has 23 hours or 25 when clocks change.
    Second,
}

/// What the whole of a period is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denominator {
    /// As many units as the period has.
    #[default]
    Actual,
    /// Every month has 30 days: the day count 30E/360 of the ISDA Definitions 2006, 4.16(g).
    #[serde(rename = "fixed_30")]
    Fixed30,
}

/// What a credit is computed from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditBase {
    /// What was charged: who paid half price gets half price back.
    #[default]
    Charged,
    /// The list price, though never more than what was charged.
    List,
}

/// Who pays for the day on which a subscription ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerminationDay {
    /// It is given back. Counted in seconds: everything from the instant of termination on.
    #[default]
    Free,
    /// It is kept; giving back starts with the next local day.
    Billed,
}

/// How an organization prorates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whose calendar days are counted.
    pub time_zone: Zone,
    /// Days or seconds.
    #[serde(default)]
    pub unit: Unit,
    /// The actual period, or months of 30 days.
    #[serde(default)]
    pub denominator: Denominator,
    /// How the exact share becomes whole minor units.
    #[serde(default)]
    pub rounding: Rounding,
    /// What credits are computed from.
    #[serde(default)]
    pub credit_base: CreditBase,
    /// Whether the day of termination is billed.
    #[serde(default)]
    pub termination_day: TerminationDay,
}

impl Policy {
    /// Every default, on the calendar of a zone.
    #[must_use]
    pub fn defaults_in(time_zone: Zone) -> Self {
        Self {
            time_zone,
            unit: Unit::default(),
            denominator: Denominator::default(),
            rounding: Rounding::default(),
            credit_base: CreditBase::default(),
            termination_day: TerminationDay::default(),
        }
    }
}
