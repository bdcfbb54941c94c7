use std::error::Error;

use chrono::{DateTime, Utc};

use super::*;
use crate::{
    ids::*, lifecycle::*, money::*, run::*, subscription::tests::subscription, subscription::*,
    time::*,
};

#[path = "dates_kept_tests.rs"]
mod dates_kept;
#[path = "following_tests.rs"]
mod following;
#[path = "journal_tests.rs"]
mod journal;
#[path = "property_tests.rs"]
mod property;
#[path = "rest_and_end_tests.rs"]
mod rest_and_end;
#[path = "settle_tests.rs"]
mod settling;

pub(super) type TestResult = Result<(), Box<dyn Error>>;

pub(super) fn at(text: &str) -> Result<DateTime<Utc>, Box<dyn Error>> {
    Ok(text.parse()?)
}

pub(super) fn n(number: u32) -> OccurrenceNumber {
    OccurrenceNumber::new(number)
}

pub(super) fn skipped(first: u32, last: u32) -> Skipped {
    Skipped { first: n(first), last: n(last) }
}

/// What `Store::claim` makes of a subscription whose run is due.
pub(super) fn claimed(subscription: &Subscription) -> Subscription {
    let mut claimed = subscription.clone();
    claimed.run_number = claimed.run_number.or(claimed.next_number);
    claimed.lease_claims = Some(claimed.lease_claims.unwrap_or_default() + 1);
    claimed.status = claimed.status.after(Trigger::StartRun).unwrap_or(claimed.status);
    claimed.alerted = None;
    claimed.version += 1;
    claimed
}

/// Monthly at 10 o'clock London time; its first run is due on 28 February 2027.
pub(crate) fn monthly() -> Result<Subscription, Box<dyn Error>> {
    subscription("monthly", "2027-01-31T10:00:00Z")
}

#[test]
fn a_fresh_claim_runs_what_is_due_and_catches_up_by_policy() -> TestResult {
    use CatchUpPolicy::{Each, Latest, Skip};
    let skip = |first, last| ClaimPlan::Skip { skipped: skipped(first, last), next: None };
    for (policy, lateness, now, expected) in [
        (Latest, None, "2027-02-28T10:00:00Z", ClaimPlan::Run(n(1))),
        (Latest, None, "2027-03-31T08:59:59Z", ClaimPlan::Run(n(1))),
        (Latest, None, "2027-03-31T09:00:00Z", ClaimPlan::CatchUp(n(2))),
        (Latest, None, "2027-06-15T00:00:00Z", ClaimPlan::CatchUp(n(4))),
        (Latest, Some(24), "2027-03-01T10:00:00Z", ClaimPlan::Run(n(1))),
        (Latest, Some(24), "2027-03-01T10:00:01Z", skip(1, 1)),
        (Latest, Some(24), "2027-06-15T00:00:00Z", skip(1, 4)),
        (Each, None, "2027-06-15T00:00:00Z", ClaimPlan::Run(n(1))),
        (Each, Some(24 * 31), "2027-06-15T00:00:00Z", ClaimPlan::CatchUp(n(4))),
        (Each, Some(1), "2027-06-15T00:00:00Z", skip(1, 4)),
        (Skip, None, "2027-02-28T11:00:00Z", ClaimPlan::Run(n(1))),
        (Skip, None, "2027-02-28T11:00:01Z", skip(1, 1)),
        (Skip, None, "2027-06-15T00:00:00Z", skip(1, 4)),
        (Skip, None, "2027-05-31T09:30:00Z", ClaimPlan::CatchUp(n(4))),
    ] {
        let mut one = monthly()?;
        one.catch_up = CatchUp { policy, maximum_lateness_hours: lateness, grace_minutes: None };
        let mut plan = plan_claim(&claimed(&one), at(now)?)?;
        if let ClaimPlan::Skip { skipped, next } = &mut plan {
            let after = next.take().ok_or("the schedule goes on")?;
            assert_eq!(Some(after.number), skipped.last.next());
            assert!(after.at > at(now)?);
        }
        assert_eq!(plan, expected, "{policy:?} {lateness:?} {now}");
    }
    Ok(())
}

