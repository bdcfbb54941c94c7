//! The attributes of previews that make a schedule.

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use perennial_domain::time::{Frequency, Occurrence, Schedule, ScheduleError, ScheduleRules, Zone};
use serde_json::{Map, Value, json};

use super::members;
pub(super) use crate::api::schedule_rules::{
    ANCHOR_DAY, ANCHOR_WEEKDAY, DST_GAP, DST_OVERLAP, MONTH_END, WORKING_DAYS,
};
use crate::{
    api::schedule_rules::{self, RulesChange},
    http::{
        attributes::{Attribute, Attributes, Kind},
        error::{Code, Problem, Problems},
    },
};

pub(super) const FREQUENCY: Attribute = Attribute::create(
    "frequency",
    Kind::Frequency,
    "How often: a name, {\"every\": 2, \"unit\": \"week\"}, or a crontab expression.",
);
pub(super) const STARTS_AT: Attribute = Attribute::create(
    "starts_at",
    Kind::Instant,
    "Occurrence 0, from which all others are computed.",
);
pub(super) const TIME_ZONE: Attribute =
    Attribute::create("time_zone", Kind::Zone, "Whose wall clock counts; UTC unless given.");
/// Reads a schedule; `None` where something was wrong.
pub(super) fn read(attributes: &mut Attributes, problems: &mut Problems) -> Option<Schedule> {
    let frequency: Option<Frequency> = attributes.required(FREQUENCY.name, problems);
    let starts_at: Option<DateTime<Utc>> = attributes.required(STARTS_AT.name, problems);
    let zone = attributes.optional(TIME_ZONE.name, problems).value().unwrap_or(Zone::utc());
    let rules = RulesChange::read(attributes, problems).of(&ScheduleRules::default());
    match Schedule::new(frequency?, starts_at?, zone).with_rules(rules) {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            problems.add(schedule_rules::no_rule(&error));
            None
        }
    }
}

/// The attributes of a schedule, with the defaults filled in.
pub(super) fn given(schedule: &Schedule) -> Map<String, Value> {
    let mut given = members(json!({
        (FREQUENCY.name): schedule.frequency(),
        (STARTS_AT.name): schedule.anchor(),
        (TIME_ZONE.name): schedule.zone().name(),
    }));
    given.extend(schedule_rules::given(schedule.rules()));
    given
}

/// The first occurrence after an instant. A crontab expression need not fire at the start, which
/// then is none.
pub(super) fn first_after(
    schedule: &Schedule,
    after: DateTime<Utc>,
) -> Result<Occurrence, ScheduleError> {
    let anchor = schedule.occurrence(schedule.rules().anchor_number)?.slot();
    let first = schedule.first_after(anchor, after)?;
    if first.slot() == anchor && !schedule.fires_at_anchor() {
        schedule.following(anchor)
    } else {
        Ok(first)
    }
}

/// An instant on the schedule's wall clock, as it is answered. RFC 3339 has no year after 9999, which
/// some clocks come to before Greenwich does: `None` there.
pub(super) fn local(schedule: &Schedule, at: DateTime<Utc>) -> Option<String> {
    let local = schedule.local(at);
    (local.year() <= 9999).then(|| local.to_rfc3339_opts(SecondsFormat::AutoSi, false))
}

/// The problem of a schedule that has no answer, told about the attribute that leads too far.
pub(super) fn no_answer(error: ScheduleError, name: &str) -> Problem {
    Problem::new(Code::OutOfRange, error.to_string()).at(format!("/data/attributes/{name}"))
}
