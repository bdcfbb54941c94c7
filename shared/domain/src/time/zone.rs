//! From wall-clock time to an instant: what happens where clocks jump.

use crate::time::Zone;
use chrono::{
    DateTime, Datelike, Days, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime,
    Offset, TimeDelta, TimeZone, Utc,
};
use serde::{Deserialize, Serialize};

use super::GapPolicy;

/// How a wall-clock time was read in a zone whose clocks may jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "rule")]
pub enum ClockReading {
    /// The wall-clock time exists exactly once, or the rule counts elapsed time.
    Plain,
    /// Clocks jumped over the wall-clock time; the first instant after the jump was taken.
    GapMoved {
        /// The wall-clock time that does not exist.
        from: NaiveDateTime,
    },
    /// Clocks jumped over the wall-clock time; it was put off by the length of the jump.
    GapShifted {
        /// The wall-clock time that does not exist.
        from: NaiveDateTime,
    },
    /// The wall-clock time happens twice; the first pass was taken.
    FirstPass,
    /// The wall-clock time happens twice; this is the second pass. Only cron expressions have it.
    SecondPass,
}

impl ClockReading {
    /// The wall-clock time that was asked for, where clocks jump over it.
    pub(super) const fn gap(self) -> Option<NaiveDateTime> {
        match self {
            Self::GapMoved { from } | Self::GapShifted { from } => Some(from),
            Self::Plain | Self::FirstPass | Self::SecondPass => None,
        }
    }
}

/// Every instant that schedules deal with lies in the years 1 to 9999.
pub(super) fn in_range(at: DateTime<Utc>) -> bool {
    (1..=9999).contains(&at.year())
}

/// The last second of the year 9999.
pub(super) fn last_instant() -> DateTime<Utc> {
    const SECONDS: i64 = 253_402_300_799;
    DateTime::from_timestamp(SECONDS, 0).unwrap_or_default()
}

/// The wall-clock time of an instant, if the instant is within the years that schedules deal with.
pub(super) fn wall_clock(zone: Zone, at: DateTime<Utc>) -> Option<NaiveDateTime> {
    in_range(at).then(|| at.with_timezone(&zone).naive_local())
}

/// The instants that show a wall-clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instants {
    /// Just one.
    Once(DateTime<Utc>),
    /// Two: first and second pass of an overlap.
    Twice(DateTime<Utc>, DateTime<Utc>),
    /// None: clocks jumped over it.
    JumpedOver {
        /// The first instant after the jump.
        first_valid: DateTime<Utc>,
        /// The instant that is later by the length of the jump.
        shifted: DateTime<Utc>,
    },
}

/// What a wall-clock time comes to under a rule for gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// An instant, and how it was found.
    At(DateTime<Utc>, ClockReading),
    /// Nothing: clocks jump over it, and the rule is to skip it.
    Skipped,
}

/// Finds the instants of a wall-clock time; `None` outside the years 1 to 9999.
pub(super) fn instants(zone: Zone, local: NaiveDateTime) -> Option<Instants> {
    if !(1..=9999).contains(&local.year()) {
        return None;
    }
    let found = match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => Instants::Once(at.to_utc()),
        LocalResult::Ambiguous(one, other) => {
            let (one, other) = (one.to_utc(), other.to_utc());
            Instants::Twice(one.min(other), one.max(other))
        }
        LocalResult::None => jumped_over(zone, local)?,
    };
    let first = match found {
        Instants::Once(at) | Instants::Twice(at, _) => at,
        Instants::JumpedOver { first_valid, .. } => first_valid,
    };
    in_range(first).then_some(found)
}

fn jumped_over(zone: Zone, local: NaiveDateTime) -> Option<Instants> {
    let jump = zone.jump_over(&local)?;
    let ahead = |offset: FixedOffset| TimeDelta::seconds(i64::from(offset.local_minus_utc()));
    // Until the jump, clocks run by the old offset, in which even the missing time has an instant.
    let shifted = local.checked_sub_signed(ahead(jump.before))?.and_utc();
    let still_before = local.checked_sub_signed(ahead(jump.after))?.and_utc();
    Some(Instants::JumpedOver { first_valid: zone.change_after(still_before)?, shifted })
}

/// Reads a fixed wall-clock time, in an overlap on the first pass. `None` outside the years 1 to
/// 9999.
///
/// With [`GapPolicy::FirstValid`] this is the earliest instant at which the clock shows `local` or
/// later, so later wall-clock times never come out earlier.
pub(super) fn read(zone: Zone, local: NaiveDateTime, gap: GapPolicy) -> Option<Reading> {
    Some(match (instants(zone, local)?, gap) {
        (Instants::Once(at), _) => Reading::At(at, ClockReading::Plain),
        (Instants::Twice(first, _), _) => Reading::At(first, ClockReading::FirstPass),
        (Instants::JumpedOver { first_valid, .. }, GapPolicy::FirstValid) => {
            Reading::At(first_valid, ClockReading::GapMoved { from: local })
        }
        (Instants::JumpedOver { shifted, .. }, GapPolicy::Shift) => {
            Reading::At(shifted, ClockReading::GapShifted { from: local })
        }
        (Instants::JumpedOver { .. }, GapPolicy::Skip) => Reading::Skipped,
    })
}

/// The earliest instant at which the clock shows `local` or later.
pub(crate) fn first_instant(
    zone: Zone,
    local: NaiveDateTime,
) -> Option<(DateTime<Utc>, ClockReading)> {
    match read(zone, local, GapPolicy::FirstValid)? {
        Reading::At(at, clock) => Some((at, clock)),
        Reading::Skipped => None,
    }
}

/// Whether the zone's clocks ever show a date.
pub(super) fn shows_date(zone: Zone, date: NaiveDate) -> bool {
    let exists = |hour| {
        let time = NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
        !matches!(zone.from_local_datetime(&date.and_time(time)), LocalResult::None)
    };
    exists(12) || (0..24).any(exists)
}

/// How far ahead of UTC clocks are throughout a date, when they do not change on it.
pub(super) fn steady_offset(zone: Zone, date: NaiveDate) -> Option<TimeDelta> {
    let start = date.and_time(NaiveTime::MIN);
    let end = start.checked_add_days(Days::new(1))?;
    match (zone.offset_from_local_datetime(&start), zone.offset_from_local_datetime(&end)) {
        (LocalResult::Single(one), LocalResult::Single(other)) if one.fix() == other.fix() => {
            Some(TimeDelta::seconds(i64::from(one.fix().local_minus_utc())))
        }
        _ => None,
    }
}
