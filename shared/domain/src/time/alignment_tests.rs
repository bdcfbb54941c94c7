use crate::time::{Zone, iana};

use super::{
    super::{
        OccurrenceNumber,
        fixtures::{TestResult, at, row, schedule},
    },
    *,
};

#[test]
fn several_subscriptions_come_to_one_day_each_by_its_own_stub() -> TestResult {
    let rules = ScheduleRules::default;
    let (ninth, first, quarter) = (
        schedule("monthly", "2027-01-09T10:00:00", iana("Europe/Berlin"), rules())?,
        schedule("monthly", "2027-01-01T08:00:00", Zone::utc(), rules())?,
        schedule("three-month", "2026-11-30T12:00:00", Zone::utc(), rules())?,
    );
    let from = |schedule: &Schedule, number| {
        schedule.occurrence(OccurrenceNumber::new(number)).map(super::super::Occurrence::slot)
    };
    let given =
        [(&ninth, from(&ninth, 2)?), (&first, from(&first, 2)?), (&quarter, from(&quarter, 1)?)];
    let aligned = align(given, CommonDay::OfMonth(AnchorDay::new(1)?))?;
    let mut found = Vec::new();
    for (Aligned { schedule, stub }, (_, from)) in aligned.iter().zip(given) {
        // The occurrence from which on it was aligned is untouched.
        let begin = schedule.occurrence(from.number)?;
        assert_eq!(begin.slot(), from);
        let rows: Vec<String> = schedule
            .occurrences_from(from)
            .skip(1)
            .take(2)
            .map(|found| Ok::<_, ScheduleError>(row(schedule, &found?)))
            .collect::<Result<_, _>>()?;
        found.push((rows.join("; "), stub.map(|stub| stub.whole_from)));
    }
    let expected = [
        (
            "3 2027-04-01T10:00+02:00 anchor day 1; 4 2027-05-01T10:00+02:00 anchor day 1 plus 1 \
             interval",
            Some(at("2027-03-01T09:00:00Z")?),
        ),
        (
            "3 2027-04-01T08:00+00:00 anchor day 1 plus 1 interval; 4 2027-05-01T08:00+00:00 anchor \
             day 1 plus 2 intervals",
            None,
        ),
        (
            "2 2027-03-01T12:00+00:00 anchor day 1; 3 2027-06-01T12:00+00:00 anchor day 1 plus 1 \
             interval",
            Some(at("2026-12-01T12:00:00Z")?),
        ),
    ];
    assert_eq!(found, expected.map(|(rows, from)| (rows.to_owned(), from)));
    Ok(())
}

#[test]
fn the_first_that_cannot_be_aligned_is_named() -> TestResult {
    let monthly =
        schedule("monthly", "2027-01-09T10:00:00", Zone::utc(), ScheduleRules::default())?;
    let weekly = schedule("weekly", "2027-01-09T10:00:00", Zone::utc(), ScheduleRules::default())?;
    let start = |schedule: &Schedule| schedule.occurrence(OccurrenceNumber::ANCHOR);
    let given = [(&monthly, start(&monthly)?.slot()), (&weekly, start(&weekly)?.slot())];
    let refused = align(given, CommonDay::OfMonth(AnchorDay::new(1)?));
    assert_eq!(
        refused.map_err(|error| error.to_string()),
        Err("schedule 1: anchor_day 1 needs a frequency of months or years: `weekly` does not \
             count them"
            .to_owned())
    );
    let refused = align(given, CommonDay::OfWeek(Weekday::Mon));
    assert_eq!(refused.map_err(|error| error.position), Err(0));
    Ok(())
}

#[test]
fn a_run_that_was_put_at_another_time_leaves_the_time_of_day_to_the_others() -> TestResult {
    let monthly = schedule(
        "monthly",
        "2027-01-09T10:00:00",
        iana("Europe/Berlin"),
        ScheduleRules::default(),
    )?;
    // Number 2, 9 March, was put on 5 March at 08:00.
    let from = Slot { number: OccurrenceNumber::new(2), at: at("2027-03-05T07:00:00Z")? };
    let Aligned { schedule, .. } = monthly.aligned(from, CommonDay::OfMonth(AnchorDay::new(1)?))?;
    let following = schedule.following(from)?;
    assert_eq!(row(&schedule, &following), "3 2027-04-01T10:00+02:00 anchor day 1");
    Ok(())
}
