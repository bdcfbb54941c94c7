//! The main job: an order placed over HTTP becomes a subscription, each occurrence of it becomes
//! one placed and paid order on the right day, and job log, journal and bus tell the same story.

use chrono::NaiveDate;
use perennial_domain::{lifecycle::SubscriptionStatus, run::RunStatus};
use perennial_store::JobCounts;
use perennial_tests::{
    Answer, Plan, Shop, TestResult,
    documents::{self, line},
    shop::BEANS,
};
use serde_json::{Value, json};

#[tokio::test]
async fn an_order_placed_over_http_renews_and_every_book_tells_so() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;

    let order = shop.api.create("orders", &shop.subscribing(&[line(BEANS, 2, "monthly")])).await?;
    assert_eq!(order.attribute("status"), "placing");
    let order = order.id()?;
    shop.settle().await?;
    let placed = shop.api.get(&format!("orders/{order}?include=order_subscriptions")).await?;
    assert_eq!(placed.attribute("status"), "placed");
    assert_eq!(placed.attribute("payment_status"), "paid");
    assert_eq!(placed.attribute("total_amount_cents"), 2500);
    assert_eq!(placed.at("/included/0/type"), "order_subscriptions");
    assert_eq!(placed.at("/included/0/attributes/status"), "active");
    let subscription = placed.text("/included/0/id")?;

    let summary = shop.api.move_clock(&json!({"advance": "P1MT5M"})).await?.with_status(200)?;
    assert_eq!(summary.at("/events/order_subscriptions.last_run_succeeded"), 1);

    let copies = format!(
        "recurring_order_copies?filter[q][order_subscription_id_eq]={subscription}\
         &include=target_order"
    );
    let copies = shop.api.get(&copies).await?;
    assert_eq!(copies.list()?.len(), 1);
    assert_eq!(copies.at("/data/0/attributes/status"), "completed");
    assert_eq!(copies.at("/data/0/attributes/payment_state"), "successful");
    let target = copies.text("/data/0/relationships/target_order/data/id")?;
    assert_eq!(copies.at("/included/0/id"), &target);
    let target = shop.api.get(&format!("orders/{target}")).await?;
    assert_eq!(target.attribute("status"), "placed");
    assert_eq!(target.attribute("payment_status"), "paid");
    assert_eq!(target.attribute("total_amount_cents"), 2500);

    let job = copies.text("/data/0/relationships/job_run/data/id")?;
    let jobs = shop.api.all("job_runs").await?;
    assert_eq!(jobs.len(), 1, "only ticks that found work are logged");
    assert_eq!(jobs.first().and_then(|job| job.get("id")), Some(&json!(job)));
    let job = shop.api.get(&format!("job_runs/{job}")).await?;
    assert_eq!(job.attribute("kind"), "scheduled");
    assert_eq!(job.attribute("status"), "completed");
    for (count, expected) in [("due", 1), ("claimed", 1), ("placed", 1), ("failed", 0)] {
        assert_eq!(job.attribute(&format!("{count}_count")), expected, "{count}");
    }
    assert_eq!(job.at("/data/attributes/runs/0/order_subscription_id"), &subscription);
    assert_eq!(job.at("/data/attributes/runs/0/result"), "placed");

    for subject in [&order, &subscription] {
        let journal = format!("journal_entries?filter[q][subject_eq]={subject}");
        assert_eq!(shop.api.get(&journal).await?.at("/meta/verified"), true);
    }
    shop.prove_events().await
}

#[tokio::test]
async fn a_subscription_from_the_31st_stays_on_the_last_day_of_each_month() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let subscription = shop.subscribe("monthly").await?;
    shop.advance_to("2027-06-15T00:00:00Z").await?;
    let runs = shop.runs(&subscription).await?;
    let dates: Vec<String> = runs.iter().map(|run| run.due_at.date_naive().to_string()).collect();
    assert_eq!(dates, ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]);
    for run in &runs {
        assert_eq!(run.status, RunStatus::Successful);
        assert_eq!(run.started_at.date_naive(), run.due_at.date_naive(), "made on its day");
    }
    let next = shop.subscription(&subscription).await?.next_run_at.map(|at| at.date_naive());
    assert_eq!(next, NaiveDate::from_ymd_opt(2027, 6, 30));
    shop.prove_events().await
}

