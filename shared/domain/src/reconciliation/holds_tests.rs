//! What journals tell of holds, by hand.

use std::error::Error;

use chrono::DateTime;
use serde_json::Value;

use super::*;
use crate::{
    journal::{Cause, Change, Head, append},
    lifecycle::SubscriptionStatus,
    money::MinorUnits,
    order_fixture::placed_order,
    payment::{Collected, DisputeStatus},
    subscription::tests::subscription,
};

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// An open dispute that has put a subscription on hold.
fn dispute(held: &SubscriptionId) -> TestResult<Dispute> {
    let of = Collected::of_order(&placed_order()?)?;
    Ok(Dispute {
        id: DisputeId::derived(&["1"]),
        status: DisputeStatus::Open,
        amount: MinorUnits::new(100),
        currency: of.currency,
        reason: None,
        gateway_dispute_id: "dp_1".to_owned(),
        order_id: of.order_id,
        market_id: of.market_id,
        customer_id: None,
        charge_id: None,
        held: vec![held.clone()],
        closed_at: None,
        wakes_at: None,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        version: 1,
        journal: Head::default(),
    })
}

#[test]
fn a_hold_stands_until_somebody_lifts_it_or_another_takes_its_place() -> TestResult {
    let monthly = subscription("monthly", "2027-01-31T10:00:00Z")?;
    let dispute = dispute(&monthly.id)?;
    let hold = |by: &DisputeId| ("order_subscriptions.hold", json!({"held_by": by}));
    let own = || hold(&dispute.id);
    let other = || hold(&DisputeId::derived(&["2"]));
    let activate = || ("order_subscriptions.activate", Value::Null);
    let update = || ("order_subscriptions.update", Value::Null);
    let reactivate = || ("order_subscriptions.reactivate", Value::Null);
    for (story, lost) in [
        (vec![], true),
        (vec![update(), other()], true),
        (vec![own()], true),
        (vec![own(), update()], true),
        (vec![activate(), own()], true),
        (vec![own(), activate()], false),
        (vec![own(), update(), reactivate(), update()], false),
        (vec![own(), other()], false),
        (vec![own(), activate(), own()], true),
    ] {
        let organization = "acme".parse()?;
        let (mut head, mut told) = (Head::default(), HoldTold::default());
        for (event, after) in story.clone() {
            let cause = Cause { actor: "system:test".into(), reason: "test".into() };
            let change = Change { event, before: Value::Null, after };
            let at = DateTime::UNIX_EPOCH;
            let entry = append(&mut head, &organization, monthly.id.as_str(), at, cause, change);
            told.take(&dispute.id, &entry);
        }
        let found = check_hold(&dispute, &monthly.id, told).map(|found| found.code);
        assert_eq!(found, lost.then_some(Code::HoldLost), "{story:?}");
    }
    Ok(())
}

#[test]
fn a_subscription_on_hold_rests_for_a_dispute_that_knows_of_it() -> TestResult {
    let mut held = subscription("monthly", "2027-01-31T10:00:00Z")?;
    let dispute = dispute(&held.id)?;
    let stranger = Dispute { held: Vec::new(), ..dispute.clone() };
    held.status = SubscriptionStatus::Inactive;
    assert_eq!(check_held(&held, None), None, "it is on hold for nobody");
    held.held_by = Some(dispute.id.clone());
    let code = |held: &Subscription, dispute| check_held(held, dispute).map(|found| found.code);
    assert_eq!(code(&held, Some(&dispute)), None);
    assert_eq!(code(&held, None), Some(Code::HoldWithoutDispute));
    assert_eq!(code(&held, Some(&stranger)), Some(Code::HoldWithoutDispute));
    held.status = SubscriptionStatus::Cancelled;
    assert_eq!(code(&held, Some(&dispute)), None);
    held.status = SubscriptionStatus::Active;
    assert_eq!(code(&held, Some(&dispute)), Some(Code::HoldLost));
    Ok(())
}
