//! Refunds over HTTP: in whole and in part, never above what was collected, once each whatever is
//! lost on the way, for orders of clients and of runs. The books of the test provider, read beside
//! ours, are the judge.

use futures::future::join_all;
use perennial_domain::run::RunStatus;
use perennial_local::identity::Role;
use perennial_tests::{
    Answer, Plan, Shop, TestResult,
    documents::{self, line},
    fault::{Fault, Faults},
    shop::BEANS,
};
use serde_json::{Value, json};

const OPENED: &str = "2027-01-31T10:00:00Z";

/// The document that asks for a refund; of all that is left without an amount.
fn document(order: &str, amount: Option<i64>) -> Value {
    let attributes = match amount {
        Some(amount) => json!({"amount_cents": amount, "reason": "broken"}),
        None => json!({"reason": "broken"}),
    };
    documents::create("refunds", attributes, &[("order", "orders", order)])
}

async fn refund(shop: &Shop, order: &str, amount: Option<i64>) -> TestResult<Answer> {
    shop.api.post("refunds", &document(order, amount)).send().await
}

/// An order of two bags of beans, 25.00 EUR, paid by a token of the test provider.
async fn paid_order(shop: &Shop) -> TestResult<String> {
    shop.order(&[line(BEANS, 2, "monthly")]).await
}

async fn order(shop: &Shop, id: &str) -> TestResult<Answer> {
    shop.api.get(&format!("orders/{id}?include=refunds")).await
}

/// The names of a resource's events, oldest first.
async fn events(shop: &Shop, id: &str) -> TestResult<Vec<String>> {
    let events = shop.api.get(&format!("events?filter[q][resource_id_eq]={id}")).await?;
    let name = |event: &Value| event.pointer("/attributes/name")?.as_str().map(str::to_owned);
    Ok(events.list()?.iter().filter_map(name).collect())
}

#[tokio::test]
async fn what_was_paid_goes_back_in_parts_and_never_more_of_it() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let id = paid_order(&shop).await?;
    let before = order(&shop, &id).await?;
    assert_eq!(before.attribute("refunded_amount_cents"), 0);
    assert_eq!(before.attribute("refund_balance_cents"), 2500);

    let part = refund(&shop, &id, Some(1000)).await?.with_status(201)?;
    for (name, expected) in [
        ("status", json!("succeeded")),
        ("succeeded", json!(true)),
        ("amount_cents", json!(1000)),
        ("currency_code", json!("EUR")),
        ("reason", json!("broken")),
        ("error_code", Value::Null),
    ] {
        assert_eq!(part.attribute(name), &expected, "{name}");
    }
    assert!(part.attribute("gateway_transaction_id").is_string());
    assert!(part.text("/data/attributes/requested_by")?.starts_with("integration:"));
    let after = order(&shop, &id).await?;
    assert_eq!(after.attribute("payment_status"), "partially_refunded");
    assert_eq!(after.attribute("refunded_amount_cents"), 1000);
    assert_eq!(after.attribute("refund_balance_cents"), 1500);
    assert_eq!(after.attribute("status"), "placed", "what was ordered is still ordered");
    assert_eq!(after.at("/included/0/id"), &json!(part.id()?));

    let above = refund(&shop, &id, Some(1501)).await?.with_status(422)?;
    assert_eq!(above.at("/errors/0/source/pointer"), "/data/attributes/amount_cents");
    assert_eq!(above.at("/errors/0/meta/maximum"), 1500);

    let rest = refund(&shop, &id, None).await?.with_status(201)?;
    assert_eq!(rest.attribute("amount_cents"), 1500);
    let after = order(&shop, &id).await?;
    assert_eq!(after.attribute("payment_status"), "refunded");
    assert_eq!(after.attribute("refund_balance_cents"), 0);
    assert_eq!(after.attribute("formatted_refunded_amount"), "25.00 EUR");
    let nothing = refund(&shop, &id, None).await?.with_status(409)?;
    assert_eq!(nothing.at("/errors/0/code"), "invalid_status");

    assert_eq!(
        events(&shop, &part.id()?).await?,
        ["refunds.create", "refunds.succeed"],
        "an order's own events tell of its refunds by webhooks"
    );
    let journal = format!("journal_entries?filter[q][subject_eq]={}", part.id()?);
    assert_eq!(shop.api.get(&journal).await?.at("/meta/verified"), true);
    shop.prove_events().await
}

