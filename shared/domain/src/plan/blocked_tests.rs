use serde_json::json;

use super::*;
use crate::{
    plan::tests::{TestResult, at, claimed, monthly, n},
    subscription::Unsettled,
};

#[test]
fn a_block_keeps_the_run_and_its_end_lets_it_be_claimed_again() -> TestResult {
    let now = at("2027-02-28T10:30:00Z")?;
    let before = Subscription { lease_until: Some(now), ..claimed(&monthly()?) };
    let (blocked, change) = block(&before, "letter-1", now);
    assert_eq!((blocked.blocked_by.as_deref(), blocked.lease_until), (Some("letter-1"), None));
    assert_eq!(blocked.run_number, Some(n(1)));
    assert_eq!(change.event, "order_subscriptions.block");
    assert_eq!(change.after.get("dead_letter"), Some(&json!("letter-1")));
    let (free, change) = unblock(&blocked, now);
    assert_eq!((free.blocked_by, free.run_number), (None, Some(n(1))));
    assert_eq!(change.before.get("dead_letter"), Some(&json!("letter-1")));
    Ok(())
}

#[test]
fn a_retry_that_fails_for_another_reason_than_a_decline_is_put_off_by_a_day() -> TestResult {
    let (now, tomorrow) = (at("2027-04-02T06:00:00Z")?, at("2027-04-03T06:00:00Z")?);
    let open = |number| Unsettled { number: n(number), attempts: 1, retry_at: now, asked: None };
    let idle = Subscription {
        unsettled: vec![open(1), open(2)],
        lease_claims: Some(1),
        lease_until: Some(now),
        ..monthly()?
    };
    let (after, change) = postpone_retry(&idle, n(2), now).ok_or("the run is open")?;
    assert_eq!(after.unsettled, [open(1), Unsettled { retry_at: tomorrow, ..open(2) }]);
    assert_eq!((after.lease_claims, after.lease_until), (None, None), "the claim is given back");
    assert_eq!(change.after.get("run"), Some(&json!(2)));
    // A run that is under way keeps its claim.
    let running = Subscription { run_number: Some(n(3)), ..idle.clone() };
    let (after, _) = postpone_retry(&running, n(1), now).ok_or("the run is open")?;
    assert_eq!((after.run_number, after.lease_claims), (Some(n(3)), Some(1)));
    assert_eq!(postpone_retry(&idle, n(3), now), None, "that run is not open");
    Ok(())
}
