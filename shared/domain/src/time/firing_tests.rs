use crate::time::{Zone, iana};

use super::super::{
    GapPolicy, OccurrenceNumber, OverlapPolicy, ScheduleError, ScheduleRules, Slot, WorkingDayRule,
    WorkingDays,
    fixtures::{TestResult, at, schedule},
};

/// What follows the start: wall clock and reason.
fn firings(
    expression: &str,
    start: &str,
    zone: Zone,
    rules: &ScheduleRules,
    count: usize,
) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let schedule = schedule(expression, start, zone, rules.clone())?;
    let found = schedule.occurrences().skip(1).take(count).map(|found| {
        let found = found?;
        let local = schedule.local(found.at).format("%m-%dT%H:%M%:z");
        Ok::<_, ScheduleError>(format!("{local} {}", found.reason))
    });
    Ok(found.collect::<Result<_, _>>()?)
}

#[test]
fn each_policy_for_gaps_does_its_own_with_fixed_times() -> TestResult {
    for (dst_gap, expected) in [
        (
            GapPolicy::FirstValid,
            [
                "03-28T03:00+02:00 cron expression, gap moved from 02:30",
                "03-29T02:30+02:00 cron expression",
            ],
        ),
        (
            GapPolicy::Shift,
            [
                "03-28T03:30+02:00 cron expression, gap shifted from 02:30",
                "03-29T02:30+02:00 cron expression",
            ],
        ),
        (
            GapPolicy::Skip,
            ["03-29T02:30+02:00 cron expression", "03-30T02:30+02:00 cron expression"],
        ),
    ] {
        let rules = ScheduleRules { dst_gap, ..ScheduleRules::default() };
        let found = firings("30 2 * * *", "2027-03-27T12:00:00", iana("Europe/Berlin"), &rules, 2)?;
        assert_eq!(found, expected);
    }
    Ok(())
}

#[test]
fn a_time_shifted_past_another_fires_after_it_and_once_where_they_meet() -> TestResult {
    let rules = ScheduleRules { dst_gap: GapPolicy::Shift, ..ScheduleRules::default() };
    // 02:00 is shifted onto 03:00, which stands for itself.
    let found = firings("0 2,3 * * *", "2027-03-27T12:00:00", iana("Europe/Berlin"), &rules, 2)?;
    assert_eq!(
        found,
        [
            "03-28T03:00+02:00 cron expression, gap shifted from 02:00",
            "03-29T02:00+02:00 cron expression"
        ]
    );
    // Samoa's Friday is shifted onto its Saturday, and both firings are kept.
    let found =
        firings("0 9,17 * * MON-FRI", "2011-12-29T18:00:00", iana("Pacific/Apia"), &rules, 3)?;
    assert_eq!(
        found,
        [
            "12-31T09:00+14:00 cron expression, gap shifted from 09:00",
            "12-31T17:00+14:00 cron expression, gap shifted from 17:00",
            "01-02T09:00+14:00 cron expression",
        ]
    );
    Ok(())
}

#[test]
fn both_passes_fire_when_asked_for() -> TestResult {
    let rules = ScheduleRules { dst_overlap: OverlapPolicy::Both, ..ScheduleRules::default() };
    let berlin = firings("30 2 * * *", "2027-10-30T12:00:00", iana("Europe/Berlin"), &rules, 3)?;
    assert_eq!(
        berlin,
        [
            "10-31T02:30+02:00 cron expression, first pass of overlap",
            "10-31T02:30+01:00 cron expression, second pass of overlap",
            "11-01T02:30+01:00 cron expression",
        ]
    );
    // Lord Howe repeats half an hour: asked for, both fire, though less than an hour apart.
    let lord_howe =
        firings("45 1 * * *", "2027-04-03T12:00:00", iana("Australia/Lord_Howe"), &rules, 2)?;
    assert_eq!(
        lord_howe,
        [
            "04-04T01:45+11:00 cron expression, first pass of overlap",
            "04-04T01:45+10:30 cron expression, second pass of overlap",
        ]
    );
    Ok(())
}

#[test]
fn the_firings_of_a_day_off_move_together_unless_a_neighbour_serves_them() -> TestResult {
    let rules = |rule| {
        let working_days = Some(WorkingDays::with_holidays(rule, [])?);
        Ok::<_, Box<dyn std::error::Error>>(ScheduleRules {
            working_days,
            ..ScheduleRules::default()
        })
    };
    // 9 January 2027 is a Saturday: it leaves its runs to Sunday, whose move is to Monday.
    let next = firings(
        "0 9,17 * * 6,0",
        "2027-01-08T12:00:00",
        Zone::utc(),
        &rules(WorkingDayRule::Next)?,
        3,
    )?;
    assert_eq!(
        next,
        [
            "01-11T09:00+00:00 cron expression, weekend moved from 2027-01-10",
            "01-11T17:00+00:00 cron expression, weekend moved from 2027-01-10",
            "01-18T09:00+00:00 cron expression, weekend moved from 2027-01-17",
        ]
    );
    let previous = rules(WorkingDayRule::Previous)?;
    let found = firings("0 9 * * 6,0", "2027-01-08T12:00:00", Zone::utc(), &previous, 2)?;
    assert_eq!(
        found,
        [
            "01-15T09:00+00:00 cron expression, weekend moved from 2027-01-16",
            "01-22T09:00+00:00 cron expression, weekend moved from 2027-01-23",
        ]
    );
    let daily =
        firings("0 9 * * *", "2027-01-07T12:00:00", Zone::utc(), &rules(WorkingDayRule::Next)?, 3)?;
    assert_eq!(
        daily,
        [
            "01-08T09:00+00:00 cron expression",
            "01-11T09:00+00:00 cron expression",
            "01-12T09:00+00:00 cron expression"
        ]
    );
    Ok(())
}

#[test]
fn an_expression_is_counted_through_for_a_hundred_thousand_firings() -> TestResult {
    let hourly = schedule("@hourly", "2017-01-01T00:00:00", Zone::utc(), ScheduleRules::default())?;
    // 100,000 hours are 4,166 days and 16 hours.
    let last = hourly.occurrence(OccurrenceNumber::new(100_000))?;
    assert_eq!(last.at, at("2028-05-29T16:00:00Z")?);
    let beyond = hourly.occurrence(OccurrenceNumber::new(100_001));
    assert_eq!(beyond, Err(ScheduleError::TooManyFirings));
    Ok(())
}

#[test]
fn a_firing_is_explained_without_counting_up_to_it() -> TestResult {
    let hourly = schedule("@hourly", "2017-01-01T00:00:00", Zone::utc(), ScheduleRules::default())?;
    let number = OccurrenceNumber::new(200_000);
    for (instant, reason) in
        [("2027-01-01T06:00:00Z", "cron expression"), ("2027-01-01T06:30:00Z", "as recorded")]
    {
        let slot = Slot { number, at: at(instant)? };
        let explained = hourly.explained(slot)?;
        assert_eq!((explained.slot(), explained.reason.to_string()), (slot, reason.to_owned()));
    }
    Ok(())
}