#[tokio::test]
async fn the_order_of_a_run_is_refunded_like_any_other() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let subscription = shop.subscribe("monthly").await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let runs = shop.runs(&subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    let id = run.order_id().to_string();
    let part = refund(&shop, &id, Some(250)).await?.with_status(201)?;
    assert_eq!(part.at("/data/relationships/order_subscription/data/id"), &json!(subscription));
    assert_eq!(order(&shop, &id).await?.attribute("payment_status"), "partially_refunded");
    refund(&shop, &id, None).await?.with_status(201)?;
    assert_eq!(order(&shop, &id).await?.attribute("payment_status"), "refunded");
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    let runs = shop.runs(&subscription).await?;
    assert_eq!(runs.len(), 2, "the next run is made and paid");
    assert!(runs.iter().all(|run| run.status == RunStatus::Successful));
    assert_eq!(shop.given_back().await?.len(), 2);
    shop.prove_events().await
}

#[tokio::test]
async fn what_was_not_collected_is_not_refunded_and_not_everybody_may_ask() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let draft = shop.order_document(json!({"line_items": [line(BEANS, 1, "monthly")]}));
    let draft = shop.api.create("orders", &draft).await?.id()?;
    let refused = refund(&shop, &draft, None).await?.with_status(409)?;
    assert_eq!(refused.at("/errors/0/source/pointer"), "/data/relationships/order");
    let missing = refund(&shop, "ord_none", None).await?.with_status(404)?;
    assert_eq!(missing.at("/errors/0/code"), "related_not_found");
    let id = paid_order(&shop).await?;
    for amount in [0, -1] {
        refund(&shop, &id, Some(amount)).await?.with_status(422)?;
    }
    let none = documents::create("refunds", json!({}), &[]);
    shop.api.post("refunds", &none).send().await?.with_status(422)?;
    for role in [Role::SalesChannel, Role::Approver] {
        let api = shop.api_as(role)?;
        api.post("refunds", &document(&id, None)).send().await?.with_status(403)?;
    }
    shop.api_as(Role::Operator)?.create("refunds", &document(&id, Some(1))).await?;
    assert_eq!(shop.api_as(Role::Approver)?.get("refunds").await?.list()?.len(), 1);
    shop.prove_events().await
}

#[tokio::test]
async fn refunds_at_once_never_come_to_more_than_was_collected() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let id = paid_order(&shop).await?;
    // Eight times 7.00 of 25.00: three fit.
    let asked = (0..8).map(|_| refund(&shop, &id, Some(700)));
    let answers: Vec<Answer> = join_all(asked).await.into_iter().collect::<TestResult<_>>()?;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 201, 422, 422, 422, 422, 422]);
    let after = order(&shop, &id).await?;
    assert_eq!(after.attribute("refunded_amount_cents"), 2100);
    let all = join_all((0..4).map(|_| refund(&shop, &id, None))).await;
    let made = all.into_iter().filter(|one| one.as_ref().is_ok_and(|one| one.status == 201));
    assert_eq!(made.count(), 1, "the rest is given back once");
    assert_eq!(order(&shop, &id).await?.attribute("refunded_amount_cents"), 2500);
    shop.prove_events().await
}

#[tokio::test]
async fn a_refund_asked_for_twice_under_one_key_is_one_refund() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let id = paid_order(&shop).await?;
    let ask = || shop.api.post("refunds", &document(&id, Some(500))).key("refund-1").send();
    let first = ask().await?.with_status(201)?;
    let second = ask().await?.with_status(201)?;
    assert_eq!(first.id()?, second.id()?);
    let other = shop.api.post("refunds", &document(&id, Some(600))).key("refund-1").send().await?;
    assert_eq!(other.status, 422, "another request under the key is refused: {:#}", other.body);
    assert_eq!(order(&shop, &id).await?.attribute("refunded_amount_cents"), 500);
    shop.prove_events().await
}

