//! What holds for the occurrences of every frequency, in zones that are hard on it.

use chrono::{DateTime, Datelike, Utc};
use perennial_domain::time::{Frequency, GapPolicy, Occurrence, Schedule, ScheduleRules, Zone};

/// How many occurrences are looked at in each zone.
const COUNT: usize = 12;

/// Anchors shortly before clocks change: by an hour at night, forth and back, by half an hour, at
/// midnight, by a whole day; and one shortly before the end of the calendar.
const ANCHORS: [(&str, &str); 6] = [
    ("Europe/Berlin", "2027-03-24T01:30:00Z"),
    ("Europe/Berlin", "2027-10-28T00:30:00Z"),
    ("Australia/Lord_Howe", "2027-09-30T15:45:00Z"),
    ("America/Asuncion", "2023-09-28T04:00:00Z"),
    ("Pacific/Apia", "2011-12-27T18:00:00Z"),
    ("UTC", "9999-01-01T00:00:00Z"),
];

/// Occurrences are strictly monotone in number and instant, lie within the calendar, and are the
/// same however they are asked for.
pub(crate) fn check(frequency: &Frequency) {
    for (zone, anchor) in ANCHORS {
        let Ok(anchor) = anchor.parse() else { unreachable!("{anchor}") };
        let Ok(zone) = zone.parse::<Zone>() else { unreachable!("{zone}") };
        for dst_gap in [GapPolicy::FirstValid, GapPolicy::Shift, GapPolicy::Skip] {
            let rules = ScheduleRules { dst_gap, ..ScheduleRules::default() };
            match Schedule::new(frequency.clone(), anchor, zone).with_rules(rules) {
                Ok(schedule) => check_schedule(&schedule),
                Err(refusal) => unreachable!("{frequency}: {refusal}"),
            }
        }
    }
}

fn check_schedule(schedule: &Schedule) {
    let told = || format!("{} in {}", schedule.frequency(), schedule.zone());
    let found: Result<Vec<Occurrence>, _> = schedule.occurrences().take(COUNT).collect();
    let Ok(found) = found else { unreachable!("{}: {found:?}", told()) };
    let in_order = found.is_sorted_by(|one, next| one.number < next.number && one.at < next.at);
    assert!(in_order, "{}: {found:?}", told());
    let in_calendar = |at: DateTime<Utc>| (1..=9999).contains(&at.year());
    assert!(found.iter().all(|one| in_calendar(one.at)), "{}: {found:?}", told());
    for (one, next) in found.iter().zip(found.iter().skip(1)) {
        assert_eq!(schedule.following(one.slot()), Ok(*next), "{}", told());
        assert_eq!(schedule.explained(next.slot()), Ok(*next), "{}", told());
        assert_eq!(schedule.first_after(one.slot(), one.at), Ok(*next), "{}", told());
    }
    let (Some(first), Some(last)) = (found.first(), found.last()) else { return };
    let due = schedule.latest_due(first.slot(), last.at);
    let latest = due.map(|due| due.map(|due| due.occurrence));
    assert_eq!(latest, Ok(Some(*last)), "{}", told());
}
