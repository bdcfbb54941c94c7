//! Dunning: what happens after a payment failed, on which instants, and who may still be charged. The
//! instants are worked out by hand.

use perennial_domain::{
    ids::{OrderId, SubscriptionId},
    lifecycle::SubscriptionStatus,
    run::{Run, RunStatus},
    time::OccurrenceNumber,
};
use perennial_tests::{
    Answer, Plan, Shop, TestResult, documents,
    documents::line,
    fault::{Call, Fault, Faults},
    gate::{Gate, Mode},
    worker::Worker,
};
use reqwest::Method;
use serde_json::{Value, json};

async fn change(shop: &Shop, kind: &str, id: &str, attributes: Value) -> TestResult<Answer> {
    let document = documents::update(kind, id, &attributes);
    shop.api.patch(&format!("{kind}/{id}"), &document).send().await
}

/// The copy that the first run of a subscription is.
fn copy_of(subscription: &SubscriptionId) -> String {
    let order = OrderId::of_run(subscription, OccurrenceNumber::new(1)).to_string();
    order.replacen(OrderId::PREFIX, "roc_", 1)
}

async fn retry(shop: &Shop, subscription: &SubscriptionId) -> TestResult<Answer> {
    let copy = copy_of(subscription);
    change(shop, "recurring_order_copies", &copy, json!({"_retry": true})).await
}

