//! Between runs: what can be changed about a subscription, and what its runs make of that.

use perennial_domain::{
    ids::SubscriptionId, lifecycle::SubscriptionStatus::Active, run::RunStatus,
};
use perennial_tests::{Answer, Plan, Shop, TestResult, documents, shop::BEANS};
use serde_json::{Value, json};

const KIND: &str = "order_subscriptions";

async fn send(shop: &Shop, id: &SubscriptionId, attributes: Value) -> TestResult<Answer> {
    let document = documents::update(KIND, id.as_str(), &attributes);
    shop.api.patch(&format!("{KIND}/{id}"), &document).send().await
}

async fn edit(shop: &Shop, id: &SubscriptionId, attributes: Value) -> TestResult<Answer> {
    send(shop, id, attributes).await?.with_status(200)
}

async fn read(shop: &Shop, id: &SubscriptionId) -> TestResult<Answer> {
    shop.api.get(&format!("{KIND}/{id}")).await
}

/// Number, day and status of each run.
async fn ran(shop: &Shop, id: &SubscriptionId) -> TestResult<Vec<(u32, String, RunStatus)>> {
    let runs = shop.runs(id).await?;
    let told = runs
        .iter()
        .map(|run| (run.number.get(), run.started_at.format("%m-%d").to_string(), run.status));
    Ok(told.collect())
}

fn paid(number: u32, day: &str) -> (u32, String, RunStatus) {
    (number, day.to_owned(), RunStatus::Successful)
}

#[tokio::test]
async fn a_run_is_made_now_in_the_place_of_its_date_and_by_its_own_licence() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let monthly = shop.subscribe("monthly").await?;
    let mondays = shop.subscribe("0 9 * * 1").await?;
    shop.advance_to("2027-02-05T12:00:30Z").await?;
    for id in [&monthly, &mondays] {
        let now = edit(&shop, id, json!({"_run_now": true})).await?;
        let to = now.text("/data/meta/rescheduled/to/next_run_at")?;
        assert!(to.starts_with("2027-02-05T12:0"), "{to}");
        assert_eq!(now.attribute("next_run_reason"), "rescheduled by request");
        shop.settle().await?;
    }
    assert_eq!(ran(&shop, &monthly).await?, [paid(1, "02-05")]);
    // Monday the first was made on its day; this one stands for the eighth.
    assert_eq!(ran(&shop, &mondays).await?, [paid(1, "02-01"), paid(2, "02-05")]);
    let job = shop.job_runs().await?.pop().ok_or("it was logged")?.0;
    assert!(job.actor.starts_with("integration:"), "{}", job.actor);

    // Asked twice at once: each number is one run and one charge.
    let (one, other) = tokio::join!(
        send(&shop, &monthly, json!({"_run_now": true})),
        send(&shop, &monthly, json!({"_run_now": true})),
    );
    let (one, other) = (one?.status, other?.status);
    assert!(one == 200 || other == 200, "{one} {other}");
    shop.settle().await?;
    for run in shop.runs(&monthly).await? {
        assert_eq!(shop.charges_of(&run).await?, 1, "run {}", run.number.get());
    }
    let made = ran(&shop, &monthly).await?.len();
    shop.advance_to("2027-05-31T23:00:00Z").await?;
    // Dates go on as if nobody had been in a hurry: 28 February is used up, and more are if the
    // second request came after the second run.
    let days: Vec<String> = ran(&shop, &monthly).await?.into_iter().map(|run| run.1).collect();
    let expected: &[&str] = match made {
        2 => &["02-05", "02-05", "04-30", "05-31"],
        _ => &["02-05", "02-05", "02-05", "05-31"],
    };
    assert_eq!(days, expected);
    let days: Vec<String> = ran(&shop, &mondays).await?.into_iter().map(|run| run.1).collect();
    assert_eq!(days[..4], ["02-01", "02-05", "02-15", "02-22"]);
    shop.prove_occurrences(&monthly).await?;
    shop.prove_occurrences(&mondays).await?;
    shop.prove_job_log().await?;
    shop.prove_events().await
}

