//! Subscriptions made by hand from a source order: how they become active, what their runs copy, what
//! is missed, and how they become automatic.

use perennial_local::identity::Role;
use perennial_tests::{
    Answer, Plan, Shop, TestResult, documents,
    gate::{Gate, Mode},
    shop::BEANS,
};
use serde_json::{Value, json};

const NOW: &str = "2027-01-31T10:00:00Z";

/// An order of two bags of beans that does not repeat by itself; placed, or left as a draft.
async fn order(shop: &Shop, place: bool) -> TestResult<String> {
    let lines = json!([{"sku_code": BEANS, "quantity": 2}]);
    let document = shop.order_document(json!({"line_items": lines, "_place": place}));
    let order = shop.api.create("orders", &document).await?.id()?;
    shop.settle().await?;
    let expected = if place { "placed" } else { "draft" };
    assert_eq!(shop.order_status(&order).await?, expected);
    Ok(order)
}

fn asking(order: &str, attributes: Value) -> Value {
    documents::create("order_subscriptions", attributes, &[("source_order", "orders", order)])
}

async fn change(shop: &Shop, kind: &str, id: &str, attributes: Value) -> TestResult<Answer> {
    let document = documents::update(kind, id, &attributes);
    shop.api.patch(&format!("{kind}/{id}"), &document).send().await
}

/// The attributes of these names of every resource of a list.
fn column(answer: &Answer, name: &str) -> TestResult<Vec<Value>> {
    let pointer = format!("/attributes/{name}");
    Ok(answer
        .list()?
        .iter()
        .map(|one| one.pointer(&pointer).cloned().unwrap_or_default())
        .collect())
}

fn types(answer: &Answer) -> TestResult<Vec<(&str, &str)>> {
    answer
        .list()?
        .iter()
        .map(|one| {
            let member = |name: &str| one.get(name).and_then(Value::as_str);
            member("type").zip(member("id")).ok_or_else(|| "no type".into())
        })
        .collect()
}

#[tokio::test]
async fn a_placed_order_is_number_0_and_each_run_copies_it_until_it_is_converted() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let source = order(&shop, true).await?;
    let made = shop
        .api
        .create("order_subscriptions", &asking(&source, json!({"frequency": "monthly"})))
        .await?;
    let id = made.id()?;
    let placed_at =
        shop.api.get(&format!("orders/{source}")).await?.text("/data/attributes/placed_at")?;
    for (name, expected) in [
        ("status", json!("active")),
        ("factory", json!("order_copies")),
        ("activate_by_source_order", json!(true)),
        ("place_target_order", json!(true)),
        ("starts_at", json!(placed_at)),
        // Placed on 31 January, at whatever second that was.
        ("next_run_at", json!(placed_at.replace("2027-01-31", "2027-02-28"))),
        ("total_amount_cents", json!(2500)),
    ] {
        assert_eq!(made.attribute(name), &expected, "{name}");
    }
    let customer = shop.api.get(&format!("order_subscriptions/{id}/customer")).await?;
    assert_eq!(customer.id()?, shop.goods.customer);
    let of_order = shop.api.get(&format!("orders/{source}/order_subscriptions")).await?;
    assert_eq!(of_order.list()?.len(), 1, "the order knows it");

    let items = shop.api.get(&format!("order_subscriptions/{id}/order_subscription_items")).await?;
    let item = items.text("/data/0/id")?;
    let refused = change(&shop, "order_subscription_items", &item, json!({"quantity": 3})).await?;
    assert_eq!(refused.status, 409, "{:#}", refused.body);
    assert!(refused.text("/errors/0/detail")?.contains("_convert"));

    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let copies = shop.api.get(&format!("order_subscriptions/{id}/order_copies")).await?;
    let body = id.trim_start_matches("sub_");
    let first = format!("ocp_{body}_1");
    assert_eq!(types(&copies)?, [("order_copies", first.as_str())]);
    let copy =
        shop.api.get(&format!("order_copies/{first}?include=target_order,source_order")).await?;
    assert_eq!(copy.attribute("status"), "completed");
    assert_eq!(copy.attribute("errors_log"), &json!({}));
    let included = copy.at("/included").as_array().map(Vec::as_slice).unwrap_or_default();
    let orders: Vec<_> = included
        .iter()
        .filter_map(|one| {
            Some((one.get("id")?.as_str()?, one.pointer("/attributes/status")?.as_str()?))
        })
        .collect();
    let target = format!("ord_{body}_1");
    assert!(orders.contains(&(target.as_str(), "placed")), "{orders:?}");
    assert!(orders.contains(&(source.as_str(), "placed")), "{orders:?}");

    let converted = change(&shop, "order_subscriptions", &id, json!({"_convert": true}))
        .await?
        .with_status(200)?;
    assert_eq!(converted.attribute("factory"), "recurring_order_copies");
    assert_eq!(converted.text("/data/relationships/subscription_model/data/id")?, shop.goods.model);
    assert_eq!(converted.attribute("next_run_at"), "2027-03-31T10:00:00Z", "its dates stay");
    let again = change(&shop, "order_subscriptions", &id, json!({"_convert": true})).await?;
    assert_eq!(again.errors(), ["invalid_status /data/attributes/_convert"]);
    change(&shop, "order_subscription_items", &item, json!({"quantity": 3}))
        .await?
        .with_status(200)?;

    shop.advance_to("2027-04-01T00:00:00Z").await?;
    let both =
        shop.api.get(&format!("order_factories?filter[q][order_subscription_id_eq]={id}")).await?;
    let second = format!("roc_{body}_2");
    let expected = [("recurring_order_copies", second.as_str()), ("order_copies", first.as_str())];
    assert_eq!(types(&both)?, expected);
    assert_eq!(column(&both, "total_amount_cents")?, [3750, 2500]);
    let related = shop.api.get(&format!("order_subscriptions/{id}/order_factories")).await?;
    assert_eq!(types(&related)?, expected);
    let made = shop.api.get(&format!("order_subscriptions/{id}/orders")).await?;
    assert_eq!(column(&made, "status")?, ["placed", "placed"]);
    assert_eq!(shop.charges().await?.len(), 3, "the source order and two runs");
    shop.prove_events().await
}

