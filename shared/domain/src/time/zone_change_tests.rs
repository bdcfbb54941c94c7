use crate::time::iana;

use super::{
    super::{
        OccurrenceNumber, ScheduleRules,
        fixtures::{TestResult, at, row, schedule},
    },
    *,
};

#[test]
fn the_wall_clock_and_the_number_are_kept() -> TestResult {
    for (frequency, zone, expected, then) in [
        (
            "monthly",
            iana("America/New_York"),
            "2 2027-03-31T09:00-04:00 anchor plus 2 intervals",
            "3 2027-04-30T09:00-04:00 anchor plus 3 intervals, clamped from 31",
        ),
        (
            "monthly",
            iana("Asia/Tokyo"),
            "2 2027-03-31T09:00+09:00 anchor plus 2 intervals",
            "3 2027-04-30T09:00+09:00 anchor plus 3 intervals, clamped from 31",
        ),
        (
            "0 9 L * *",
            iana("America/New_York"),
            "2 2027-03-31T09:00-04:00 cron expression",
            "3 2027-04-30T09:00-04:00 cron expression",
        ),
    ] {
        let before = schedule(
            frequency,
            "2027-01-31T09:00:00",
            iana("Europe/Berlin"),
            ScheduleRules::default(),
        )?;
        let last = before.occurrence(OccurrenceNumber::FIRST)?;
        let next = before.following(last.slot())?;
        let (moved, found) = before.in_zone(zone, next.slot(), Some(last.at))?;
        assert_eq!(row(&moved, &found), expected);
        assert_eq!(moved.occurrence(found.number)?, found);
        assert_eq!(row(&moved, &moved.following(found.slot())?), then);
    }
    Ok(())
}

/// February ran in Tokyo; in New York it was still January when the customer moved there.
#[test]
fn a_month_that_ran_in_the_east_does_not_run_again_in_the_west() -> TestResult {
    for frequency in ["monthly", "0 0 1 * *"] {
        let tokyo = schedule(
            frequency,
            "2027-01-01T00:00:00",
            iana("Asia/Tokyo"),
            ScheduleRules::default(),
        )?;
        let february = tokyo.occurrence(OccurrenceNumber::FIRST)?;
        assert_eq!(february.at, at("2027-01-31T15:00:00Z")?);
        let march = tokyo.following(february.slot())?;
        let (_, next) = tokyo.in_zone(iana("America/New_York"), march.slot(), Some(february.at))?;
        assert_eq!((next.number.get(), next.at), (2, at("2027-03-01T05:00:00Z")?), "{frequency}");
    }
    Ok(())
}

#[test]
fn elapsed_hours_stay_elapsed_hours() -> TestResult {
    let hours = schedule(
        "every 5 hours",
        "2027-01-01T00:00:00",
        iana("Europe/Berlin"),
        ScheduleRules::default(),
    )?;
    let next = hours.occurrence(OccurrenceNumber::new(7))?;
    let (moved, found) = hours.in_zone(iana("Asia/Tokyo"), next.slot(), None)?;
    assert_eq!(found, next);
    assert_eq!(moved.following(found.slot())?.at, hours.following(next.slot())?.at);
    // In Kolkata full hours are half past in UTC: half an hour later, not five and a half earlier.
    let hourly = schedule(
        "0 * * * *",
        "2027-01-01T00:00:00",
        iana("Europe/Berlin"),
        ScheduleRules::default(),
    )?;
    let last = hourly.occurrence(OccurrenceNumber::new(7))?;
    let next = hourly.following(last.slot())?;
    let (_, found) = hourly.in_zone(iana("Asia/Kolkata"), next.slot(), Some(last.at))?;
    assert_eq!(found.number, next.number);
    assert_eq!(found.at, next.at + TimeDelta::minutes(30));
    Ok(())
}

#[test]
fn a_run_that_would_be_before_the_last_one_is_due_right_after_it() -> TestResult {
    // Fixed times at 09:00 and 17:00: 17:00 in Tokyo is long before 09:00 of that day in Los Angeles.
    let west = schedule(
        "0 9,17 * * *",
        "2027-01-10T12:00:00",
        iana("America/Los_Angeles"),
        ScheduleRules::default(),
    )?;
    let last = west.occurrence(OccurrenceNumber::new(2))?;
    assert_eq!(last.at, at("2027-01-11T17:00:00Z")?);
    let next = west.following(last.slot())?;
    let (tokyo, found) = west.in_zone(iana("Asia/Tokyo"), next.slot(), Some(last.at))?;
    assert_eq!((found.number, found.at), (next.number, at("2027-01-11T17:00:01Z")?));
    assert_eq!(
        row(&tokyo, &tokyo.following(found.slot())?),
        "4 2027-01-12T09:00+09:00 cron expression"
    );
    Ok(())
}

