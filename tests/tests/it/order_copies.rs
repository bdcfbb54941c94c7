//! Copies of orders: made once by hand with each of their options, and what becomes of those that
//! runs are: pending, made now, failed, tried again, aborted.

use perennial_domain::order_copy::CopyStatus;
use perennial_store::{Part, RecordKind};
use perennial_tests::{
    Answer, Plan, Shop, TestResult, documents,
    documents::line,
    fault::{Fault, Faults},
    gate::{Gate, Mode},
    shop::BEANS,
};
use reqwest::Method;
use serde_json::{Value, json};

const NOW: &str = "2027-01-31T10:00:00Z";

async fn change(shop: &Shop, kind: &str, id: &str, attributes: Value) -> TestResult<Answer> {
    let document = documents::update(kind, id, &attributes);
    shop.api.patch(&format!("{kind}/{id}"), &document).send().await
}

/// A placed order of these lines that does not repeat.
async fn placed(shop: &Shop, lines: Value) -> TestResult<String> {
    let document = shop.order_document(json!({"line_items": lines, "_place": true}));
    let order = shop.api.create("orders", &document).await?.id()?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    Ok(order)
}

fn beans(quantity: u32) -> Value {
    json!({"sku_code": BEANS, "quantity": quantity})
}

fn asking(source: &str, options: Value) -> Value {
    documents::create("order_copies", options, &[("source_order", "orders", source)])
}

/// Copies an order, waits until that is done, and reads the copy.
async fn copy(shop: &Shop, source: &str, options: Value) -> TestResult<Answer> {
    let id = shop.api.create("order_copies", &asking(source, options)).await?.id()?;
    shop.settle().await?;
    shop.api.get(&format!("order_copies/{id}")).await
}

fn target(copy: &Answer) -> TestResult<String> {
    copy.text("/data/relationships/target_order/data/id")
}

/// Code, and id of what is bad, of each error.
fn errors(copy: &Answer) -> Vec<(String, String)> {
    let log = copy.attribute("errors_log").as_object();
    log.into_iter()
        .flatten()
        .flat_map(|(code, errors)| {
            let errors = errors.as_array().map(Vec::as_slice).unwrap_or_default();
            errors.iter().map(|error| {
                let resource = error.get("resource").cloned().unwrap_or_default();
                let name = resource.get("code").or_else(|| resource.get("id"));
                (code.clone(), name.and_then(Value::as_str).unwrap_or_default().to_owned())
            })
        })
        .collect()
}

#[tokio::test]
async fn a_copy_is_a_draft_of_the_same_lines_unless_it_is_asked_for_more() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let source = placed(
        &shop,
        json!([beans(2), {"sku_code": BEANS, "quantity": 1, "unit_amount_cents": 900}]),
    )
    .await?;
    let draft = copy(&shop, &source, json!({})).await?;
    for (name, expected) in [
        ("status", json!("completed")),
        ("place_target_order", json!(false)),
        ("errors_count", json!(0)),
        ("errors_log", json!({})),
        ("started_at", draft.attribute("completed_at").clone()),
        ("failed_at", Value::Null),
    ] {
        assert_eq!(draft.attribute(name), &expected, "{name}");
    }
    let order =
        shop.api.get(&format!("orders/{}?include=line_items,order_copy", target(&draft)?)).await?;
    assert_eq!(
        (order.attribute("status"), order.attribute("total_amount_cents")),
        (&json!("draft"), &json!(3400))
    );
    assert_eq!(order.text("/data/relationships/order_copy/data/id")?, draft.id()?);
    assert_eq!(order.at("/data/relationships/customer_payment_source/data"), &Value::Null);
    assert_eq!(order.text("/data/relationships/customer/data/id")?, shop.goods.customer);
    assert_eq!(order.at("/included").as_array().map(Vec::len), Some(3), "two lines and the copy");

    let placing = json!({"place_target_order": true, "reuse_wallet": true});
    let document = asking(&source, placing);
    let first =
        shop.api.post("order_copies", &document).key("k1").send().await?.with_status(201)?;
    assert_eq!(first.attribute("status"), "in_progress");
    let again =
        shop.api.post("order_copies", &document).key("k1").send().await?.with_status(201)?;
    assert_eq!(again.id()?, first.id()?);
    shop.settle().await?;
    let done = shop.api.get(&format!("order_copies/{}", first.id()?)).await?;
    assert_eq!(done.attribute("status"), "completed");
    assert_eq!(shop.order_status(target(&done)?).await?, "placed");
    assert_eq!(shop.charges().await?.len(), 2, "the source order and one copy");

    let listed = shop.api.get(&format!("orders/{source}/order_copies")).await?;
    assert_eq!(listed.list()?.len(), 2);
    let listed =
        shop.api.get(&format!("order_factories?filter[q][source_order_id_eq]={source}")).await?;
    assert_eq!(listed.list()?.len(), 2);
    let listed =
        shop.api.get("order_copies?filter[q][status_eq]=completed&sort=-created_at").await?;
    assert_eq!(listed.list()?.len(), 2);
    let read = shop.api.get(&format!("order_factories/{}", done.id()?)).await?;
    assert_eq!(read.text("/data/type")?, "order_copies");
    let refused = shop.api.request(Method::GET, "order_factories").send().await?;
    assert_eq!(refused.errors(), ["invalid_parameter filter[q]"]);
    shop.prove_events().await
}

