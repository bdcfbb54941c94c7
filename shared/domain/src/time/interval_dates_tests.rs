use crate::time::{Zone, iana};
use chrono::NaiveDate;

use super::super::{
    GapPolicy, OccurrenceNumber, Omission, ScheduleError, ScheduleRules, WorkingDayRule,
    WorkingDays,
    fixtures::{TestResult, schedule, table},
};

fn gap(dst_gap: GapPolicy) -> ScheduleRules {
    ScheduleRules { dst_gap, ..ScheduleRules::default() }
}

/// Saturday and Sunday off, and these holidays.
fn working(
    rule: WorkingDayRule,
    holidays: &[&str],
) -> Result<ScheduleRules, Box<dyn std::error::Error>> {
    let holidays = holidays.iter().map(|day| day.parse()).collect::<Result<Vec<NaiveDate>, _>>()?;
    let working_days = Some(WorkingDays::with_holidays(rule, holidays)?);
    Ok(ScheduleRules { working_days, ..ScheduleRules::default() })
}

#[test]
fn each_policy_for_gaps_does_its_own_in_every_zone() -> TestResult {
    let next = "anchor plus 1 interval";
    let third = "anchor plus 2 intervals";
    for (zone, start, policy, expected) in [
        (
            iana("Europe/Berlin"),
            "2027-03-27T02:30:00",
            GapPolicy::FirstValid,
            [
                format!("1 2027-03-28T03:00+02:00 {next}, gap moved from 02:30"),
                format!("2 2027-03-29T02:30+02:00 {third}"),
            ],
        ),
        (
            iana("Europe/Berlin"),
            "2027-03-27T02:30:15",
            GapPolicy::FirstValid,
            [
                format!("1 2027-03-28T03:00+02:00 {next}, gap moved from 02:30:15"),
                format!("2 2027-03-29T02:30+02:00 {third}"),
            ],
        ),
        (
            iana("Europe/Berlin"),
            "2027-03-27T02:30:00",
            GapPolicy::Shift,
            [
                format!("1 2027-03-28T03:30+02:00 {next}, gap shifted from 02:30"),
                format!("2 2027-03-29T02:30+02:00 {third}"),
            ],
        ),
        (
            iana("Europe/Berlin"),
            "2027-03-27T02:30:00",
            GapPolicy::Skip,
            [
                format!("2 2027-03-29T02:30+02:00 {third}"),
                "3 2027-03-30T02:30+02:00 anchor plus 3 intervals".to_owned(),
            ],
        ),
        (
            iana("America/New_York"),
            "2027-03-13T02:15:00",
            GapPolicy::Shift,
            [
                format!("1 2027-03-14T03:15-04:00 {next}, gap shifted from 02:15"),
                format!("2 2027-03-15T02:15-04:00 {third}"),
            ],
        ),
        // Lord Howe's clocks jump by half an hour, from 02:00 to 02:30.
        (
            iana("Australia/Lord_Howe"),
            "2027-10-02T02:15:00",
            GapPolicy::FirstValid,
            [
                format!("1 2027-10-03T02:30+11:00 {next}, gap moved from 02:15"),
                format!("2 2027-10-04T02:15+11:00 {third}"),
            ],
        ),
        (
            iana("Australia/Lord_Howe"),
            "2027-10-02T02:15:00",
            GapPolicy::Shift,
            [
                format!("1 2027-10-03T02:45+11:00 {next}, gap shifted from 02:15"),
                format!("2 2027-10-04T02:15+11:00 {third}"),
            ],
        ),
        // Samoa left out 30 December 2011 altogether.
        (
            iana("Pacific/Apia"),
            "2011-12-29T12:00:00",
            GapPolicy::FirstValid,
            [
                format!("1 2011-12-31T00:00+14:00 {next}, gap moved from 12:00"),
                format!("2 2011-12-31T12:00+14:00 {third}"),
            ],
        ),
        // Shifted by a day it would be the next one.
        (
            iana("Pacific/Apia"),
            "2011-12-29T12:00:00",
            GapPolicy::Shift,
            [
                format!("2 2011-12-31T12:00+14:00 {third}"),
                "3 2012-01-01T12:00+14:00 anchor plus 3 intervals".to_owned(),
            ],
        ),
        (
            iana("Pacific/Apia"),
            "2011-12-29T12:00:00",
            GapPolicy::Skip,
            [
                format!("2 2011-12-31T12:00+14:00 {third}"),
                "3 2012-01-01T12:00+14:00 anchor plus 3 intervals".to_owned(),
            ],
        ),
    ] {
        let schedule = schedule("daily", start, zone, gap(policy))?;
        let found = table(&schedule, 3)?;
        assert_eq!(found.get(1..), Some(&expected[..]), "{zone} {policy:?}");
    }
    Ok(())
}

