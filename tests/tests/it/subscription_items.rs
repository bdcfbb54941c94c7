//! What subscriptions order each time: added, changed, swapped, removed, and ordered next time only.

use perennial_domain::{ids::SubscriptionId, run::RunStatus};
use perennial_tests::{
    Answer, Plan, Shop, TestResult,
    documents::{self, sku},
    shop::BEANS,
};
use serde_json::{Value, json};

const KIND: &str = "order_subscription_items";

/// Makes a sku at a price.
async fn sell(shop: &Shop, code: &str, unit_amount: u32, more: Value) -> TestResult {
    let attributes = documents::with(sku(code), json!({"unit_amount_cents": unit_amount}));
    let attributes = documents::with(attributes, more);
    shop.api.create("skus", &documents::create("skus", attributes, &[])).await?;
    Ok(())
}

fn adding(subscription: &SubscriptionId, attributes: Value) -> Value {
    let related = [("order_subscription", "order_subscriptions", subscription.as_str())];
    documents::create(KIND, attributes, &related)
}

async fn add(shop: &Shop, subscription: &SubscriptionId, attributes: Value) -> TestResult<Answer> {
    shop.api.create(KIND, &adding(subscription, attributes)).await
}

async fn send(shop: &Shop, item: &str, attributes: Value) -> TestResult<Answer> {
    let document = documents::update(KIND, item, &attributes);
    shop.api.patch(&format!("{KIND}/{item}"), &document).send().await
}

async fn change(shop: &Shop, item: &str, attributes: Value) -> TestResult<Answer> {
    send(shop, item, attributes).await?.with_status(200)
}

async fn remove(shop: &Shop, item: &str) -> TestResult<Answer> {
    shop.api.request(reqwest::Method::DELETE, &format!("{KIND}/{item}")).send().await
}

/// What each run ordered, as "quantity × code at price", and what it cost.
async fn ordered(shop: &Shop, id: &SubscriptionId) -> TestResult<Vec<(Vec<String>, i64)>> {
    let runs = shop.runs(id).await?;
    Ok(runs
        .iter()
        .map(|run| {
            let lines = run.lines.iter();
            let lines = lines.map(|line| {
                format!("{} × {} at {}", line.quantity, line.item.code(), line.unit_amount.get())
            });
            (lines.collect(), run.total.get())
        })
        .collect())
}

/// The events of a subscription's journal after its creation.
async fn events(shop: &Shop, id: &SubscriptionId) -> TestResult<Vec<String>> {
    let entries = shop.journal("S", id.as_str()).await?;
    let own = entries.iter().skip(1).filter_map(|entry| entry.event.split('.').nth(1));
    Ok(own.map(str::to_owned).collect())
}

fn first_item(subscription: &Answer) -> TestResult<String> {
    subscription.text("/data/relationships/order_subscription_items/data/0/id")
}