#[tokio::test]
async fn a_copy_that_fails_names_what_is_missing_and_is_tried_again_by_hand() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let source = placed(&shop, json!([beans(2)])).await?;
    let options =
        json!({"place_target_order": true, "reference": "C-3", "metadata": {"why": "gift"}});
    let failed = copy(&shop, &source, options).await?;
    assert_eq!(failed.attribute("reference"), "C-3");
    let kept = change(&shop, "order_copies", &failed.id()?, json!({"reference": "C-4"})).await?;
    let kept = kept.with_status(200)?;
    assert_eq!(
        (kept.attribute("reference"), kept.attribute("status")),
        (&json!("C-4"), &json!("failed"))
    );
    let order = target(&failed)?;
    assert_eq!(failed.attribute("status"), "failed");
    assert!(failed.attribute("failed_at").is_string());
    assert_eq!(errors(&failed), [("payment_source_missing".to_owned(), order.clone())]);
    assert_eq!(shop.order_status(&order).await?, "draft");

    let broke = shop.new_source("tok_hard_decline").await?;
    let pay_by = async |source: &str| {
        let document = json!({"data": {"type": "orders", "id": order, "relationships": {
            "customer_payment_source": {"data": {"type": "customer_payment_sources", "id": source}},
        }}});
        shop.api.patch(&format!("orders/{order}"), &document).send().await?.with_status(200)
    };
    pay_by(&broke).await?;
    let retry = json!({"_retry": true});
    let id = failed.id()?;
    let again = change(&shop, "order_copies", &id, retry.clone()).await?.with_status(200)?;
    assert_eq!(again.attribute("status"), "in_progress");
    shop.settle().await?;
    let failed = shop.api.get(&format!("order_copies/{id}")).await?;
    assert_eq!(
        (failed.attribute("status"), failed.attribute("errors_count")),
        (&json!("failed"), &json!(2))
    );
    assert!(errors(&failed).iter().any(|(_, about)| *about == broke), "{:#}", failed.body);

    pay_by(&shop.goods.source.clone()).await?;
    change(&shop, "order_copies", &id, retry.clone()).await?.with_status(200)?;
    shop.settle().await?;
    let done = shop.api.get(&format!("order_copies/{id}")).await?;
    assert_eq!(
        (done.attribute("status"), done.attribute("failed_at")),
        (&json!("completed"), &Value::Null)
    );
    assert_eq!(target(&done)?, order, "it is the same order");
    let refused = change(&shop, "order_copies", &id, retry).await?;
    assert_eq!(refused.errors(), ["invalid_status /data/attributes/_retry"]);
    assert_eq!(shop.charges().await?.len(), 2);
    shop.prove_events().await
}

