use crate::time::{Zone, iana};

use super::{
    super::{
        OccurrenceNumber, ScheduleRules, Slot,
        fixtures::{TestResult, at, begun_late, number_2_is_missing, schedule},
    },
    *,
};

#[test]
fn an_iterator_begins_where_it_is_told() -> TestResult {
    let monthly =
        schedule("monthly", "2027-01-31T10:00:00", Zone::utc(), ScheduleRules::default())?;
    let numbers = |occurrences: Occurrences<'_>| {
        occurrences
            .take(3)
            .map(|found| found.map(|found| found.number.get()))
            .collect::<Result<Vec<u32>, _>>()
    };
    assert_eq!(numbers(monthly.occurrences())?, [0, 1, 2]);
    let second = monthly.occurrence(OccurrenceNumber::new(2))?.slot();
    assert_eq!(numbers(monthly.occurrences_from(second))?, [2, 3, 4]);
    assert_eq!(numbers(monthly.occurrences_after(at("2027-02-28T10:00:00Z")?))?, [2, 3, 4]);
    assert_eq!(numbers(monthly.occurrences_after(at("2020-01-01T00:00:00Z")?))?, [0, 1, 2]);
    // A recorded instant is given as it is recorded.
    let recorded = Slot { number: OccurrenceNumber::FIRST, at: at("2027-02-20T08:00:00Z")? };
    let first = monthly.occurrences_from(recorded).next().ok_or("nothing")??;
    assert_eq!((first.slot(), first.reason.to_string()), (recorded, "as recorded".to_owned()));
    Ok(())
}

#[test]
fn it_ends_with_the_calendar_and_stays_ended() -> TestResult {
    for frequency in ["yearly", "@yearly"] {
        let yearly =
            schedule(frequency, "9997-01-01T00:00:00", Zone::utc(), ScheduleRules::default())?;
        let mut occurrences = yearly.occurrences();
        assert_eq!(occurrences.by_ref().collect::<Result<Vec<_>, _>>()?.len(), 3);
        assert_eq!(occurrences.next(), None);
    }
    Ok(())
}

#[test]
fn an_error_is_given_once() -> TestResult {
    let monthly =
        schedule("monthly", "2027-01-31T10:00:00", Zone::utc(), ScheduleRules::default())?;
    let outside =
        Slot { number: OccurrenceNumber::FIRST, at: chrono::DateTime::<chrono::Utc>::MAX_UTC };
    let mut occurrences = monthly.occurrences_from(outside);
    assert_eq!(occurrences.next(), Some(Err(ScheduleError::OutOfRange)));
    assert_eq!(occurrences.next(), None);
    let (schedule, early) = begun_late()?;
    let mut occurrences = schedule.occurrences_from(early);
    assert!(occurrences.next().is_some_and(|found| found.is_ok()));
    assert_eq!(occurrences.next(), Some(Err(number_2_is_missing())));
    assert_eq!(occurrences.next(), None);
    Ok(())
}

#[test]
fn the_wall_clock_is_shown_with_its_offset() -> TestResult {
    let berlin = schedule(
        "monthly",
        "2027-03-15T10:00:00",
        iana("Europe/Berlin"),
        ScheduleRules::default(),
    )?;
    let shown: Vec<String> = berlin
        .occurrences()
        .take(2)
        .map(|found| Ok::<_, ScheduleError>(berlin.local(found?.at).to_rfc3339()))
        .collect::<Result<_, _>>()?;
    assert_eq!(shown, ["2027-03-15T10:00:00+01:00", "2027-04-15T10:00:00+02:00"]);
    Ok(())
}

#[test]
fn an_anchor_counts_for_cron_only_where_the_expression_fires() -> TestResult {
    for (frequency, start, fires) in [
        ("0 6 1 * *", "2027-02-01T06:00:00", true),
        ("0 6 1 * *", "2027-02-01T06:00:01", false),
        ("0 6 1 * *", "2027-02-02T06:00:00", false),
        ("monthly", "2027-02-02T06:00:00", true),
    ] {
        let schedule = schedule(frequency, start, iana("Europe/Berlin"), ScheduleRules::default())?;
        assert_eq!(schedule.fires_at_anchor(), fires, "{frequency} {start}");
    }
    Ok(())
}