#[tokio::test]
async fn a_shop_in_another_zone_repeats_by_its_own_wall_clock() -> TestResult {
    let shop = Shop::open_at("2027-03-27T08:00:00Z").await?;
    let market = documents::with(documents::market(), json!({"time_zone": "Europe/Berlin"}));
    let model = [("subscription_model", "subscription_models", shop.goods.model.as_str())];
    let market = documents::create("markets", market, &model);
    let market = shop.api.create("markets", &market).await?.id()?;
    let mut document = shop.subscribing(&[line(BEANS, 1, "daily")]);
    if let Some(id) = document.pointer_mut("/data/relationships/market/data/id") {
        *id = json!(market);
    }
    let order = shop.api.create("orders", &document).await?.id()?;
    shop.settle().await?;
    let made = shop.subscriptions_of(&order).await?;
    let [subscription] = &made[..] else { panic!("{made:?}") };
    shop.advance("P2D").await?;
    let runs = shop.runs(subscription).await?;
    // Clocks went from 02:00 to 03:00 on the 28th: nine in the morning is an hour earlier in UTC.
    let hours: Vec<String> =
        runs.iter().map(|run| run.due_at.format("%d %H").to_string()).collect();
    assert_eq!(hours, ["28 07", "29 07"]);
    Ok(())
}