#[tokio::test]
async fn lines_that_cannot_be_copied_fail_it_or_are_left_out_and_named() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let scarce = documents::with(documents::sku("SCARCE"), json!({"stock": 3}));
    let scarce = shop.api.create("skus", &documents::create("skus", scarce, &[])).await?.id()?;
    let source = placed(&shop, json!([beans(1), {"sku_code": "SCARCE", "quantity": 2}])).await?;
    let failed = copy(&shop, &source, json!({})).await?;
    assert_eq!(failed.attribute("status"), "failed");
    assert_eq!(errors(&failed), [("out_of_stock".to_owned(), "SCARCE".to_owned())], "one is left");
    assert_eq!(failed.at("/data/relationships/target_order/data"), &Value::Null);
    assert_eq!(shop.client_orders().await?.len(), 1, "nothing was made");

    let lenient =
        copy(&shop, &source, json!({"skip_errors": true, "ignore_invalid_coupon": true})).await?;
    assert_eq!(lenient.attribute("status"), "completed");
    assert_eq!(errors(&lenient), [("out_of_stock".to_owned(), "SCARCE".to_owned())]);
    let order = shop.api.get(&format!("orders/{}", target(&lenient)?)).await?;
    assert_eq!(order.attribute("total_amount_cents"), &json!(1250));

    change(&shop, "skus", &scarce, json!({"stock": 10})).await?.with_status(200)?;
    let id = failed.id()?;
    let done =
        change(&shop, "order_copies", &id, json!({"_retry": true})).await?.with_status(200)?;
    assert_eq!(done.attribute("status"), "completed");
    let order = shop.api.get(&format!("orders/{}", target(&done)?)).await?;
    assert_eq!(order.attribute("total_amount_cents"), &json!(3750));
    shop.prove_events().await
}

#[tokio::test]
async fn a_source_order_is_cancelled_with_the_completion_of_its_copy_and_not_before() -> TestResult
{
    let shop = Plan::at(NOW)?.model(json!({"auto_cancel": true})).open().await?;
    let order = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    let ids = shop.subscriptions_of(&order).await?;
    let options = json!({"place_target_order": true, "cancel_source_order": true});
    let failed = copy(&shop, &order, options.clone()).await?;
    assert_eq!(failed.attribute("status"), "failed", "it has no payment source");
    assert_eq!(shop.order_status(&order).await?, "placed");
    let options = documents::with(options, json!({"reuse_wallet": true}));
    let done = copy(&shop, &order, options).await?;
    assert_eq!(done.attribute("status"), "completed");
    assert_eq!(shop.order_status(&order).await?, "cancelled");
    assert_eq!(shop.order_status(target(&done)?).await?, "placed");
    for id in ids {
        let one = shop.api.get(&format!("order_subscriptions/{id}")).await?;
        assert_eq!(one.attribute("status"), "cancelled", "its model says so");
    }
    let draft = copy(&shop, &target(&done)?, json!({"cancel_source_order": true})).await?;
    assert_eq!(draft.attribute("status"), "completed");
    assert_eq!(shop.order_status(target(&done)?).await?, "cancelled", "in one transaction");
    let refused = shop
        .api
        .post("order_copies", &asking(&order, json!({"cancel_source_order": true})))
        .send()
        .await?;
    assert_eq!(refused.errors(), ["invalid_status /data/attributes/cancel_source_order"]);
    shop.prove_events().await
}

#[tokio::test]
async fn promotional_prices_are_taken_where_they_are_asked_for() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let list = json!({"name": "Spring", "currency_code": "EUR"});
    let list =
        shop.api.create("price_lists", &documents::create("price_lists", list, &[])).await?.id()?;
    let source = placed(&shop, json!([beans(2)])).await?;
    let price = json!({"sku_code": BEANS, "amount_cents": 1300, "promotional_amount_cents": 1000});
    let price = documents::create("prices", price, &[("price_list", "price_lists", &list)]);
    shop.api.create("prices", &price).await?;
    let market = json!({"data": {"type": "markets", "id": shop.goods.market, "relationships": {
        "price_list": {"data": {"type": "price_lists", "id": list}},
    }}});
    shop.api
        .patch(&format!("markets/{}", shop.goods.market), &market)
        .send()
        .await?
        .with_status(200)?;
    for (asked, total) in [(false, 2500), (true, 2000)] {
        let copy = copy(&shop, &source, json!({"apply_promotions": asked})).await?;
        let order = shop.api.get(&format!("orders/{}", target(&copy)?)).await?;
        assert_eq!(order.attribute("total_amount_cents"), &json!(total), "{asked}");
    }
    shop.prove_events().await
}

