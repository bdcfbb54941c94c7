//! Where a whole period would have begun, had the subscription not started in the middle of it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::time::{CronExpression, Frequency, OccurrenceNumber, Schedule, ScheduleError, Slot};

/// How far back a firing of a cron expression is looked for: even 29 February on one day of the
/// week comes within 40 years.
const FURTHEST_BACK: TimeDelta = TimeDelta::days(40 * 366);

/// The start of the whole period that ends at `first_end`, the first occurrence after the start of
/// the schedule. `None` where that start begins a whole period itself.
pub(super) fn notional_start(
    schedule: &Schedule,
    _first_end: Slot,
) -> Result<Option<DateTime<Utc>>, ScheduleError> {
    match schedule.frequency() {
        Frequency::Cron(cron) => last_firing(cron, schedule),
        Frequency::Named(_) | Frequency::Every(_) => Ok(None),
    }
}

/// The last firing at or before the start of the schedule.
fn last_firing(
    cron: &CronExpression,
    schedule: &Schedule,
) -> Result<Option<DateTime<Utc>>, ScheduleError> {
    let mut back = TimeDelta::days(1);
    while back < FURTHEST_BACK {
        let Some(earlier) = schedule.anchor().checked_sub_signed(back) else { break };
        let probe = Schedule::new(Frequency::Cron(cron.clone()), earlier, schedule.zone());
        let from = Slot { number: OccurrenceNumber::ANCHOR, at: earlier };
        let latest = match probe.latest_due(from, schedule.anchor()) {
            Ok(latest) => latest.map(|due| due.occurrence),
            Err(ScheduleError::OutOfRange | ScheduleError::NumbersExhausted) => break,
            Err(error @ ScheduleError::TooManyFirings) => return Err(error),
        };
        // The probe's own anchor is no firing.
        if let Some(firing) = latest.filter(|found| found.number > OccurrenceNumber::ANCHOR) {
            return Ok(Some(firing.at));
        }
        back = back * 2;
    }
    Ok(None)
}
