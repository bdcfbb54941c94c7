//! Why an occurrence is when it is, in words that clients see.

use std::fmt;

use chrono::{NaiveDate, NaiveDateTime, Timelike, Weekday};
use serde::{Deserialize, Serialize};

use super::{AnchorDay, ClockReading, DayOff, weekday_name};

/// Why an occurrence is when it is: every rule that touched its date. Displayed in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Which rule gave the date.
    pub source: Source,
    /// What the month's length did to the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<DayRule>,
    /// The day off that it was moved away from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<MovedDay>,
    /// How the wall-clock time was read.
    pub clock: ClockReading,
    /// Whether somebody asked for it to be left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped_by_request: bool,
}

/// Which rule gave a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// It is the anchor itself.
    Anchor,
    /// The anchor plus so many intervals.
    Interval(u32),
    /// The first anchor day of the month after the start, plus so many intervals.
    AnchorDay(AnchorDay, u32),
    /// The first anchor day of the week after the start, plus so many intervals.
    AnchorWeekday(#[serde(with = "weekday_name")] Weekday, u32),
    /// The cron expression fires then.
    Cron,
    /// A record says so: the date was computed earlier, or set by somebody.
    Recorded,
    /// Somebody moved it there.
    Rescheduled,
}

/// What the length of a month did to a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayRule {
    /// The month is too short for this day; its last day was taken.
    ClampedFrom(u32),
    /// The anchor is this day, the last of its month, and month ends stay month ends.
    MonthEndKeptFrom(u32),
}

/// The day off that an occurrence was moved away from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MovedDay {
    /// Where it would have been.
    pub from: NaiveDate,
    /// Why it is not there.
    pub day_off: DayOff,
}

impl Reason {
    /// A date that no clock change, no month's end and no calendar has touched.
    #[must_use]
    pub const fn plain(source: Source) -> Self {
        Self {
            source,
            day: None,
            moved: None,
            clock: ClockReading::Plain,
            skipped_by_request: false,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = match self {
            Self::Anchor => return f.write_str("anchor"),
            Self::Cron => return f.write_str("cron expression"),
            Self::Recorded => return f.write_str("as recorded"),
            Self::Rescheduled => return f.write_str("rescheduled by request"),
            Self::Interval(count) => {
                f.write_str("anchor")?;
                *count
            }
            Self::AnchorDay(day, count) => {
                write!(f, "anchor day {day}")?;
                *count
            }
            Self::AnchorWeekday(weekday, count) => {
                write!(f, "anchor weekday {}", weekday_name::weekday_name(*weekday))?;
                *count
            }
        };
        match count {
            0 => Ok(()),
            1 => f.write_str(" plus 1 interval"),
            _ => write!(f, " plus {count} intervals"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        match self.day {
            None => {}
            Some(DayRule::ClampedFrom(day)) => write!(f, ", clamped from {day}")?,
            Some(DayRule::MonthEndKeptFrom(day)) => write!(f, ", month end kept from {day}")?,
        }
        if let Some(MovedDay { from, day_off }) = self.moved {
            let name = match day_off {
                DayOff::Holiday => "holiday",
                DayOff::Weekend => "weekend",
                DayOff::NoSuchDate => "missing date",
            };
            write!(f, ", {name} moved from {from}")?;
        }
        match self.clock {
            ClockReading::Plain => {}
            ClockReading::GapMoved { from } => write!(f, ", gap moved from {}", time_of(from))?,
            ClockReading::GapShifted { from } => {
                write!(f, ", gap shifted from {}", time_of(from))?;
            }
            ClockReading::FirstPass => f.write_str(", first pass of overlap")?,
            ClockReading::SecondPass => f.write_str(", second pass of overlap")?,
        }
        if self.skipped_by_request {
            f.write_str(", skipped by request")?;
        }
        Ok(())
    }
}

/// `02:30`, with seconds only where there are any.
fn time_of(local: NaiveDateTime) -> impl fmt::Display {
    let format = if local.second() == 0 && local.nanosecond() == 0 { "%H:%M" } else { "%H:%M:%S" };
    local.format(format)
}
