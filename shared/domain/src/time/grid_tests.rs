use crate::time::Zone;
use chrono::Weekday;

use super::super::{
    AnchorDay, MonthEnd, ScheduleRules,
    fixtures::{TestResult, schedule},
    interval_dates::Timing,
};

/// The dates of the first occurrences.
fn dates(
    frequency: &str,
    start: &str,
    rules: &ScheduleRules,
    count: usize,
) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let schedule = schedule(frequency, &format!("{start}T10:00:00"), Zone::utc(), rules.clone())?;
    let dates = schedule.occurrences().take(count).map(|found| {
        Ok::<_, super::super::ScheduleError>(found?.at.format("%Y-%m-%d").to_string())
    });
    Ok(dates.collect::<Result<_, _>>()?)
}

#[test]
fn a_sticky_month_end_stays_a_month_end() -> TestResult {
    let sticky = ScheduleRules { month_end: MonthEnd::Sticky, ..ScheduleRules::default() };
    for (frequency, start, expected) in [
        ("monthly", "2027-06-30", vec!["2027-06-30", "2027-07-31", "2027-08-31", "2027-09-30"]),
        ("monthly", "2027-02-28", vec!["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]),
        ("monthly", "2028-01-31", vec!["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]),
        // 28 February 2028 is not the month's last day.
        ("monthly", "2028-02-28", vec!["2028-02-28", "2028-03-28", "2028-04-28"]),
        ("monthly", "2027-06-29", vec!["2027-06-29", "2027-07-29", "2027-08-29"]),
        ("yearly", "2027-02-28", vec!["2027-02-28", "2028-02-29", "2029-02-28"]),
        ("three-month", "2026-11-30", vec!["2026-11-30", "2027-02-28", "2027-05-31"]),
        // Weeks know no month's end.
        ("weekly", "2027-06-30", vec!["2027-06-30", "2027-07-07", "2027-07-14"]),
    ] {
        let found = dates(frequency, start, &sticky, expected.len())?;
        assert_eq!(found, expected, "{frequency} from {start}");
    }
    Ok(())
}

#[test]
fn an_anchor_day_is_reached_by_the_shortest_stub() -> TestResult {
    for (frequency, day, start, expected) in [
        ("monthly", 1, "2027-01-15", vec!["2027-01-15", "2027-02-01", "2027-03-01"]),
        ("monthly", 20, "2027-01-15", vec!["2027-01-15", "2027-01-20", "2027-02-20"]),
        // On it already: the first period is whole.
        ("monthly", 15, "2027-01-15", vec!["2027-01-15", "2027-02-15", "2027-03-15"]),
        (
            "monthly",
            31,
            "2027-01-15",
            vec!["2027-01-15", "2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"],
        ),
        // The last day of a short month stands for day 31.
        ("monthly", 31, "2027-02-28", vec!["2027-02-28", "2027-03-31", "2027-04-30"]),
        ("monthly", 30, "2028-02-29", vec!["2028-02-29", "2028-03-30", "2028-04-30"]),
        ("monthly", 31, "2028-02-28", vec!["2028-02-28", "2028-02-29", "2028-03-31"]),
        ("three-month", 1, "2027-01-15", vec!["2027-01-15", "2027-02-01", "2027-05-01"]),
        ("yearly", 1, "2027-03-10", vec!["2027-03-10", "2027-04-01", "2028-04-01"]),
        ("yearly", 29, "2027-02-10", vec!["2027-02-10", "2027-02-28", "2028-02-29"]),
        ("monthly", 5, "2027-12-20", vec!["2027-12-20", "2028-01-05", "2028-02-05"]),
    ] {
        // An explicit day says the day itself: sticky adds nothing.
        for month_end in [MonthEnd::Clamp, MonthEnd::Sticky] {
            let anchor_day = Some(AnchorDay::new(day)?);
            let rules = ScheduleRules { anchor_day, month_end, ..ScheduleRules::default() };
            let found = dates(frequency, start, &rules, expected.len())?;
            assert_eq!(found, expected, "{frequency} on {day} from {start}");
        }
    }
    Ok(())
}

#[test]
fn an_anchor_weekday_is_reached_by_the_shortest_stub() -> TestResult {
    // 6 January 2027 is a Wednesday.
    for (frequency, weekday, expected) in [
        ("weekly", Weekday::Mon, ["2027-01-06", "2027-01-11", "2027-01-18"]),
        ("weekly", Weekday::Wed, ["2027-01-06", "2027-01-13", "2027-01-20"]),
        ("every 2 weeks", Weekday::Fri, ["2027-01-06", "2027-01-08", "2027-01-22"]),
        ("every 14 days", Weekday::Tue, ["2027-01-06", "2027-01-12", "2027-01-26"]),
    ] {
        let rules = ScheduleRules { anchor_weekday: Some(weekday), ..ScheduleRules::default() };
        assert_eq!(dates(frequency, "2027-01-06", &rules, 3)?, expected, "{frequency} {weekday}");
    }
    Ok(())
}

#[test]
fn the_index_at_a_date_is_that_of_the_last_one_that_has_come() -> TestResult {
    let plain = ScheduleRules::default;
    let fridays = ScheduleRules { anchor_weekday: Some(Weekday::Fri), ..plain() };
    let firsts = ScheduleRules { anchor_day: Some(AnchorDay::new(1)?), ..plain() };
    for (frequency, start, rules, expected) in [
        (
            "every 10 days",
            "2027-01-06",
            plain(),
            // 16 and 26 January.
            vec![("2026-12-01", 0), ("2027-01-15", 0), ("2027-01-16", 1), ("2027-01-26", 2)],
        ),
        (
            "every 2 weeks",
            "2027-01-06",
            fridays,
            // 8 and 22 January.
            vec![("2027-01-07", 0), ("2027-01-08", 1), ("2027-01-21", 1), ("2027-01-22", 2)],
        ),
        (
            "monthly",
            "2027-01-31",
            plain(),
            // 28 February and 31 March.
            vec![("2026-11-30", 0), ("2027-02-27", 0), ("2027-02-28", 1), ("2027-03-30", 1)],
        ),
        (
            "three-month",
            "2027-01-15",
            firsts,
            // 1 February and 1 May.
            vec![("2027-01-31", 0), ("2027-02-01", 1), ("2027-04-30", 1), ("2027-05-01", 2)],
        ),
    ] {
        let schedule = schedule(frequency, &format!("{start}T10:00:00"), Zone::utc(), rules)?;
        let Timing::Dates(grid) = schedule.timing() else { return Err("no grid".into()) };
        for (date, index) in expected {
            assert_eq!(grid.index_at(date.parse()?), index, "{frequency} on {date}");
        }
    }
    Ok(())
}
