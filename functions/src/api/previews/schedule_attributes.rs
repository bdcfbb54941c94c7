//! The attributes of previews that make a schedule.

use chrono::{DateTime, SecondsFormat, Utc, Weekday};
use chrono_tz::Tz;
use perennial_domain::time::{
    AnchorDay, Frequency, GapPolicy, MonthEnd, Occurrence, OverlapPolicy, RuleError, Schedule,
    ScheduleError, ScheduleRules, WorkingDays,
};
use serde_json::{Map, Value, json};

use super::members;
use crate::http::{
    attributes::{Attribute, Attributes, Kind},
    error::{Code, Problem, Problems},
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
pub(super) const ANCHOR_DAY: Attribute = Attribute::create(
    "anchor_day",
    Kind::Integer(1, 31),
    "The day of the month that all occurrences but the first fall on. Only with months and years.",
);
pub(super) const ANCHOR_WEEKDAY: Attribute = Attribute::create(
    "anchor_weekday",
    WEEKDAY,
    "The day of the week that all occurrences but the first fall on. Only with weeks.",
);
pub(super) const MONTH_END: Attribute = Attribute::create(
    "month_end",
    Kind::Choice(&["clamp", "sticky"]),
    "After 30 June: 30 July (clamp, the default), or 31 July because a month's end stays one.",
);
pub(super) const DST_GAP: Attribute = Attribute::create(
    "dst_gap",
    Kind::Choice(&["first_valid", "shift", "skip"]),
    "A wall-clock time that clocks jump over: the first instant after the jump (the default), \
     later by the length of the jump, or not at all.",
);
pub(super) const DST_OVERLAP: Attribute = Attribute::create(
    "dst_overlap",
    Kind::Choice(&["first", "both"]),
    "A fixed time of a crontab expression that happens twice: on the first pass (the default), or \
     on both.",
);
pub(super) const WORKING_DAYS: Attribute = Attribute::create(
    "working_days",
    Kind::Members(&[
        Attribute::create(
            "rule",
            Kind::Choice(&["next", "previous", "none"]),
            "Where an occurrence on a day off goes.",
        ),
        Attribute::create(
            "weekend",
            Kind::List(&WEEKDAY, 7),
            "Days of the week off; Saturday and Sunday unless given.",
        ),
        Attribute::create("holidays", Kind::List(&Kind::Date, 1_000), "Dates off."),
    ]),
    "The working days that occurrences keep to; null where any day will do.",
);

const WEEKDAY: Kind =
    Kind::Choice(&["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]);

/// Reads a schedule; `None` where something was wrong.
pub(super) fn read(attributes: &mut Attributes, problems: &mut Problems) -> Option<Schedule> {
    let frequency: Option<Frequency> = attributes.required(FREQUENCY.name, problems);
    let starts_at: Option<DateTime<Utc>> = attributes.required(STARTS_AT.name, problems);
    let zone = attributes.optional(TIME_ZONE.name, problems).value().unwrap_or(Tz::UTC);
    let rules = read_rules(attributes, problems);
    match Schedule::new(frequency?, starts_at?, zone).with_rules(rules) {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            problems.add(no_rule(&error));
            None
        }
    }
}

fn read_rules(attributes: &mut Attributes, problems: &mut Problems) -> ScheduleRules {
    let anchor_day: Option<AnchorDay> = attributes.optional(ANCHOR_DAY.name, problems).value();
    let anchor_weekday: Option<Weekday> =
        attributes.optional(ANCHOR_WEEKDAY.name, problems).value();
    let month_end: Option<MonthEnd> = attributes.optional(MONTH_END.name, problems).value();
    let dst_gap: Option<GapPolicy> = attributes.optional(DST_GAP.name, problems).value();
    let dst_overlap: Option<OverlapPolicy> =
        attributes.optional(DST_OVERLAP.name, problems).value();
    let working_days: Option<WorkingDays> =
        attributes.optional(WORKING_DAYS.name, problems).value();
    ScheduleRules {
        anchor_day,
        anchor_weekday,
        month_end: month_end.unwrap_or_default(),
        dst_gap: dst_gap.unwrap_or_default(),
        dst_overlap: dst_overlap.unwrap_or_default(),
        working_days,
        ..ScheduleRules::default()
    }
}

fn no_rule(error: &RuleError) -> Problem {
    let at = format!("/data/attributes/{}", error.field());
    Problem::new(Code::InvalidValue, error.to_string()).at(at)
}

/// The attributes of a schedule, with the defaults filled in.
pub(super) fn given(schedule: &Schedule) -> Map<String, Value> {
    let rules = schedule.rules();
    let mut given = members(json!({
        (FREQUENCY.name): schedule.frequency(),
        (STARTS_AT.name): schedule.anchor(),
        (TIME_ZONE.name): schedule.zone().name(),
        (ANCHOR_DAY.name): rules.anchor_day,
        (ANCHOR_WEEKDAY.name): rules.anchor_weekday.map(weekday_name),
        (MONTH_END.name): rules.month_end,
        (DST_GAP.name): rules.dst_gap,
        (DST_OVERLAP.name): rules.dst_overlap,
    }));
    let working_days = rules.working_days.as_ref().map(|days| {
        json!({
            "rule": days.rule(),
            "weekend": days.weekend().map(weekday_name).collect::<Vec<_>>(),
            "holidays": days.holidays(),
        })
    });
    given.insert(WORKING_DAYS.name.to_owned(), json!(working_days));
    given
}

/// The name that clients write.
const fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "monday",
        Weekday::Tue => "tuesday",
        Weekday::Wed => "wednesday",
        Weekday::Thu => "thursday",
        Weekday::Fri => "friday",
        Weekday::Sat => "saturday",
        Weekday::Sun => "sunday",
    }
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

/// An instant on the schedule's wall clock, as it is answered.
pub(super) fn local(schedule: &Schedule, at: DateTime<Utc>) -> String {
    schedule.local(at).to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

/// The problem of a schedule that has no answer, told about the attribute that leads too far.
pub(super) fn no_answer(error: ScheduleError, name: &str) -> Problem {
    Problem::new(Code::OutOfRange, error.to_string()).at(format!("/data/attributes/{name}"))
}
