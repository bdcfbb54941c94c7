//! From wall-clock time to an instant: what happens where clocks jump.

use chrono::{DateTime, Datelike, LocalResult, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

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
    /// The wall-clock time happens twice; the first pass was taken.
    FirstPass,
    /// The wall-clock time happens twice; this is the second pass. Only cron expressions with an
    /// interval hour field have it.
    SecondPass,
}

/// Every instant that schedules deal with lies in the years 1 to 9999.
pub(super) fn in_range(at: DateTime<Utc>) -> bool {
    (1..=9999).contains(&at.year())
}

/// The wall-clock time of an instant, if the instant is within the years that schedules deal with.
pub(super) fn wall_clock(zone: Tz, at: DateTime<Utc>) -> Option<NaiveDateTime> {
    in_range(at).then(|| at.with_timezone(&zone).naive_local())
}

/// The instants that show a wall-clock time.
pub(super) enum Instants {
    /// Just one.
    Once(DateTime<Utc>),
    /// Two: first and second pass of an overlap.
    Twice(DateTime<Utc>, DateTime<Utc>),
    /// None: clocks jumped over it. The instant right after the jump.
    JumpedOver(DateTime<Utc>),
}

/// Finds the instants of a wall-clock time; `None` outside the years 1 to 9999.
pub(super) fn instants(zone: Tz, local: NaiveDateTime) -> Option<Instants> {
    if !(1..=9999).contains(&local.year()) {
        return None;
    }
    let found = match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => Instants::Once(at.to_utc()),
        LocalResult::Ambiguous(one, other) => {
            let (one, other) = (one.to_utc(), other.to_utc());
            Instants::Twice(one.min(other), one.max(other))
        }
        LocalResult::None => Instants::JumpedOver(after_jump(zone, local)?),
    };
    let first = match found {
        Instants::Once(at) | Instants::Twice(at, _) | Instants::JumpedOver(at) => at,
    };
    in_range(first).then_some(found)
}

/// Reads a fixed wall-clock time: after a gap at the first valid instant, in an overlap on the
/// first pass. `None` outside the years 1 to 9999.
///
/// This is the earliest instant at which the clock shows `local` or later, so later wall-clock
/// times never come out earlier.
pub(crate) fn first_instant(
    zone: Tz,
    local: NaiveDateTime,
) -> Option<(DateTime<Utc>, ClockReading)> {
    Some(match instants(zone, local)? {
        Instants::Once(at) => (at, ClockReading::Plain),
        Instants::Twice(first, _) => (first, ClockReading::FirstPass),
        Instants::JumpedOver(at) => (at, ClockReading::GapMoved { from: local }),
    })
}

/// The first instant after the jump that left `local` out: found by halving, because the zone data
/// has no list of jumps to ask. Jumps happen on whole seconds.
fn after_jump(zone: Tz, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    // No zone is further than 26 hours from UTC, on either side of any jump.
    let margin = TimeDelta::hours(26);
    let middle = DateTime::from_timestamp(local.and_utc().timestamp(), 0)?;
    let (mut before, mut after) =
        (middle.checked_sub_signed(margin)?, middle.checked_add_signed(margin)?);
    while after - before > TimeDelta::seconds(1) {
        let half = before + TimeDelta::seconds((after - before).num_seconds() / 2);
        if half.with_timezone(&zone).naive_local() >= local {
            after = half;
        } else {
            before = half;
        }
    }
    Some(after)
}