#[test]
fn a_claim_taken_over_finishes_the_run_it_began_with_however_late() -> TestResult {
    for policy in [CatchUpPolicy::Latest, CatchUpPolicy::Each, CatchUpPolicy::Skip] {
        let mut one = monthly()?;
        one.catch_up = CatchUp { policy, maximum_lateness_hours: Some(1), grace_minutes: None };
        let retaken = claimed(&claimed(&one));
        assert_eq!(plan_claim(&retaken, at("2028-01-01T00:00:00Z")?)?, ClaimPlan::Run(n(1)));
        let fixed = Subscription { run_number: Some(n(4)), ..claimed(&one) };
        assert_eq!(plan_claim(&fixed, at("2028-01-01T00:00:00Z")?)?, ClaimPlan::Run(n(4)));
        let cancelled = Subscription { status: SubscriptionStatus::Cancelled, ..retaken };
        assert_eq!(plan_claim(&cancelled, at("2028-01-01T00:00:00Z")?)?, ClaimPlan::Run(n(1)));
    }
    Ok(())
}

#[test]
fn no_run_at_or_after_the_expiry_makes_up_for_missed_ones() -> TestResult {
    use CatchUpPolicy::{Each, Latest, Skip};
    let ended = |first, last| ClaimPlan::Skip { skipped: skipped(first, last), next: None };
    let now = "2027-06-15T00:00:00Z";
    for (policy, lateness, expires_at, expected) in [
        (Latest, None, "2027-04-30T09:00:01Z", ClaimPlan::CatchUp(n(3))),
        (Latest, None, "2027-04-30T09:00:00Z", ClaimPlan::CatchUp(n(2))),
        (Latest, None, "2027-03-15T00:00:00Z", ClaimPlan::Run(n(1))),
        (Latest, Some(24 * 31), "2027-05-15T00:00:00Z", ended(1, 3)),
        (Latest, Some(24 * 60), "2027-05-15T00:00:00Z", ClaimPlan::CatchUp(n(3))),
        (Each, None, "2027-05-15T00:00:00Z", ClaimPlan::Run(n(1))),
        (Each, Some(24 * 60), "2027-05-15T00:00:00Z", ClaimPlan::CatchUp(n(3))),
        (Each, Some(24 * 31), "2027-05-15T00:00:00Z", ended(1, 3)),
        (Skip, None, "2027-03-15T00:00:00Z", ended(1, 1)),
        (Skip, None, "2027-05-15T00:00:00Z", ended(1, 3)),
    ] {
        let mut one = monthly()?;
        one.catch_up = CatchUp { policy, maximum_lateness_hours: lateness, grace_minutes: None };
        one.expires_at = Some(at(expires_at)?);
        let mut plan = plan_claim(&claimed(&one), at(now)?)?;
        if let ClaimPlan::Skip { skipped, next } = &mut plan {
            let after = next.take().ok_or("the schedule goes on, though the term doesn't")?;
            assert_eq!(Some(after.number), skipped.last.next());
            assert!(after.at >= at(expires_at)?);
        }
        assert_eq!(plan, expected, "{policy:?} {lateness:?} {expires_at}");
    }
    Ok(())
}

#[test]
fn without_a_run_a_claim_is_for_a_retry_or_the_expiry_or_nothing() -> TestResult {
    let now = at("2027-02-20T00:00:00Z")?;
    let mut one = monthly()?;
    assert_eq!(plan_claim(&one, now)?, ClaimPlan::Nothing);

    let retry =
        |number, retry_at| Unsettled { number: n(number), attempts: 1, retry_at, asked: None };
    let (due, later) =
        (retry(7, at("2027-02-19T00:00:00Z")?), retry(8, at("2027-02-21T00:00:00Z")?));
    let also_due = retry(9, now);
    one.unsettled = vec![due.clone(), later.clone(), also_due.clone()];
    assert_eq!(plan_claim(&one, now)?, ClaimPlan::Retry(vec![due.clone()]), "one at a time");
    let ended = Subscription { status: SubscriptionStatus::Cancelled, ..one.clone() };
    assert_eq!(plan_claim(&ended, now)?, ClaimPlan::Retry(vec![due, also_due]), "all are closed");
    one.unsettled = vec![later];
    assert_eq!(plan_claim(&one, now)?, ClaimPlan::Nothing);

    one.expires_at = Some(now);
    assert_eq!(plan_claim(&one, now)?, ClaimPlan::Nothing, "what is owed is settled first");
    one.unsettled.clear();
    assert_eq!(plan_claim(&one, now)?, ClaimPlan::Expire);
    one.status = SubscriptionStatus::Cancelled;
    assert_eq!(plan_claim(&one, now)?, ClaimPlan::Nothing);
    Ok(())
}