#[test]
fn a_week_whose_day_is_missing_has_days_until_the_next_one() -> TestResult {
    // 30 December 2011 again, a Friday: the next occurrence is a week away, not on the next day.
    for (start, policy, expected) in [
        (
            "2011-12-23T12:00:00",
            GapPolicy::Shift,
            "12:00+14:00 anchor plus 1 interval, gap shifted from 12:00",
        ),
        (
            "2011-12-23T00:00:00",
            GapPolicy::FirstValid,
            "00:00+14:00 anchor plus 1 interval, gap moved from 00:00",
        ),
    ] {
        let weekly = schedule("weekly", start, iana("Pacific/Apia"), gap(policy))?;
        let expected = format!("1 2011-12-31T{expected}");
        assert_eq!(table(&weekly, 2)?.last(), Some(&expected));
    }
    Ok(())
}

#[test]
fn a_left_out_number_says_why() -> TestResult {
    let schedule =
        schedule("daily", "2027-03-27T02:30:00", iana("Europe/Berlin"), gap(GapPolicy::Skip))?;
    let number = OccurrenceNumber::FIRST;
    let error = schedule.occurrence(number);
    let omission = Omission::Gap("2027-03-28T02:30:00".parse()?);
    assert_eq!(error, Err(ScheduleError::LeftOut { number, omission }));
    let text = "the schedule leaves occurrence 1 out: clocks jump over 2027-03-28 02:30:00";
    assert_eq!(error.map_err(|error| error.to_string()), Err(text.to_owned()));
    Ok(())
}

#[test]
fn an_occurrence_on_a_day_off_moves_to_a_working_day() -> TestResult {
    // Christmas 2027 is a Saturday; 27 December is a Monday.
    let christmas = ["2027-12-25", "2027-12-27"];
    let schedule_25th = |rule| {
        schedule(
            "monthly",
            "2027-11-25T09:00:00",
            iana("Europe/Berlin"),
            working(rule, &christmas)?,
        )
    };
    assert_eq!(
        table(&schedule_25th(WorkingDayRule::Next)?, 3)?,
        [
            "0 2027-11-25T09:00+01:00 anchor",
            "1 2027-12-28T09:00+01:00 anchor plus 1 interval, holiday moved from 2027-12-25",
            "2 2028-01-25T09:00+01:00 anchor plus 2 intervals",
        ]
    );
    assert_eq!(
        table(&schedule_25th(WorkingDayRule::Previous)?, 2)?,
        [
            "0 2027-11-25T09:00+01:00 anchor",
            "1 2027-12-24T09:00+01:00 anchor plus 1 interval, holiday moved from 2027-12-25",
        ]
    );
    assert_eq!(
        table(&schedule_25th(WorkingDayRule::None)?, 2)?,
        ["0 2027-11-25T09:00+01:00 anchor", "1 2027-12-25T09:00+01:00 anchor plus 1 interval",]
    );
    Ok(())
}

#[test]
fn a_daily_schedule_on_working_days_leaves_the_weekend_to_its_neighbours() -> TestResult {
    // 7 January 2027 is a Thursday.
    for (rule, expected) in [
        (WorkingDayRule::Next, [0, 1, 4, 5, 6, 7, 8, 11]),
        (WorkingDayRule::Previous, [0, 1, 4, 5, 6, 7, 8, 11]),
    ] {
        let schedule = schedule("daily", "2027-01-07T09:00:00", Zone::utc(), working(rule, &[])?)?;
        let numbers: Vec<u32> = schedule
            .occurrences()
            .take(8)
            .map(|found| found.map(|found| found.number.get()))
            .collect::<Result<_, _>>()?;
        assert_eq!(numbers, expected);
        assert!(matches!(
            schedule.occurrence(OccurrenceNumber::new(2)),
            Err(ScheduleError::LeftOut { omission: Omission::ServedByNeighbour, .. })
        ));
    }
    Ok(())
}

#[test]
fn the_start_never_moves_and_hours_keep_to_working_days() -> TestResult {
    // 9 January 2027 is a Saturday.
    let rules = working(WorkingDayRule::Next, &[])?;
    let weekly = schedule("weekly", "2027-01-09T09:00:00", Zone::utc(), rules.clone())?;
    assert_eq!(
        table(&weekly, 2)?,
        [
            "0 2027-01-09T09:00+00:00 anchor",
            "1 2027-01-18T09:00+00:00 anchor plus 1 interval, weekend moved from 2027-01-16",
        ]
    );
    // Friday 20:00, then Saturday 18:00 moves to Monday 18:00, past Sunday's own date.
    let hours = schedule("every 22 hours", "2027-01-08T20:00:00", Zone::utc(), rules)?;
    assert_eq!(
        table(&hours, 3)?,
        [
            "0 2027-01-08T20:00+00:00 anchor",
            "3 2027-01-11T14:00+00:00 anchor plus 3 intervals",
            "4 2027-01-12T12:00+00:00 anchor plus 4 intervals",
        ]
    );
    Ok(())
}

#[test]
fn a_clamped_day_moves_and_meets_a_gap_and_says_so() -> TestResult {
    // 27 March 2027 is a Saturday, the next day loses 02:30. With only Saturday off:
    let days = WorkingDays::new(WorkingDayRule::Next, [chrono::Weekday::Sat], [])?;
    let rules = ScheduleRules { working_days: Some(days), ..ScheduleRules::default() };
    let monthly = schedule("monthly", "2027-02-27T02:30:00", iana("Europe/Berlin"), rules)?;
    assert_eq!(
        table(&monthly, 2)?.last().map(String::as_str),
        Some(
            "1 2027-03-28T03:00+02:00 anchor plus 1 interval, weekend moved from 2027-03-27, gap \
             moved from 02:30"
        )
    );
    Ok(())
}