#[tokio::test]
async fn messages_that_come_twice_or_are_lost_make_one_target_order_and_one_charge() -> TestResult {
    let gate = Gate::before("validation");
    let plan = Plan { functions: gate.functions(), ..Plan::at(NOW)? };
    let shop = plan.open().await?;
    let source = placed(&shop, json!([beans(1)])).await?;
    let options = json!({"place_target_order": true, "reuse_wallet": true});
    gate.set(Mode::Twice);
    let twice = copy(&shop, &source, options.clone()).await?;
    assert_eq!(twice.attribute("status"), "completed");
    gate.set(Mode::Losing);
    let lost = copy(&shop, &source, options.clone()).await?;
    assert_eq!(lost.attribute("status"), "in_progress", "its message is lost");
    gate.set(Mode::Open);
    shop.advance("PT5M").await?;
    let found = shop.api.get(&format!("order_copies/{}", lost.id()?)).await?;
    assert_eq!(found.attribute("status"), "completed", "a tick has found its order");
    let bodies = gate.bodies();
    shop.send("VALIDATION", &bodies, 0).await?;
    shop.settle().await?;
    assert_eq!(shop.client_orders().await?.len(), 3, "the source order and two targets");
    assert_eq!(shop.charges().await?.len(), 3);
    let copies = shop.order_copies().await?;
    assert!(copies.iter().all(|copy| copy.status == CopyStatus::Completed), "{copies:?}");
    shop.prove_events().await
}

/// Copies an order, each time with another call that fails; the client asks again under the same key
/// until it is answered.
async fn copy_through(fault: Fault) -> TestResult {
    let faults = Faults::default();
    let plan = Plan { functions: faults.functions(), ..Plan::at(NOW)? };
    let shop = plan.open().await?;
    let source = placed(&shop, json!([beans(1)])).await?;
    let document = asking(&source, json!({"place_target_order": true, "reuse_wallet": true}));
    faults.record();
    shop.api.post("order_copies", &document).key("first").send().await?.with_status(201)?;
    shop.settle().await?;
    let calls = faults.calls(1);
    for function in ["api", "validation", "event-relay"] {
        assert!(calls.iter().any(|call| call.function == function), "{calls:?}");
    }
    let mut copies = 1;
    for call in calls.into_iter().filter(|call| fault.can_befall(call)) {
        let context = format!("{fault:?} at {call}");
        faults.arm(call, fault);
        let key = format!("copy-{copies}");
        let mut answer = shop.api.post("order_copies", &document).key(&key).send().await?;
        let mut asked = 1;
        while answer.status != 201 {
            assert!(matches!(answer.status, 409 | 500 | 503), "{context}: {:#}", answer.body);
            assert!(asked < 5, "{context}: {:#}", answer.body);
            // A key that was taken and never settled is free again after a while.
            shop.advance("PT10M").await?;
            answer = shop.api.post("order_copies", &document).key(&key).send().await?;
            asked += 1;
        }
        shop.advance("PT6H").await?;
        faults.record();
        copies += 1;
        let made = shop.order_copies().await?;
        assert_eq!(made.len(), copies, "{context}: one copy each");
        assert!(made.iter().all(|copy| copy.status == CopyStatus::Completed), "{context}");
        assert_eq!(shop.client_orders().await?.len(), copies + 1, "{context}: one order each");
        assert_eq!(shop.charges().await?.len(), copies + 1, "{context}: one charge each");
    }
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_copy_survives_any_one_call_that_never_arrives_or_is_throttled() -> TestResult {
    copy_through(Fault::Unreachable).await?;
    copy_through(Fault::Throttled).await
}

#[tokio::test]
async fn a_copy_survives_any_one_write_that_meets_a_transaction_or_whose_answer_is_lost()
-> TestResult {
    copy_through(Fault::Conflicting).await?;
    copy_through(Fault::AnswerLost).await
}

fn run_now(subscription: &str) -> Value {
    let related = [("order_subscription", "order_subscriptions", subscription)];
    documents::create("recurring_order_copies", json!({}), &related)
}

#[tokio::test]
async fn a_run_asked_for_now_takes_the_place_of_the_next_and_is_made_once() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:20Z").await?;
    let id = shop.subscribe("monthly").await?;
    let starts_at = shop.api.get(&format!("order_subscriptions/{id}")).await?;
    let starts_at = starts_at.text("/data/attributes/starts_at")?;
    shop.advance_to("2027-02-10T09:00:45Z").await?;
    let document = run_now(id.as_str());
    let asked = async || shop.api.post("recurring_order_copies", &document).key("now").send().await;
    let first = asked().await?.with_status(201)?;
    assert_eq!(
        (first.attribute("status"), first.attribute("number")),
        (&json!("pending"), &json!(1))
    );
    futures::try_join!(shop.tick(), shop.tick())?;
    shop.settle().await?;
    let again = asked().await?.with_status(201)?;
    assert_eq!(again.id()?, first.id()?);
    let made = shop.api.get(&format!("recurring_order_copies/{}", first.id()?)).await?;
    assert_eq!(made.attribute("status"), "completed");
    assert_eq!(made.attribute("errors_log"), &json!({}));
    let one = shop.subscription(&id).await?;
    assert_eq!(
        one.next().map(|next| (next.number.get(), next.at)),
        Some((2, starts_at.replace("2027-01-31", "2027-03-31").parse()?))
    );
    assert_eq!(shop.charges().await?.len(), 2, "the order and one run");
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    assert_eq!(shop.prove_occurrences(&id).await?, (vec![1, 2], vec![]));
    let source =
        shop.api.get(&format!("recurring_order_copies/{}/source_order", first.id()?)).await?;
    assert_eq!(Some(source.id()?), one.source_order_id.as_ref().map(ToString::to_string));
    shop.prove_events().await
}