#[tokio::test]
async fn a_card_declined_twice_is_tried_again_by_policy_and_pays_in_the_end() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let subscription = shop.subscribe("monthly").await?;
    let source = shop.new_source("tok_declines_2").await?;
    shop.pay_by(&subscription, &source).await?;

    shop.advance_to("2027-02-28T12:00:00Z").await?;
    let runs = shop.runs(&subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!(run.status, RunStatus::Open);
    assert_eq!(shop.charges_of(run).await?, 0);
    assert_eq!(shop.order_status(run.order_id().to_string()).await?, "pending");

    let summary = shop.advance("P3D").await?;
    assert_eq!(summary.events.get("order_subscriptions.last_run_failed"), Some(&1));
    assert_eq!(summary.events.get("order_subscriptions.last_run_succeeded"), Some(&1));
    let runs = shop.runs(&subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!(run.status, RunStatus::Successful);
    assert_eq!(run.attempts, 3);
    let codes: Vec<&str> = run.errors_log.iter().map(|error| error.code.as_str()).collect();
    assert_eq!(codes, ["insufficient_funds", "insufficient_funds"]);
    assert_eq!(
        run.completed_at.map(|at| at.date_naive().to_string()).as_deref(),
        Some("2027-03-02")
    );
    assert_eq!(shop.charges_of(run).await?, 1);
    assert_eq!(shop.order_status(run.order_id().to_string()).await?, "placed");
    shop.prove_events().await
}

#[tokio::test]
async fn retries_up_to_the_maximum_are_made_and_then_the_run_is_given_up() -> TestResult {
    let plan = Plan::at("2027-01-31T10:00:00Z")?.model(json!({
        "retry_policy": {"delays_in_minutes": [60], "maximum": 3, "on_exhausted": "pause"},
    }));
    let shop = plan.open().await?;
    let subscription = shop.subscribe("monthly").await?;
    let source = shop.new_source("tok_declines_9").await?;
    shop.pay_by(&subscription, &source).await?;
    shop.advance_to("2027-03-01T10:00:00Z").await?;
    let runs = shop.runs(&subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!((run.status, run.attempts), (RunStatus::Failed, 4));
    assert_eq!(run.errors_log.last().map(|error| error.code.as_str()), Some("retries_exhausted"));
    assert_eq!(shop.order_status(run.order_id().to_string()).await?, "cancelled");
    let paused = shop.subscription(&subscription).await?;
    assert_eq!(paused.status, SubscriptionStatus::Inactive);
    shop.advance("P3M").await?;
    assert_eq!(shop.runs(&subscription).await?.len(), 1, "what rests makes no runs");
    shop.prove_events().await
}

#[tokio::test]
async fn a_hard_decline_is_given_up_at_once_and_the_policy_says_what_becomes_of_it() -> TestResult {
    for (action, status) in [
        ("keep_active", SubscriptionStatus::Active),
        ("pause", SubscriptionStatus::Inactive),
        ("cancel", SubscriptionStatus::Cancelled),
        ("skip", SubscriptionStatus::Active),
    ] {
        let plan = Plan::at("2027-01-31T10:00:00Z")?.model(json!({
            "retry_policy": {"delays_in_minutes": [60], "maximum": 3, "on_exhausted": action},
        }));
        let shop = plan.open().await?;
        let subscription = shop.subscribe("monthly").await?;
        let source = shop.new_source("tok_hard_decline").await?;
        shop.pay_by(&subscription, &source).await?;
        shop.advance_to("2027-03-05T00:00:00Z").await?;
        let runs = shop.runs(&subscription).await?;
        let [run] = &runs[..] else { panic!("{action}: {runs:?}") };
        assert_eq!((run.status, run.attempts), (RunStatus::Failed, 1), "{action}");
        assert_eq!(shop.subscription(&subscription).await?.status, status, "{action}");
        shop.prove_events().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_card_that_the_provider_refuses_becomes_a_dead_letter_and_a_redrive_with_another_pays()
-> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let subscription = shop.subscribe("monthly").await?;
    let unknown = shop.new_source("tok_of_another_provider").await?;
    shop.pay_by(&subscription, &unknown).await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;

    let letters = shop.api.get("dead_letters").await?;
    assert_eq!(letters.list()?.len(), 1);
    let letter = letters.text("/data/0/id")?;
    assert_eq!(letters.at("/data/0/attributes/status"), "open");
    assert_eq!(letters.at("/data/0/attributes/value_at_risk_cents"), 1250);
    assert!(
        letters.text("/data/0/attributes/error")?.contains("tok_of_another_provider"),
        "the letter says what was wrong: {:#}",
        letters.body
    );
    let blocked = shop.subscription(&subscription).await?;
    assert_eq!(blocked.blocked_by.as_deref(), Some(letter.as_str()));
    let [(_, batches)] = &shop.job_runs().await?[..] else { panic!("one job run") };
    assert_eq!(JobCounts::of(batches).dead_lettered, 1);

    shop.pay_by(&subscription, &shop.goods.source).await?;
    let redrive = documents::update("dead_letters", &letter, &json!({"_redrive": true}));
    let path = format!("dead_letters/{letter}");
    shop.api.patch(&path, &redrive).send().await?.with_status(200)?;
    shop.settle().await?;
    let runs = shop.runs(&subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!(run.status, RunStatus::Successful);
    assert_eq!(run.due_at.date_naive().to_string(), "2027-02-28");
    assert_eq!(shop.api.get(&path).await?.attribute("status"), "redriven");

    shop.advance_to("2027-04-01T00:00:00Z").await?;
    assert_eq!(shop.runs(&subscription).await?.len(), 2, "it goes on with the next");
    shop.prove_events().await
}

#[tokio::test]
async fn a_dead_letter_discarded_with_a_reason_gives_its_run_up_and_the_next_goes_on() -> TestResult
{
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let subscription = shop.subscribe("monthly").await?;
    let unknown = shop.new_source("tok_of_another_provider").await?;
    shop.pay_by(&subscription, &unknown).await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let letter = shop.api.get("dead_letters").await?.text("/data/0/id")?;
    let path = format!("dead_letters/{letter}");

    let bare = documents::update("dead_letters", &letter, &json!({"_discard": true}));
    let refused = shop.api.patch(&path, &bare).send().await?;
    assert_eq!(refused.status, 422, "a reason is due: {:#}", refused.body);

    let discard = json!({"_discard": true, "discard_reason": "the customer was called"});
    let discard = documents::update("dead_letters", &letter, &discard);
    shop.api.patch(&path, &discard).send().await?.with_status(200)?;
    shop.pay_by(&subscription, &shop.goods.source).await?;
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    let (run, skipped) = shop.prove_occurrences(&subscription).await?;
    assert_eq!((run, skipped), (vec![2], vec![1]));
    shop.prove_events().await
}

/// Why an order was last refused: code and place of each reason.
fn rejections(order: &Answer) -> Vec<(&str, &str)> {
    let reasons = order.attribute("rejections").as_array().into_iter().flatten();
    reasons
        .filter_map(|one| Some((one.get("code")?.as_str()?, one.get("pointer")?.as_str()?)))
        .collect()
}

#[tokio::test]
async fn an_order_that_may_not_be_placed_goes_back_to_draft_with_every_reason() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let scarce = documents::with(documents::sku("SCARCE"), json!({"stock": 1}));
    let scarce = shop.api.create("skus", &documents::create("skus", scarce, &[])).await?.id()?;
    let change = async |kind: &str, id: &str, attributes: Value| {
        let document = documents::update(kind, id, &attributes);
        shop.api.patch(&format!("{kind}/{id}"), &document).send().await?.with_status(200)
    };
    let customer = shop.goods.customer.as_str();
    change("customers", customer, json!({"on_hold": true, "credit_limit_cents": 1})).await?;

    let order = shop.order(&[line(BEANS, 1, "weekly"), line("SCARCE", 2, "monthly")]).await?;
    let refused = shop.api.get(&format!("orders/{order}")).await?;
    assert_eq!(refused.attribute("status"), "draft");
    assert_eq!(refused.attribute("payment_status"), "unpaid");
    let place = "/data/relationships/customer";
    let reasons = rejections(&refused);
    assert!(reasons.contains(&("customer_on_hold", place)), "{reasons:?}");
    assert!(reasons.contains(&("credit_limit_exceeded", place)), "{reasons:?}");

    change("customers", customer, json!({"on_hold": false, "credit_limit_cents": null})).await?;
    let again = change("orders", &order, json!({"_place": true})).await?;
    assert_eq!(again.attribute("status"), "placing");
    shop.settle().await?;
    let refused = shop.api.get(&format!("orders/{order}")).await?;
    assert_eq!(refused.attribute("status"), "draft");
    let reasons = rejections(&refused);
    let [("out_of_stock", place)] = reasons[..] else { panic!("{reasons:?}") };
    assert!(place.contains("/1/") && place.ends_with("quantity"), "the second line: {place}");
    assert!(shop.charges().await?.is_empty());
    assert!(shop.subscriptions().await?.is_empty());

    change("skus", &scarce, json!({"stock": 5})).await?;
    change("orders", &order, json!({"_place": true})).await?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    assert_eq!(shop.subscriptions_of(&order).await?.len(), 2, "weekly and monthly");
    shop.prove_events().await
}

#[tokio::test]
async fn renewals_take_from_stock_until_none_is_left_and_then_fail_without_a_charge() -> TestResult
{
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let scarce = documents::with(documents::sku("SCARCE"), json!({"stock": 5}));
    let sku = shop.api.create("skus", &documents::create("skus", scarce, &[])).await?.id()?;
    let order = shop.order(&[line("SCARCE", 2, "weekly")]).await?;
    let made = shop.subscriptions_of(&order).await?;
    let [subscription] = &made[..] else { panic!("{made:?}") };
    shop.advance("P15D").await?;
    let runs = shop.runs(subscription).await?;
    let statuses: Vec<RunStatus> = runs.iter().map(|run| run.status).collect();
    assert_eq!(statuses, [RunStatus::Successful, RunStatus::Failed]);
    let code = runs.last().and_then(|run| run.errors_log.first()).map(|error| error.code.as_str());
    assert_eq!(code, Some("out_of_stock"));
    let left = shop.api.get(&format!("skus/{sku}")).await?;
    assert_eq!(left.attribute("stock"), 1, "four of five were ordered");
    shop.prove_events().await
}

#[tokio::test]
async fn a_provider_that_times_out_after_charging_charges_once() -> TestResult {
    for token in [
        "tok_timeout_after_charge",
        "tok_timeout_before_charge",
        "tok_unavailable_2",
        "tok_slow_50",
    ] {
        let shop = Plan::at("2027-01-31T10:00:00Z")?.paying_with(token).open().await?;
        let order = shop.order(&[line(BEANS, 1, "monthly")]).await?;
        shop.advance_to("2027-03-01T00:00:00Z").await?;
        assert_eq!(shop.order_status(&order).await?, "placed", "{token}");
        let made = shop.subscriptions_of(&order).await?;
        let [subscription] = &made[..] else { panic!("{token}: {made:?}") };
        let runs = shop.runs(subscription).await?;
        let [run] = &runs[..] else { panic!("{token}: {runs:?}") };
        assert_eq!(run.status, RunStatus::Successful, "{token}");
        assert_eq!(shop.charges_of(run).await?, 1, "{token}");
        shop.prove_events().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_cancelled_subscription_makes_no_more_runs_and_a_paused_one_none_while_it_rests()
-> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let subscription = shop.subscribe("monthly").await?;
    let path = format!("order_subscriptions/{subscription}");
    let send = async |trigger: &str| {
        let document = documents::update(
            "order_subscriptions",
            subscription.as_str(),
            &json!({trigger: true}),
        );
        shop.api.patch(&path, &document).send().await
    };
    assert_eq!(send("_deactivate").await?.with_status(200)?.attribute("status"), "inactive");
    shop.advance("P2M").await?;
    assert!(shop.runs(&subscription).await?.is_empty());
    assert_eq!(send("_activate").await?.with_status(200)?.attribute("status"), "active");
    shop.advance("P1MT5M").await?;
    assert_eq!(shop.runs(&subscription).await?.len(), 1, "what it missed is not made up for");
    assert_eq!(send("_cancel").await?.with_status(200)?.attribute("status"), "cancelled");
    shop.advance("P2M").await?;
    assert_eq!(shop.runs(&subscription).await?.len(), 1);
    let refused = send("_activate").await?;
    assert_eq!(refused.status, 409, "nothing leads out of cancelled: {:#}", refused.body);
    shop.prove_events().await
}

#[tokio::test]
async fn a_subscription_ends_at_its_expiry() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let document = shop.order_document(json!({
        "line_items": [line(BEANS, 1, "weekly")],
        "subscriptions_expire_at": "2027-02-15T00:00:00Z",
        "_place": true,
        "_create_subscriptions": true,
    }));
    let order = shop.api.create("orders", &document).await?.id()?;
    shop.settle().await?;
    let made = shop.subscriptions_of(&order).await?;
    let [subscription] = &made[..] else { panic!("{made:?}") };
    shop.advance("P2M").await?;
    assert_eq!(shop.runs(subscription).await?.len(), 2, "on the 7th and the 14th");
    let ended = shop.subscription(subscription).await?;
    assert_eq!(ended.status, SubscriptionStatus::Inactive);
    shop.prove_events().await
}
