use std::{collections::BTreeSet, error::Error};

use crate::time::{Zone, iana};
use proptest::prelude::*;

use super::{
    super::fixtures::{begun_late, number_2_is_missing},
    *,
};

type TestResult = Result<(), Box<dyn Error>>;

fn daily() -> Result<Schedule, Box<dyn Error>> {
    Ok(Schedule::new("daily".parse()?, "2027-01-01T06:00:00Z".parse()?, Zone::utc()))
}

fn policy(policy: CatchUpPolicy, maximum_lateness_hours: Option<u32>) -> CatchUp {
    CatchUp { policy, maximum_lateness_hours, grace_minutes: None }
}

/// (run, skipped first, skipped last, next), by number.
type Numbers = (Option<u32>, Option<(u32, u32)>, Option<u32>);

fn planned(next: u32, now: &str, catch_up: CatchUp) -> Result<Numbers, Box<dyn Error>> {
    let schedule = daily()?;
    let next = schedule.occurrence(OccurrenceNumber::new(next))?;
    let plan =
        plan_catch_up(&schedule, next.slot(), now.parse()?, catch_up, NumberedTerm::default())?;
    Ok((
        plan.run.map(|run| run.number.get()),
        plan.skipped.map(|skipped| (skipped.first.get(), skipped.last.get())),
        plan.next.map(|next| next.number.get()),
    ))
}

#[test]
fn what_is_still_to_come_is_left_alone() -> TestResult {
    for kind in [CatchUpPolicy::Latest, CatchUpPolicy::Each, CatchUpPolicy::Skip] {
        let plan = planned(5, "2027-01-06T05:59:59Z", policy(kind, None))?;
        assert_eq!(plan, (None, None, Some(5)));
    }
    Ok(())
}

#[test]
fn what_is_due_on_time_runs_under_every_policy() -> TestResult {
    for kind in [CatchUpPolicy::Latest, CatchUpPolicy::Each, CatchUpPolicy::Skip] {
        for now in ["2027-01-06T06:00:00Z", "2027-01-06T06:00:30Z"] {
            assert_eq!(planned(5, now, policy(kind, None))?, (Some(5), None, Some(6)));
        }
    }
    Ok(())
}

#[test]
fn after_forty_days_of_downtime_each_policy_does_its_own() -> TestResult {
    // Occurrence 40 was due on 10 February at 06:00; it is five hours late.
    let now = "2027-02-10T11:00:00Z";
    for (catch_up, expected) in [
        (policy(CatchUpPolicy::Latest, None), (Some(40), Some((1, 39)), Some(41))),
        (policy(CatchUpPolicy::Latest, Some(5)), (Some(40), Some((1, 39)), Some(41))),
        (policy(CatchUpPolicy::Latest, Some(4)), (None, Some((1, 40)), Some(41))),
        (policy(CatchUpPolicy::Each, None), (Some(1), None, Some(2))),
        (policy(CatchUpPolicy::Each, Some(53)), (Some(38), Some((1, 37)), Some(39))),
        (policy(CatchUpPolicy::Each, Some(52)), (Some(39), Some((1, 38)), Some(40))),
        (policy(CatchUpPolicy::Each, Some(4)), (None, Some((1, 40)), Some(41))),
        (policy(CatchUpPolicy::Skip, None), (None, Some((1, 40)), Some(41))),
        (policy(CatchUpPolicy::Skip, Some(5)), (Some(40), Some((1, 39)), Some(41))),
    ] {
        assert_eq!(planned(1, now, catch_up)?, expected, "{catch_up:?}");
    }
    Ok(())
}

#[test]
fn each_begins_with_the_expected_one_while_that_is_not_too_late() -> TestResult {
    // Occurrence 38 was due on 8 February at 06:00: 53 hours before.
    let now = "2027-02-10T11:00:00Z";
    let each = |hours| policy(CatchUpPolicy::Each, Some(hours));
    assert_eq!(planned(38, now, each(53))?, (Some(38), None, Some(39)));
    assert_eq!(planned(38, now, each(52))?, (Some(39), Some((38, 38)), Some(40)));
    assert_eq!(planned(39, now, each(53))?, (Some(39), None, Some(40)));
    Ok(())
}

#[test]
fn an_occurrence_that_is_due_this_very_moment_counts_as_elapsed() -> TestResult {
    let plan = planned(5, "2027-01-09T06:00:00Z", CatchUp::default())?;
    assert_eq!(plan, (Some(8), Some((5, 7)), Some(9)));
    Ok(())
}

#[test]
fn at_the_end_of_the_calendar_nothing_is_expected_any_more() -> TestResult {
    let schedule = Schedule::new("yearly".parse()?, "9999-01-01T00:00:00Z".parse()?, Zone::utc());
    let anchor = Occurrence::anchor(schedule.anchor());
    let now = "9999-06-01T00:00:00Z".parse()?;
    let plan =
        plan_catch_up(&schedule, anchor.slot(), now, CatchUp::default(), NumberedTerm::default())?;
    assert_eq!(plan, CatchUpPlan { run: Some(anchor), skipped: None, next: None });
    Ok(())
}

