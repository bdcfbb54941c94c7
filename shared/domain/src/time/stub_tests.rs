use crate::time::{Zone, iana};
use chrono::Weekday;

use super::super::{
    AnchorDay, ScheduleRules,
    fixtures::{TestResult, at, schedule},
};

#[test]
fn a_stub_tells_where_it_begins_and_ends_and_what_it_is_part_of() -> TestResult {
    for (frequency, day, start, expected) in [
        ("monthly", 31, "2027-01-15", Some(("2027-01-31", "2026-12-31"))),
        // The whole period before 31 March begins on the clamped 28 February.
        ("monthly", 31, "2027-03-15", Some(("2027-03-31", "2027-02-28"))),
        ("three-month", 1, "2027-01-15", Some(("2027-02-01", "2026-11-01"))),
        ("yearly", 1, "2027-03-10", Some(("2027-04-01", "2026-04-01"))),
        ("monthly", 15, "2027-01-15", None),
        ("monthly", 31, "2027-02-28", None),
    ] {
        let rules =
            ScheduleRules { anchor_day: Some(AnchorDay::new(day)?), ..ScheduleRules::default() };
        let schedule = schedule(frequency, &format!("{start}T00:00:00"), Zone::utc(), rules)?;
        let found = schedule.stub()?.map(|stub| {
            let date = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d").to_string();
            assert_eq!((stub.start.number.get(), stub.end.number.get()), (0, 1));
            (date(stub.end.at), date(stub.whole_from))
        });
        let expected = expected.map(|(end, from)| (end.to_owned(), from.to_owned()));
        assert_eq!(found, expected, "{frequency} on {day} from {start}");
    }
    Ok(())
}

#[test]
fn a_stub_of_weeks_runs_on_the_wall_clock() -> TestResult {
    // Thursday 25 March 2027 to Monday 29 March, across the clock change of the 28th.
    let rules = ScheduleRules { anchor_weekday: Some(Weekday::Mon), ..ScheduleRules::default() };
    let schedule = schedule("weekly", "2027-03-25T09:00:00", iana("Europe/Berlin"), rules)?;
    let stub = schedule.stub()?.ok_or("no stub")?;
    assert_eq!(stub.start.at, at("2027-03-25T08:00:00Z")?);
    assert_eq!(stub.end.at, at("2027-03-29T07:00:00Z")?);
    assert_eq!(stub.whole_from, at("2027-03-22T08:00:00Z")?);
    Ok(())
}