#[tokio::test]
async fn a_cancelled_subscription_is_taken_up_again_within_the_window_of_its_model() -> TestResult {
    let plan = Plan::at("2027-01-31T10:00:00Z")?.model(json!({"reactivation_days": 20}));
    let shop = plan.open().await?;
    let id = shop.subscribe("monthly").await?;
    let late = shop.subscribe("monthly").await?;
    shop.advance_to("2027-02-20T00:00:00Z").await?;
    for id in [&id, &late] {
        let cancelled = edit(&shop, id, json!({"_cancel": true})).await?;
        assert!(cancelled.text("/data/attributes/cancelled_at")?.starts_with("2027-02-20T00:0"));
    }
    shop.advance_to("2027-03-10T00:00:00Z").await?;
    let again = edit(&shop, &id, json!({"_reactivate": true})).await?;
    assert_eq!(again.attribute("cancelled_at"), &Value::Null);
    let told = json!({"first": 1, "last": 1, "reason": "cancelled"});
    assert_eq!(again.at("/data/meta/skipped"), &told);
    assert!(again.text("/data/attributes/next_run_at")?.starts_with("2027-03-31T10:0"));
    shop.advance_to("2027-03-13T00:00:00Z").await?;
    let refused = send(&shop, &late, json!({"_reactivate": true})).await?.with_status(409)?;
    let detail = refused.text("/errors/0/detail")?;
    assert!(detail.contains("within reactivation_days (20)"), "{detail}");
    // The window is the model's of today.
    let model = &shop.goods.model;
    let longer = documents::update("subscription_models", model, &json!({"reactivation_days": 60}));
    shop.api
        .patch(&format!("subscription_models/{model}"), &longer)
        .send()
        .await?
        .with_status(200)?;
    edit(&shop, &late, json!({"_reactivate": true})).await?;
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    for id in [&id, &late] {
        assert_eq!(shop.subscription(id).await?.status, Active);
        assert_eq!(ran(&shop, id).await?, [paid(2, "03-31")]);
        assert_eq!(shop.prove_occurrences(id).await?, (vec![2], vec![1]));
    }
    shop.prove_events().await
}

#[tokio::test]
async fn what_is_owed_is_closed_before_a_subscription_is_taken_up_again() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("monthly").await?;
    let source = shop.new_source("tok_declines_9").await?;
    shop.pay_by(&id, &source).await?;
    shop.advance_to("2027-02-28T12:00:00Z").await?;
    edit(&shop, &id, json!({"_cancel": true})).await?;
    let refused = send(&shop, &id, json!({"_reactivate": true})).await?.with_status(409)?;
    assert!(refused.text("/errors/0/detail")?.contains("open runs"), "{:#}", refused.body);
    assert_eq!(refused.header("retry-after")?, "5");
    shop.advance("PT2M").await?;
    edit(&shop, &id, json!({"_reactivate": true})).await?;
    let runs = shop.runs(&id).await?;
    assert_eq!(runs.first().map(|run| run.status), Some(RunStatus::Aborted));
    shop.prove_events().await
}

#[tokio::test]
async fn an_item_is_swapped_by_its_sku_in_one_entry_of_the_journal() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let tea = documents::with(documents::sku("TEA"), json!({"unit_amount_cents": 500}));
    shop.api.create("skus", &documents::create("skus", tea, &[])).await?;
    let id = shop.subscribe("monthly").await?;
    let swap = json!({"from_sku_code": BEANS, "to_sku_code": "TEA", "quantity": 3});
    let swapped = edit(&shop, &id, json!({"_swap_item": swap})).await?;
    assert_eq!(swapped.attribute("total_amount_cents"), 1_500);
    let entries = shop.journal("S", id.as_str()).await?;
    let events: Vec<&str> = entries.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events, ["order_subscriptions.create", "order_subscriptions.swap_item"]);
    assert_eq!(entries[1].before["item"]["sku_code"], BEANS);
    assert_eq!(entries[1].after["item"]["sku_code"], "TEA");
    for (swap, error) in [
        (json!({"from_sku_code": BEANS, "to_sku_code": "TEA"}), "related_not_found from_sku_code"),
        (json!({"from_sku_code": "TEA", "to_sku_code": "NONE"}), "related_not_found to_sku_code"),
        (json!({"from_sku_code": "TEA"}), "required to_sku_code"),
    ] {
        let refused = send(&shop, &id, json!({"_swap_item": swap})).await?.with_status(422)?;
        let (code, member) = error.split_once(' ').unwrap_or_default();
        assert_eq!(refused.errors(), [format!("{code} /data/attributes/_swap_item/{member}")]);
    }
    Ok(())
}

