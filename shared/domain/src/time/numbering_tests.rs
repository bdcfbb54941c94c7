use crate::time::iana;

use super::super::{
    OccurrenceNumber, Schedule, ScheduleRules,
    fixtures::{TestResult, at, row, schedule},
};

/// A subscription since 31 January 2027 gets another frequency on 10 August 2027.
#[test]
fn numbers_go_on_from_the_first_that_no_run_has_used() -> TestResult {
    for (frequency, unused, expected) in [
        // 27 weeks have run, seven months have passed.
        ("monthly", 28, "28 2027-08-31T10:00+02:00 anchor plus 7 intervals"),
        // The new schedule is ahead anyway.
        ("weekly", 8, "28 2027-08-15T10:00+02:00 anchor plus 28 intervals"),
        ("monthly", 7, "7 2027-08-31T10:00+02:00 anchor plus 7 intervals"),
        ("0 6 1 * *", 28, "28 2027-09-01T06:00+02:00 cron expression"),
    ] {
        let rules = ScheduleRules::default();
        let before = schedule(frequency, "2027-01-31T10:00:00", iana("Europe/Berlin"), rules)?;
        let after = at("2027-08-10T00:00:00Z")?;
        let (schedule, next) = before.going_on(after, OccurrenceNumber::new(unused))?;
        assert_eq!(row(&schedule, &next), expected, "{frequency}");
        assert_eq!(schedule.occurrence(next.number)?, next);
        let following = schedule.following(next.slot())?;
        assert_eq!(following.number.get(), next.number.get() + 1);
    }
    Ok(())
}

#[test]
fn a_firing_at_the_very_instant_is_not_after_it() -> TestResult {
    let rules = ScheduleRules::default();
    let monthly = schedule("0 6 1 * *", "2027-08-01T06:00:00", iana("Europe/Berlin"), rules)?;
    let (_, next) = monthly.going_on(monthly.anchor(), OccurrenceNumber::ANCHOR)?;
    assert_eq!((next.number.get(), next.at), (1, at("2027-09-01T04:00:00Z")?));
    Ok(())
}

#[test]
fn an_expression_that_goes_on_forgets_the_wall_clock_of_its_old_anchor() -> TestResult {
    let local = "2027-01-31T10:00:00";
    let rules = ScheduleRules { anchor_local: Some(local.parse()?), ..ScheduleRules::default() };
    let monthly = schedule("0 6 1 * *", local, iana("Europe/Berlin"), rules)?;
    let (going_on, _) = monthly.going_on(at("2027-08-10T00:00:00Z")?, OccurrenceNumber::new(9))?;
    assert_eq!(going_on.rules().anchor_local, None);
    // With it, the schedule would be refused when it is read again.
    let stored = serde_json::to_string(&going_on)?;
    assert_eq!(serde_json::from_str::<Schedule>(&stored)?, going_on);
    Ok(())
}

#[test]
fn a_number_is_read_as_it_is_shown() -> TestResult {
    let number: OccurrenceNumber = "30".parse()?;
    assert_eq!((number.get(), number.to_string()), (30, "30".to_owned()));
    assert!("-1".parse::<OccurrenceNumber>().is_err());
    Ok(())
}

#[test]
fn the_anchor_stays_where_it_is() -> TestResult {
    let monthly = schedule(
        "monthly",
        "2027-01-31T10:00:00",
        iana("Europe/Berlin"),
        ScheduleRules::default(),
    )?;
    let (going_on, _) = monthly.going_on(at("2027-08-10T00:00:00Z")?, OccurrenceNumber::new(30))?;
    assert_eq!(going_on.anchor(), monthly.anchor());
    assert_eq!(going_on.rules().anchor_number, OccurrenceNumber::new(23));
    // Day 31 is remembered.
    let later = going_on.occurrence(OccurrenceNumber::new(31))?;
    assert_eq!(
        row(&going_on, &later),
        "31 2027-09-30T10:00+02:00 anchor plus 8 intervals, clamped from 31"
    );
    Ok(())
}

#[test]
fn a_schedule_that_has_not_begun_is_numbered_from_its_start() -> TestResult {
    for frequency in ["monthly", "0 6 1 * *"] {
        let coming = schedule(
            frequency,
            "2027-10-01T06:00:00",
            iana("Europe/Berlin"),
            ScheduleRules::default(),
        )?;
        let (going_on, next) =
            coming.going_on(at("2027-08-10T00:00:00Z")?, OccurrenceNumber::new(5))?;
        assert_eq!((next.number.get(), next.at), (5, coming.anchor()));
        assert_eq!(going_on.following(next.slot())?.at, at("2027-11-01T05:00:00Z")?);
    }
    Ok(())
}