#[test]
fn at_the_end_of_the_calendar_what_is_too_late_is_skipped() -> TestResult {
    let schedule = Schedule::new("yearly".parse()?, "9999-01-01T00:00:00Z".parse()?, Zone::utc());
    let anchor = Occurrence::anchor(schedule.anchor());
    let now = "9999-06-01T00:00:00Z".parse()?;
    let each = policy(CatchUpPolicy::Each, Some(1));
    let plan = plan_catch_up(&schedule, anchor.slot(), now, each, NumberedTerm::default())?;
    let skipped =
        SkippedOccurrences { first: OccurrenceNumber::ANCHOR, last: OccurrenceNumber::ANCHOR };
    assert_eq!(plan, CatchUpPlan { run: None, skipped: Some(skipped), next: None });
    Ok(())
}

#[test]
fn a_number_that_the_schedule_does_not_have_is_not_its_end() -> TestResult {
    let (schedule, early) = begun_late()?;
    let now = "2027-01-05T00:00:00Z".parse()?;
    for kind in [CatchUpPolicy::Latest, CatchUpPolicy::Each, CatchUpPolicy::Skip] {
        for lateness in [None, Some(1)] {
            let catch_up = policy(kind, lateness);
            let plan = plan_catch_up(&schedule, early, now, catch_up, NumberedTerm::default());
            assert_eq!(plan, Err(number_2_is_missing()), "{catch_up:?}");
        }
    }
    Ok(())
}

#[test]
fn the_default_is_latest_without_a_limit_and_survives_storage() -> TestResult {
    assert_eq!(serde_json::from_str::<CatchUp>("{}")?, CatchUp::default());
    assert_eq!(serde_json::to_string(&CatchUp::default())?, r#"{"policy":"latest"}"#);
    let each = policy(CatchUpPolicy::Each, Some(72));
    assert_eq!(serde_json::from_str::<CatchUp>(&serde_json::to_string(&each)?)?, each);
    assert!(serde_json::from_str::<CatchUp>(r#"{"polcy":"each"}"#).is_err());
    assert!(serde_json::from_str::<CatchUp>(r#"{"maximum_lateness_hours":-1}"#).is_err());
    Ok(())
}

#[test]
fn a_range_of_all_numbers_can_be_counted() {
    let all = SkippedOccurrences {
        first: OccurrenceNumber::ANCHOR,
        last: OccurrenceNumber::new(u32::MAX),
    };
    assert_eq!(all.count(), 1 << 32);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Follows one schedule through a row of wake-ups at random times, as ticks and outages would.
    #[test]
    fn every_elapsed_occurrence_is_run_or_skipped_exactly_once(
        frequency in prop::sample::select(vec!["daily", "every 5 hours", "30 2,3 * * *", "@hourly"]),
        kind in prop::sample::select(vec![
            CatchUpPolicy::Latest, CatchUpPolicy::Each, CatchUpPolicy::Skip,
        ]),
        lateness in prop::option::of(0_u32..100),
        pauses in prop::collection::vec(1_i64..200, 1..12),
    ) {
        let failed = |message: String| TestCaseError::fail(message);
        // 20 March 2027: the spring clock change lies ahead.
        let anchor = DateTime::from_timestamp(1_805_500_800, 0).ok_or_else(|| failed("anchor".into()))?;
        let parsed = frequency.parse().map_err(|error| failed(format!("{error}")))?;
        let schedule = Schedule::new(parsed, anchor, iana("Europe/Berlin"));
        let fail = |error: ScheduleError| failed(error.to_string());
        let mut next = schedule.occurrence(OccurrenceNumber::FIRST).map_err(fail)?;
        let (mut now, mut accounted) = (anchor, BTreeSet::new());
        for pause in pauses {
            now += TimeDelta::hours(pause);
            while next.at <= now {
                let plan = plan_catch_up(&schedule, next.slot(), now, policy(kind, lateness), NumberedTerm::default()).map_err(fail)?;
                let skipped = plan.skipped.map_or(1..1, |range| range.first.get()..range.last.get() + 1);
                for number in skipped.chain(plan.run.map(|run| run.number.get())) {
                    prop_assert!(accounted.insert(number), "{number} twice");
                }
                if let Some(run) = plan.run {
                    prop_assert!(run.at <= now);
                    prop_assert!(lateness.is_none_or(|hours| now - run.at <= TimeDelta::hours(i64::from(hours))));
                }
                next = plan.next.ok_or_else(|| failed("no next".into()))?;
            }
        }
        let elapsed: BTreeSet<u32> = (1..next.number.get()).collect();
        prop_assert_eq!(accounted, elapsed);
        prop_assert!(next.at > now);
    }
}