#[test]
fn an_anchor_in_a_gap_of_the_new_zone_is_remembered() -> TestResult {
    // 02:30 on 29 March 2026 existed in New York, but not in Berlin.
    let before = schedule(
        "monthly",
        "2026-03-29T02:30:00",
        iana("America/New_York"),
        ScheduleRules::default(),
    )?;
    let next = before.occurrence(OccurrenceNumber::FIRST)?;
    let (berlin, found) =
        before.in_zone(iana("Europe/Berlin"), next.slot(), Some(before.anchor()))?;
    assert_eq!(row(&berlin, &found), "1 2026-04-29T02:30+02:00 anchor plus 1 interval");
    let stored = serde_json::to_string(&berlin)?;
    assert_eq!(serde_json::from_str::<Schedule>(&stored)?, berlin);
    // And it finds its way back.
    let (back, found) =
        berlin.in_zone(iana("America/New_York"), found.slot(), Some(before.anchor()))?;
    assert_eq!(found.at, next.at);
    assert_eq!(back.anchor(), before.anchor());
    Ok(())
}

#[test]
fn a_rescheduled_run_keeps_its_wall_clock_too() -> TestResult {
    let monthly = schedule(
        "monthly",
        "2027-01-31T09:00:00",
        iana("Europe/Berlin"),
        ScheduleRules::default(),
    )?;
    // 20 February, 08:00 in Berlin.
    let recorded = Slot { number: OccurrenceNumber::FIRST, at: at("2027-02-20T07:00:00Z")? };
    let (_, found) = monthly.in_zone(iana("America/New_York"), recorded, None)?;
    assert_eq!((found.number.get(), found.at), (1, at("2027-02-20T13:00:00Z")?));
    Ok(())
}

#[test]
fn a_rescheduled_firing_keeps_its_wall_clock_too() -> TestResult {
    let firsts = schedule(
        "0 9 1 * *",
        "2027-01-31T09:00:00",
        iana("Europe/Berlin"),
        ScheduleRules::default(),
    )?;
    // 20 February, 08:00 in Berlin.
    let recorded = Slot { number: OccurrenceNumber::FIRST, at: at("2027-02-20T07:00:00Z")? };
    let (there, found) = firsts.in_zone(iana("America/New_York"), recorded, None)?;
    assert_eq!(row(&there, &found), "1 2027-02-20T08:00-05:00 as recorded");
    let following = there.following(found.slot())?;
    assert_eq!(row(&there, &following), "2 2027-03-01T09:00-05:00 cron expression");
    Ok(())
}

#[test]
fn a_rescheduled_run_that_the_new_zone_jumps_over_says_so() -> TestResult {
    let rules = ScheduleRules::default();
    let monthly = schedule("monthly", "2026-02-15T09:00:00", iana("America/New_York"), rules)?;
    // 29 March 2026, 02:30 in New York; Berlin's clocks jump from 02:00 to 03:00 then.
    let recorded = Slot { number: OccurrenceNumber::FIRST, at: at("2026-03-29T06:30:00Z")? };
    let (berlin, found) = monthly.in_zone(iana("Europe/Berlin"), recorded, None)?;
    assert_eq!(row(&berlin, &found), "1 2026-03-29T03:00+02:00 as recorded, gap moved from 02:30");
    Ok(())
}

#[test]
fn the_widest_change_there_is_keeps_order() -> TestResult {
    // From 11 hours behind UTC to 14 ahead, daily: tomorrow there is an hour before today here.
    let samoa = schedule(
        "daily",
        "2027-01-10T09:00:00",
        iana("Pacific/Pago_Pago"),
        ScheduleRules::default(),
    )?;
    let last = samoa.occurrence(OccurrenceNumber::new(3))?;
    let next = samoa.following(last.slot())?;
    let (kiritimati, found) =
        samoa.in_zone(iana("Pacific/Kiritimati"), next.slot(), Some(last.at))?;
    assert_eq!((found.number.get(), found.at), (4, last.at + TimeDelta::seconds(1)));
    let following = kiritimati.following(found.slot())?;
    assert_eq!(row(&kiritimati, &following), "5 2027-01-15T09:00+14:00 anchor plus 5 intervals");
    Ok(())
}
