//! Whichever single call to AWS fails while an order is placed or an occurrence is renewed, before or
//! after it took effect: in the end there is one order and one charge, and the books agree.

use perennial_domain::run::RunStatus;
use perennial_payments::PaymentState;
use perennial_tests::{
    Plan, TestResult,
    documents::{self, line},
    fault::{Fault, Faults},
    shop::BEANS,
};
use serde_json::json;

/// Of each kind of call, how many are made to fail in turn.
const OF_EACH_KIND: u32 = 2;

/// Renews a weekly subscription again and again, each time with another call that fails.
async fn survive(fault: Fault, token: &str) -> TestResult {
    let faults = Faults::default();
    let plan = Plan { functions: faults.functions(), ..Plan::at("2027-01-04T10:00:00Z")? };
    let plan = plan.model(json!({
        "retry_policy": {"delays_in_minutes": [60], "maximum": 2, "on_exhausted": "keep_active"},
    }));
    let shop = plan.open().await?;
    let subscription = shop.subscribe("weekly").await?;
    shop.pay_by(&subscription, &shop.new_source(token).await?).await?;
    faults.record();
    shop.advance("P1W").await?;
    shop.advance("PT6H").await?;
    let calls = faults.calls(OF_EACH_KIND);
    assert!(calls.len() > 10, "{calls:?}");
    for function in ["renewal-tick", "order-copy", "event-relay"] {
        assert!(calls.iter().any(|call| call.function == function), "{calls:?}");
    }
    for (number, call) in (2..).zip(calls.into_iter().filter(|call| fault.can_befall(call))) {
        let due = shop.subscription(&subscription).await?.next_run_at.ok_or("a next run")?;
        faults.arm(call.clone(), fault);
        shop.advance_to(&(due + chrono::TimeDelta::minutes(2)).to_rfc3339()).await?;
        // Time for leases and visibility timeouts to end.
        shop.advance("PT6H").await?;
        // Some calls are made only when others went another way round.
        let met = if faults.met() { "met" } else { "not met" };
        faults.record();
        let context = format!("{fault:?} at {call} ({met})");
        let letters = shop.dead_letters().await?;
        assert!(letters.is_empty(), "{context}: {letters:?}");
        let runs = shop.runs(&subscription).await?;
        assert_eq!(runs.len(), number, "{context}");
        let run = runs.last().ok_or("a run")?;
        assert_eq!(run.status, RunStatus::Successful, "{context}: {run:?}");
        assert_eq!(shop.charges_of(run).await?, 1, "{context}");
    }
    let (_, skipped) = shop.prove_occurrences(&subscription).await?;
    assert!(skipped.is_empty());
    shop.prove_books().await?;
    shop.prove_job_log().await
}

#[tokio::test]
async fn a_renewal_survives_any_one_call_that_never_arrives() -> TestResult {
    survive(Fault::Unreachable, "tok_paid").await
}

#[tokio::test]
async fn a_renewal_survives_any_one_call_that_is_throttled() -> TestResult {
    survive(Fault::Throttled, "tok_paid").await
}

#[tokio::test]
async fn a_renewal_survives_any_one_write_that_meets_a_transaction() -> TestResult {
    survive(Fault::Conflicting, "tok_paid").await
}

#[tokio::test]
async fn a_renewal_survives_any_one_answer_that_is_lost() -> TestResult {
    survive(Fault::AnswerLost, "tok_paid").await
}

#[tokio::test]
async fn a_declined_renewal_that_is_retried_survives_any_one_fault() -> TestResult {
    for fault in [Fault::Unreachable, Fault::AnswerLost] {
        survive(fault, "tok_declines_1").await?;
    }
    Ok(())
}