#[tokio::test]
async fn another_frequency_must_be_one_at_which_everything_ordered_can_be() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let tea = json!({"allowed_frequencies": ["monthly", "yearly"]});
    let tea = documents::with(documents::sku("TEA"), tea);
    shop.api.create("skus", &documents::create("skus", tea, &[])).await?;
    let order = shop.order(&[documents::line("TEA", 1, "monthly")]).await?;
    let made = shop.subscriptions_of(&order).await?;
    let [id] = &made[..] else { panic!("{made:?}") };
    let refused = send(&shop, id, json!({"frequency": "weekly"})).await?.with_status(422)?;
    assert_eq!(refused.errors(), ["frequency_not_allowed /data/attributes/frequency"]);
    let detail = refused.text("/errors/0/detail")?;
    assert_eq!(detail, "sku \"TEA\" can't be ordered weekly; it can be ordered: monthly, yearly");
    let yearly = edit(&shop, id, json!({"frequency": "yearly"})).await?;
    assert_eq!(yearly.at("/data/meta/rescheduled/from/frequency"), "monthly");
    assert_eq!(yearly.at("/data/meta/rescheduled/to/frequency"), "yearly");
    Ok(())
}

#[tokio::test]
async fn another_address_source_and_reference_count_from_the_next_run_on() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("monthly").await?;
    let address = json!({"line_1": "Elm Road 1", "city": "Cork", "country_code": "IE"});
    let address = documents::create("addresses", address, &[]);
    let address = shop.api.create("addresses", &address).await?.id()?;
    let source = shop.new_source("tok_paid").await?;
    let attributes = json!({
        "reference": "C-1", "reference_origin": "shop", "metadata": {"box": "green"},
    });
    let mut document = documents::update(KIND, id.as_str(), &attributes);
    document["data"]["relationships"] = json!({
        "shipping_address": {"data": {"type": "addresses", "id": address}},
        "customer_payment_source": {"data": {"type": "customer_payment_sources", "id": source}},
    });
    let path = format!("{KIND}/{id}");
    let edited = shop.api.patch(&path, &document).send().await?.with_status(200)?;
    assert_eq!(edited.attribute("reference_origin"), "shop");
    assert_eq!(edited.at("/data/relationships/shipping_address/data/id"), &address);
    let locked = shop.api.get(&format!("addresses/{address}")).await?;
    assert!(locked.attribute("locked_at").is_string(), "a subscription goes there");
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let runs = shop.runs(&id).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!(run.payment_source_id.as_ref().map(ToString::to_string), Some(source));
    let order = shop.api.get(&format!("orders/{}", run.order_id())).await?;
    assert_eq!(order.at("/data/relationships/shipping_address/data/id"), &address);

    // Nobody pays by another customer's card, and nothing goes where nobody lives.
    let other = json!({"email": "bob@example.com"});
    let other = shop.api.create("customers", &documents::create("customers", other, &[])).await?;
    let card = json!({"payment_source_token": "tok_paid", "name": "Bob's"});
    let related = [("customer", "customers", &*other.id()?)];
    let card = documents::create("customer_payment_sources", card, &related);
    let card = shop.api.create("customer_payment_sources", &card).await?.id()?;
    for (name, kind, to, error) in [
        ("customer_payment_source", "customer_payment_sources", card.as_str(), "invalid_value"),
        ("shipping_address", "addresses", "adr_nowhere", "related_not_found"),
    ] {
        let mut document = documents::update(KIND, id.as_str(), &json!({}));
        document["data"]["relationships"] = json!({name: {"data": {"type": kind, "id": to}}});
        let refused = shop.api.patch(&path, &document).send().await?;
        assert_eq!(refused.errors(), [format!("{error} /data/relationships/{name}/data/id")]);
    }
    shop.prove_events().await
}

