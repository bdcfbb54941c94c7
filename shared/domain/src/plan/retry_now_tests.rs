use proptest::prelude::*;

use super::*;
use crate::{
    dunning::*,
    plan::{
        ClaimPlan, Outcome, PlanError, Settled, cancel, pause, plan_claim, plan_run, settle_retry,
        settle_run,
        tests::{TestResult, at, claimed, monthly, n},
    },
    run::RunStatus,
    subscription::WakeKind,
    time::Pause,
};

fn paid() -> Outcome {
    Outcome::Paid { charge_id: "ch_1".to_owned() }
}

fn declined(kind: DeclineKind) -> Outcome {
    let (code, message) = ("insufficient_funds".to_owned(), "no".to_owned());
    Outcome::Declined { kind, code, message, resource: None, token: None }
}

fn needs_action() -> Outcome {
    let url = Some("https://bank.example/confirm".to_owned());
    Outcome::NeedsAction { by_customer: true, url, message: "confirm it".to_owned() }
}

fn policy(maximum: u32, action: FinalAction) -> Result<RetryPolicy, RetryPolicyError> {
    RetryPolicy::new(vec![RetryDelay::from_days(1)], maximum, action)
}

/// The first run of a monthly subscription with this policy, after one attempt on its date.
fn first(policy: RetryPolicy, outcome: &Outcome) -> Result<Settled, Box<dyn std::error::Error>> {
    let held = claimed(&Subscription { retry: policy, ..monthly()? });
    let planned = plan_run(&held)?.ok_or("no run is under way")?;
    Ok(settle_run(&held, &planned, outcome, planned.due_at)?)
}

fn retried(
    of: &Settled,
    outcome: &Outcome,
    now: &str,
) -> Result<Settled, Box<dyn std::error::Error>> {
    Ok(settle_retry(&of.subscription, &of.run, None, outcome, at(now)?)?)
}

/// Somebody asks for a retry.
fn asked(of: &Settled, now: &str) -> Result<Settled, Box<dyn std::error::Error>> {
    let (subscription, change) = retry_run_now(&of.subscription, &of.run, at(now)?);
    Ok(Settled { subscription, run: of.run.clone(), change })
}

#[test]
fn a_retry_by_hand_leaves_the_dates_of_the_policy_as_they_are() -> TestResult {
    let open = first(policy(2, FinalAction::KeepActive)?, &declined(DeclineKind::Soft))?;
    let planned = at("2027-03-01T10:00:00Z")?;
    assert_eq!(open.run.retry_at, Some(planned));
    let by_hand = asked(&open, "2027-02-28T18:00:00Z")?;
    assert_eq!(by_hand.subscription.wake(), Some((at("2027-02-28T18:00:00Z")?, WakeKind::Retry)));
    let still = retried(&by_hand, &declined(DeclineKind::Soft), "2027-02-28T18:00:05Z")?;
    assert_eq!((still.run.status, still.run.retry_at), (RunStatus::Open, Some(planned)));
    assert_eq!((still.run.attempts, still.run.tries()), (2, 1));
    // Both retries of the policy are still to come.
    let second = retried(&still, &declined(DeclineKind::Soft), "2027-03-01T10:00:00Z")?;
    assert_eq!(second.run.retry_at, Some(at("2027-03-02T10:00:00Z")?));
    let third = retried(&second, &declined(DeclineKind::Soft), "2027-03-02T10:00:00Z")?;
    assert_eq!((third.run.status, third.run.attempts), (RunStatus::Failed, 4));
    Ok(())
}

#[test]
fn a_retry_by_hand_is_among_the_maximum_where_the_policy_says_so() -> TestResult {
    let policy = policy(1, FinalAction::KeepActive)?.counting_manual_retries(true);
    let open = first(policy, &declined(DeclineKind::Soft))?;
    let by_hand = asked(&open, "2027-02-28T18:00:00Z")?;
    let done = retried(&by_hand, &declined(DeclineKind::Soft), "2027-02-28T18:00:05Z")?;
    assert_eq!((done.run.status, done.run.retry_at), (RunStatus::Failed, None));
    Ok(())
}