#[test]
fn a_run_under_way_goes_before_an_expiry_that_was_set_meanwhile() -> TestResult {
    let mut held = claimed(&monthly()?);
    let now = at("2027-02-28T10:05:00Z")?;
    held.expires_at = Some(at("2027-02-28T10:04:00Z")?);
    assert_eq!(plan_claim(&held, now)?, ClaimPlan::Run(n(1)));
    Ok(())
}

#[test]
fn a_planned_run_names_its_date_its_order_its_price_and_what_was_passed_over() -> TestResult {
    let mut held = claimed(&monthly()?);
    let slot =
        |number, text| Ok::<_, Box<dyn Error>>(Some(Slot { number: n(number), at: at(text)? }));
    for (number, due_at, passed, next) in [
        (1, "2027-02-28T10:00:00Z", None, slot(2, "2027-03-31T09:00:00Z")?),
        (2, "2027-03-31T09:00:00Z", Some(skipped(1, 1)), slot(3, "2027-04-30T09:00:00Z")?),
        (10, "2027-11-30T10:00:00Z", Some(skipped(1, 9)), slot(11, "2027-12-31T10:00:00Z")?),
    ] {
        held.run_number = Some(n(number));
        let planned = plan_run(&held)?.ok_or("a run is under way")?;
        let expected = PlannedRun {
            number: n(number),
            due_at: at(due_at)?,
            order_id: OrderId::of_run(&held.id, n(number)),
            total: MinorUnits::new(3_000),
            tax: None,
            skipped: passed,
            next,
        };
        assert_eq!(planned, expected);
    }
    Ok(())
}

#[test]
fn what_was_settled_is_not_planned_again() -> TestResult {
    let mut one = monthly()?;
    assert_eq!(plan_run(&one)?, None, "nothing is claimed");
    one.set_next(Some(one.schedule().occurrence(n(3))?.slot()));
    one.run_number = Some(n(2));
    assert_eq!(plan_run(&one)?, None);
    Ok(())
}

#[test]
fn a_price_out_of_range_is_an_error() -> TestResult {
    let mut held = claimed(&monthly()?);
    for item in &mut held.items {
        item.unit_amount = MinorUnits::new(i64::MAX);
    }
    assert!(matches!(plan_run(&held), Err(PlanError::Money(_))));
    Ok(())
}

/// Carries out what a person asks of a status.
fn ask(
    before: &Subscription,
    trigger: Trigger,
    now: DateTime<Utc>,
) -> Result<(Subscription, crate::journal::Change), PlanError> {
    match trigger {
        Trigger::Activate => activate(before, now),
        Trigger::Deactivate => pause(before, Pause::default(), now),
        Trigger::SkipNext => skip_next_run(before, now),
        _ => cancel(before, now),
    }
}

#[test]
fn what_a_person_asks_of_a_status_is_done_or_refused() -> TestResult {
    use SubscriptionStatus::{Active, Cancelled, Draft, Inactive, Running};
    use Trigger::{Activate, Cancel, Deactivate, SkipNext};
    let now = at("2027-02-01T00:00:00Z")?;
    for (from, trigger, to) in [
        (Draft, Activate, Some(Active)),
        (Draft, Deactivate, None),
        (Draft, Cancel, Some(Cancelled)),
        (Draft, SkipNext, None),
        (Inactive, Activate, Some(Active)),
        (Inactive, Deactivate, None),
        (Inactive, Cancel, Some(Cancelled)),
        (Inactive, SkipNext, None),
        (Active, Activate, None),
        (Active, Deactivate, Some(Inactive)),
        (Active, Cancel, Some(Cancelled)),
        (Running, Activate, None),
        (Running, Deactivate, Some(Inactive)),
        (Running, Cancel, Some(Cancelled)),
        (Running, SkipNext, None),
        (Cancelled, Activate, None),
        (Cancelled, Deactivate, None),
        (Cancelled, Cancel, None),
        (Cancelled, SkipNext, None),
    ] {
        // A draft that waits for its source order can only be activated by that.
        let activate_by_source_order = from != Draft;
        let before = Subscription { status: from, activate_by_source_order, ..monthly()? };
        match (ask(&before, trigger, now), to) {
            (Ok((after, change)), Some(to)) => {
                assert_eq!((after.status, after.version), (to, before.version + 1));
                assert_eq!(after.next(), before.next(), "nothing has passed");
                assert_eq!(change.before, standing(&before));
                assert_eq!(change.after, standing(&after));
            }
            (Err(PlanError::Transition(refused)), None) => {
                assert_eq!(refused, IllegalTransition { from, trigger });
            }
            (other, _) => return Err(format!("{from:?} {trigger:?}: {other:?}").into()),
        }
    }
    Ok(())
}