#[test]
fn a_date_that_a_zone_leaves_out_is_no_working_day() -> TestResult {
    // Friday 30 December 2011 did not exist in Samoa; 31 December was a Saturday.
    for (rule, expected) in [
        (
            WorkingDayRule::Next,
            "1 2012-01-02T09:00+14:00 anchor plus 1 interval, missing date moved from 2011-12-30",
        ),
        (
            WorkingDayRule::Previous,
            "1 2011-12-29T09:00-10:00 anchor plus 1 interval, missing date moved from 2011-12-30",
        ),
    ] {
        let weekly =
            schedule("weekly", "2011-12-23T09:00:00", iana("Pacific/Apia"), working(rule, &[])?)?;
        assert_eq!(table(&weekly, 2)?.last().map(String::as_str), Some(expected));
    }
    Ok(())
}

#[test]
fn a_date_whose_noon_is_missing_is_a_date_all_the_same() -> TestResult {
    // Honolulu's clocks were put forward from 12:00:00 to 12:01:26 on 13 January 1896.
    let days = WorkingDays::new(WorkingDayRule::Next, [], [])?;
    let rules = ScheduleRules { working_days: Some(days), ..ScheduleRules::default() };
    let weekly = schedule("weekly", "1896-01-06T09:00:00", iana("Pacific/Honolulu"), rules)?;
    let found = weekly.occurrence(OccurrenceNumber::FIRST)?;
    assert_eq!(found.reason.to_string(), "anchor plus 1 interval");
    assert_eq!(weekly.local(found.at).naive_local(), "1896-01-13T09:00:00".parse()?);
    Ok(())
}

#[test]
fn clamped_and_kept_days_say_so() -> TestResult {
    let monthly =
        schedule("monthly", "2027-01-31T10:00:00", Zone::utc(), ScheduleRules::default())?;
    let texts: Vec<String> = table(&monthly, 3)?;
    assert_eq!(
        texts,
        [
            "0 2027-01-31T10:00+00:00 anchor",
            "1 2027-02-28T10:00+00:00 anchor plus 1 interval, clamped from 31",
            "2 2027-03-31T10:00+00:00 anchor plus 2 intervals",
        ]
    );
    let sticky =
        ScheduleRules { month_end: super::super::MonthEnd::Sticky, ..ScheduleRules::default() };
    let monthly = schedule("monthly", "2027-06-30T10:00:00", Zone::utc(), sticky)?;
    assert_eq!(
        table(&monthly, 4)?.get(1..),
        Some(
            &[
                "1 2027-07-31T10:00+00:00 anchor plus 1 interval, month end kept from 30"
                    .to_owned(),
                "2 2027-08-31T10:00+00:00 anchor plus 2 intervals, month end kept from 30"
                    .to_owned(),
                // A month of 30 days ends on the anchor's own day.
                "3 2027-09-30T10:00+00:00 anchor plus 3 intervals".to_owned(),
            ][..]
        )
    );
    let rules = ScheduleRules {
        anchor_day: Some(super::super::AnchorDay::new(31)?),
        ..ScheduleRules::default()
    };
    let monthly = schedule("monthly", "2027-01-15T10:00:00", Zone::utc(), rules)?;
    assert_eq!(
        table(&monthly, 3)?,
        [
            "0 2027-01-15T10:00+00:00 anchor",
            "1 2027-01-31T10:00+00:00 anchor day 31",
            "2 2027-02-28T10:00+00:00 anchor day 31 plus 1 interval, clamped from 31",
        ]
    );
    Ok(())
}

#[test]
fn years_of_days_off_come_to_an_end() -> TestResult {
    // One day to work on in a week, and 1,000 of those are holidays.
    use chrono::{Days, Weekday};
    let weekend =
        [Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
    let monday: NaiveDate = "2027-01-04".parse()?;
    let holidays = (0..1_000).filter_map(|week| monday.checked_add_days(Days::new(7 * week)));
    for rule in [WorkingDayRule::Next, WorkingDayRule::Previous] {
        let days = WorkingDays::new(rule, weekend, holidays.clone())?;
        let rules = ScheduleRules { working_days: Some(days), ..ScheduleRules::default() };
        let hourly = schedule("hourly", "2027-01-01T00:00:00", Zone::utc(), rules)?;
        let anchor = hourly.occurrence(OccurrenceNumber::ANCHOR)?;
        let next = hourly.following(anchor.slot())?;
        // 1,000 weeks after the first Monday.
        assert_eq!(next.at.to_rfc3339(), "2046-03-05T00:00:00+00:00");
        let before = "2046-03-04T00:00:00Z".parse()?;
        let due = hourly.latest_due(anchor.slot(), before)?.ok_or("nothing due")?;
        assert_eq!(due.occurrence, anchor);
    }
    Ok(())
}