async fn only_run(shop: &Shop, subscription: &SubscriptionId) -> TestResult<Run> {
    let runs = shop.runs(subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    Ok(run.clone())
}

/// The names of the events of a resource.
async fn events(shop: &Shop, of: &str) -> TestResult<Vec<String>> {
    let all = shop.api.all(&format!("{of}/events")).await?;
    let name = |event: &Value| Some(event.pointer("/attributes/name")?.as_str()?.to_owned());
    Ok(all.iter().filter_map(name).collect())
}

fn policy(policy: &Value) -> TestResult<Plan> {
    Ok(Plan::at("2027-01-31T10:00:00Z")?.model(json!({"retry_policy": policy})))
}

#[tokio::test]
async fn the_policy_of_the_market_goes_before_that_of_the_model() -> TestResult {
    let shop = Plan::at("2027-02-26T10:00:00Z")?.open().await?;
    let refused = json!({"retry_policy": {"local_hour": 24}});
    let refused = change(&shop, "markets", &shop.goods.market, refused).await?;
    assert_eq!(refused.status, 422, "{:#}", refused.body);
    let own = json!({"time_zone": "Europe/Berlin", "retry_policy": {
        "delays_in_minutes": [1440], "maximum": 2, "on_exhausted": "pause",
        "local_hour": 9, "grace_hours": 72,
    }});
    change(&shop, "markets", &shop.goods.market, own).await?.with_status(200)?;
    let id = shop.subscribe("monthly").await?;
    shop.pay_by(&id, &shop.new_source("tok_declines_2").await?).await?;
    // Clocks go forward on 28 March: nine o'clock is 08:00 UTC the day before, and 07:00 on it.
    for (by, retry_at, attempts) in [
        ("2027-03-26T10:05:00Z", Some("2027-03-27T08:00:00Z"), 1),
        ("2027-03-27T08:05:00Z", Some("2027-03-28T07:00:00Z"), 2),
        ("2027-03-28T07:05:00Z", None, 3),
    ] {
        shop.advance_to(by).await?;
        let run = only_run(&shop, &id).await?;
        let expected = retry_at.map(str::parse).transpose()?;
        assert_eq!((run.retry_at, run.attempts), (expected, attempts), "by {by}");
        let copy = shop.api.get(&format!("recurring_order_copies/{}", copy_of(&id))).await?;
        let subscription = shop.api.get(&format!("order_subscriptions/{id}")).await?;
        let until = retry_at.map_or(Value::Null, |_| json!("2027-03-29T10:00:00Z"));
        assert_eq!(copy.attribute("access_until"), &until, "by {by}");
        assert_eq!(subscription.attribute("access_until"), &until, "by {by}");
    }
    assert_eq!(only_run(&shop, &id).await?.status, RunStatus::Successful);
    shop.prove_events().await
}

#[tokio::test]
async fn a_hard_decline_asks_for_another_method_which_is_tried_at_once() -> TestResult {
    let retries = json!({"delays_in_minutes": [1440], "maximum": 3, "on_exhausted": "keep_active"});
    let shop = policy(&retries)?.open().await?;
    let id = shop.subscribe("monthly").await?;
    shop.pay_by(&id, &shop.new_source("tok_hard_decline").await?).await?;
    shop.advance_to("2027-03-05T00:00:00Z").await?;
    let run = only_run(&shop, &id).await?;
    assert_eq!((run.status, run.attempts), (RunStatus::Failed, 1), "no retry by itself");
    let told = events(&shop, &format!("order_subscriptions/{id}")).await?;
    for topic in
        ["order_subscriptions.payment_method_required", "order_subscriptions.last_run_failed"]
    {
        assert_eq!(told.iter().filter(|name| *name == topic).count(), 1, "{topic}: {told:?}");
    }
    let told = events(&shop, &format!("orders/{}", run.order_id())).await?;
    assert!(told.contains(&"payments.decline".to_owned()), "{told:?}");
    shop.pay_by(&id, &shop.goods.source).await?;
    shop.settle().await?;
    let run = only_run(&shop, &id).await?;
    assert_eq!((run.status, run.attempts), (RunStatus::Successful, 2), "without a tick of time");
    assert_eq!(shop.charges_of(&run).await?, 1);
    shop.advance("PT1H").await?;
    shop.prove_job_log().await?;
    shop.prove_events().await
}

#[tokio::test]
async fn retries_by_hand_use_up_no_retry_of_the_policy() -> TestResult {
    let retries = json!({"delays_in_minutes": [1440], "maximum": 2, "on_exhausted": "pause"});
    let shop = policy(&retries)?.open().await?;
    let id = shop.subscribe("monthly").await?;
    shop.pay_by(&id, &shop.new_source("tok_declines_9").await?).await?;
    shop.advance_to("2027-02-28T12:00:00Z").await?;
    for _ in 0..3 {
        retry(&shop, &id).await?.with_status(200)?;
        shop.settle().await?;
    }
    let run = only_run(&shop, &id).await?;
    assert_eq!((run.attempts, run.tries()), (4, 1));
    assert_eq!(run.retry_at, Some("2027-03-01T10:00:00Z".parse()?), "as the policy had it");
    shop.advance_to("2027-03-01T12:00:00Z").await?;
    assert_eq!(only_run(&shop, &id).await?.status, RunStatus::Open);
    shop.advance_to("2027-03-02T12:00:00Z").await?;
    let run = only_run(&shop, &id).await?;
    assert_eq!(
        (run.status, run.attempts),
        (RunStatus::Failed, 6),
        "three by hand, three by policy"
    );
    assert_eq!(shop.subscription(&id).await?.status, SubscriptionStatus::Inactive);
    shop.prove_events().await
}

#[tokio::test]
async fn a_payment_waits_for_its_customer_and_gives_way_to_another_method() -> TestResult {
    let retries = json!({"delays_in_minutes": [1440], "maximum": 2, "on_exhausted": "pause"});
    let shop = policy(&retries)?.open().await?;
    let waits = shop.subscribe("monthly").await?;
    shop.pay_by(&waits, &shop.new_source("tok_needs_action").await?).await?;
    shop.advance_to("2027-02-28T12:00:00Z").await?;
    let copy = shop.api.get(&format!("recurring_order_copies/{}", copy_of(&waits))).await?;
    assert_eq!(copy.attribute("status"), "in_progress");
    assert_eq!(copy.at("/data/attributes/errors_log/customer_action_required/1"), &Value::Null);
    assert!(copy.at("/data/attributes/errors_log/customer_action_required/0").is_object());
    assert!(copy.attribute("action_url").is_string(), "{:#}", copy.body);
    let run = only_run(&shop, &waits).await?;
    assert_eq!((run.status, run.attempts), (RunStatus::Open, 0), "no attempt is used up");
    assert_eq!(run.retry_at, Some("2027-03-01T10:00:00Z".parse()?));
    let told = events(&shop, &format!("orders/{}", run.order_id())).await?;
    assert!(told.contains(&"payments.action_required".to_owned()), "{told:?}");
    shop.pay_by(&waits, &shop.goods.source).await?;
    shop.settle().await?;
    let run = only_run(&shop, &waits).await?;
    assert_eq!((run.status, run.attempts), (RunStatus::Successful, 2), "under another key");
    assert_eq!(shop.charges_of(&run).await?, 1, "the first one was ended");
    shop.prove_events().await?;

    let shop = policy(&retries)?.open().await?;
    let id = shop.subscribe("monthly").await?;
    shop.pay_by(&id, &shop.new_source("tok_needs_action").await?).await?;
    shop.advance_to("2027-03-03T00:00:00Z").await?;
    let run = only_run(&shop, &id).await?;
    assert_eq!(
        (run.status, run.attempts),
        (RunStatus::Failed, 0),
        "it waits as long as retries do"
    );
    assert_eq!(shop.subscription(&id).await?.status, SubscriptionStatus::Inactive);
    shop.prove_events().await
}

#[tokio::test]
async fn a_run_whose_subscription_rests_waits_for_it_to_go_on() -> TestResult {
    let retries = json!({"delays_in_minutes": [1440], "maximum": 2, "on_exhausted": "pause"});
    let shop = policy(&retries)?.open().await?;
    let id = shop.subscribe("monthly").await?;
    shop.pay_by(&id, &shop.new_source("tok_declines_1").await?).await?;
    shop.advance_to("2027-02-28T12:00:00Z").await?;
    let path = format!("recurring_order_copies/{}", copy_of(&id));
    let retry_at = async || -> TestResult<Value> {
        let copy = shop.api.get(&path).await?;
        assert_eq!(copy.attribute("status"), "in_progress");
        let list = format!("recurring_order_copies?filter[q][order_subscription_id_eq]={id}");
        let list = shop.api.get(&list).await?;
        assert_eq!(list.at("/data/0/attributes/retry_at"), copy.attribute("retry_at"));
        Ok(copy.attribute("retry_at").clone())
    };
    assert_eq!(retry_at().await?, json!("2027-03-01T10:00:00Z"));
    let rests = json!({"_deactivate": true, "resumes_at": "2027-03-10T00:00:00Z"});
    change(&shop, "order_subscriptions", id.as_str(), rests).await?.with_status(200)?;
    assert_eq!(retry_at().await?, json!("2027-03-10T00:00:00Z"), "not before it goes on");
    let until_told = json!({"resumes_at": null});
    change(&shop, "order_subscriptions", id.as_str(), until_told).await?.with_status(200)?;
    assert_eq!(retry_at().await?, Value::Null, "nobody knows when");
    shop.advance_to("2027-03-05T00:00:00Z").await?;
    assert_eq!(
        shop.charges_of(&only_run(&shop, &id).await?).await?,
        0,
        "what rests is not charged"
    );
    let goes_on = json!({"_activate": true});
    change(&shop, "order_subscriptions", id.as_str(), goes_on).await?.with_status(200)?;
    shop.advance("PT5M").await?;
    assert_eq!(only_run(&shop, &id).await?.status, RunStatus::Successful, "what is due is tried");
    shop.prove_events().await
}

#[tokio::test]
async fn a_retry_by_hand_never_charges_what_was_cancelled_or_deleted_meanwhile() -> TestResult {
    let gate = Gate::before("payment-retry");
    let retries = json!({"delays_in_minutes": [1440], "maximum": 0, "on_exhausted": "keep_active"});
    let shop = Plan { functions: gate.functions(), ..policy(&retries)? }.open().await?;
    let id = shop.subscribe("monthly").await?;
    shop.pay_by(&id, &shop.new_source("tok_declines_1").await?).await?;
    shop.advance_to("2027-02-28T12:00:30Z").await?;
    gate.set(Mode::Losing);
    retry(&shop, &id).await?.with_status(200)?;
    shop.settle().await?;
    let [message] = &gate.take_records()[..] else { panic!("one message") };
    let message = std::slice::from_ref(message);

    // Its worker has claimed it, and is about to charge.
    let worker = Worker::of(&shop, "payment-retry")?;
    let mut claimed = false;
    for point in 1..20 {
        let mut work = worker.begin(message);
        if !work.reach(point).await? {
            break;
        }
        if shop.subscription(&id).await?.is_retrying() {
            for trigger in ["_cancel", "_deactivate"] {
                let refused =
                    change(&shop, "order_subscriptions", id.as_str(), json!({trigger: true}));
                let refused = refused.await?;
                assert_eq!(
                    (refused.status, refused.header("retry-after")?),
                    (409, "5"),
                    "{trigger}"
                );
            }
            claimed = true;
            drop(work);
            break;
        }
    }
    assert!(claimed, "somewhere on the way it is claimed");
    let run = only_run(&shop, &id).await?;
    assert_eq!(shop.charges_of(&run).await?, 0);
    // The worker has died. The message comes again, and finds the claim that is for it.
    worker.deliver(message).await?;
    let run = only_run(&shop, &id).await?;
    assert_eq!((run.status, shop.charges_of(&run).await?), (RunStatus::Successful, 1));
    assert!(!shop.subscription(&id).await?.is_retrying(), "it is let go of");
    shop.prove_events().await?;

    // Cancelled before its worker has looked: nothing is charged, and it is deleted once closed.
    let id = shop.subscribe("monthly").await?;
    shop.pay_by(&id, &shop.new_source("tok_declines_1").await?).await?;
    gate.set(Mode::Open);
    shop.advance_to("2027-03-28T12:05:00Z").await?;
    let run = only_run(&shop, &id).await?;
    assert_eq!((run.status, run.attempts), (RunStatus::Failed, 1));
    gate.set(Mode::Losing);
    gate.forget();
    retry(&shop, &id).await?.with_status(200)?;
    change(&shop, "order_subscriptions", id.as_str(), json!({"_cancel": true}))
        .await?
        .with_status(200)?;
    let path = format!("order_subscriptions/{id}");
    let delete = async || shop.api.request(Method::DELETE, &path).send().await;
    assert_eq!(delete().await?.status, 409, "its run is being closed");
    shop.settle().await?;
    gate.set(Mode::Open);
    let bodies = gate.bodies();
    shop.send("PAYMENT_RETRY", &bodies, 0).await?;
    shop.settle().await?;
    shop.advance("PT5M").await?;
    delete().await?.with_status(204)?;
    let run = only_run(&shop, &id).await?;
    assert_eq!((run.status, shop.charges_of(&run).await?), (RunStatus::Failed, 0));
    shop.prove_job_log().await
}

#[tokio::test]
async fn a_retry_that_is_sent_again_after_a_crash_is_made_once() -> TestResult {
    let retries = json!({"delays_in_minutes": [1440], "maximum": 0, "on_exhausted": "keep_active"});
    let faults = Faults::default();
    let shop = Plan { functions: faults.functions(), ..policy(&retries)? }.open().await?;
    let id = shop.subscribe("monthly").await?;
    shop.pay_by(&id, &shop.new_source("tok_declines_9").await?).await?;
    shop.advance_to("2027-02-28T12:00:30Z").await?;
    // The process dies before it has kept its answer; its key is free again after a while.
    let keeping = Call {
        function: "api".to_owned(),
        target: "DynamoDB_20120810.UpdateItem".to_owned(),
        nth: 1,
    };
    let twice = async |path: &str, document: &Value, key: &str| -> TestResult {
        faults.arm(keeping.clone(), Fault::Unreachable);
        shop.api.patch(path, document).key(key).send().await?;
        assert!(faults.met(), "{key}");
        faults.record();
        shop.advance("PT10M").await?;
        shop.api.patch(path, document).key(key).send().await?.with_status(200)?;
        shop.settle().await
    };
    let copy = copy_of(&id);
    let document = documents::update("recurring_order_copies", &copy, &json!({"_retry": true}));
    twice(&format!("recurring_order_copies/{copy}"), &document, "again").await?;
    assert_eq!(only_run(&shop, &id).await?.attempts, 2, "tried once by hand");
    let path = format!("order_subscriptions/{id}");
    let next = shop.subscription(&id).await?.next_number;
    let skip = documents::update("order_subscriptions", id.as_str(), &json!({"_skip_next": true}));
    twice(&path, &skip, "skip").await?;
    let skipped = shop.subscription(&id).await?.next_number;
    assert_eq!(skipped, next.and_then(OccurrenceNumber::next), "one was skipped");
    let now = documents::update("order_subscriptions", id.as_str(), &json!({"_run_now": true}));
    twice(&path, &now, "now").await?;
    assert_eq!(shop.runs(&id).await?.len(), 2, "one run was made");
    shop.prove_events().await
}

/// Subscriptions whose worker is in the hands of the test when their first run is due, and the
/// messages to it.
async fn at_work(
    token: &str,
    retries: Value,
) -> TestResult<(Shop, Worker, Vec<(SubscriptionId, Vec<Value>)>)> {
    let gate = Gate::before("order-copy");
    let plan = policy(&retries)?.model(json!({"strategy": "by_line_items"}));
    let shop = Plan { functions: gate.functions(), ..plan }.open().await?;
    let scarce = documents::with(documents::sku("SCARCE"), json!({"stock": 1_000}));
    shop.api.create("skus", &documents::create("skus", scarce, &[])).await?;
    let order = shop.order(&vec![line("SCARCE", 1, "monthly"); 40]).await?;
    let source = shop.new_source(token).await?;
    for id in shop.subscriptions_of(&order).await? {
        shop.pay_by(&id, &source).await?;
    }
    gate.set(Mode::Losing);
    shop.advance_to("2027-02-28T10:01:00Z").await?;
    let mut work = Vec::new();
    for record in gate.take_records() {
        let body = record.get("body").and_then(Value::as_str).unwrap_or_default();
        let body: Value = serde_json::from_str(body)?;
        let id = body.get("subscription_id").and_then(Value::as_str).unwrap_or_default();
        work.push((id.parse()?, vec![record]));
    }
    assert_eq!(work.len(), 40);
    let worker = Worker::of(&shop, "order-copy")?;
    Ok((shop, worker, work))
}

#[tokio::test]
async fn a_charge_that_is_found_for_a_run_given_up_meanwhile_ends_in_a_run_that_is_paid()
-> TestResult {
    let (shop, worker, work) = at_work("tok_paid", json!({"maximum": 0})).await?;
    let mut late = 0;
    let mut ended = false;
    for (point, (id, message)) in (1..).zip(&work) {
        let mut slow = worker.begin(message);
        if !slow.reach(point).await? {
            ended = true;
            break;
        }
        // Cancelled, and closed by another worker, while this one waits.
        change(&shop, "order_subscriptions", id.as_str(), json!({"_cancel": true}))
            .await?
            .with_status(200)?;
        worker.deliver(message).await?;
        let before = only_run(&shop, id).await?;
        slow.finish().await?;
        let run = only_run(&shop, id).await?;
        let charges = shop.charges_of(&run).await?;
        assert_eq!(run.status == RunStatus::Successful, charges == 1, "at {point}: {run:?}");
        late += usize::from(before.status == RunStatus::Aborted && charges == 1);
    }
    assert!(ended && late > 0, "somewhere it is charged after it was given up: {late}");
    assert!(shop.dead_letters().await?.is_empty(), "nobody has to see to it");
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_worker_that_dies_anywhere_leaves_no_unit_of_a_failed_run_out_of_stock() -> TestResult {
    let (shop, worker, work) = at_work("tok_hard_decline", json!({"maximum": 0})).await?;
    let mut ended = false;
    let mut made = 0;
    for (point, (_, message)) in (1..).zip(&work) {
        let mut dies = worker.begin(message);
        if !dies.reach(point).await? {
            ended = true;
            break;
        }
        drop(dies);
        worker.deliver(message).await?;
        made += 1;
    }
    assert!(ended && made > 5, "{made} await points");
    let skus = shop.api.get("skus?filter[q][code_eq]=SCARCE").await?;
    // The order itself has taken its units for good.
    assert_eq!(skus.at("/data/0/attributes/stock"), &json!(1_000 - 40));
    Ok(())
}