#[test]
fn an_activated_subscription_goes_on_with_the_first_date_from_now_on() -> TestResult {
    let resting = Subscription { status: SubscriptionStatus::Inactive, ..monthly()? };
    for (now, next, passed) in [
        ("2027-02-28T09:59:59Z", (1, "2027-02-28T10:00:00Z"), None),
        ("2027-02-28T10:00:00Z", (1, "2027-02-28T10:00:00Z"), None),
        ("2027-02-28T10:00:01Z", (2, "2027-03-31T09:00:00Z"), Some((1, 1))),
        ("2027-06-15T00:00:00Z", (5, "2027-06-30T09:00:00Z"), Some((1, 4))),
        ("2027-06-30T09:00:01Z", (6, "2027-07-31T09:00:00Z"), Some((1, 5))),
    ] {
        let (after, change) = activate(&resting, at(now)?)?;
        assert_eq!(after.next(), Some(Slot { number: n(next.0), at: at(next.1)? }), "{now}");
        let told = passed.map(
            |(first, last)| serde_json::json!({"first": first, "last": last, "reason": "paused"}),
        );
        assert_eq!(change.after.get("skipped"), told.as_ref(), "{now}");
    }
    Ok(())
}

#[test]
fn an_activated_subscription_without_a_further_date_only_expires() -> TestResult {
    let mut resting = Subscription { status: SubscriptionStatus::Inactive, ..monthly()? };
    let now = at("2027-06-15T00:00:00Z")?;
    let end = at("2027-06-20T00:00:00Z")?;
    resting.expires_at = Some(end);
    let (after, _) = activate(&resting, now)?;
    assert_eq!((after.next(), after.wake()), (None, Some((end, WakeKind::Expire))));
    let (ended, _) = expire(&after, end)?;
    assert_eq!((ended.status, ended.wake()), (SubscriptionStatus::Inactive, None));
    assert!(expire(&ended, end).is_err(), "it ends once");
    let again = activate(&ended, end).map_err(|error| error.to_string());
    let refused = "its expires_at is reached: set a later one, or none, to let it go on";
    assert_eq!(again, Err(refused.to_owned()));
    Ok(())
}

#[test]
fn an_activated_subscription_keeps_the_run_that_is_under_way() -> TestResult {
    let held = claimed(&monthly()?);
    let (paused, _) = pause(&held, Pause::default(), at("2027-02-28T10:01:00Z")?)?;
    assert_eq!(paused.run_number, Some(n(1)));
    let (active, _) = activate(&paused, at("2027-06-15T00:00:00Z")?)?;
    assert_eq!((active.run_number, active.next()), (Some(n(1)), held.next()));
    assert_eq!(plan_run(&active)?.map(|planned| planned.number), Some(n(1)));
    Ok(())
}

#[test]
fn a_cancelled_subscription_wakes_to_close_its_open_runs() -> TestResult {
    let mut one = monthly()?;
    let retry_at = at("2027-02-03T00:00:00Z")?;
    one.unsettled = vec![Unsettled { number: n(0), attempts: 1, retry_at, asked: None }];
    let (paused, _) = pause(&one, Pause::default(), retry_at)?;
    assert_eq!(paused.unsettled.len(), 1, "a pause only waits");
    let now = at("2027-02-01T00:00:00Z")?;
    let (cancelled, _) = cancel(&one, now)?;
    assert_eq!(cancelled.wake(), Some((now, WakeKind::Retry)), "its open run is closed at once");
    Ok(())
}