#[tokio::test]
async fn items_are_added_changed_swapped_and_removed_and_each_run_orders_what_stands_then()
-> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    sell(&shop, "TEA", 500, json!({})).await?;
    sell(&shop, "COCOA", 700, json!({})).await?;
    let id = shop.subscribe("monthly").await?;

    let added = add(&shop, &id, json!({"sku_code": "TEA", "quantity": 2})).await?;
    let tea = added.id()?;
    assert_eq!(added.header("location")?, format!("/api/{KIND}/{tea}"));
    for (name, value) in [
        ("sku_code", json!("TEA")),
        ("quantity", json!(2)),
        ("unit_amount_cents", json!(500)),
        ("price_override", json!(false)),
        ("one_off", json!(false)),
        ("total_amount_cents", json!(1_000)),
        ("formatted_total_amount", json!("10.00 EUR")),
    ] {
        assert_eq!(added.attribute(name), &value, "{name}");
    }
    let subscription = format!("order_subscriptions/{id}?include={KIND}.sku");
    let subscription = shop.api.get(&subscription).await?;
    assert_eq!(subscription.attribute("total_amount_cents"), 2_250);
    let included = subscription.at("/included").as_array().map(Vec::len);
    assert_eq!(included, Some(4), "two items, two skus");
    let beans = first_item(&subscription)?;
    let listed = shop.api.get(&format!("{KIND}?filter[q][order_subscription_id_eq]={id}")).await?;
    assert_eq!(listed.list()?.len(), 2);
    let listed = shop.api.get(&format!("order_subscriptions/{id}/{KIND}")).await?;
    assert_eq!(listed.at("/data/1/id"), &tea);
    let owner = shop.api.get(&format!("{KIND}/{tea}/order_subscription")).await?;
    assert_eq!(owner.id()?, id.as_str());

    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let more = change(&shop, &tea, json!({"quantity": 3, "unit_amount_cents": 450})).await?;
    assert_eq!(more.attribute("price_override"), true);
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    let own = change(&shop, &tea, json!({"unit_amount_cents": null})).await?;
    assert_eq!(own.attribute("unit_amount_cents"), 500);
    assert_eq!(own.attribute("price_override"), false);
    let swapped = change(&shop, &beans, json!({"sku_code": "COCOA"})).await?;
    assert_eq!(swapped.id()?, beans, "the item keeps its id");
    assert_eq!(swapped.attribute("unit_amount_cents"), 700);
    shop.advance_to("2027-05-01T00:00:00Z").await?;
    remove(&shop, &tea).await?.with_status(204)?;
    shop.api
        .request(reqwest::Method::GET, &format!("{KIND}/{tea}"))
        .send()
        .await?
        .with_status(404)?;
    let last = remove(&shop, &beans).await?.with_status(409)?;
    assert!(last.text("/errors/0/detail")?.contains("at least one item that repeats"));
    shop.advance_to("2027-06-01T00:00:00Z").await?;
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        ordered(&shop, &id).await?,
        [
            (lines(&["1 × BEANS at 1250", "2 × TEA at 500"]), 2_250),
            (lines(&["1 × BEANS at 1250", "3 × TEA at 450"]), 2_600),
            (lines(&["1 × COCOA at 700", "3 × TEA at 500"]), 2_200),
            (lines(&["1 × COCOA at 700"]), 700),
        ]
    );
    let run = "last_run_succeeded";
    assert_eq!(
        events(&shop, &id).await?,
        ["add_item", run, "update_item", run, "update_item", "swap_item", run, "remove_item", run]
    );
    assert_eq!(shop.prove_occurrences(&id).await?, (vec![1, 2, 3, 4], vec![]));
    shop.prove_events().await
}

#[tokio::test]
async fn an_extra_item_goes_with_the_next_run_that_is_made_whatever_becomes_of_it() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    sell(&shop, "TEA", 500, json!({"allowed_frequencies": ["weekly"]})).await?;
    let id = shop.subscribe("monthly").await?;
    let source = shop.new_source("tok_declines_1").await?;
    shop.pay_by(&id, &source).await?;
    // Once is no frequency: what can't be ordered monthly can be ordered now.
    let extra = json!({"sku_code": "TEA", "quantity": 1, "one_off": true});
    let extra = add(&shop, &id, extra).await?;
    assert_eq!(extra.attribute("one_off"), true);
    let refused =
        documents::update("order_subscriptions", id.as_str(), &json!({"_skip_next": true}));
    shop.api
        .patch(&format!("order_subscriptions/{id}"), &refused)
        .send()
        .await?
        .with_status(200)?;
    shop.advance_to("2027-03-31T12:00:00Z").await?;
    let runs = shop.runs(&id).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!((run.number.get(), run.status, run.total.get()), (2, RunStatus::Open, 1_750));
    let after = shop.api.get(&format!("order_subscriptions/{id}")).await?;
    assert_eq!(after.attribute("total_amount_cents"), 1_250, "it is gone");
    // The retry pays for what the run carries.
    shop.advance_to("2027-05-02T00:00:00Z").await?;
    let costs: Vec<i64> = ordered(&shop, &id).await?.into_iter().map(|(_, cost)| cost).collect();
    assert_eq!(costs, [1_750, 1_250]);
    for run in shop.runs(&id).await? {
        assert_eq!((run.status, shop.charges_of(&run).await?), (RunStatus::Successful, 1));
    }
    assert_eq!(shop.prove_occurrences(&id).await?, (vec![2, 3], vec![1]));
    shop.prove_events().await
}

