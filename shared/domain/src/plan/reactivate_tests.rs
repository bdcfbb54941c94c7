use std::num::NonZeroU32;

use serde_json::json;

use super::{reactivate, *};
use crate::{
    lifecycle::SubscriptionStatus,
    plan::tests::{TestResult, at, monthly, n},
    time::Slot,
};

#[test]
fn within_the_window_it_goes_on_by_its_own_dates_and_tells_what_passed() -> TestResult {
    let (cancelled, _) = cancel(&monthly()?, at("2027-02-10T00:00:00Z")?)?;
    for (now, next, passed) in [
        ("2027-02-20T00:00:00Z", (1, "2027-02-28T10:00:00Z"), None),
        ("2027-02-28T10:00:00Z", (1, "2027-02-28T10:00:00Z"), None),
        ("2027-03-12T00:00:00Z", (2, "2027-03-31T09:00:00Z"), Some((1, 1))),
    ] {
        let (after, change) = reactivate(&cancelled, 30, at(now)?)?;
        let (number, next_at) = next;
        assert_eq!(after.next(), Some(Slot { number: n(number), at: at(next_at)? }), "{now}");
        assert_eq!((after.status, after.cancelled_at), (SubscriptionStatus::Active, None));
        assert_eq!(change.event, "order_subscriptions.reactivate");
        let told = passed
            .map(|(first, last)| json!({"first": first, "last": last, "reason": "cancelled"}));
        assert_eq!(change.after.get("skipped"), told.as_ref(), "{now}");
    }
    Ok(())
}

#[test]
fn after_the_window_it_is_cancelled_for_good() -> TestResult {
    let (cancelled, _) = cancel(&monthly()?, at("2027-02-10T00:00:00Z")?)?;
    for (days, now, allowed) in [
        (30, "2027-03-12T00:00:00Z", true),
        (30, "2027-03-12T00:00:01Z", false),
        (1, "2027-02-11T00:00:00Z", true),
        (0, "2027-02-10T00:00:00Z", false),
    ] {
        let after = reactivate(&cancelled, days, at(now)?);
        assert_eq!(after.is_ok(), allowed, "{days} {now}");
    }
    let late = reactivate(&cancelled, 30, at("2027-04-01T00:00:00Z")?);
    let told = late.map_err(|error| error.to_string()).err();
    let text = "it was cancelled at 2027-02-10T00:00:00Z: it could be reactivated within \
                reactivation_days (30) of its subscription model";
    assert_eq!(told.as_deref(), Some(text));
    Ok(())
}

#[test]
fn what_is_not_cancelled_or_has_come_to_its_end_is_not_reactivated() -> TestResult {
    let now = at("2027-02-10T00:00:00Z")?;
    let active = monthly()?;
    assert!(matches!(reactivate(&active, 30, now), Err(PlanError::Transition(_))));
    let (mut ended, _) = cancel(&active, now)?;
    ended.max_occurrences = NonZeroU32::new(1);
    let end = TermEnd::MaximumReached;
    assert_eq!(reactivate(&ended, 30, now).err(), Some(PlanError::Ended { end }));
    Ok(())
}
