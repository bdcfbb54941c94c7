use crate::time::iana;
use std::error::Error;

use super::*;
use crate::{
    lifecycle::SubscriptionStatus::{Active, Cancelled, Draft, Inactive, Running},
    time::NamedFrequency,
};

type TestResult = Result<(), Box<dyn Error>>;

/// An active subscription of two items, 30.00 EUR each time, on the wall clock of London; the order
/// that it repeats was placed at the anchor.
pub(crate) fn subscription(frequency: &str, anchor: &str) -> Result<Subscription, Box<dyn Error>> {
    let item = |name: &str, quantity, unit_amount| SubscriptionItem {
        id: SubscriptionItemId::of(&SubscriptionId::derived(&["subscription"]), name),
        item: OrderedItem::sku(name),
        name: name.to_owned(),
        quantity,
        unit_amount: MinorUnits::new(unit_amount),
        price_override: false,
        one_off: false,
        annotations: Annotations::default(),
    };
    let anchor: DateTime<Utc> = anchor.parse()?;
    let mut subscription = Subscription {
        id: SubscriptionId::derived(&["subscription"]),
        status: Active,
        market_id: MarketId::derived(&["market"]),
        model_id: None,
        source_order_id: Some(OrderId::derived(&["order"])),
        customer_id: Some(CustomerId::derived(&["customer"])),
        payment_source_id: Some(PaymentSourceId::derived(&["source"])),
        addresses: Addresses::default(),
        tags: Vec::new(),
        currency: "EUR".parse()?,
        items: vec![item("BEANS", 2, 1_000), item("FILTERS", 1, 1_000)],
        price_list_id: None,
        frequency: frequency.parse()?,
        anchor,
        time_zone: iana("Europe/London"),
        rules: ScheduleRules::default(),
        next_number: None,
        next_run_at: None,
        expires_at: None,
        max_occurrences: None,
        jumped_numbers: 0,
        rescheduled: None,
        stands_for: None,
        cut_off: CutOff::default(),
        resumes_at: None,
        cancelled_at: None,
        renewal_alert_period: None,
        alerted: None,
        last_run_at: None,
        last_ordered_at: None,
        factory: Factory::default(),
        activate_by_source_order: true,
        place_target_order: true,
        occurrencies: 0,
        errors_count: 0,
        succeeded_on_last_run: None,
        unsettled: Vec::new(),
        awaits_method: None,
        access_until: None,
        catch_up: CatchUp::default(),
        retry: RetryPolicy::default(),
        reference: None,
        reference_origin: None,
        metadata: Value::Null,
        created_at: anchor,
        updated_at: anchor,
        version: 1,
        journal: Head::default(),
        run_number: None,
        lease_until: None,
        lease_claims: None,
        job_run_id: None,
        prices_fixed: false,
        tax: None,
        blocked_by: None,
        held_by: None,
    };
    let source = Slot { number: OccurrenceNumber::ANCHOR, at: anchor };
    subscription.set_next(Some(subscription.schedule().following(source)?.slot()));
    Ok(subscription)
}

fn unsettled(retry_at: DateTime<Utc>) -> Unsettled {
    Unsettled { number: OccurrenceNumber::ANCHOR, attempts: 1, retry_at, asked: None }
}

#[test]
fn it_wakes_for_what_comes_first() -> TestResult {
    let plain = subscription("monthly", "2027-01-31T10:00:00Z")?;
    let run_at: DateTime<Utc> = "2027-02-28T10:00:00Z".parse()?;
    let (early, late) = ("2027-02-10T00:00:00Z".parse()?, "2027-03-10T00:00:00Z".parse()?);
    let woken = |expires_at, retries: &[DateTime<Utc>]| {
        let unsettled = retries.iter().copied().map(unsettled).collect();
        Subscription { expires_at, unsettled, ..plain.clone() }.wake()
    };
    for (expires_at, retries, expected) in [
        (None, vec![], (run_at, WakeKind::Run)),
        (None, vec![late, early], (early, WakeKind::Retry)),
        (None, vec![late], (run_at, WakeKind::Run)),
        (None, vec![run_at], (run_at, WakeKind::Retry)),
        (Some(late), vec![], (run_at, WakeKind::Run)),
        (Some(early), vec![], (early, WakeKind::Expire)),
        (Some(early), vec![early], (early, WakeKind::Retry)),
        (Some(early), vec![late], (late, WakeKind::Retry)),
        (Some(run_at), vec![], (run_at, WakeKind::Expire)),
    ] {
        assert_eq!(woken(expires_at, &retries), Some(expected), "{expires_at:?} {retries:?}");
    }
    Ok(())
}

