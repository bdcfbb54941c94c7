use proptest::prelude::*;

use super::*;
use crate::{
    plan::{
        ClaimPlan, Outcome, plan_claim, plan_run, settle_run,
        tests::{TestResult, at, claimed, monthly, n},
    },
    subscription::{WakeKind, tests::subscription},
    time::CatchUpPolicy,
};

#[test]
fn it_makes_the_next_run_at_once_and_the_ones_after_it_keep_their_dates() -> TestResult {
    let now = at("2027-02-10T12:00:00.5Z")?;
    let (after, change) = run_now(&monthly()?, now)?;
    assert_eq!(change.event, "order_subscriptions.run_now");
    assert_eq!(after.wake(), Some((at("2027-02-10T12:00:00Z")?, WakeKind::Run)));
    let held = claimed(&after);
    assert_eq!(plan_claim(&held, now)?, ClaimPlan::Run(n(1)));
    let planned = plan_run(&held)?.ok_or("a run is under way")?;
    assert_eq!((planned.number, planned.due_at), (n(1), at("2027-02-10T12:00:00Z")?));
    let made = settle_run(&held, &planned, &Outcome::Free, now)?.subscription;
    assert_eq!(made.next(), Some(Slot { number: n(2), at: at("2027-03-31T09:00:00Z")? }));
    Ok(())
}

#[test]
fn what_is_due_already_stays_as_it_is() -> TestResult {
    let before = monthly()?;
    for now in ["2027-02-28T10:00:00Z", "2027-03-01T00:00:00Z"] {
        let (after, _) = run_now(&before, at(now)?)?;
        assert_eq!((after.next(), after.rescheduled), (before.next(), None), "{now}");
    }
    Ok(())
}

#[test]
fn nothing_runs_now_that_is_not_active_or_has_no_run_to_come() -> TestResult {
    let now = at("2027-02-10T00:00:00Z")?;
    let mut ended = monthly()?;
    ended.max_occurrences = std::num::NonZeroU32::new(1);
    assert_eq!(run_now(&ended, now).err(), Some(PlanError::NoNextRun));
    let (paused, _) = crate::plan::pause(&monthly()?, crate::time::Pause::default(), now)?;
    assert!(matches!(run_now(&paused, now), Err(PlanError::Transition(_))));
    Ok(())
}

#[test]
fn a_date_that_passes_before_the_run_made_in_its_place_is_counted_once() -> TestResult {
    // Due at ten by its crontab expression, brought forward to eight, claimed after an outage.
    let daily = subscription("0 10 * * *", "2027-01-31T09:00:00Z")?;
    let (asked, _) = run_now(&daily, at("2027-01-31T09:30:00Z")?)?;
    assert_eq!(asked.stands_for, Some(at("2027-01-31T10:00:00Z")?));
    let late = at("2027-01-31T10:30:00Z")?;
    for policy in [CatchUpPolicy::Latest, CatchUpPolicy::Each] {
        let mut held = claimed(&asked);
        held.catch_up.policy = policy;
        assert_eq!(plan_claim(&held, late)?, ClaimPlan::Run(n(1)), "{policy:?}");
        let planned = plan_run(&held)?.ok_or("a run is under way")?;
        assert_eq!((planned.number, planned.skipped), (n(1), None));
        assert_eq!(planned.next, Some(Slot { number: n(2), at: at("2027-02-01T10:00:00Z")? }));
    }
    // A day later the next date has passed as well: one is skipped, and no more.
    let mut held = claimed(&asked);
    let later = at("2027-02-01T10:30:00Z")?;
    assert_eq!(plan_claim(&held, later)?, ClaimPlan::CatchUp(n(2)));
    held.run_number = Some(n(2));
    let planned = plan_run(&held)?.ok_or("a run is under way")?;
    assert_eq!(planned.due_at, at("2027-02-01T10:00:00Z")?);
    assert_eq!(planned.next, Some(Slot { number: n(3), at: at("2027-02-02T10:00:00Z")? }));
    Ok(())
}

#[test]
fn a_pause_over_the_date_of_a_run_brought_forward_passes_over_one() -> TestResult {
    let daily = subscription("0 10 * * *", "2027-01-31T09:00:00Z")?;
    let (asked, _) = run_now(&daily, at("2027-01-31T09:30:00Z")?)?;
    let (rests, _) =
        crate::plan::pause(&asked, crate::time::Pause::default(), at("2027-01-31T09:31:00Z")?)?;
    let (goes_on, _) = crate::plan::activate(&rests, at("2027-01-31T12:00:00Z")?)?;
    let next = Slot { number: n(2), at: at("2027-02-01T10:00:00Z")? };
    assert_eq!(goes_on.next(), Some(next), "ten o'clock was number 1");
    Ok(())
}

fn fails(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

proptest! {
    /// A run made now uses up one number and one date, by whatever frequency, also when it is asked
    /// for again and again.
    #[test]
    fn a_run_made_now_takes_the_place_of_one_date(
        frequency in prop_oneof![
            Just("daily"), Just("weekly"), Just("monthly"), Just("every 36 hours"),
            Just("0 9 * * 1,4"), Just("30 * * * *"),
        ],
        asked_after in proptest::collection::vec(1_i64..200_000, 1..6),
    ) {
        let mut one = subscription(frequency, "2027-01-31T01:30:00Z").map_err(fails)?;
        one.catch_up.policy = CatchUpPolicy::Each;
        let schedule = one.schedule();
        let mut dates = schedule.occurrences_from(one.next().ok_or_else(|| fails("next"))?);
        let mut now = one.anchor;
        for seconds in asked_after {
            now += chrono::TimeDelta::seconds(seconds);
            // What is due is made first, each on its own date.
            while one.next().is_some_and(|next| next.at <= now) {
                let held = claimed(&one);
                let planned = plan_run(&held).map_err(fails)?.ok_or_else(|| fails("a run"))?;
                let date = dates.next().ok_or_else(|| fails("a date"))?.map_err(fails)?;
                prop_assert_eq!((planned.number, planned.due_at), (date.number, date.at));
                one = settle_run(&held, &planned, &Outcome::Free, now).map_err(fails)?.subscription;
            }
            let (asked, _) = run_now(&one, now).map_err(fails)?;
            let held = claimed(&asked);
            prop_assert!(matches!(plan_claim(&held, now).map_err(fails)?, ClaimPlan::Run(_)));
            let planned = plan_run(&held).map_err(fails)?.ok_or_else(|| fails("a run"))?;
            let date = dates.next().ok_or_else(|| fails("a date"))?.map_err(fails)?;
            prop_assert_eq!(planned.number, date.number);
            one = settle_run(&held, &planned, &Outcome::Free, now).map_err(fails)?.subscription;
            let next = one.next().ok_or_else(|| fails("the schedule goes on"))?;
            prop_assert_eq!(Some(next.number), date.number.next());
            prop_assert!(next.at > date.at, "{:?} comes after {:?}", next, date);
            prop_assert_eq!(one.stands_for, None);
        }
    }
}