#[test]
fn a_run_that_was_given_up_has_its_last_step_once() -> TestResult {
    let given_up = first(policy(0, FinalAction::Pause)?, &declined(DeclineKind::Soft))?;
    assert_eq!(given_up.subscription.status, SubscriptionStatus::Inactive);
    let now = at("2027-03-02T00:00:00Z")?;
    let (active, _) = crate::plan::activate(&given_up.subscription, now)?;
    let again = Settled { subscription: active, ..given_up };
    let by_hand = asked(&again, "2027-03-02T00:00:10Z")?;
    let done = retried(&by_hand, &declined(DeclineKind::Hard), "2027-03-02T00:00:15Z")?;
    assert_eq!(done.run.status, RunStatus::Failed);
    assert_eq!(done.subscription.status, SubscriptionStatus::Active, "somebody let it go on");
    Ok(())
}

#[test]
fn what_becomes_of_an_old_run_tells_nothing_of_the_last_one() -> TestResult {
    let old = first(policy(0, FinalAction::KeepActive)?, &declined(DeclineKind::Soft))?;
    assert_eq!(old.subscription.succeeded_on_last_run, Some(false));
    let held = claimed(&old.subscription);
    let planned = plan_run(&held)?.ok_or("the second run")?;
    let second = settle_run(&held, &planned, &paid(), planned.due_at)?.subscription;
    assert_eq!((second.succeeded_on_last_run, second.access_until), (Some(true), None));
    let again = Settled { subscription: second, ..old };
    let by_hand = asked(&again, "2027-04-01T00:00:00Z")?;
    let failed = retried(&by_hand, &declined(DeclineKind::Soft), "2027-04-01T00:00:05Z")?;
    assert_eq!(failed.subscription.succeeded_on_last_run, Some(true));
    assert_eq!(failed.subscription.access_until, None, "what is paid now gives access now");
    Ok(())
}

#[test]
fn a_hard_decline_stops_at_once_and_a_new_method_tries_the_run_again() -> TestResult {
    let hard = first(policy(3, FinalAction::KeepActive)?, &declined(DeclineKind::Hard))?;
    assert_eq!((hard.run.status, hard.run.retry_at), (RunStatus::Failed, None));
    assert_eq!(hard.change.after.get("payment_method_required"), Some(&json!(true)));
    assert!(hard.subscription.unsettled.is_empty(), "nothing is tried by itself");
    let now = at("2027-03-01T12:00:00Z")?;
    let (new_method, change) =
        retry_open_runs(&hard.subscription, now).ok_or("it waits for one")?;
    assert_eq!(change.after.get("runs"), Some(&json!([1])));
    assert_eq!(new_method.wake(), Some((now, WakeKind::Retry)));
    assert_eq!(retry_open_runs(&new_method, now), None, "asked for twice, it is tried once");
    let again = Settled { subscription: new_method, ..hard.clone() };
    let open = retried(&again, &declined(DeclineKind::Soft), "2027-03-01T12:00:05Z")?;
    // The new method was declined softly: the policy begins with it.
    assert_eq!(open.run.retry_at, Some(at("2027-03-02T12:00:05Z")?));
    let done = retried(&again, &paid(), "2027-03-01T12:00:05Z")?;
    assert_eq!((done.run.status, done.subscription.occurrencies), (RunStatus::Successful, 1));

    // Once the next run is made, the one that was given up is history.
    let held = claimed(&hard.subscription);
    let planned = plan_run(&held)?.ok_or("the second run")?;
    let next = settle_run(&held, &planned, &paid(), planned.due_at)?.subscription;
    assert_eq!(retry_open_runs(&next, planned.due_at), None);
    // And where the cycle is left out, it is left out for good.
    let skipped = first(policy(3, FinalAction::Skip)?, &declined(DeclineKind::Hard))?;
    assert_eq!(retry_open_runs(&skipped.subscription, now), None);
    Ok(())
}