#[tokio::test]
async fn a_failed_run_leads_to_what_was_bad_and_is_tried_again_by_hand() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let id = shop.subscribe("monthly").await?;
    let broke = shop.new_source("tok_hard_decline").await?;
    shop.pay_by(&id, &broke).await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let one =
        shop.api.get(&format!("order_subscriptions/{id}?include=recurring_order_copies")).await?;
    assert_eq!(one.attribute("succeeded_on_last_run"), &json!(false));
    assert_eq!(
        (one.attribute("errors_count"), one.attribute("occurrencies")),
        (&json!(1), &json!(0))
    );
    let copy = one.text("/included/0/id")?;
    let failed = shop.api.get(&format!("recurring_order_copies/{copy}")).await?;
    assert_eq!(failed.attribute("status"), "failed");
    assert!(errors(&failed).iter().all(|(_, about)| *about == broke), "{:#}", failed.body);
    let retry = json!({"_retry": true});
    change(&shop, "order_subscriptions", id.as_str(), json!({"_deactivate": true}))
        .await?
        .with_status(200)?;
    let refused = change(&shop, "recurring_order_copies", &copy, retry.clone()).await?;
    assert_eq!(refused.errors(), ["invalid_status /data/attributes/_retry"], "it rests");
    change(&shop, "order_subscriptions", id.as_str(), json!({"_activate": true}))
        .await?
        .with_status(200)?;

    shop.pay_by(&id, &shop.goods.source).await?;
    for _ in 0..2 {
        change(&shop, "recurring_order_copies", &copy, retry.clone()).await?;
    }
    shop.settle().await?;
    let done = shop.api.get(&format!("recurring_order_copies/{copy}")).await?;
    assert_eq!(done.attribute("status"), "completed");
    let refused = change(&shop, "recurring_order_copies", &copy, retry).await?;
    assert_eq!(refused.errors(), ["invalid_status /data/attributes/_retry"], "it is completed");
    assert_eq!(shop.charges().await?.len(), 2);
    shop.advance("PT1H").await?;
    shop.prove_job_log().await?;
    shop.prove_events().await
}