#[tokio::test]
async fn a_provider_whose_answers_get_lost_gives_back_once() -> TestResult {
    for token in
        ["tok_timeout_after_refund", "tok_timeout_before_refund", "tok_refund_unavailable_2"]
    {
        let shop = Plan::at(OPENED)?.paying_with(token).open().await?;
        let id = paid_order(&shop).await?;
        let asked = refund(&shop, &id, Some(500)).await?.with_status(201)?;
        let pending = asked.attribute("status") == "pending";
        let reserved = order(&shop, &id).await?;
        assert_eq!(reserved.attribute("refund_balance_cents"), 2000, "{token}");
        shop.advance("PT1H").await?;
        let path = format!("refunds/{}", asked.id()?);
        let settled = shop.api.get(&path).await?;
        assert_eq!(settled.attribute("status"), "succeeded", "{token}, pending first: {pending}");
        assert_eq!(order(&shop, &id).await?.attribute("refunded_amount_cents"), 500, "{token}");
        shop.prove_events().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_and_can_be_asked_for_again() -> TestResult {
    let shop = Plan::at(OPENED)?.paying_with("tok_refund_fails").open().await?;
    let id = paid_order(&shop).await?;
    let failed = refund(&shop, &id, None).await?.with_status(201)?;
    assert_eq!(failed.attribute("status"), "failed");
    assert_eq!(failed.attribute("succeeded"), false);
    assert!(failed.attribute("error_code").is_string() && failed.attribute("message").is_string());
    let after = order(&shop, &id).await?;
    assert_eq!(after.attribute("payment_status"), "paid");
    assert_eq!(after.attribute("refund_balance_cents"), 2500);
    assert_eq!(events(&shop, &failed.id()?).await?, ["refunds.create", "refunds.fail"]);
    refund(&shop, &id, None).await?.with_status(201)?;
    shop.prove_events().await
}

#[tokio::test]
async fn a_refund_that_the_provider_takes_days_over_ends_when_it_does() -> TestResult {
    let shop = Plan::at(OPENED)?.paying_with("tok_refund_pending").open().await?;
    let id = paid_order(&shop).await?;
    let asked = refund(&shop, &id, Some(500)).await?.with_status(201)?;
    shop.advance("P2D").await?;
    let path = format!("refunds/{}", asked.id()?);
    let pending = shop.api.get(&path).await?;
    assert_eq!(pending.attribute("status"), "pending");
    assert_eq!(order(&shop, &id).await?.attribute("payment_status"), "paid");
    let key = perennial_payments::RefundKey::new(format!("{}:{}", shop.organization, asked.id()?));
    shop.provider.settle_refund(shop.organization.as_str(), &key, true).await?;
    shop.advance("PT2H").await?;
    assert_eq!(shop.api.get(&path).await?.attribute("status"), "succeeded");
    assert_eq!(order(&shop, &id).await?.attribute("payment_status"), "partially_refunded");
    shop.prove_events().await
}

/// Refunds parts of an order again and again, each time with another call of the function that fails;
/// the client asks again under the same key until it is answered.
async fn refund_through(fault: Fault) -> TestResult {
    let faults = Faults::default();
    let plan = Plan { functions: faults.functions(), ..Plan::at(OPENED)? };
    let shop = plan.open().await?;
    let id = paid_order(&shop).await?;
    faults.record();
    let first = shop.api.post("refunds", &document(&id, Some(10))).key("refund-0");
    first.send().await?.with_status(201)?;
    let calls = faults.calls(3);
    let of_ours = |call: &perennial_tests::fault::Call| call.function == "payments";
    let calls: Vec<_> = calls.into_iter().filter(of_ours).collect();
    assert!(calls.len() > 4, "{calls:?}");
    let mut expected = 10;
    for call in calls.into_iter().filter(|call| fault.can_befall(call)) {
        let context = format!("{fault:?} at {call}");
        faults.arm(call, fault);
        let key = format!("refund-{expected}");
        for _ in 0..5 {
            let asked = shop.api.post("refunds", &document(&id, Some(10))).key(&key).send().await?;
            if asked.status == 201 {
                break;
            }
            // A key that is held by a process which ended is free after a while.
            shop.advance("PT5M").await?;
        }
        faults.record();
        shop.advance("PT1H").await?;
        expected += 10;
        let refunded = order(&shop, &id).await?;
        assert_eq!(refunded.attribute("refunded_amount_cents"), expected, "{context}");
        assert_eq!(refunded.attribute("refund_balance_cents"), 2500 - expected, "{context}");
    }
    assert!(expected > 60, "{expected}");
    shop.prove_books().await.map(drop)
}

#[tokio::test]
async fn a_refund_survives_any_one_call_that_never_arrives() -> TestResult {
    refund_through(Fault::Unreachable).await
}

#[tokio::test]
async fn a_refund_survives_any_one_answer_that_is_lost() -> TestResult {
    refund_through(Fault::AnswerLost).await
}