#[tokio::test]
async fn a_draft_order_makes_it_active_in_the_moment_it_is_placed() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let source = order(&shop, false).await?;
    let made = shop
        .api
        .create("order_subscriptions", &asking(&source, json!({"frequency": "weekly"})))
        .await?;
    let id = made.id()?;
    assert_eq!(made.attribute("status"), "draft");
    assert_eq!(
        (made.attribute("starts_at"), made.attribute("next_run_at")),
        (&Value::Null, &Value::Null)
    );
    let refused = change(&shop, "order_subscriptions", &id, json!({"_activate": true})).await?;
    assert_eq!(refused.errors(), ["invalid_status /data/attributes/_activate"]);
    let kept =
        shop.api.request(reqwest::Method::DELETE, &format!("orders/{source}")).send().await?;
    assert_eq!(kept.errors(), ["in_use"], "{:#}", kept.body);

    // The order changes until it is placed; what it holds then is what repeats.
    shop.advance("P3D").await?;
    let line = shop.api.get(&format!("orders/{source}/line_items")).await?.text("/data/0/id")?;
    change(&shop, "line_items", &line, json!({"quantity": 4})).await?.with_status(200)?;
    change(&shop, "orders", &source, json!({"_place": true})).await?.with_status(200)?;
    shop.settle().await?;
    let active = shop.api.get(&format!("order_subscriptions/{id}")).await?;
    let placed_at = shop.api.get(&format!("orders/{source}")).await?.attribute("placed_at").clone();
    assert_eq!(active.attribute("status"), "active");
    assert_eq!(active.attribute("starts_at"), &placed_at);
    assert_eq!(active.attribute("total_amount_cents"), &json!(5000));
    assert!(active.text("/data/relationships/customer_payment_source/data/id").is_ok());
    shop.advance("P8D").await?;
    let (run, skipped) = shop.prove_occurrences(&id.parse()?).await?;
    assert_eq!((run, skipped), (vec![1], vec![]));
    shop.prove_events().await
}

