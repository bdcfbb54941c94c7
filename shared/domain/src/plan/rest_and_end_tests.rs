//! Pauses that end by themselves, runs that are skipped by request, and the last occurrence.

use std::num::NonZeroU32;

use serde_json::json;

use super::{TestResult, at, claimed, monthly, n, skipped};
use crate::{plan::*, subscription::*, time::*};

fn until(resumes_at: &str) -> Result<Pause, Box<dyn std::error::Error>> {
    Ok(Pause { resumes_at: Some(at(resumes_at)?) })
}

fn slot(number: u32, text: &str) -> Result<Option<Slot>, Box<dyn std::error::Error>> {
    Ok(Some(Slot { number: n(number), at: at(text)? }))
}

#[test]
fn a_pause_ends_by_itself_and_passes_over_what_fell_due() -> TestResult {
    for (resumes_at, next, passed) in [
        ("2027-02-28T10:00:00Z", slot(1, "2027-02-28T10:00:00Z")?, None),
        ("2027-02-28T10:00:01Z", slot(2, "2027-03-31T09:00:00Z")?, Some(skipped(1, 1))),
        ("2027-05-15T00:00:00Z", slot(4, "2027-05-31T09:00:00Z")?, Some(skipped(1, 3))),
    ] {
        let (paused, change) = pause(&monthly()?, until(resumes_at)?, at("2027-02-10T00:00:00Z")?)?;
        assert_eq!(change.after.get("resumes_at"), Some(&json!(resumes_at)));
        assert_eq!(paused.wake(), Some((at(resumes_at)?, WakeKind::Resume)));
        assert_eq!(paused.coming(), next, "what comes after the pause");
        // The tick is late: the pause ended when it was to all the same.
        let late = at("2027-06-01T00:00:00Z")?;
        assert_eq!(plan_claim(&paused, late)?, ClaimPlan::Resume);
        let (active, change, told) = end_pause(&paused, late)?;
        assert_eq!((active.next(), active.resumes_at, told), (next, None, passed));
        assert_eq!(
            active.wake().map(|(at, kind)| (Some(at), kind)),
            Some((active.next_run_at, WakeKind::Run))
        );
        assert_eq!(change.event, "order_subscriptions.activate");
        assert_eq!(change.after.get("skipped").is_some(), passed.is_some());
    }
    Ok(())
}

#[test]
fn a_pause_without_a_date_sleeps_and_has_no_run_coming() -> TestResult {
    let now = at("2027-02-10T00:00:00Z")?;
    let (mut paused, _) = pause(&monthly()?, Pause::default(), now)?;
    assert_eq!((paused.wake(), paused.coming()), (None, None));
    rest_until(&mut paused, until("2027-03-01T00:00:00Z")?, now)?;
    assert_eq!(paused.wake(), Some((at("2027-03-01T00:00:00Z")?, WakeKind::Resume)));
    let (early, _) = activate(&paused, now)?;
    assert_eq!(early.resumes_at, None, "who ends it early ends it");
    let (cancelled, _) = cancel(&paused, now)?;
    assert_eq!((cancelled.wake(), cancelled.coming()), (None, None));
    Ok(())
}

#[test]
fn a_pause_ends_in_the_future_and_before_the_expiry() -> TestResult {
    let mut one = monthly()?;
    one.expires_at = Some(at("2027-04-01T00:00:00Z")?);
    let now = at("2027-02-10T00:00:00Z")?;
    for (resumes_at, text) in [
        (
            "2027-02-10T00:00:00Z",
            "resumes_at must be in the future: 2027-02-10T00:00:00Z is not after 2027-02-10T00:00:00Z",
        ),
        (
            "2027-04-01T00:00:00Z",
            "resumes_at must be before expires_at (2027-04-01T00:00:00Z), not 2027-04-01T00:00:00Z",
        ),
    ] {
        let refused = pause(&one, until(resumes_at)?, now).map_err(|error| error.to_string());
        assert_eq!(refused.err().as_deref(), Some(text));
    }
    Ok(())
}

