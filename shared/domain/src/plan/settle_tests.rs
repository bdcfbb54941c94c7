use serde_json::json;

use super::{TestResult, at, claimed, monthly, n, skipped};
use crate::{
    dunning::*, lifecycle::*, order_copy::Culprit, plan::*, run::*, subscription::*, time::Pause,
};

fn paid() -> Outcome {
    Outcome::Paid { charge_id: "ch_1".to_owned() }
}

fn declined(kind: DeclineKind) -> Outcome {
    Outcome::Declined {
        kind,
        code: "insufficient_funds".to_owned(),
        message: "no".to_owned(),
        resource: None,
        token: None,
    }
}

fn refused() -> Outcome {
    let beans = Culprit { code: Some("BEANS".to_owned()), ..Culprit::new("skus", &"sku_beans") };
    Outcome::Refused {
        code: "out_of_stock".to_owned(),
        message: "none left".to_owned(),
        resource: Some(beans),
    }
}

/// One retry after a day, and then this.
fn one_retry(action: FinalAction) -> Result<RetryPolicy, Box<dyn std::error::Error>> {
    Ok(RetryPolicy::new(vec![RetryDelay::from_days(1)], 1, action)?)
}

/// Settles the run of a claimed subscription at its due date.
fn first(before: &Subscription, outcome: &Outcome) -> Result<Settled, Box<dyn std::error::Error>> {
    let planned = plan_run(before)?.ok_or("no run is under way")?;
    Ok(settle_run(before, &planned, outcome, planned.due_at)?)
}

fn codes(run: &Run) -> Vec<&str> {
    run.errors_log.iter().map(|error| error.code.as_str()).collect()
}

#[test]
fn a_paid_run_is_successful_and_the_subscription_moves_on() -> TestResult {
    let before = claimed(&monthly()?);
    let now = at("2027-02-28T10:00:00Z")?;
    for (outcome, charge, attempts) in [(paid(), Some("ch_1"), 1), (Outcome::Free, None, 0)] {
        let Settled { subscription, run, change } = first(&before, &outcome)?;
        assert_eq!(run.status, RunStatus::Successful);
        assert_eq!((run.charge_id.as_deref(), run.attempts), (charge, attempts));
        assert_eq!((run.completed_at, run.failed_at, run.retry_at), (Some(now), None, None));
        assert_eq!((run.version, run.number, run.skipped), (1, n(1), None));
        assert_eq!(run.lines.len(), 2);

        assert_eq!(subscription.status, SubscriptionStatus::Active);
        assert_eq!(subscription.next_number, Some(n(2)));
        assert_eq!((subscription.occurrencies, subscription.errors_count), (1, 0));
        assert_eq!(subscription.succeeded_on_last_run, Some(true));
        assert_eq!(subscription.last_run_at, Some(now));
        assert_eq!((subscription.run_number, subscription.lease_claims), (None, None));
        assert_eq!(subscription.version, before.version + 1);
        assert_eq!(change.event, "order_subscriptions.last_run_succeeded");
        assert_eq!(change.after.get("order_id"), Some(&json!(run.order_id())));
        assert_eq!(change.after.get("error"), None);
    }
    Ok(())
}

#[test]
fn a_soft_decline_leaves_the_run_open_until_its_retry_and_the_schedule_moves_on() -> TestResult {
    let mut before = claimed(&monthly()?);
    before.run_number = Some(n(3));
    let Settled { subscription, run, change } = first(&before, &declined(DeclineKind::Soft))?;
    let retry_at = at("2027-05-01T09:00:00Z")?;
    assert_eq!((run.status, run.attempts, run.retry_at), (RunStatus::Open, 1, Some(retry_at)));
    assert_eq!((run.skipped, codes(&run)), (Some(skipped(1, 2)), vec!["insufficient_funds"]));
    let waiting = vec![Unsettled { number: n(3), attempts: 1, retry_at, asked: None }];
    assert_eq!(subscription.unsettled, waiting);
    assert_eq!(subscription.next_number, Some(n(4)));
    assert_eq!((subscription.occurrencies, subscription.errors_count), (0, 1));
    assert_eq!(subscription.wake(), Some((retry_at, WakeKind::Retry)));
    assert_eq!(change.event, "order_subscriptions.last_run_failed");
    assert_eq!(change.after.get("error"), Some(&json!("insufficient_funds")));
    Ok(())
}