#[tokio::test]
async fn stock_is_taken_for_added_items_and_given_back_though_the_items_are_others_by_then()
-> TestResult {
    let plan = Plan::at("2027-01-31T10:00:00Z")?.model(json!({
        "retry_policy": {"delays_in_minutes": [1440], "maximum": 1, "on_exhausted": "keep_active"},
    }));
    let shop = plan.open().await?;
    sell(&shop, "TEA", 500, json!({"stock": 5})).await?;
    let id = shop.subscribe("monthly").await?;
    let source = shop.new_source("tok_declines_9").await?;
    shop.pay_by(&id, &source).await?;
    let tea = add(&shop, &id, json!({"sku_code": "TEA", "quantity": 2})).await?.id()?;
    let stock = async || -> TestResult<Value> {
        let skus = shop.api.get("skus?filter[q][code_eq]=TEA").await?;
        Ok(skus.at("/data/0/attributes/stock").clone())
    };
    shop.advance_to("2027-02-28T12:00:00Z").await?;
    assert_eq!(stock().await?, 3, "the open run holds two");
    remove(&shop, &tea).await?.with_status(204)?;
    shop.advance_to("2027-03-02T12:00:00Z").await?;
    let runs = shop.runs(&id).await?;
    assert_eq!(runs.first().map(|run| run.status), Some(RunStatus::Failed));
    assert_eq!(stock().await?, 5, "what was held is back");
    Ok(())
}

#[tokio::test]
async fn what_can_t_be_ordered_is_refused_with_the_attribute_and_the_rule() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    sell(&shop, "WEEKLY", 500, json!({"allowed_frequencies": ["weekly"]})).await?;
    sell(&shop, "DOLLARS", 500, json!({"currency_code": "USD"})).await?;
    let id = shop.subscribe("monthly").await?;
    let subscription = shop.api.get(&format!("order_subscriptions/{id}")).await?;
    let beans = first_item(&subscription)?;
    for (attributes, error) in [
        (json!({"quantity": 1}), "required /data/attributes/sku_code"),
        (json!({"sku_code": BEANS}), "required /data/attributes/quantity"),
        (json!({"sku_code": BEANS, "quantity": 0}), "out_of_range /data/attributes/quantity"),
        (json!({"sku_code": "NONE", "quantity": 1}), "related_not_found /data/attributes/sku_code"),
        (
            json!({"sku_code": "WEEKLY", "quantity": 1}),
            "frequency_not_allowed /data/attributes/sku_code",
        ),
        (
            json!({"sku_code": "DOLLARS", "quantity": 1}),
            "currency_mismatch /data/attributes/sku_code",
        ),
        (
            json!({"sku_code": BEANS, "quantity": 1, "unit_amount_cents": -1}),
            "out_of_range /data/attributes/unit_amount_cents",
        ),
    ] {
        let refused = shop.api.post(KIND, &adding(&id, attributes.clone())).send().await?;
        assert_eq!(refused.errors(), [error], "{attributes}");
    }
    let refused = send(&shop, &beans, json!({"sku_code": "WEEKLY"})).await?.with_status(422)?;
    assert_eq!(refused.errors(), ["frequency_not_allowed /data/attributes/sku_code"]);
    let refused = send(&shop, &beans, json!({"one_off": true})).await?.with_status(422)?;
    assert_eq!(refused.errors(), ["read_only_attribute /data/attributes/one_off"]);
    let nobody: SubscriptionId = "sub_nobody".parse()?;
    let nowhere = adding(&nobody, json!({"sku_code": BEANS, "quantity": 1}));
    let refused = shop.api.post(KIND, &nowhere).send().await?.with_status(404)?;
    assert_eq!(
        refused.errors(),
        ["related_not_found /data/relationships/order_subscription/data/id"]
    );
    assert_eq!(shop.subscription(&id).await?.items.len(), 1, "nothing was written");
    for count in 1..40 {
        add(&shop, &id, json!({"sku_code": BEANS, "quantity": count})).await?;
    }
    let over = adding(&id, json!({"sku_code": BEANS, "quantity": 1}));
    let refused = shop.api.post(KIND, &over).send().await?.with_status(409)?;
    assert!(refused.text("/errors/0/detail")?.contains("at most 40 items"));
    shop.prove_events().await
}