#[test]
fn a_payment_that_waits_for_its_customer_uses_up_no_attempt_but_time() -> TestResult {
    let waits = first(policy(2, FinalAction::Pause)?, &needs_action())?;
    assert_eq!((waits.run.status, waits.run.attempts), (RunStatus::Open, 0));
    assert_eq!(waits.run.retry_at, Some(at("2027-03-01T10:00:00Z")?));
    assert_eq!(waits.change.after.get("action_required"), Some(&json!(true)));
    let url = waits.run.action.as_ref().and_then(|action| action.url.as_deref());
    assert_eq!(url, Some("https://bank.example/confirm"));
    let confirmed = retried(&waits, &paid(), "2027-02-28T12:00:00Z")?;
    assert_eq!((confirmed.run.status, confirmed.run.attempts), (RunStatus::Successful, 1));
    assert_eq!(confirmed.run.action, None);
    let second = retried(&waits, &needs_action(), "2027-03-01T10:00:00Z")?;
    assert_eq!(second.run.errors_log.len(), 1, "it says so once");
    let third = retried(&second, &needs_action(), "2027-03-02T10:00:00Z")?;
    assert_eq!((third.run.status, third.run.attempts), (RunStatus::Failed, 0));
    assert_eq!(third.subscription.status, SubscriptionStatus::Inactive);
    let found = retried(&third, &paid(), "2027-03-05T00:00:00Z")?;
    assert_eq!(found.run.status, RunStatus::Successful, "confirmed late, it counts all the same");
    Ok(())
}

#[test]
fn access_lasts_for_the_grace_period_of_the_last_unpaid_run() -> TestResult {
    let grace = GraceHours::new(72);
    let policy = policy(1, FinalAction::KeepActive)?.with_grace(grace)?;
    let open = first(policy, &declined(DeclineKind::Soft))?;
    let until = Some(at("2027-03-03T10:00:00Z")?);
    assert_eq!((open.run.access_until, open.subscription.access_until), (until, until));
    let failed = retried(&open, &declined(DeclineKind::Soft), "2027-03-01T10:00:00Z")?;
    assert_eq!(failed.subscription.access_until, until, "another decline moves nothing");
    let done = retried(&open, &paid(), "2027-03-01T10:00:00Z")?;
    assert_eq!((done.run.access_until, done.subscription.access_until), (None, None));
    Ok(())
}

#[test]
fn nobody_charges_without_a_claim_of_their_own() -> TestResult {
    let open = first(policy(2, FinalAction::KeepActive)?, &declined(DeclineKind::Soft))?;
    let (subscription, run) = (&open.subscription, &open.run);
    let (job, now) = (JobRunId::from_uuid(uuid::Uuid::nil()), at("2027-02-28T12:00:00Z")?);
    let until = at("2027-02-28T12:20:00Z")?;
    let claim = |one: &Subscription| claim_retry(one, run, &job, (now, until));
    let RetryClaim::Take(held) = claim(subscription) else { return Err("it is free".into()) };
    assert_eq!((held.lease_until, held.version), (Some(until), subscription.version + 1));
    assert_eq!(claim(&held), RetryClaim::Held);
    let retrying = Err(PlanError::Retrying);
    assert_eq!(cancel(&held, now).map(drop), retrying);
    assert_eq!(pause(&held, Pause::default(), now).map(drop), retrying);
    // Once it is settled, it is let go of.
    let settled = settle_retry(&held, run, None, &declined(DeclineKind::Soft), now)?.subscription;
    assert!(cancel(&settled, now).is_ok());

    let earlier =
        Unsettled { number: n(0), attempts: 1, retry_at: at("2027-02-01T00:00:00Z")?, asked: None };
    let mut two = (*held).clone();
    two.unsettled.push(earlier.clone());
    assert_eq!(claim(&two), RetryClaim::Waits, "the claim is for the run that is due first");
    let given_up = Subscription { unsettled: vec![earlier], ..subscription.clone() };
    let RetryClaim::Take(waits) = claim(&given_up) else { return Err("it is to be woken".into()) };
    assert_eq!((waits.lease_claims, waits.unsettled.len()), (None, 2), "after the other");
    let under_way = Subscription { run_number: Some(n(2)), ..subscription.clone() };
    assert_eq!(claim(&under_way), RetryClaim::Busy);
    Ok(())
}

