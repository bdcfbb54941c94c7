//! What the tests of this module share: schedules from text, wall-clock tables, random rules.

use std::error::Error;

use crate::time::{Zone, iana};
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc, Weekday};
use proptest::prelude::*;

use super::{
    AnchorDay, Frequency, GapPolicy, MonthEnd, Occurrence, OccurrenceNumber, OverlapPolicy,
    Schedule, ScheduleError, ScheduleRules, Slot, WorkingDayRule, WorkingDays,
};

pub(super) type TestResult = Result<(), Box<dyn Error>>;

/// A schedule from a wall-clock time of its zone, first pass.
pub(super) fn schedule(
    frequency: &str,
    start: &str,
    zone: Zone,
    rules: ScheduleRules,
) -> Result<Schedule, Box<dyn Error>> {
    let local: NaiveDateTime = start.parse()?;
    let anchor = zone.from_local_datetime(&local).earliest().ok_or("no such time")?;
    Ok(Schedule::new(frequency.parse()?, anchor.to_utc(), zone).with_rules(rules)?)
}

/// A schedule that begins with number 7, and a recorded number 1 from before: what comes after that
/// is [an error](number_2_is_missing), but not the schedule's end.
pub(super) fn begun_late() -> Result<(Schedule, Slot), Box<dyn Error>> {
    let rules = ScheduleRules { anchor_number: OccurrenceNumber::new(7), ..Default::default() };
    let early = Slot { number: OccurrenceNumber::FIRST, at: at("2026-12-31T10:00:00Z")? };
    Ok((schedule("monthly", "2027-01-31T10:00:00", Zone::utc(), rules)?, early))
}

/// What [`begun_late`] has instead of number 2.
pub(super) fn number_2_is_missing() -> ScheduleError {
    let (number, first) = (OccurrenceNumber::new(2), OccurrenceNumber::new(7));
    ScheduleError::BeforeAnchor { number, first }
}

/// Number, wall clock and reason of the first occurrences, as a table shows them.
pub(super) fn table(schedule: &Schedule, count: usize) -> Result<Vec<String>, ScheduleError> {
    schedule.occurrences().take(count).map(|found| Ok(row(schedule, &found?))).collect()
}

pub(super) fn row(schedule: &Schedule, occurrence: &Occurrence) -> String {
    let Occurrence { number, at, reason } = occurrence;
    format!("{number} {} {reason}", schedule.local(*at).format("%Y-%m-%dT%H:%M%:z"))
}

pub(super) fn at(text: &str) -> Result<DateTime<Utc>, chrono::ParseError> {
    text.parse()
}

pub(super) fn failed(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// Zones with jumps of an hour, half an hour and a day, and one without.
pub(super) fn zones() -> impl Strategy<Value = Zone> {
    prop::sample::select(vec![
        Zone::utc(),
        iana("Europe/Berlin"),
        iana("America/New_York"),
        iana("America/St_Johns"),
        iana("Australia/Lord_Howe"),
        iana("Pacific/Apia"),
    ])
}

pub(super) fn intervals() -> impl Strategy<Value = Frequency> {
    prop::sample::select(vec![
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "two-month",
        "three-month",
        "yearly",
        "every 7 hours",
        "every 2 days",
        "every 5 days",
        "every 2 weeks",
        "every 2 years",
    ])
    .prop_filter_map("known", |text| text.parse().ok())
}

pub(super) fn crons() -> impl Strategy<Value = Frequency> {
    prop::sample::select(vec![
        "30 2 * * *",
        "30 * * * *",
        "0 */3 * * *",
        "15 1,2,3 * * *",
        "0 0 * * 6,0",
        "45 1 31 * *",
        "0 12 L * *",
        "0 9,17 * * MON-FRI",
        "30 2 1 * *",
        "0 0 15W * *",
    ])
    .prop_filter_map("known", |text| text.parse().ok())
}

fn anchor_days() -> impl Strategy<Value = Option<AnchorDay>> {
    prop::option::of((1_i64..=31).prop_filter_map("a day", |day| AnchorDay::new(day).ok()))
}

fn weekdays() -> impl Strategy<Value = Weekday> {
    prop::sample::select(vec![
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
        Weekday::Sat,
        Weekday::Sun,
    ])
}

fn working_days() -> impl Strategy<Value = WorkingDays> {
    let rules = vec![WorkingDayRule::Next, WorkingDayRule::Previous, WorkingDayRule::None];
    (
        prop::sample::select(rules),
        prop::collection::vec(weekdays(), 0..6),
        // Days after 1 January 2010, often next to each other.
        prop::collection::vec((0_i64..1_500, 1_i64..12), 0..12),
    )
        .prop_filter_map("one day to work on", |(rule, weekend, stretches)| {
            let first = NaiveDate::from_ymd_opt(2010, 1, 1)?;
            let holidays = stretches.into_iter().flat_map(|(start, length)| {
                (start..start + length).map(move |day| first + chrono::TimeDelta::days(day))
            });
            WorkingDays::new(rule, weekend, holidays).ok()
        })
}

/// Any combination of rules that the frequency allows.
pub(super) fn rules_for(frequency: &Frequency) -> impl Strategy<Value = ScheduleRules> + use<> {
    let frequency = frequency.clone();
    let gaps = vec![GapPolicy::FirstValid, GapPolicy::Shift, GapPolicy::Skip];
    (
        anchor_days(),
        prop::option::of(weekdays()),
        prop::sample::select(vec![MonthEnd::Clamp, MonthEnd::Sticky]),
        prop::sample::select(gaps),
        prop::sample::select(vec![OverlapPolicy::FirstPass, OverlapPolicy::Both]),
        prop::option::of(working_days()),
        0_u32..50,
    )
        .prop_map(move |(day, weekday, month_end, dst_gap, overlap, working_days, number)| {
            let mut rules = ScheduleRules {
                anchor_day: day,
                month_end,
                dst_gap,
                working_days,
                anchor_number: OccurrenceNumber::new(number),
                ..ScheduleRules::default()
            };
            if rules.check(&frequency).is_err() {
                rules.anchor_day = None;
            }
            let weekly = ScheduleRules { anchor_weekday: weekday, ..rules.clone() };
            if weekly.check(&frequency).is_ok() {
                rules = weekly;
            }
            let both = ScheduleRules { dst_overlap: overlap, ..rules.clone() };
            if both.check(&frequency).is_ok() { both } else { rules }
        })
}

/// Any schedule that starts between 2010 and 2014, on any minute.
pub(super) fn schedules(
    frequencies: impl Strategy<Value = Frequency>,
) -> impl Strategy<Value = Schedule> {
    frequencies
        .prop_flat_map(|frequency| {
            let rules = rules_for(&frequency);
            (Just(frequency), zones(), 21_000_000_i64..23_000_000, rules)
        })
        .prop_filter_map("rules that fit", |(frequency, zone, minutes, rules)| {
            let anchor = DateTime::from_timestamp(minutes * 60, 0)?;
            Schedule::new(frequency, anchor, zone).with_rules(rules).ok()
        })
}