#[tokio::test]
async fn one_with_a_start_of_its_own_runs_there_first_if_it_is_active_by_then() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let source = order(&shop, true).await?;
    let start = json!({
        "frequency": "monthly", "activate_by_source_order": false,
        "starts_at": "2027-02-10T08:00:00Z", "max_occurrences": 2,
    });
    let in_time =
        shop.api.create("order_subscriptions", &asking(&source, start.clone())).await?.id()?;
    let late = shop.api.create("order_subscriptions", &asking(&source, start)).await?.id()?;
    let activate = json!({"_activate": true});
    let active =
        change(&shop, "order_subscriptions", &in_time, activate.clone()).await?.with_status(200)?;
    assert_eq!(active.attribute("next_run_at"), "2027-02-10T08:00:00Z");
    shop.advance_to("2027-02-11T00:00:00Z").await?;
    let active = change(&shop, "order_subscriptions", &late, activate).await?.with_status(200)?;
    assert_eq!(active.attribute("next_run_at"), "2027-03-10T08:00:00Z");
    let told = json!({"first": 1, "last": 1, "reason": "not activated in time"});
    assert_eq!(active.at("/data/meta/skipped"), &told, "{:#}", active.body);
    shop.advance_to("2027-05-01T00:00:00Z").await?;
    assert_eq!(shop.prove_occurrences(&in_time.parse()?).await?, (vec![1, 2], vec![]));
    assert_eq!(shop.prove_occurrences(&late.parse()?).await?, (vec![2], vec![1]));
    let ended = shop.api.get(&format!("order_subscriptions/{in_time}")).await?;
    assert_eq!(ended.attribute("status"), "inactive", "two occurrences are all");
    shop.prove_events().await
}

#[tokio::test]
async fn a_run_that_places_nothing_leaves_a_draft_which_somebody_places() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let source = order(&shop, true).await?;
    let asked = json!({"frequency": "monthly", "place_target_order": false});
    let id = shop.api.create("order_subscriptions", &asking(&source, asked)).await?.id()?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let copies = shop.api.get(&format!("order_subscriptions/{id}/order_copies")).await?;
    assert_eq!(column(&copies, "status")?, ["completed"]);
    assert_eq!(column(&copies, "place_target_order")?, [false]);
    assert_eq!(column(&copies, "processed")?, [true]);
    assert_eq!(column(&copies, "payment_state")?, [json!(null)], "it collects nothing");
    let target = copies.text("/data/0/relationships/target_order/data/id")?;
    let draft = shop.api.get(&format!("orders/{target}")).await?;
    assert_eq!(
        (draft.attribute("status"), draft.attribute("payment_status")),
        (&json!("draft"), &json!("unpaid"))
    );
    assert_eq!(draft.text("/data/relationships/order_subscription/data/id")?, id);
    let body = id.trim_start_matches("sub_");
    let phantom =
        shop.api.request(reqwest::Method::GET, &format!("orders/ord_{body}_1")).send().await?;
    assert_eq!(phantom.status, 404, "the run itself is no order");
    let listed = shop.api.all("orders").await?;
    assert_eq!(listed.len(), 2, "the source order and the draft");
    assert_eq!(shop.charges().await?.len(), 1, "nothing is charged but the source order");

    change(&shop, "orders", &target, json!({"_place": true})).await?.with_status(200)?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&target).await?, "placed");
    assert_eq!(shop.charges().await?.len(), 2);
    shop.prove_events().await
}

#[tokio::test]
async fn with_a_model_its_runs_copy_items_and_what_is_wrong_is_refused_with_every_reason()
-> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let source = order(&shop, true).await?;
    let related = [
        ("source_order", "orders", source.as_str()),
        ("subscription_model", "subscription_models", &shop.goods.model),
        ("market", "markets", &shop.goods.market),
    ];
    let asked = json!({"frequency": "weekly", "reference": "B-7", "cut_off_hours": 12});
    let document = documents::create("order_subscriptions", asked, &related);
    let made = shop
        .api
        .post("order_subscriptions", &document)
        .key("once")
        .send()
        .await?
        .with_status(201)?;
    assert_eq!(made.attribute("factory"), "recurring_order_copies");
    assert_eq!(
        (made.attribute("reference"), made.attribute("cut_off_hours")),
        (&json!("B-7"), &json!(12))
    );
    let again = shop
        .api
        .post("order_subscriptions", &document)
        .key("once")
        .send()
        .await?
        .with_status(201)?;
    assert_eq!(again.id()?, made.id()?);

    for (attributes, expected) in [
        (json!({}), vec!["required /data/attributes/frequency"]),
        (
            json!({"frequency": "weekly", "starts_at": "2027-03-01T00:00:00Z"}),
            vec!["invalid_value /data/attributes/starts_at"],
        ),
        (
            json!({"frequency": "weekly", "activate_by_source_order": false}),
            vec!["required /data/attributes/starts_at"],
        ),
        (
            json!({
                "frequency": "weekly", "activate_by_source_order": false, "anchor_day": 3,
                "starts_at": NOW, "expires_at": "2027-01-01T00:00:00Z",
            }),
            vec![
                "invalid_value /data/attributes/anchor_day",
                "out_of_range /data/attributes/starts_at",
                "out_of_range /data/attributes/expires_at",
            ],
        ),
        (
            json!({"frequency": "weekly", "next_run_at": "2027-03-01T00:00:00Z"}),
            vec!["read_only_attribute /data/attributes/next_run_at"],
        ),
    ] {
        let refused =
            shop.api.post("order_subscriptions", &asking(&source, attributes)).send().await?;
        assert_eq!(refused.errors(), expected, "{:#}", refused.body);
    }
    let unknown = asking("ord_none", json!({"frequency": "weekly"}));
    let refused = shop.api.post("order_subscriptions", &unknown).send().await?;
    assert_eq!(refused.errors(), ["related_not_found /data/relationships/source_order/data/id"]);
    let channel = shop.api_as(Role::SalesChannel)?;
    let refused = channel.post("order_subscriptions", &document).send().await?;
    assert_eq!(refused.status, 403);
    assert_eq!(shop.subscriptions().await?.len(), 1);
    shop.prove_events().await
}