/// Places orders, each time with another call that fails; the client asks again under the same
/// key until it is answered.
async fn place_through(fault: Fault) -> TestResult {
    let faults = Faults::default();
    let plan = Plan { functions: faults.functions(), ..Plan::at("2027-01-04T10:00:00Z")? };
    let shop = plan.open().await?;
    let scarce = documents::with(documents::sku("SCARCE"), json!({"stock": 100}));
    let sku = shop.api.create("skus", &documents::create("skus", scarce, &[])).await?.id()?;
    let document = shop.subscribing(&[documents::line("SCARCE", 1, "yearly")]);
    faults.record();
    shop.api.post("orders", &document).key("first").send().await?.with_status(201)?;
    shop.settle().await?;
    let calls = faults.calls(OF_EACH_KIND);
    assert!(calls.len() > 8, "{calls:?}");
    let mut orders = 1;
    for call in calls.into_iter().filter(|call| fault.can_befall(call)) {
        let context = format!("{fault:?} at {call}");
        faults.arm(call, fault);
        let key = format!("order-{orders}");
        let mut answer = shop.api.post("orders", &document).key(&key).send().await?;
        let mut asked = 1;
        while answer.status != 201 {
            assert!(matches!(answer.status, 409 | 500 | 503), "{context}: {:#}", answer.body);
            assert!(asked < 5, "{context}: {:#}", answer.body);
            // A key that was taken and never settled is free again after a while.
            shop.advance("PT10M").await?;
            answer = shop.api.post("orders", &document).key(&key).send().await?;
            asked += 1;
        }
        shop.advance("PT6H").await?;
        faults.record();
        orders += 1;
        assert_eq!(shop.order_status(answer.id()?).await?, "placed", "{context}");
        assert_eq!(shop.client_orders().await?.len(), orders, "{context}: one order each");
        assert_eq!(shop.charges().await?.len(), orders, "{context}: one charge each");
        assert_eq!(shop.subscriptions().await?.len(), orders, "{context}: one subscription each");
        let left = shop.api.get(&format!("skus/{sku}")).await?;
        assert_eq!(left.attribute("stock"), 100 - orders, "{context}: stock is taken once");
    }
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn an_order_survives_any_one_call_that_never_arrives() -> TestResult {
    place_through(Fault::Unreachable).await
}

#[tokio::test]
async fn an_order_survives_any_one_call_that_is_throttled() -> TestResult {
    place_through(Fault::Throttled).await
}

#[tokio::test]
async fn an_order_survives_any_one_write_that_meets_a_transaction() -> TestResult {
    place_through(Fault::Conflicting).await
}

#[tokio::test]
async fn an_order_survives_any_one_answer_that_is_lost() -> TestResult {
    place_through(Fault::AnswerLost).await
}

/// A placement that was cut short may have left a payment waiting for its customer. By the time its
/// message comes again the order is refused: nobody may pay for it any more.
#[tokio::test]
async fn no_payment_waits_for_the_customer_of_an_order_that_went_back() -> TestResult {
    let faults = Faults::default();
    let plan = Plan { functions: faults.functions(), ..Plan::at("2027-01-04T10:00:00Z")? };
    let shop = plan.paying_with("tok_needs_action").open().await?;
    let order = async || shop.order(&[line(BEANS, 1, "weekly")]).await;
    let hold = async |on_hold: bool| -> TestResult {
        let path = format!("customers/{}", shop.goods.customer);
        let change =
            documents::update("customers", &shop.goods.customer, &json!({"on_hold": on_hold}));
        shop.api.patch(&path, &change).send().await?.with_status(200).map(drop)
    };
    faults.record();
    order().await?;
    let mut calls = faults.calls(20);
    calls.retain(|call| call.function == "validation");
    assert!(calls.len() > 5, "{calls:?}");
    let mut cut_short = 0;
    for call in calls {
        faults.arm(call.clone(), Fault::Unreachable);
        let id = order().await?;
        faults.record();
        cut_short += usize::from(shop.order_status(&id).await? == "placing");
        hold(true).await?;
        shop.advance("PT1H").await?;
        assert_eq!(shop.order_status(&id).await?, "draft", "{call}");
        let ledger = shop.provider.ledger_of_organization(shop.organization.as_str()).await?;
        let waits = |state: &PaymentState| matches!(state, PaymentState::NeedsAction(_));
        let left = ledger.iter().find(|entry| entry.reference == id && waits(&entry.outcome));
        assert!(left.is_none(), "{call}: {left:?}");
        hold(false).await?;
    }
    assert!(cut_short > 3, "{cut_short}");
    Ok(())
}
