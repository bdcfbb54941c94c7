use crate::time::Zone;

use super::{
    super::{
        ScheduleRules, WorkingDayRule, WorkingDays,
        fixtures::{TestResult, at, begun_late, number_2_is_missing, schedule},
    },
    *,
};

#[test]
fn what_was_due_in_a_pause_is_passed_and_dates_stay() -> TestResult {
    let monthly =
        schedule("monthly", "2027-01-31T10:00:00", Zone::utc(), ScheduleRules::default())?;
    let next = monthly.occurrence(OccurrenceNumber::FIRST)?.slot();
    for (resumed, passed, expected) in [
        ("2027-02-27T00:00:00Z", None, 1),
        // What is due at that very instant runs.
        ("2027-02-28T10:00:00Z", None, 1),
        ("2027-02-28T10:00:01Z", Some((1, 1)), 2),
        ("2027-05-15T00:00:00Z", Some((1, 3)), 4),
    ] {
        let resumption = resume(&monthly, next, at(resumed)?)?;
        let numbers = resumption.passed.map(|passed| (passed.first.get(), passed.last.get()));
        assert_eq!(numbers, passed, "{resumed}");
        assert_eq!(resumption.next.map(|next| next.number.get()), Some(expected), "{resumed}");
    }
    Ok(())
}

#[test]
fn numbers_left_out_by_rules_are_passed_with_the_pause() -> TestResult {
    // 8 January 2027 is a Friday; 2 and 3 fall on the weekend.
    let days = WorkingDays::with_holidays(WorkingDayRule::Next, [])?;
    let rules = ScheduleRules { working_days: Some(days), ..ScheduleRules::default() };
    let daily = schedule("daily", "2027-01-07T10:00:00", Zone::utc(), rules)?;
    let next = daily.occurrence(OccurrenceNumber::FIRST)?.slot();
    let resumption = resume(&daily, next, at("2027-01-08T11:00:00Z")?)?;
    let passed = resumption.passed.ok_or("nothing passed")?;
    assert_eq!((passed.first.get(), passed.last.get()), (1, 3));
    assert_eq!(resumption.next.map(|next| next.number.get()), Some(4));
    Ok(())
}

#[test]
fn a_pause_ends_by_itself_on_its_date_only() -> TestResult {
    let resumes_at = at("2027-03-01T00:00:00Z")?;
    let pause = Pause { resumes_at: Some(resumes_at) };
    assert!(!pause.is_over(at("2027-02-28T23:59:59Z")?));
    assert!(pause.is_over(resumes_at));
    assert!(!Pause::default().is_over(at("2999-01-01T00:00:00Z")?));
    assert_eq!(serde_json::to_string(&Pause::default())?, "{}");
    assert_eq!(serde_json::from_str::<Pause>(&serde_json::to_string(&pause)?)?, pause);
    Ok(())
}

#[test]
fn a_schedule_that_ended_in_the_pause_has_nothing_next() -> TestResult {
    let yearly = schedule("yearly", "9998-06-01T10:00:00", Zone::utc(), ScheduleRules::default())?;
    let next = yearly.occurrence(OccurrenceNumber::FIRST)?.slot();
    let resumption = resume(&yearly, next, at("9999-12-01T00:00:00Z")?)?;
    assert_eq!(resumption.next, None);
    assert_eq!(resumption.passed.map(SkippedOccurrences::count), Some(1));
    Ok(())
}

#[test]
fn a_number_that_the_schedule_does_not_have_is_not_its_end() -> TestResult {
    let (schedule, early) = begun_late()?;
    assert_eq!(resume(&schedule, early, at("2027-01-05T00:00:00Z")?), Err(number_2_is_missing()));
    Ok(())
}
