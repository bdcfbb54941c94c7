use std::error::Error;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

fn run(status: RunStatus, total: i64) -> Result<Run, Box<dyn Error>> {
    Ok(Run {
        subscription_id: "sub_ab".parse()?,
        number: OccurrenceNumber::new(12),
        due_at: DateTime::UNIX_EPOCH,
        status,
        factory: Factory::default(),
        place_target_order: true,
        job_run_id: None,
        started_at: DateTime::UNIX_EPOCH,
        completed_at: None,
        failed_at: None,
        attempts: 0,
        retry_at: None,
        uncounted_attempts: 0,
        waits: 0,
        action: None,
        access_until: None,
        errors_log: Vec::new(),
        errors_forgotten: 0,
        skipped: None,
        market_id: "mkt_1".parse()?,
        customer_id: None,
        payment_source_id: None,
        addresses: Addresses::default(),
        currency: "EUR".parse()?,
        lines: Vec::new(),
        total: MinorUnits::new(total),
        tax: None,
        unpriced: false,
        charge_id: None,
        reversals: None,
        declined_sources: Vec::new(),
        jumped_numbers: 0,
        next_run_at: None,
        version: 1,
    })
}

#[test]
fn the_order_of_a_run_follows_its_status() -> TestResult {
    for (status, total, order, payment) in [
        (RunStatus::Open, 100, OrderStatus::Pending, PaymentStatus::Unpaid),
        (RunStatus::Successful, 100, OrderStatus::Placed, PaymentStatus::Paid),
        (RunStatus::Successful, 0, OrderStatus::Placed, PaymentStatus::Free),
        (RunStatus::Failed, 100, OrderStatus::Cancelled, PaymentStatus::Unpaid),
    ] {
        let run = run(status, total)?;
        assert_eq!((run.order_status(), run.payment_status()), (order, payment), "{status:?}");
        assert_eq!(run.order_id().as_str(), "ord_ab_12");
    }
    Ok(())
}

#[test]
fn a_charge_key_is_one_for_each_attempt_at_each_run_of_each_organization() -> TestResult {
    let key = |organization: &str, subscription: &str, number, attempt| {
        Ok::<_, Box<dyn Error>>(charge_key(
            &organization.parse()?,
            &subscription.parse()?,
            OccurrenceNumber::new(number),
            attempt,
        ))
    };
    assert_eq!(key("acme", "sub_ab", 12, 1)?, "acme:ord_ab_12:1");
    assert_eq!(key("acme", "sub_ab", 12, 1)?, key("acme", "sub_ab", 12, 1)?);
    let keys: std::collections::HashSet<_> = [
        key("acme", "sub_ab", 12, 1)?,
        key("acme", "sub_ab", 1, 21)?,
        key("acme", "sub_ab", 12, 11)?,
        key("acme", "sub_ab_1", 2, 1)?,
        key("acme2", "sub_ab", 12, 1)?,
    ]
    .into();
    assert_eq!(keys.len(), 5);
    Ok(())
}

#[test]
fn instalments_are_counted_without_the_numbers_that_were_jumped_over() -> TestResult {
    for (jumped_numbers, instalment) in [(0, 12), (5, 7), (20, 0)] {
        let one = Run { jumped_numbers, ..run(RunStatus::Open, 100)? };
        assert_eq!(one.instalment(), instalment);
        let stored = serde_json::to_value(&one)?;
        assert_eq!(stored.get("jumped_numbers").is_some(), jumped_numbers > 0);
        assert_eq!(serde_json::from_value::<Run>(stored)?, one);
    }
    Ok(())
}

#[test]
fn a_run_leaves_a_draft_where_it_succeeded_and_its_order_is_not_to_be_placed() -> TestResult {
    for (status, place_target_order, leaves) in [
        (RunStatus::Successful, false, true),
        (RunStatus::Successful, true, false),
        (RunStatus::Open, false, false),
        (RunStatus::Failed, false, false),
    ] {
        let one = Run { place_target_order, ..run(status, 100)? };
        assert_eq!(one.leaves_draft(), leaves, "{status:?} {place_target_order}");
        // Such an order is nobody's run: its id tells none.
        assert_eq!(one.order_id().run().is_some(), place_target_order);
        let stored = serde_json::to_value(&one)?;
        assert_eq!(serde_json::from_value::<Run>(stored)?, one);
    }
    Ok(())
}

#[test]
fn a_key_names_its_attempt() -> Result<(), Box<dyn Error>> {
    let organization: OrganizationId = "acme".parse()?;
    let subscription = SubscriptionId::derived(&["subscription"]);
    let number = OccurrenceNumber::new(7);
    let key = charge_key(&organization, &subscription, number, 3);
    let attempt = Attempt { organization, subscription, number, attempt: 3 };
    assert_eq!(Attempt::of_key(&key), Some(attempt));
    for other in ["", "acme", "acme:ord_1:1", "acme:ord_1", &key.replace(":3", ":0")] {
        assert_eq!(Attempt::of_key(other), None, "{other}");
    }
    Ok(())
}