#[tokio::test]
async fn a_run_whose_sku_is_gone_fails_and_names_it() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let tea = documents::create("skus", documents::sku("TEA"), &[]);
    let tea = shop.api.create("skus", &tea).await?.id()?;
    let order = shop.order(&[line("TEA", 1, "monthly")]).await?;
    let ids = shop.subscriptions_of(&order).await?;
    let [id] = &ids[..] else { panic!("{ids:?}") };
    // As it may be where its deletion and the order have met.
    let kind = RecordKind { letter: "K", part: Part::Sku };
    shop.store.delete_record(&shop.organization, kind, &tea, 1).await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let body = id.as_str().trim_start_matches("sub_");
    let failed = shop.api.get(&format!("recurring_order_copies/roc_{body}_1")).await?;
    assert_eq!(failed.attribute("status"), "failed");
    assert_eq!(errors(&failed), [("sku_missing".to_owned(), "TEA".to_owned())]);
    assert_eq!(shop.charges().await?.len(), 1);
    shop.prove_events().await
}

#[tokio::test]
async fn a_run_that_is_given_up_before_anything_was_collected_is_aborted() -> TestResult {
    let gate = Gate::before("order-copy");
    let plan = Plan { functions: gate.functions(), ..Plan::at(NOW)? };
    let shop = plan.open().await?;
    let (cancelled, paused) = (shop.subscribe("monthly").await?, shop.subscribe("monthly").await?);
    gate.set(Mode::Losing);
    shop.advance_to("2027-02-28T10:05:00Z").await?;
    change(&shop, "order_subscriptions", cancelled.as_str(), json!({"_cancel": true}))
        .await?
        .with_status(200)?;
    change(&shop, "order_subscriptions", paused.as_str(), json!({"_deactivate": true}))
        .await?
        .with_status(200)?;
    gate.set(Mode::Open);
    shop.advance("PT30M").await?;
    for (id, code) in [(&cancelled, "subscription_cancelled"), (&paused, "subscription_paused")] {
        let body = id.as_str().trim_start_matches("sub_");
        let copy = shop.api.get(&format!("recurring_order_copies/roc_{body}_1")).await?;
        assert_eq!(copy.attribute("status"), "aborted", "{code}");
        assert_eq!(errors(&copy), [(code.to_owned(), id.to_string())]);
        assert_eq!(shop.order_status(format!("ord_{body}_1")).await?, "cancelled");
        assert_eq!(shop.prove_occurrences(id).await?, (vec![], vec![1]));
    }
    change(&shop, "order_subscriptions", paused.as_str(), json!({"_activate": true}))
        .await?
        .with_status(200)?;
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    assert_eq!(shop.prove_occurrences(&paused).await?, (vec![2], vec![1]));
    assert_eq!(shop.charges().await?.len(), 3, "two orders and one run");
    shop.prove_events().await
}

#[tokio::test]
async fn a_source_order_on_its_way_to_be_placed_is_not_cancelled_by_a_copy_that_is_tried_again()
-> TestResult {
    let gate = Gate::before("validation");
    let plan = Plan { functions: gate.functions(), ..Plan::at(NOW)? };
    let shop = plan.open().await?;
    let scarce = documents::with(documents::sku("SCARCE"), json!({"stock": 1}));
    let scarce = shop.api.create("skus", &documents::create("skus", scarce, &[])).await?.id()?;
    let lines = json!({"line_items": [{"sku_code": "SCARCE", "quantity": 2}]});
    let source = shop.api.create("orders", &shop.order_document(lines)).await?.id()?;
    let failed = copy(&shop, &source, json!({"cancel_source_order": true})).await?;
    assert_eq!(failed.attribute("status"), "failed");
    change(&shop, "skus", &scarce, json!({"stock": 10})).await?.with_status(200)?;
    gate.set(Mode::Losing);
    change(&shop, "orders", &source, json!({"_place": true})).await?.with_status(200)?;
    let again =
        async || change(&shop, "order_copies", &failed.id()?, json!({"_retry": true})).await;
    let refused = again().await?;
    assert_eq!(refused.errors(), ["invalid_status /data/attributes/cancel_source_order"]);
    gate.set(Mode::Open);
    shop.advance("PT5M").await?;
    assert_eq!(shop.order_status(&source).await?, "placed");
    let done = again().await?.with_status(200)?;
    assert_eq!(done.attribute("status"), "completed");
    assert_eq!(shop.order_status(&source).await?, "cancelled");
    assert_eq!(shop.api.get(&format!("skus/{scarce}")).await?.attribute("stock"), &json!(10));
    shop.prove_events().await
}