#[tokio::test]
async fn past_the_cut_off_items_stand_fast_and_a_stale_version_changes_nothing() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("monthly").await?;
    let path = format!("order_subscriptions/{id}");
    let closing =
        documents::update("order_subscriptions", id.as_str(), &json!({"cut_off_hours": 48}));
    shop.api.patch(&path, &closing).send().await?.with_status(200)?;
    let beans = first_item(&shop.api.get(&path).await?)?;
    let seen = shop.api.get(&format!("{KIND}/{beans}")).await?;
    let etag = seen.header("etag")?.to_owned();
    change(&shop, &beans, json!({"quantity": 2})).await?;
    let document = documents::update(KIND, &beans, &json!({"quantity": 3}));
    let stale = shop.api.patch(&format!("{KIND}/{beans}"), &document).header("if-match", &etag);
    stale.send().await?.with_status(412)?;
    shop.advance_to("2027-02-27T00:00:00Z").await?;
    let refused = send(&shop, &beans, json!({"quantity": 3})).await?.with_status(409)?;
    assert!(refused.text("/errors/0/detail")?.contains("it is possible again from 2027-02-28"));
    remove(&shop, &beans).await?.with_status(409)?;
    let one_more = adding(&id, json!({"sku_code": BEANS, "quantity": 1, "one_off": true}));
    shop.api.post(KIND, &one_more).send().await?.with_status(409)?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    change(&shop, &beans, json!({"quantity": 3})).await?;
    assert_eq!(ordered(&shop, &id).await?[0].1, 2_500);
    shop.prove_events().await
}

#[tokio::test]
async fn adding_under_one_idempotency_key_adds_once() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let id = shop.subscribe("monthly").await?;
    let document = adding(&id, json!({"sku_code": BEANS, "quantity": 1}));
    let first = shop.api.post(KIND, &document).key("one").send().await?.with_status(201)?;
    let again = shop.api.post(KIND, &document).key("one").send().await?.with_status(201)?;
    assert_eq!(first.id()?, again.id()?);
    assert_eq!(shop.subscription(&id).await?.items.len(), 2);
    Ok(())
}

#[tokio::test]
async fn what_is_too_large_to_be_kept_is_refused_before_it_is() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let metadata = json!({"text": "x".repeat(16_000)});
    let line = json!({"sku_code": BEANS, "quantity": 1, "metadata": metadata});
    let order =
        |lines: usize| shop.order_document(json!({"line_items": vec![line.clone(); lines]}));
    let refused = shop.api.post("orders", &order(20)).send().await?;
    assert_eq!(refused.errors(), ["out_of_range /data"]);
    shop.api.create("orders", &order(12)).await?;

    let id = shop.subscribe("monthly").await?;
    let related = [("order_subscription", "order_subscriptions", id.as_str())];
    let item = documents::create("order_subscription_items", line, &related);
    for _ in 0..12 {
        shop.api.create("order_subscription_items", &item).await?;
    }
    let refused = shop.api.post("order_subscription_items", &item).send().await?;
    assert_eq!(refused.errors(), ["out_of_range /data"]);
    Ok(())
}