#[test]
fn a_payment_that_waits_gives_way_to_another_source_under_another_key() -> TestResult {
    let waits = first(policy(2, FinalAction::KeepActive)?, &needs_action())?;
    let source = PaymentSourceId::derived(&["another"]);
    let now = at("2027-02-28T12:00:00Z")?;
    let (after, run, change) =
        begin_anew(&waits.subscription, &waits.run, Some(source.clone()), now);
    assert_eq!(change.event, "order_subscriptions.payment_superseded");
    assert_eq!((run.attempts, run.tries(), run.action.clone()), (1, 1, None));
    assert_eq!(run.payment_source_id, Some(source));
    assert_eq!(after.unsettled.first().map(|unsettled| unsettled.attempts), Some(1));
    Ok(())
}

#[test]
fn a_log_keeps_the_newest_errors_and_counts_the_others() -> TestResult {
    let mut settled = first(policy(0, FinalAction::KeepActive)?, &declined(DeclineKind::Soft))?;
    for minute in 0..40 {
        let now = at("2027-03-01T00:00:00Z")? + chrono::TimeDelta::minutes(minute);
        let (subscription, _) = retry_run_now(&settled.subscription, &settled.run, now);
        let soft = declined(DeclineKind::Soft);
        settled = settle_retry(&subscription, &settled.run, None, &soft, now)?;
    }
    // Two for each of 41 attempts: the decline, and that it was given up.
    assert_eq!((settled.run.errors_log.len(), settled.run.errors_count()), (50, 82));
    let oldest = settled.run.errors_log.first().map(|error| error.at);
    assert_eq!(oldest, Some(at("2027-03-01T00:15:00Z")?));
    Ok(())
}

fn fails(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

fn outcome(choice: u8) -> Outcome {
    match choice % 5 {
        0..=2 => declined(DeclineKind::Soft),
        3 => declined(DeclineKind::Hard),
        _ => needs_action(),
    }
}

proptest! {
    /// However often somebody asks for a retry: the policy itself never tries more often than it
    /// allows, never after a hard decline, and access never ends earlier than it was told.
    #[test]
    fn a_policy_never_tries_more_often_than_it_allows_nor_after_a_hard_decline(
        maximum in 0_u32..6,
        counted in any::<bool>(),
        grace in 0_u32..200,
        steps in proptest::collection::vec((any::<u8>(), any::<bool>()), 1..40),
    ) {
        let policy = policy(maximum, FinalAction::KeepActive)
            .and_then(|policy| policy.with_grace(GraceHours::new(grace)))
            .map_err(fails)?
            .counting_manual_retries(counted);
        let (choice, _) = steps.first().copied().unwrap_or_default();
        let mut settled = first(policy, &outcome(choice)).map_err(fails)?;
        let mut automatic = 1;
        let mut now = settled.run.due_at;
        let access = settled.subscription.access_until;
        for (choice, by_hand) in steps.into_iter().skip(1) {
            now += chrono::TimeDelta::hours(7);
            if by_hand {
                let (subscription, _) = retry_run_now(&settled.subscription, &settled.run, now);
                settled.subscription = subscription;
            }
            let Some((at, WakeKind::Retry)) = settled.subscription.wake() else { continue };
            now = now.max(at);
            let held = Subscription { lease_claims: Some(1), ..settled.subscription.clone() };
            let plan = plan_claim(&held, now).map_err(fails)?;
            let ClaimPlan::Retry(due) = plan else { return Err(fails("nothing is due")) };
            let [due] = &due[..] else { return Err(fails("one at a time")) };
            automatic += u32::from(due.asked.is_none());
            let outcome = outcome(choice);
            let hard = matches!(outcome, Outcome::Declined { kind: DeclineKind::Hard, .. });
            settled = settle_retry(&held, &settled.run, None, &outcome, now).map_err(fails)?;
            prop_assert!(automatic <= maximum + 1, "{automatic} of {maximum}");
            if hard {
                prop_assert_eq!(settled.run.retry_at, None);
                prop_assert!(settled.subscription.unsettled.is_empty());
            }
            prop_assert_eq!(settled.subscription.access_until, access);
            prop_assert_eq!(settled.run.retry_at.is_some(), settled.run.status == RunStatus::Open);
        }
    }
}
