use std::error::Error;

use crate::time::{Zone, iana};
use chrono::{Datelike, NaiveDateTime, TimeZone};
use proptest::prelude::*;

use super::{
    super::{ClockReading, IntervalUnit},
    *,
};

type TestResult = Result<(), Box<dyn Error>>;

fn schedule(frequency: &str, anchor: &str, zone: Zone) -> Result<Schedule, Box<dyn Error>> {
    Ok(Schedule::new(frequency.parse()?, anchor.parse()?, zone))
}

/// The wall-clock dates of occurrences 0, 1, 2...
fn dates(schedule: &Schedule, count: u32) -> Result<Vec<String>, ScheduleError> {
    (0..count)
        .map(|number| {
            let at = schedule.occurrence(OccurrenceNumber::new(number))?.at;
            Ok(at.with_timezone(&schedule.zone()).format("%Y-%m-%d").to_string())
        })
        .collect()
}

#[test]
fn month_ends_are_clamped_and_the_anchor_day_is_never_forgotten() -> TestResult {
    for (frequency, anchor, expected) in [
        (
            "monthly",
            "2027-01-31",
            vec!["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"],
        ),
        ("monthly", "2028-01-31", vec!["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]),
        ("monthly", "2027-01-30", vec!["2027-01-30", "2027-02-28", "2027-03-30"]),
        ("monthly", "2028-01-29", vec!["2028-01-29", "2028-02-29", "2028-03-29"]),
        ("monthly", "2027-02-28", vec!["2027-02-28", "2027-03-28", "2027-04-28"]),
        ("monthly", "2027-11-30", vec!["2027-11-30", "2027-12-30", "2028-01-30", "2028-02-29"]),
        (
            "two-month",
            "2026-12-31",
            vec!["2026-12-31", "2027-02-28", "2027-04-30", "2027-06-30", "2027-08-31"],
        ),
        ("three-month", "2026-11-30", vec!["2026-11-30", "2027-02-28", "2027-05-30"]),
        ("four-month", "2027-10-31", vec!["2027-10-31", "2028-02-29", "2028-06-30", "2028-10-31"]),
        ("six-month", "2027-08-31", vec!["2027-08-31", "2028-02-29", "2028-08-31", "2029-02-28"]),
        (
            "yearly",
            "2028-02-29",
            vec!["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"],
        ),
        (
            "yearly",
            "2096-02-29",
            vec!["2096-02-29", "2097-02-28", "2098-02-28", "2099-02-28", "2100-02-28"],
        ),
        (
            "every 2 weeks",
            "2027-02-22",
            vec!["2027-02-22", "2027-03-08", "2027-03-22", "2027-04-05"],
        ),
        ("every 10 days", "2028-02-25", vec!["2028-02-25", "2028-03-06", "2028-03-16"]),
        ("daily", "2027-12-31", vec!["2027-12-31", "2028-01-01"]),
    ] {
        let schedule = schedule(frequency, &format!("{anchor}T10:00:00Z"), Zone::utc())?;
        let count = u32::try_from(expected.len())?;
        assert_eq!(dates(&schedule, count)?, expected, "{frequency} from {anchor}");
    }
    Ok(())
}

#[test]
fn the_month_of_the_zone_counts_and_not_that_of_utc() -> TestResult {
    // 31 January 23:30 UTC is already 1 February in Berlin, and still 31 January in New York.
    let anchor = "2027-01-31T23:30:00Z";
    let berlin = schedule("monthly", anchor, iana("Europe/Berlin"))?;
    assert_eq!(dates(&berlin, 3)?, ["2027-02-01", "2027-03-01", "2027-04-01"]);
    let new_york = schedule("monthly", anchor, iana("America/New_York"))?;
    assert_eq!(dates(&new_york, 3)?, ["2027-01-31", "2027-02-28", "2027-03-31"]);
    Ok(())
}

/// A daily schedule from a wall-clock time; occurrences in UTC, worked by hand from the zone's rules.
#[test]
fn clock_changes_follow_the_rules_in_every_zone() -> TestResult {
    for (zone, anchor, expected) in [
        // Berlin: 02:00 to 03:00 does not exist on 28 March 2027.
        (
            iana("Europe/Berlin"),
            "2027-03-27T02:30:00",
            ["2027-03-27T01:30", "2027-03-28T01:00", "2027-03-29T00:30"],
        ),
        (
            iana("Europe/Berlin"),
            "2027-03-27T02:00:00",
            ["2027-03-27T01:00", "2027-03-28T01:00", "2027-03-29T00:00"],
        ),
        (
            iana("Europe/Berlin"),
            "2027-03-27T03:00:00",
            ["2027-03-27T02:00", "2027-03-28T01:00", "2027-03-29T01:00"],
        ),
        // Berlin: 02:00 to 03:00 happens twice on 31 October 2027.
        (
            iana("Europe/Berlin"),
            "2027-10-30T02:30:00",
            ["2027-10-30T00:30", "2027-10-31T00:30", "2027-11-01T01:30"],
        ),
        (
            iana("Europe/Berlin"),
            "2027-10-30T03:00:00",
            ["2027-10-30T01:00", "2027-10-31T02:00", "2027-11-01T02:00"],
        ),
        // New York: gap on 14 March, overlap on 7 November 2027.
        (
            iana("America/New_York"),
            "2027-03-13T02:30:00",
            ["2027-03-13T07:30", "2027-03-14T07:00", "2027-03-15T06:30"],
        ),
        (
            iana("America/New_York"),
            "2027-11-06T01:30:00",
            ["2027-11-06T05:30", "2027-11-07T05:30", "2027-11-08T06:30"],
        ),
        // Lord Howe: 30 minutes; gap 02:00 to 02:30 on 3 October, overlap 01:30 to 02:00 on 4 April.
        (
            iana("Australia/Lord_Howe"),
            "2027-10-02T02:15:00",
            ["2027-10-01T15:45", "2027-10-02T15:30", "2027-10-03T15:15"],
        ),
        (
            iana("Australia/Lord_Howe"),
            "2027-04-03T01:45:00",
            ["2027-04-02T14:45", "2027-04-03T14:45", "2027-04-04T15:15"],
        ),
        // Samoa left out 30 December 2011 altogether.
        (
            iana("Pacific/Apia"),
            "2011-12-29T12:00:00",
            ["2011-12-29T22:00", "2011-12-30T10:00", "2011-12-30T22:00"],
        ),
        (
            iana("Pacific/Apia"),
            "2011-12-29T00:00:00",
            ["2011-12-29T10:00", "2011-12-30T09:59", "2011-12-30T10:00"],
        ),
        // Sao Paulo jumped at midnight on 4 November 2018.
        (
            iana("America/Sao_Paulo"),
            "2018-11-03T00:00:00",
            ["2018-11-03T03:00", "2018-11-04T03:00", "2018-11-05T02:00"],
        ),
    ] {
        let local: NaiveDateTime = anchor.parse()?;
        let start = zone.from_local_datetime(&local).earliest().ok_or("no such time")?;
        let schedule = Schedule::new("daily".parse()?, start.to_utc(), zone);
        let mut found = Vec::new();
        for number in 0..3 {
            let at = schedule.occurrence(OccurrenceNumber::new(number))?.at;
            found.push(at.format("%Y-%m-%dT%H:%M").to_string());
        }
        assert_eq!(found, expected, "{zone} from {anchor}");
    }
    Ok(())
}

#[test]
fn hours_are_elapsed_time_through_a_clock_change() -> TestResult {
    let hourly = schedule("hourly", "2027-03-27T22:30:00Z", iana("Europe/Berlin"))?;
    for number in 0..10_u32 {
        let elapsed = hourly.occurrence(OccurrenceNumber::new(number))?.at - hourly.anchor();
        assert_eq!(elapsed.num_seconds(), i64::from(number) * 3_600);
    }
    let daily = schedule("every 24 hours", "2027-03-27T12:00:00Z", iana("Europe/Berlin"))?;
    let next = daily.occurrence(OccurrenceNumber::FIRST)?.at;
    assert_eq!(
        next.with_timezone(&iana("Europe/Berlin")).to_rfc3339(),
        "2027-03-28T14:00:00+02:00"
    );
    Ok(())
}

#[test]
fn every_date_says_why() -> TestResult {
    let monthly = schedule("monthly", "2027-01-31T01:30:00Z", iana("Europe/Berlin"))?;
    let why = |schedule: &Schedule, number: u32| {
        schedule.occurrence(OccurrenceNumber::new(number)).map(|found| found.reason.to_string())
    };
    assert_eq!(why(&monthly, 0)?, "anchor");
    assert_eq!(why(&monthly, 1)?, "anchor plus 1 interval, clamped from 31");
    assert_eq!(why(&monthly, 2)?, "anchor plus 2 intervals");
    assert_eq!(why(&monthly, 9)?, "anchor plus 9 intervals, first pass of overlap");
    let gap = schedule("monthly", "2027-02-28T01:30:00Z", iana("Europe/Berlin"))?;
    assert_eq!(why(&gap, 1)?, "anchor plus 1 interval, gap moved from 02:30");
    let cron = schedule("30 * * * *", "2027-10-31T00:00:00Z", iana("Europe/Berlin"))?;
    assert_eq!(why(&cron, 1)?, "cron expression, first pass of overlap");
    assert_eq!(why(&cron, 2)?, "cron expression, second pass of overlap");
    Ok(())
}

#[test]
fn an_anchor_on_the_second_pass_is_still_occurrence_zero() -> TestResult {
    let second_pass = "2027-10-31T01:30:00Z";
    let daily = schedule("daily", second_pass, iana("Europe/Berlin"))?;
    assert_eq!(
        daily.occurrence(OccurrenceNumber::ANCHOR)?.at,
        second_pass.parse::<DateTime<Utc>>()?
    );
    let next = daily.occurrence(OccurrenceNumber::FIRST)?.at;
    assert_eq!(next.to_rfc3339(), "2027-11-01T01:30:00+00:00");
    Ok(())
}

#[test]
fn cron_occurrences_are_counted_from_the_anchor() -> TestResult {
    let cron = schedule("0 6 1 * *", "2027-01-15T10:00:00Z", Zone::utc())?;
    let second = cron.occurrence(OccurrenceNumber::new(2))?;
    assert_eq!(second.at.to_rfc3339(), "2027-03-01T06:00:00+00:00");
    assert_eq!(cron.next_after("2027-02-01T06:00:00Z".parse()?), Some(second));
    assert_eq!(cron.following(second.slot())?.number, OccurrenceNumber::new(3));
    // The anchor itself is occurrence 0, even though the expression does not fire then.
    assert_eq!(
        cron.next_after("2020-01-01T00:00:00Z".parse()?),
        Some(Occurrence::anchor(cron.anchor()))
    );
    Ok(())
}

#[test]
fn the_end_of_the_calendar_is_an_error_and_never_a_panic() -> TestResult {
    for frequency in
        ["hourly", "daily", "yearly", "every 100 years", "every 876000 hours", "0 0 1 1 *"]
    {
        for anchor in [
            DateTime::<Utc>::MIN_UTC,
            DateTime::<Utc>::MAX_UTC,
            "9999-12-31T23:59:59Z".parse()?,
            "0001-01-01T00:00:00Z".parse()?,
        ] {
            for zone in [Zone::utc(), iana("Pacific/Apia"), iana("America/New_York")] {
                let schedule = Schedule::new(frequency.parse()?, anchor, zone);
                let last = Slot { number: OccurrenceNumber::new(u32::MAX), at: anchor };
                let _ = schedule.occurrence(OccurrenceNumber::ANCHOR);
                assert!(schedule.occurrence(OccurrenceNumber::new(u32::MAX)).is_err());
                assert!(schedule.following(last).is_err());
                let _ = schedule.latest_due(last, DateTime::<Utc>::MAX_UTC);
                let _ = schedule.next_after(DateTime::<Utc>::MAX_UTC);
                let _ = schedule.next_after(DateTime::<Utc>::MIN_UTC);
            }
        }
    }
    let yearly = schedule("yearly", "9998-06-01T00:00:00Z", Zone::utc())?;
    assert!(yearly.occurrence(OccurrenceNumber::FIRST).is_ok());
    assert_eq!(yearly.occurrence(OccurrenceNumber::new(2)), Err(ScheduleError::OutOfRange));
    Ok(())
}

#[test]
fn years_of_downtime_are_counted_through_but_not_forever() -> TestResult {
    let hourly = schedule("@hourly", "2017-01-01T00:00:00Z", iana("Europe/Berlin"))?;
    let anchor = Occurrence::anchor(hourly.anchor()).slot();
    let late = hourly.latest_due(anchor, "2027-01-01T00:00:00Z".parse()?)?.ok_or("nothing due")?;
    assert_eq!(late.skipped, 87_648); // 3,652 days
    let far = "2100-01-01T00:00:00Z".parse()?;
    assert_eq!(hourly.latest_due(anchor, far), Err(ScheduleError::TooManyFirings));
    Ok(())
}

#[test]
fn a_rescheduled_occurrence_keeps_its_own_instant() -> TestResult {
    let monthly = schedule("monthly", "2027-01-31T10:00:00Z", Zone::utc())?;
    let moved = Slot { number: OccurrenceNumber::FIRST, at: "2027-02-20T08:00:00Z".parse()? };
    let due = monthly.latest_due(moved, "2027-02-20T08:00:00Z".parse()?)?.ok_or("nothing due")?;
    assert_eq!(due.occurrence.slot(), moved);
    assert_eq!(due.occurrence.reason.to_string(), "as recorded");
    assert_eq!(monthly.following(moved)?.at.to_rfc3339(), "2027-03-31T10:00:00+00:00");
    Ok(())
}

#[test]
fn a_schedule_survives_storage() -> TestResult {
    for frequency in ["monthly", "every 3 weeks", "0 6 * * 1-5"] {
        let schedule = schedule(frequency, "2027-01-31T10:00:00Z", iana("Europe/Berlin"))?;
        let stored = serde_json::to_string(&schedule)?;
        assert_eq!(serde_json::from_str::<Schedule>(&stored)?, schedule);
        let occurrence = schedule.occurrence(OccurrenceNumber::new(2))?;
        let stored = serde_json::to_string(&occurrence)?;
        assert_eq!(serde_json::from_str::<Occurrence>(&stored)?, occurrence);
    }
    Ok(())
}

fn frequencies() -> impl Strategy<Value = Frequency> {
    let units = vec![
        (IntervalUnit::Hour, 1..200_i64),
        (IntervalUnit::Day, 1..40),
        (IntervalUnit::Week, 1..10),
        (IntervalUnit::Month, 1..25),
        (IntervalUnit::Year, 1..5),
    ];
    prop::sample::select(units)
        .prop_flat_map(|(unit, range)| range.prop_map(move |every| (every, unit)))
        .prop_filter_map("in range", |(every, unit)| Frequency::every(every, unit).ok())
}

fn any_zone() -> impl Strategy<Value = Zone> {
    prop::sample::select(Zone::all().collect::<Vec<_>>())
}

prop_compose! {
    fn schedules()(
        frequency in frequencies(),
        // 1990 to 2060, on any second.
        anchor in 631_152_000_i64..2_840_140_800,
        zone in any_zone(),
    ) -> Schedule {
        Schedule::new(frequency, DateTime::from_timestamp(anchor, 0).unwrap_or_default(), zone)
    }
}

fn failed(error: ScheduleError) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_thousand_occurrences_never_drift_and_never_go_back(schedule in schedules()) {
        let wall_anchor = schedule.anchor().with_timezone(&schedule.zone()).naive_local();
        let mut previous = schedule.occurrence(OccurrenceNumber::ANCHOR).map_err(failed)?;
        for number in 1..=1_000 {
            let occurrence = schedule.occurrence(OccurrenceNumber::new(number)).map_err(failed)?;
            prop_assert!(occurrence.at > previous.at, "{} after {}", occurrence.at, previous.at);
            prop_assert_eq!(schedule.following(previous.slot()).map_err(failed)?, occurrence);
            let wall = occurrence.at.with_timezone(&schedule.zone()).naive_local();
            let moved = matches!(occurrence.reason.clock, ClockReading::GapMoved { .. });
            match schedule.frequency().step() {
                Some(Step::Months(_)) if !moved => {
                    prop_assert_eq!(wall.time(), wall_anchor.time());
                    let month_end = wall.date().num_days_in_month();
                    let expected = wall_anchor.day().min(u32::from(month_end));
                    prop_assert_eq!(wall.day(), expected);
                }
                Some(Step::Days(_)) if !moved => prop_assert_eq!(wall.time(), wall_anchor.time()),
                _ => {}
            }
            previous = occurrence;
        }
    }

    #[test]
    fn the_latest_due_is_what_counting_finds(
        schedule in schedules(),
        start in 0_u32..50,
        ahead in -2_i64..400,
        seconds in 0_i64..86_400,
    ) {
        let next = schedule.occurrence(OccurrenceNumber::new(start)).map_err(failed)?;
        let far = u32::try_from(i64::from(start) + ahead).unwrap_or(0);
        let now = schedule.occurrence(OccurrenceNumber::new(far)).map_err(failed)?.at
            + TimeDelta::seconds(seconds);
        let mut counted = None;
        let mut candidate = next;
        while candidate.at <= now {
            counted = Some(candidate);
            candidate = schedule.following(candidate.slot()).map_err(failed)?;
        }
        let found = schedule.latest_due(next.slot(), now).map_err(failed)?;
        prop_assert_eq!(found.map(|found| found.occurrence), counted);
        if let Some(found) = found {
            prop_assert_eq!(found.occurrence.number.get() - start, found.skipped);
        }
        prop_assert_eq!(schedule.first_after(next.slot(), now).map_err(failed)?, candidate);
    }

    #[test]
    fn no_input_makes_a_schedule_panic(
        frequency in frequencies(),
        anchor: i64,
        zone in any_zone(),
        number: u32,
        at: i64,
    ) {
        let instant = |millis| DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let schedule = Schedule::new(frequency, instant(anchor), zone);
        let slot = Slot { number: OccurrenceNumber::new(number), at: instant(at) };
        let _ = schedule.occurrence(slot.number);
        let _ = schedule.following(slot);
        let _ = schedule.latest_due(slot, instant(at.wrapping_add(anchor)));
        let _ = schedule.next_after(slot.at);
    }
}