#[test]
fn a_run_under_way_is_finished_before_its_subscription_resumes() -> TestResult {
    let held = claimed(&monthly()?);
    let now = at("2027-02-28T10:00:05Z")?;
    let (paused, _) = pause(&held, until("2027-02-28T10:01:00Z")?, now)?;
    assert_eq!(paused.wake(), Some((at("2027-02-28T10:00:00Z")?, WakeKind::Finish)));
    let (left, _) = abandon_run(&paused, now);
    assert_eq!(left.wake(), Some((at("2027-02-28T10:01:00Z")?, WakeKind::Resume)));
    Ok(())
}

#[test]
fn the_next_run_is_skipped_by_request_and_the_others_keep_their_dates() -> TestResult {
    let now = at("2027-02-10T00:00:00Z")?;
    let before = monthly()?;
    let (after, change) = skip_next_run(&before, now)?;
    assert_eq!(after.next(), slot(2, "2027-03-31T09:00:00Z")?);
    assert_eq!(change.event, "order_subscriptions.skip_next");
    let told = json!({"first": 1, "last": 1, "reason": "skipped by request"});
    assert_eq!(change.after.get("skipped"), Some(&told));
    let (again, _) = skip_next_run(&after, now)?;
    assert_eq!(again.next(), slot(3, "2027-04-30T09:00:00Z")?);
    let mut ended = before;
    ended.max_occurrences = NonZeroU32::new(1);
    assert_eq!(skip_next_run(&ended, now).err(), Some(PlanError::NoNextRun));
    Ok(())
}

#[test]
fn after_its_last_occurrence_a_subscription_ends_once_all_is_settled() -> TestResult {
    let mut one = monthly()?;
    one.max_occurrences = NonZeroU32::new(2);
    let held = claimed(&one);
    let now = at("2027-02-28T10:00:10Z")?;
    let planned = plan_run(&held)?.ok_or("the last run")?;
    let last = settle_run(&held, &planned, &Outcome::Free, now)?.subscription;
    assert_eq!((last.next(), last.coming()), (None, None));
    assert_eq!(last.wake(), Some((now, WakeKind::Expire)));
    let mut owing = last.clone();
    let retry_at = at("2027-03-02T00:00:00Z")?;
    owing.unsettled = vec![Unsettled { number: n(1), attempts: 1, retry_at, asked: None }];
    assert_eq!(owing.wake(), Some((retry_at, WakeKind::Retry)), "what is owed comes first");
    assert_eq!(plan_claim(&last, now)?, ClaimPlan::Expire);
    let (ended, change) = expire(&last, now)?;
    assert_eq!(ended.wake(), None);
    assert_eq!(change.after.get("reason"), Some(&json!("maximum_reached")));
    let refused = activate(&ended, now).err();
    assert_eq!(refused, Some(PlanError::Ended { end: TermEnd::MaximumReached }));
    Ok(())
}

#[test]
fn nothing_beyond_the_last_occurrence_makes_up_for_missed_ones() -> TestResult {
    use CatchUpPolicy::{Each, Latest, Skip};
    // Due by then: 28 February, 31 March, 30 April, 31 May; the term ends with the third.
    let now = at("2027-06-15T00:00:00Z")?;
    let passed = |first, last| ClaimPlan::Skip { skipped: skipped(first, last), next: None };
    for (policy, lateness, maximum, expected) in [
        (Latest, None, 4, ClaimPlan::CatchUp(n(3))),
        (Latest, None, 5, ClaimPlan::CatchUp(n(4))),
        (Latest, None, 2, ClaimPlan::Run(n(1))),
        (Each, None, 4, ClaimPlan::Run(n(1))),
        (Skip, None, 4, passed(1, 3)),
        (Latest, Some(24 * 20), 4, passed(1, 3)),
        (Latest, Some(24 * 20), 5, ClaimPlan::CatchUp(n(4))),
    ] {
        let mut one = monthly()?;
        one.catch_up = CatchUp { policy, maximum_lateness_hours: lateness, grace_minutes: None };
        one.max_occurrences = NonZeroU32::new(maximum);
        let mut plan = plan_claim(&claimed(&one), now)?;
        if let ClaimPlan::Skip { next, .. } = &mut plan {
            assert_eq!(next.take(), slot(4, "2027-05-31T09:00:00Z")?);
        }
        assert_eq!(plan, expected, "{policy:?} {lateness:?} {maximum}");
    }
    Ok(())
}