#[tokio::test]
async fn what_never_ran_or_has_ended_is_deleted_and_its_history_stays() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let source = order(&shop, true).await?;
    let id = shop
        .api
        .create("order_subscriptions", &asking(&source, json!({"frequency": "monthly"})))
        .await?
        .id()?;
    let path = format!("order_subscriptions/{id}");
    let delete = async || shop.api.request(reqwest::Method::DELETE, &path).send().await;
    let refused = delete().await?;
    assert_eq!(refused.errors(), ["invalid_status"], "{:#}", refused.body);
    assert!(refused.text("/errors/0/detail")?.contains("is active"));
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    change(&shop, "order_subscriptions", &id, json!({"_cancel": true})).await?.with_status(200)?;
    assert_eq!(delete().await?.status, 204);
    assert_eq!(shop.api.request(reqwest::Method::GET, &path).send().await?.status, 404);
    assert_eq!(delete().await?.status, 404);
    let body = id.trim_start_matches("sub_");
    let copy = shop.api.get(&format!("order_copies/ocp_{body}_1")).await?;
    assert_eq!(copy.attribute("status"), "completed", "its runs stay");
    assert_eq!(shop.order_status(&format!("ord_{body}_1")).await?, "placed", "and their orders");
    let journal = shop.journal("S", &id).await?;
    assert_eq!(
        journal.last().map(|entry| entry.event.as_str()),
        Some("order_subscriptions.destroy")
    );
    let left = shop.api.get(&format!("orders/{source}/order_subscriptions")).await?;
    assert_eq!(left.list()?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn what_a_run_under_way_is_stands_fast_while_its_subscription_is_paused_or_blocked()
-> TestResult {
    let gate = Gate::before("order-copy");
    let plan = Plan { functions: gate.functions(), ..Plan::at(NOW)? };
    let shop = plan.open().await?;
    let make = async || {
        let monthly = asking(&order(&shop, true).await?, json!({"frequency": "monthly"}));
        shop.api.create("order_subscriptions", &monthly).await?.id()
    };
    let paused = make().await?;
    gate.set(Mode::Losing);
    shop.advance_to("2027-02-28T10:02:00Z").await?;
    change(&shop, "order_subscriptions", &paused, json!({"_deactivate": true}))
        .await?
        .with_status(200)?;
    let refused = change(&shop, "order_subscriptions", &paused, json!({"_convert": true})).await?;
    assert_eq!(refused.status, 409, "{:#}", refused.body);
    assert!(refused.text("/errors/0/detail")?.contains("has a run under way"));
    gate.set(Mode::Open);
    shop.advance("PT30M").await?;
    change(&shop, "order_subscriptions", &paused, json!({"_convert": true}))
        .await?
        .with_status(200)?;

    // A dead letter holds its run, which may have been charged.
    let blocked = make().await?;
    let away = shop.new_source("tok_unavailable_50").await?;
    shop.pay_by(&blocked.parse()?, &away).await?;
    shop.advance_to("2027-03-31T20:00:00Z").await?;
    let read = shop.api.get(&format!("order_subscriptions/{blocked}")).await?;
    assert!(read.attribute("blocked_by").is_string(), "{:#}", read.body);
    for attributes in [json!({"place_target_order": false}), json!({"_convert": true})] {
        let refused = change(&shop, "order_subscriptions", &blocked, attributes).await?;
        assert_eq!(refused.status, 409, "{:#}", refused.body);
        assert!(refused.text("/errors/0/detail")?.contains("blocked by dead letter"));
    }
    Ok(())
}

#[tokio::test]
async fn an_order_can_be_deleted_when_what_waited_for_it_was() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let source = order(&shop, false).await?;
    let monthly = asking(&source, json!({"frequency": "monthly"}));
    let waiting = shop.api.create("order_subscriptions", &monthly).await?.id()?;
    let delete = async |path: String| {
        let sent = shop.api.request(reqwest::Method::DELETE, &path).send().await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(sent.status)
    };
    assert_eq!(delete(format!("orders/{source}")).await?, 409);
    assert_eq!(delete(format!("order_subscriptions/{waiting}")).await?, 204);
    assert_eq!(delete(format!("orders/{source}")).await?, 204);
    Ok(())
}