#[test]
fn retries_follow_the_policy_until_paid_or_given_up() -> TestResult {
    let mut settled = first(&claimed(&monthly()?), &declined(DeclineKind::Soft))?;
    let mut waits = Vec::new();
    while let Some(retry_at) = settled.run.retry_at {
        let last = settled.run.errors_log.last().ok_or("it was declined")?.at;
        waits.push((retry_at - last).num_days());
        let paid = settle_retry(&settled.subscription, &settled.run, None, &paid(), retry_at)?;
        assert_eq!(paid.run.status, RunStatus::Successful);
        assert_eq!((paid.subscription.unsettled.len(), paid.subscription.occurrencies), (0, 1));
        assert_eq!(paid.run.attempts, settled.run.attempts + 1);
        let soft = declined(DeclineKind::Soft);
        settled = settle_retry(&settled.subscription, &settled.run, None, &soft, retry_at)?;
    }
    assert_eq!(waits, [1, 3, 5, 7]);
    let Settled { subscription, run, .. } = settled;
    assert_eq!((run.status, run.attempts), (RunStatus::Failed, 5));
    assert_eq!(codes(&run).last(), Some(&"retries_exhausted"));
    assert!(subscription.unsettled.is_empty());
    assert_eq!(subscription.status, SubscriptionStatus::Active, "the default keeps it active");
    assert_eq!((subscription.errors_count, subscription.occurrencies), (5, 0));
    Ok(())
}

#[test]
fn what_is_given_up_has_the_consequence_of_its_policy() -> TestResult {
    use SubscriptionStatus::{Active, Cancelled, Inactive, Running};
    for (action, status) in [
        (FinalAction::KeepActive, Active),
        (FinalAction::Skip, Active),
        (FinalAction::Pause, Inactive),
        (FinalAction::Cancel, Cancelled),
    ] {
        let before = Subscription { retry: one_retry(action)?, ..claimed(&monthly()?) };
        let hard = first(&before, &declined(DeclineKind::Hard))?;
        assert_eq!((hard.run.status, hard.run.retry_at), (RunStatus::Failed, None));
        assert_eq!(hard.run.failed_at, Some(at("2027-02-28T10:00:00Z")?));
        assert_eq!(codes(&hard.run), ["insufficient_funds", "hard_decline"]);
        assert_eq!((hard.subscription.status, hard.subscription.unsettled.len()), (status, 0));
        let cancelled_at = (status == Cancelled).then_some(at("2027-02-28T10:00:00Z")?);
        assert_eq!(hard.subscription.cancelled_at, cancelled_at, "{action:?}");

        let open = first(&before, &declined(DeclineKind::Soft))?;
        let retry_at = open.run.retry_at.ok_or("one retry is allowed")?;
        let soft = declined(DeclineKind::Soft);
        let done = settle_retry(&open.subscription, &open.run, None, &soft, retry_at)?;
        assert_eq!(done.run.status, RunStatus::Failed);
        assert_eq!(codes(&done.run).last(), Some(&"retries_exhausted"));
        let told = [&hard, &done]
            .map(|settled| settled.run.errors_log.last().map(|error| error.message.as_str()));
        let final_decline = "the decline is final: a new payment source is needed";
        let exhausted = "every retry that the policy allows has been made";
        assert_eq!(told, [Some(final_decline), Some(exhausted)]);
        assert_eq!(done.subscription.status, status, "{action:?}");

        let next_run = claimed(&open.subscription);
        assert_eq!(next_run.status, Running);
        let during = settle_retry(&next_run, &open.run, None, &soft, retry_at)?.subscription;
        let expected = if status == Active { Running } else { status };
        assert_eq!(during.status, expected, "{action:?} while the next run is under way");
        assert_eq!(during.run_number, Some(n(2)), "that run keeps its claim");
    }
    Ok(())
}

#[test]
fn a_rule_of_ours_fails_the_run_without_an_attempt_at_payment() -> TestResult {
    let retry = one_retry(FinalAction::Cancel)?;
    let before = Subscription { retry, ..claimed(&monthly()?) };
    let Settled { subscription, run, .. } = first(&before, &refused())?;
    assert_eq!((run.status, run.attempts, run.retry_at), (RunStatus::Failed, 0, None));
    assert_eq!(codes(&run), ["out_of_stock"]);
    assert_eq!(subscription.status, SubscriptionStatus::Active, "no dunning without a decline");
    assert_eq!(subscription.next_number, Some(n(2)));
    Ok(())
}

