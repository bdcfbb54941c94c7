use crate::time::Zone;

use super::{
    super::{
        OccurrenceNumber, ScheduleRules,
        fixtures::{TestResult, begun_late, number_2_is_missing, row, schedule},
    },
    *,
};

#[test]
fn a_skipped_run_keeps_its_number_and_the_next_keeps_its_date() -> TestResult {
    let monthly =
        schedule("monthly", "2027-01-31T10:00:00", Zone::utc(), ScheduleRules::default())?;
    let next = monthly.occurrence(OccurrenceNumber::FIRST)?.slot();
    let SkippedNext { skipped, next } = skip_next(&monthly, next)?;
    assert_eq!(
        row(&monthly, &skipped),
        "1 2027-02-28T10:00+00:00 anchor plus 1 interval, clamped from 31, skipped by request"
    );
    let next = next.ok_or("no next")?;
    assert_eq!(row(&monthly, &next), "2 2027-03-31T10:00+00:00 anchor plus 2 intervals");
    Ok(())
}

#[test]
fn the_last_run_of_the_calendar_can_be_skipped() -> TestResult {
    let yearly = schedule("yearly", "9999-06-01T10:00:00", Zone::utc(), ScheduleRules::default())?;
    let last = yearly.occurrence(OccurrenceNumber::ANCHOR)?.slot();
    assert_eq!(skip_next(&yearly, last)?.next, None);
    Ok(())
}

#[test]
fn a_number_that_the_schedule_does_not_have_is_not_its_end() -> TestResult {
    let (schedule, early) = begun_late()?;
    assert_eq!(skip_next(&schedule, early), Err(number_2_is_missing()));
    Ok(())
}