#[tokio::test]
async fn eight_subscriptions_are_made_from_an_order_by_hand_without_those_that_are_deleted()
-> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let source = order(&shop, false).await?;
    let asked = asking(&source, json!({"frequency": "monthly"}));
    let mut made = Vec::new();
    for _ in 0..8 {
        made.push(shop.api.create("order_subscriptions", &asked).await?.id()?);
    }
    let full = shop.api.post("order_subscriptions", &asked).send().await?.with_status(422)?;
    assert_eq!(full.errors(), ["out_of_range /data/relationships/source_order"]);
    let path = format!("order_subscriptions/{}", made[3]);
    shop.api.request(reqwest::Method::DELETE, &path).send().await?.with_status(204)?;
    made[3] = shop.api.create("order_subscriptions", &asked).await?.id()?;
    let full = shop.api.post("order_subscriptions", &asked).send().await?;
    assert_eq!(full.status, 422, "eight again");
    change(&shop, "orders", &source, json!({"_place": true})).await?.with_status(200)?;
    shop.settle().await?;
    for id in made {
        let one = shop.api.get(&format!("order_subscriptions/{id}")).await?;
        assert_eq!(one.attribute("status"), "active", "{id}");
    }
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_job_run_names_each_copy_and_order_by_its_own_kind_and_id() -> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let source = order(&shop, true).await?;
    let by_order = asking(&source, json!({"frequency": "monthly"}));
    let by_order = shop.api.create("order_subscriptions", &by_order).await?.id()?;
    let left = asking(&source, json!({"frequency": "monthly", "place_target_order": false}));
    let left = shop.api.create("order_subscriptions", &left).await?.id()?;
    let by_items = shop.subscribe("monthly").await?.to_string();
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    // On a slow machine they are not made within one minute, nor run by one tick.
    let mut runs = Vec::new();
    for job in shop.api.all("job_runs").await? {
        let id = job["id"].as_str().unwrap_or_default();
        let job = shop.api.get(&format!("job_runs/{id}")).await?;
        runs.extend(job.attribute("runs").as_array().cloned().unwrap_or_default());
    }
    assert_eq!(runs.len(), 3, "{runs:?}");
    for run in runs {
        let subscription = run["order_subscription_id"].as_str().unwrap_or_default().to_owned();
        let (kind, other) = if subscription == by_items {
            ("recurring_order_copy", "order_copy")
        } else {
            assert!(subscription == by_order || subscription == left);
            ("order_copy", "recurring_order_copy")
        };
        assert_eq!(run[format!("{other}_id")], Value::Null);
        let kinds = if kind == "order_copy" { "order_copies" } else { "recurring_order_copies" };
        let copy = run[format!("{kind}_id")].as_str().unwrap_or_default().to_owned();
        let copy = shop.api.get(&format!("{kinds}/{copy}")).await?;
        assert_eq!(copy.text("/data/relationships/order_subscription/data/id")?, subscription);
        let target = copy.text("/data/relationships/target_order/data/id")?;
        assert_eq!(run["order_id"], target);
        let expected = if subscription == left { "draft" } else { "placed" };
        assert_eq!(shop.order_status(&target).await?, expected);
    }
    Ok(())
}
