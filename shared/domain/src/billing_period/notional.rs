//! Where the first whole period would have begun, had the subscription not started in its middle.

use chrono::{DateTime, TimeDelta, Utc};

use crate::time::{Frequency, OccurrenceNumber, Schedule, ScheduleError, ScheduleRules, Slot};

/// How far back a firing of a cron expression is looked for: even 29 February on one day of the
/// week comes within 40 years.
const FURTHEST_BACK: TimeDelta = TimeDelta::days(40 * 366);

/// The start of the whole period of which the first one, from the schedule's start on, is only the
/// last part; `None` where that is whole. The schedule is an unadjusted one.
pub(super) fn notional_start(schedule: &Schedule) -> Result<Option<DateTime<Utc>>, ScheduleError> {
    match schedule.frequency() {
        Frequency::Cron(_) => last_firing(schedule),
        Frequency::Named(_) | Frequency::Every(_) => {
            Ok(schedule.stub()?.map(|stub| stub.whole_from))
        }
    }
}

/// The last firing at or before the start of the schedule.
fn last_firing(schedule: &Schedule) -> Result<Option<DateTime<Utc>>, ScheduleError> {
    let rules = ScheduleRules {
        anchor_number: OccurrenceNumber::ANCHOR,
        anchor_local: None,
        ..schedule.rules().clone()
    };
    let mut back = TimeDelta::days(1);
    while back < FURTHEST_BACK {
        let Some(earlier) = schedule.anchor().checked_sub_signed(back) else { break };
        let probe = Schedule::new(schedule.frequency().clone(), earlier, schedule.zone());
        // The rules are the schedule's own, so they suit its frequency.
        let Ok(probe) = probe.with_rules(rules.clone()) else { break };
        let from = Slot { number: OccurrenceNumber::ANCHOR, at: earlier };
        let latest = match probe.latest_due(from, schedule.anchor()) {
            Ok(latest) => latest.map(|due| due.occurrence),
            Err(error) if error.is_end() => break,
            Err(error) => return Err(error),
        };
        // The probe's own anchor is no firing.
        if let Some(firing) = latest.filter(|found| found.number > OccurrenceNumber::ANCHOR) {
            return Ok(Some(firing.at));
        }
        back = back * 2;
    }
    Ok(None)
}