#[tokio::test]
async fn a_subscription_tells_its_dates_and_a_run_its_instalment_as_other_systems_name_them()
-> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("monthly").await?;
    // A day in Auckland is over when it is noon in Greenwich.
    let attributes = json!({
        "time_zone": "Pacific/Auckland", "expires_at": "2027-08-01T11:00:00Z",
    });
    let told = edit(&shop, &id, attributes).await?;
    for (name, value) in [
        ("fulfillment_frequency", json!("monthly")),
        ("current_recurrence", json!(0)),
        ("start_date", json!("2027-01-31")),
        ("end_date", json!("2027-08-01")),
        ("last_ordered_date", json!("2027-01-31")),
        ("customer_email", json!("ada@example.com")),
    ] {
        assert_eq!(told.attribute(name), &value, "{name}");
    }
    let number = told.text("/data/attributes/number")?;
    assert!(number.len() == 16 && number.bytes().all(|byte| byte.is_ascii_digit()), "{number}");
    shop.advance_to("2027-02-27T00:00:00Z").await?;
    let source = shop.new_source("tok_hard_decline").await?;
    shop.pay_by(&id, &source).await?;
    shop.advance_to("2027-04-02T00:00:00Z").await?;
    let failed = read(&shop, &id).await?;
    assert_eq!(failed.attribute("current_recurrence"), 2);
    assert_eq!(failed.attribute("last_ordered_date"), "2027-01-31", "nothing was ordered since");
    shop.pay_by(&id, &shop.goods.source).await?;
    shop.advance_to("2027-05-02T00:00:00Z").await?;
    assert_eq!(read(&shop, &id).await?.attribute("last_ordered_date"), "2027-04-30");

    let copies = format!("recurring_order_copies?filter[q][order_subscription_id_eq]={id}");
    let copies = shop.api.get(&copies).await?;
    for (index, count, processed, status, next) in [
        (0, 3, true, "Successful", "2027-05-3"),
        // Another payment source has tried the last run again.
        (1, 2, true, "Successful", "2027-04-"),
        (2, 1, false, "Failed", "2027-03-3"),
    ] {
        let at = |name: &str| copies.at(&format!("/data/{index}/attributes/{name}")).clone();
        assert_eq!(at("instalment_count"), count);
        assert_eq!(at("processed"), processed);
        assert_eq!(at("job_run_status"), status);
        let next_run_at = at("next_run_at");
        assert!(next_run_at.as_str().unwrap_or_default().starts_with(next), "{next_run_at}");
    }
    let listed = shop.api.get(&format!("{KIND}?include=customer")).await?;
    assert_eq!(listed.at("/data/0/attributes/customer_email"), "ada@example.com");
    let refused = shop.api.request(
        reqwest::Method::GET,
        &format!("{KIND}?filter[q][customer_email_eq]=ada@example.com"),
    );
    refused.send().await?.with_status(400)?;
    Ok(())
}

#[tokio::test]
async fn a_model_says_when_its_subscriptions_close_for_changes() -> TestResult {
    let plan = Plan::at("2027-01-31T10:00:00Z")?.model(json!({"cut_off_hours": 48}));
    let shop = plan.open().await?;
    let id = shop.subscribe("monthly").await?;
    assert_eq!(read(&shop, &id).await?.attribute("cut_off_hours"), 48);
    shop.advance_to("2027-02-27T00:00:00Z").await?;
    for attributes in [
        json!({"_run_now": true}),
        json!({"_swap_item": {"from_sku_code": BEANS, "to_sku_code": BEANS, "quantity": 2}}),
    ] {
        let refused = send(&shop, &id, attributes.clone()).await?.with_status(409)?;
        assert!(refused.text("/errors/0/detail")?.contains("cut_off_hours (48)"), "{attributes}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_pause_passed_over_is_recorded_before_another_frequency_counts_on() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("weekly").await?;
    edit(&shop, &id, json!({"_deactivate": true})).await?;
    // The 7th and the 14th pass meanwhile.
    shop.advance_to("2027-02-16T00:00:00Z").await?;
    let monthly = edit(&shop, &id, json!({"frequency": "monthly", "max_occurrences": 4})).await?;
    let told = json!({"first": 1, "last": 2, "reason": "paused"});
    assert_eq!(monthly.at("/data/meta/skipped"), &told);
    edit(&shop, &id, json!({"_activate": true})).await?;
    shop.advance_to("2027-05-01T00:00:00Z").await?;
    // The source order, two that were passed over, and one more: that makes four.
    assert_eq!(ran(&shop, &id).await?, [paid(3, "02-28")]);
    assert_eq!(shop.prove_occurrences(&id).await?, (vec![3], vec![1, 2]));
    shop.prove_events().await
}
