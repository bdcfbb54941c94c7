use std::error::Error;

use super::*;
use crate::time::{AnchorChange, Schedule, ScheduleRules, reschedule_next};

#[test]
fn parts_of_a_second_and_leap_seconds_are_dropped() -> Result<(), Box<dyn Error>> {
    for (given, expected) in [
        ("2027-06-30T23:59:59.999999999Z", "2027-06-30T23:59:59Z"),
        ("2027-06-30T23:59:60Z", "2027-06-30T23:59:59Z"),
        ("2027-06-30T23:59:60.5Z", "2027-06-30T23:59:59Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59Z"),
        ("2027-06-30T12:00:00Z", "2027-06-30T12:00:00Z"),
    ] {
        let found = whole_second(given.parse()?);
        assert_eq!(found.to_rfc3339(), expected.replace('Z', "+00:00"), "{given}");
    }
    Ok(())
}

#[test]
fn a_schedule_from_a_leap_second_runs_on_whole_seconds() -> Result<(), Box<dyn Error>> {
    for frequency in ["daily", "hourly", "monthly"] {
        let leap: DateTime<Utc> = "2027-06-30T23:59:60Z".parse()?;
        let from_leap = Schedule::new(frequency.parse()?, leap, "Europe/Berlin".parse()?);
        let before = "2027-06-30T23:59:59Z".parse()?;
        assert_eq!(from_leap, Schedule::new(frequency.parse()?, before, "Europe/Berlin".parse()?));
        let next =
            from_leap.following(from_leap.occurrences().next().ok_or("an anchor")??.slot())?;
        for anchor in [AnchorChange::Keep, AnchorChange::Move] {
            let to = next.at + chrono::TimeDelta::milliseconds(1_500);
            let found = reschedule_next(&from_leap, next.slot(), to, leap, anchor)?;
            assert_eq!(found.next.at, next.at + chrono::TimeDelta::seconds(1));
        }
    }
    Ok(())
}

#[test]
fn a_wall_clock_time_with_a_leap_second_is_no_anchor() -> Result<(), Box<dyn Error>> {
    // 02:30 does not exist in Berlin on 28 March 2027.
    let anchor = "2027-03-28T01:00:00Z".parse()?;
    let schedule = Schedule::new("daily".parse()?, anchor, "Europe/Berlin".parse()?);
    for (local, accepted) in [("02:30:00", true), ("02:30:00.5", false), ("02:30:60", false)] {
        let rules = format!(r#"{{"anchor_local": "2027-03-28T{local}"}}"#);
        let rules: ScheduleRules = serde_json::from_str(&rules)?;
        assert_eq!(schedule.clone().with_rules(rules).is_ok(), accepted, "{local}");
    }
    Ok(())
}
