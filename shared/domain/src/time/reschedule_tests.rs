use crate::time::{Zone, iana};
use chrono::Weekday;

use super::{
    super::{
        AnchorDay, OccurrenceNumber, ScheduleRules,
        fixtures::{TestResult, at, begun_late, number_2_is_missing, row, schedule, table},
    },
    *,
};

#[test]
fn a_rescheduled_run_keeps_its_number_and_the_others_their_dates() -> TestResult {
    let monthly =
        schedule("monthly", "2027-01-31T10:00:00", Zone::utc(), ScheduleRules::default())?;
    let next = monthly.occurrence(OccurrenceNumber::FIRST)?.slot();
    let now = at("2027-02-10T00:00:00Z")?;
    for to in ["2027-02-10T00:00:01Z", "2027-02-20T08:00:00Z", "2027-03-31T09:59:59Z"] {
        let found = reschedule_next(&monthly, next, at(to)?, now, AnchorChange::Keep)?;
        assert_eq!(found.next.reason.to_string(), "rescheduled by request");
        assert_eq!(found.next.slot(), Slot { number: OccurrenceNumber::FIRST, at: at(to)? });
        let following = found.schedule.following(found.next.slot())?;
        assert_eq!(row(&monthly, &following), "2 2027-03-31T10:00+00:00 anchor plus 2 intervals");
    }
    Ok(())
}

#[test]
fn a_moved_anchor_takes_the_later_runs_with_it() -> TestResult {
    let monthly = schedule(
        "monthly",
        "2027-01-31T10:00:00",
        iana("Europe/Berlin"),
        ScheduleRules::default(),
    )?;
    let next = monthly.occurrence(OccurrenceNumber::FIRST)?.slot();
    let (now, to) = (at("2027-02-10T00:00:00Z")?, at("2027-03-30T06:30:00Z")?);
    let found = reschedule_next(&monthly, next, to, now, AnchorChange::Move)?;
    assert_eq!(found.next.number, OccurrenceNumber::FIRST);
    assert_eq!(
        table(&found.schedule, 3)?,
        [
            "1 2027-03-30T08:30+02:00 anchor",
            "2 2027-04-30T08:30+02:00 anchor plus 1 interval",
            "3 2027-05-30T08:30+02:00 anchor plus 2 intervals",
        ]
    );
    Ok(())
}

#[test]
fn a_moved_anchor_is_no_longer_bound_to_a_day_or_an_older_wall_clock() -> TestResult {
    let on_the_15th =
        ScheduleRules { anchor_day: Some(AnchorDay::new(15)?), ..ScheduleRules::default() };
    let mondays = ScheduleRules { anchor_weekday: Some(Weekday::Mon), ..ScheduleRules::default() };
    // Clocks jumped over 02:30 on 28 March 2027, to 03:00, which is 01:00 in UTC.
    let unshown = ScheduleRules {
        anchor_local: Some("2027-03-28T02:30:00".parse()?),
        ..ScheduleRules::default()
    };
    for (frequency, start, rules, to, following) in [
        (
            "monthly",
            "2027-01-31T10:00:00",
            on_the_15th,
            "2027-02-20T07:00:00Z",
            "2 2027-03-20T08:00+01:00 anchor plus 1 interval",
        ),
        // Monday 1 February becomes Friday 5 February.
        (
            "weekly",
            "2027-01-27T10:00:00",
            mondays,
            "2027-02-05T07:00:00Z",
            "2 2027-02-12T08:00+01:00 anchor plus 1 interval",
        ),
        (
            "daily",
            "2027-03-28T03:00:00",
            unshown,
            "2027-03-30T06:00:00Z",
            "2 2027-03-31T08:00+02:00 anchor plus 1 interval",
        ),
    ] {
        let before = schedule(frequency, start, iana("Europe/Berlin"), rules)?;
        let next = before.occurrence(OccurrenceNumber::FIRST)?.slot();
        let found = reschedule_next(&before, next, at(to)?, before.anchor(), AnchorChange::Move)?;
        let after = found.schedule.following(found.next.slot())?;
        assert_eq!(row(&found.schedule, &after), following);
    }
    Ok(())
}

#[test]
fn a_date_that_breaks_a_rule_is_refused_with_it() -> TestResult {
    let now = at("2027-02-10T00:00:00Z")?;
    let monthly =
        schedule("monthly", "2027-01-31T10:00:00", Zone::utc(), ScheduleRules::default())?;
    let cron =
        schedule("0 10 1 * *", "2027-01-31T10:00:00", Zone::utc(), ScheduleRules::default())?;
    let refusal = |schedule: &Schedule, to: &str, anchor| {
        let next =
            schedule.following(schedule.occurrence(OccurrenceNumber::ANCHOR)?.slot())?.slot();
        let refused = reschedule_next(schedule, next, at(to)?, now, anchor);
        Ok::<_, Box<dyn std::error::Error>>(refused.map_err(|error| error.to_string()).err())
    };
    for (schedule, to, anchor, part) in [
        (&monthly, "2027-02-10T00:00:00Z", AnchorChange::Keep, "to the future"),
        (&monthly, "2027-02-09T00:00:00Z", AnchorChange::Move, "to the future"),
        (&monthly, "2027-03-31T10:00:00Z", AnchorChange::Keep, "not before the following run"),
        (&cron, "2027-02-11T00:00:00Z", AnchorChange::Move, "do not follow an anchor"),
    ] {
        let refused = refusal(schedule, to, anchor)?.ok_or("accepted")?;
        assert!(refused.contains(part), "{to}: {refused}");
    }
    // The cron expression's next firing is on 1 February; put off to the 20th it fires on 1 March.
    let next = Slot { number: OccurrenceNumber::FIRST, at: at("2027-03-01T10:00:00Z")? };
    let refused =
        reschedule_next(&cron, next, at("2027-02-20T00:00:00Z")?, now, AnchorChange::Keep);
    assert_eq!(refused, Err(RescheduleError::CronBroughtForward { own: next.at }));
    let unmoved = reschedule_next(&cron, next, next.at, now, AnchorChange::Keep)?;
    assert_eq!(unmoved.next.slot(), next);
    let put_off =
        reschedule_next(&cron, next, at("2027-03-20T00:00:00Z")?, now, AnchorChange::Keep)?;
    let following = put_off.schedule.following(put_off.next.slot())?;
    assert_eq!(following.at, at("2027-04-01T10:00:00Z")?);
    Ok(())
}

#[test]
fn the_last_run_of_the_calendar_can_be_put_off() -> TestResult {
    let yearly = schedule("yearly", "9998-06-01T10:00:00", Zone::utc(), ScheduleRules::default())?;
    let last = yearly.occurrence(OccurrenceNumber::FIRST)?.slot();
    let to = at("9999-12-01T00:00:00Z")?;
    let found = reschedule_next(&yearly, last, to, yearly.anchor(), AnchorChange::Keep)?;
    assert_eq!(found.next.at, to);
    Ok(())
}

#[test]
fn a_number_that_the_schedule_does_not_have_is_not_its_end() -> TestResult {
    let (schedule, early) = begun_late()?;
    let (to, now) = (at("2027-01-05T00:00:00Z")?, at("2027-01-01T00:00:00Z")?);
    let refused = reschedule_next(&schedule, early, to, now, AnchorChange::Keep);
    assert_eq!(refused, Err(RescheduleError::Schedule(number_2_is_missing())));
    Ok(())
}