#[test]
fn a_run_is_settled_though_its_subscription_was_cancelled_or_paused_meanwhile() -> TestResult {
    use SubscriptionStatus::{Cancelled, Inactive};
    let held = claimed(&monthly()?);
    let now = at("2027-02-28T10:00:00Z")?;
    let ended = [cancel(&held, now)?, pause(&held, Pause::default(), now)?];
    for ((ended, _), status) in ended.into_iter().zip([Cancelled, Inactive]) {
        let done = first(&ended, &paid())?;
        assert_eq!((done.run.status, done.subscription.status), (RunStatus::Successful, status));
        assert_eq!((done.subscription.run_number, done.subscription.wake()), (None, None));

        let done = first(&ended, &declined(DeclineKind::Soft))?;
        assert_eq!(done.run.status, RunStatus::Failed, "nothing is charged behind its back");
        assert_eq!((done.run.retry_at, done.subscription.unsettled.len()), (None, 0));
        assert_eq!((done.subscription.status, done.subscription.wake()), (status, None));

        let (left, change) = abandon_run(&ended, now);
        assert_eq!((left.status, left.run_number, left.wake()), (status, None, None));
        assert_eq!(change.event, "order_subscriptions.run_abandoned");
    }
    Ok(())
}

#[test]
fn the_last_run_before_the_expiry_leaves_nothing_to_run() -> TestResult {
    let mut one = monthly()?;
    let end = at("2027-03-31T09:00:00Z")?;
    one.expires_at = Some(end);
    let done = first(&claimed(&one), &paid())?.subscription;
    assert_eq!((done.next(), done.wake()), (None, Some((end, WakeKind::Expire))));
    Ok(())
}

#[test]
fn a_retry_takes_the_payment_source_of_now() -> TestResult {
    let open = first(&claimed(&monthly()?), &declined(DeclineKind::Soft))?;
    let now = open.run.retry_at.ok_or("a retry is planned")?;
    let source = crate::ids::PaymentSourceId::derived(&["new card"]);
    let of_now = Some(source.clone());
    let done = settle_retry(&open.subscription, &open.run, of_now, &paid(), now)?;
    assert_eq!(done.run.payment_source_id, Some(source));
    let same = settle_retry(&open.subscription, &open.run, None, &paid(), now)?;
    assert_eq!(same.run.payment_source_id, open.run.payment_source_id);
    Ok(())
}

#[test]
fn a_retry_settles_its_own_run_only() -> TestResult {
    let open = first(&claimed(&monthly()?), &declined(DeclineKind::Soft))?;
    let now = open.run.retry_at.ok_or("a retry is planned")?;
    let mut two = open.subscription.clone();
    let other = Unsettled { number: n(2), attempts: 1, retry_at: now, asked: None };
    two.unsettled.push(other.clone());
    let done = settle_retry(&two, &open.run, None, &paid(), now)?;
    assert_eq!(done.subscription.unsettled, [other]);
    Ok(())
}

#[test]
fn missed_occurrences_that_policy_passes_over_are_recorded() -> TestResult {
    let held = claimed(&monthly()?);
    let now = at("2027-06-15T00:00:00Z")?;
    let next = held.schedule().occurrence(n(5))?.slot();
    let (after, change) = skip_missed(&held, skipped(1, 4), Some(next), now)?;
    assert_eq!((after.status, after.run_number), (SubscriptionStatus::Active, None));
    assert_eq!((after.next(), after.occurrencies), (Some(next), 0));
    assert_eq!(change.event, "order_subscriptions.runs_skipped");
    let told = json!({"first": 1, "last": 4, "reason": "missed"});
    assert_eq!(change.after.get("skipped"), Some(&told));
    Ok(())
}

#[test]
fn a_blocked_run_sleeps_and_is_taken_up_where_it_was_or_discarded() -> TestResult {
    let held = claimed(&monthly()?);
    let now = at("2027-02-28T10:30:00Z")?;
    let (blocked, _) = block(&held, "dlt_1", now);
    assert_eq!((blocked.wake(), blocked.run_number), (None, Some(n(1))));
    let (free, _) = unblock(&blocked, now);
    assert_eq!((free.run_number, free.lease_until), (Some(n(1)), None));
    assert_eq!(plan_claim(&claimed(&free), at("2027-09-01T00:00:00Z")?)?, ClaimPlan::Run(n(1)));

    let (without, change) = discard_run(&blocked, now)?.ok_or("a run is under way")?;
    assert_eq!((without.run_number, without.next_number), (None, Some(n(2))));
    assert_eq!((without.status, &without.blocked_by), (SubscriptionStatus::Active, &None));
    let told = json!({"first": 1, "last": 1, "reason": "discarded"});
    assert_eq!(change.after.get("skipped"), Some(&told));
    assert_eq!(discard_run(&without, now)?, None, "nothing is under way any more");
    Ok(())
}