#[test]
fn what_does_not_repeat_wakes_only_to_finish_its_run() -> TestResult {
    let mut one = subscription("monthly", "2027-01-31T10:00:00Z")?;
    one.expires_at = Some("2027-06-01T00:00:00Z".parse()?);
    let retry_at = "2027-02-01T00:00:00Z".parse()?;
    one.unsettled = vec![unsettled(retry_at)];
    let run_at = one.next_run_at.ok_or("it has a next run")?;
    one.status = Cancelled;
    let closing = Some((retry_at, WakeKind::Retry));
    assert_eq!(one.wake(), closing, "a cancelled one is woken to close its open runs");
    one.status = Inactive;
    assert_eq!(one.wake(), None, "one that rests keeps its open runs for later");
    one.unsettled.clear();
    for status in [Draft, Inactive, Cancelled] {
        one.status = status;
        one.run_number = None;
        assert_eq!(one.wake(), None, "{status:?}");
        one.run_number = one.next_number;
        assert_eq!(one.wake(), Some((run_at, WakeKind::Finish)), "{status:?}");
    }
    one.status = Running;
    assert_eq!(one.wake(), Some((run_at, WakeKind::Run)), "a claim leaves the index alone");
    one.blocked_by = Some("dlt_1".to_owned());
    assert_eq!(one.wake(), None, "a blocked one sleeps");
    Ok(())
}

#[test]
fn nothing_is_due_at_or_after_the_expiry() -> TestResult {
    let mut one = subscription("monthly", "2027-01-31T10:00:00Z")?;
    let next = one.next().ok_or("it has a next run")?;
    for (expires_at, kept) in [
        ("2027-02-28T10:00:01Z", Some(next)),
        ("2027-02-28T10:00:00Z", None),
        ("2027-02-28T09:59:59Z", None),
    ] {
        one.expires_at = Some(expires_at.parse()?);
        one.set_next(Some(next));
        assert_eq!(one.next(), kept, "{expires_at}");
    }
    Ok(())
}

#[test]
fn it_costs_the_sum_of_its_items() -> TestResult {
    let mut one = subscription("monthly", "2027-01-31T10:00:00Z")?;
    assert_eq!(one.total()?, MinorUnits::new(3_000));
    for item in &mut one.items {
        item.unit_amount = MinorUnits::new(i64::MAX / 2);
    }
    assert!(one.total().is_err());
    Ok(())
}

#[test]
fn giving_a_claim_back_leaves_no_trace_of_it() -> TestResult {
    let before = subscription("monthly", "2027-01-31T10:00:00Z")?;
    let mut claimed = before.clone();
    claimed.run_number = claimed.next_number;
    claimed.lease_until = claimed.next_run_at;
    claimed.lease_claims = Some(3);
    claimed.job_run_id = Some(JobRunId::derived(&["job"]));
    claimed.release();
    assert_eq!(claimed, before);
    Ok(())
}

#[test]
fn it_is_read_as_it_was_written() -> TestResult {
    let mut one = subscription("every 2 weeks", "2027-01-31T10:00:00Z")?;
    let text = serde_json::to_string(&one)?;
    assert_eq!(serde_json::from_str::<Subscription>(&text)?, one);
    for absent in [
        "retry",
        "catch_up",
        "unsettled",
        "metadata",
        "lease_until",
        "expires_at",
        "activate_by_source_order",
        "place_target_order",
        "jumped_numbers",
    ] {
        assert!(!text.contains(absent), "{absent} takes room without saying anything");
    }
    one.frequency = NamedFrequency::Weekly.into();
    one.unsettled = vec![unsettled(one.anchor)];
    one.metadata = serde_json::json!({"a": [1, null]});
    (one.activate_by_source_order, one.place_target_order) = (false, false);
    (one.factory, one.jumped_numbers) = (Factory::OrderCopies, 5);
    one.catch_up.policy = crate::time::CatchUpPolicy::Each;
    let text = serde_json::to_string(&one)?;
    assert_eq!(serde_json::from_str::<Subscription>(&text)?, one);
    Ok(())
}

#[test]
fn the_due_index_names_what_it_wakes_for() {
    let names = [
        (WakeKind::Expire, "expire"),
        (WakeKind::Retry, "retry"),
        (WakeKind::Run, "run"),
        (WakeKind::Finish, "finish"),
        (WakeKind::Resume, "resume"),
        (WakeKind::Alert, "alert"),
    ];
    for (kind, name) in names {
        assert_eq!(kind.as_str(), name);
    }
}

#[test]
fn a_run_that_failed_placed_no_order() -> TestResult {
    let plain = subscription("monthly", "2027-01-31T10:00:00Z")?;
    let (source, ran) = (plain.anchor, "2027-02-28T10:00:00Z".parse()?);
    for (last_run_at, last_ordered_at, succeeded_on_last_run, expected) in [
        (None, None, None, None),
        (Some(source), None, None, Some(source)),
        (Some(ran), None, Some(true), Some(ran)),
        (Some(ran), None, Some(false), None),
        (Some(ran), Some(source), Some(false), Some(source)),
    ] {
        let one =
            Subscription { last_run_at, last_ordered_at, succeeded_on_last_run, ..plain.clone() };
        assert_eq!(one.last_ordered(), expected, "{succeeded_on_last_run:?}");
    }
    Ok(())
}

#[test]
fn open_runs_are_closed_at_once() -> TestResult {
    let mut one = subscription("monthly", "2027-01-31T10:00:00Z")?;
    let now = "2027-02-10T00:00:00Z".parse()?;
    one.unsettled = vec![unsettled(one.anchor), unsettled("2027-03-01T00:00:00Z".parse()?)];
    one.close_open_runs(now);
    assert_eq!(one.unsettled, [unsettled(now), unsettled(now)]);
    Ok(())
}
