use crate::time::Zone;

use super::{
    super::{
        OccurrenceNumber, ScheduleRules,
        fixtures::{TestResult, at, schedule},
    },
    *,
};

#[test]
fn a_change_counts_up_to_the_cut_off_and_then_for_a_later_run() -> TestResult {
    let daily = schedule("daily", "2027-01-01T06:00:00", Zone::utc(), ScheduleRules::default())?;
    let next = daily.occurrence(OccurrenceNumber::new(5))?.slot();
    // Number 5 is due on 6 January at 06:00.
    for (hours, now, affected) in [
        (24, "2027-01-05T05:59:59Z", 5),
        (24, "2027-01-05T06:00:00Z", 5),
        (24, "2027-01-05T06:00:01Z", 6),
        (72, "2027-01-05T06:00:00Z", 7),
        (0, "2027-01-06T06:00:00Z", 5),
        (0, "2027-01-06T06:00:01Z", 6),
    ] {
        let found = CutOff { hours }.first_affected(&daily, next, at(now)?)?;
        assert_eq!(found.number.get(), affected, "{hours} hours, {now}");
    }
    assert_eq!(CutOff { hours: 24 }.closes_at(next.at), at("2027-01-05T06:00:00Z")?);
    assert_eq!(serde_json::to_string(&CutOff { hours: 24 })?, "24");
    Ok(())
}

#[test]
fn a_cut_off_beyond_the_calendar_is_an_error() -> TestResult {
    let daily = schedule("daily", "2027-01-01T06:00:00", Zone::utc(), ScheduleRules::default())?;
    let next = daily.occurrence(OccurrenceNumber::FIRST)?.slot();
    let forever = CutOff { hours: u32::MAX };
    assert!(forever.first_affected(&daily, next, DateTime::<Utc>::MAX_UTC).is_err());
    assert!(forever.first_affected(&daily, next, next.at).is_err());
    Ok(())
}
