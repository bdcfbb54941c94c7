use super::*;
use crate::{
    plan::tests::{TestResult, at},
    subscription::tests::subscription,
    time::CutOff,
};

#[test]
fn a_subscription_closes_before_a_run_and_opens_with_it() -> TestResult {
    // Weekly on Sundays at 10:00; the next run is on 7 February 2027.
    for (frequency, hours, now, expected) in [
        ("weekly", 48, "2027-02-05T10:00:00Z", None),
        ("weekly", 48, "2027-02-05T10:00:01Z", Some(Some("2027-02-07T10:00:00Z"))),
        ("weekly", 48, "2027-02-07T10:00:00Z", None),
        ("weekly", 0, "2027-02-07T09:59:59Z", None),
        // A week in which clocks go back has 169 hours; none has more.
        ("weekly", 168, "2027-02-05T10:00:00Z", Some(Some("2027-10-24T09:00:00Z"))),
        ("weekly", 169, "2027-02-05T10:00:00Z", Some(None)),
        ("weekly", 167, "2027-02-05T10:00:00Z", Some(Some("2027-02-07T10:00:00Z"))),
        // Monday to Thursday at 10:00: there is time from Thursday, the 11th, on.
        ("0 10 * * 1-4", 48, "2027-02-07T10:00:00Z", Some(Some("2027-02-11T10:00:00Z"))),
    ] {
        let mut one = subscription(frequency, "2027-01-31T10:00:00Z")?;
        one.cut_off = CutOff { hours };
        let next = one.schedule().next_after(at("2027-02-06T12:00:00Z")?).ok_or("it goes on")?;
        one.set_next(Some(next.slot()));
        let found = closed_for_changes(&one, at(now)?);
        let expected = match expected {
            None => None,
            Some(reopens_at) => Some(ClosedForChanges {
                run_at: next.at,
                closed_at: next.at - chrono::TimeDelta::hours(i64::from(hours)),
                reopens_at: reopens_at.map(at).transpose()?,
            }),
        };
        assert_eq!(found, expected, "{frequency} {hours} {now}");
    }
    Ok(())
}
