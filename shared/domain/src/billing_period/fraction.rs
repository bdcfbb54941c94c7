//! What share of a whole period a piece of it is, counted in local calendar days or in seconds.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    money::{MoneyError, Ratio},
    time::{Frequency, IntervalUnit, NamedFrequency, Schedule},
};

/// Shorter than any calendar day, even one on which clocks go forward.
const LESS_THAN_A_DAY: TimeDelta = TimeDelta::hours(20);

/// A stretch of time, half-open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
}

/// The share of `whole` that `part` is, not reduced: `17/31`.
///
/// A day counts to the part that it begins in, as local dates are counted half-open; so the
/// parts of a whole add up to it wherever it is cut.
pub(super) fn fraction(
    schedule: &Schedule,
    part: Stretch,
    whole: Stretch,
) -> Result<Ratio, MoneyError> {
    if in_seconds(schedule, whole) {
        return Ratio::new(seconds(part), seconds(whole));
    }
    Ratio::new(days(schedule, part), days(schedule, whole))
}

/// Whether days are too coarse: where elapsed hours are counted, and for cron expressions that
/// fire several times a day.
fn in_seconds(schedule: &Schedule, whole: Stretch) -> bool {
    let hours = match schedule.frequency() {
        Frequency::Named(name) => *name == NamedFrequency::Hourly,
        Frequency::Every(interval) => interval.unit() == IntervalUnit::Hour,
        Frequency::Cron(_) => false,
    };
    hours || whole.end - whole.start < LESS_THAN_A_DAY || days(schedule, whole) < 1
}

fn days(schedule: &Schedule, stretch: Stretch) -> i64 {
    let date = |at: DateTime<Utc>| at.with_timezone(&schedule.zone()).date_naive();
    (date(stretch.end) - date(stretch.start)).num_days()
}

fn seconds(stretch: Stretch) -> i64 {
    (stretch.end - stretch.start).num_seconds()
}
