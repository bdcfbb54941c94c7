//! Subscriptions that a placed order becomes by its market's model: how many, what they copy, what is
//! refused, and what becomes of them when the order is cancelled.

use perennial_domain::lifecycle::SubscriptionStatus;
use perennial_tests::{Answer, Plan, Shop, TestResult, documents, documents::line, shop::BEANS};
use serde_json::{Value, json};

const NOW: &str = "2027-01-31T10:00:00Z";

async fn change(shop: &Shop, kind: &str, id: &str, attributes: Value) -> TestResult<Answer> {
    let document = documents::update(kind, id, &attributes);
    shop.api.patch(&format!("{kind}/{id}"), &document).send().await
}

/// An order of these lines that is placed and makes no subscriptions yet.
async fn placed(shop: &Shop, lines: &[Value]) -> TestResult<String> {
    let document = shop.order_document(json!({"line_items": lines, "_place": true}));
    let order = shop.api.create("orders", &document).await?.id()?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    Ok(order)
}

/// Frequency, items and units of each subscription of an order.
async fn made(shop: &Shop, order: &str) -> TestResult<Vec<(String, Vec<(String, u32)>)>> {
    let mut made = Vec::new();
    for id in shop.subscriptions_of(order).await? {
        let one = shop.subscription(&id).await?;
        let items = one.items.iter().map(|item| (item.item.code().to_owned(), item.quantity));
        made.push((one.frequency.to_string(), items.collect()));
    }
    made.sort();
    Ok(made)
}

#[tokio::test]
async fn a_placed_order_becomes_one_subscription_for_each_frequency_or_each_line() -> TestResult {
    let item = |quantity| (BEANS.to_owned(), quantity);
    for (strategy, expected) in [
        (
            "by_frequency",
            vec![
                ("monthly".to_owned(), vec![item(1), item(2)]),
                ("weekly".to_owned(), vec![item(3)]),
            ],
        ),
        (
            "by_line_items",
            vec![
                ("monthly".to_owned(), vec![item(1)]),
                ("monthly".to_owned(), vec![item(2)]),
                ("weekly".to_owned(), vec![item(3)]),
            ],
        ),
    ] {
        let shop = Plan::at(NOW)?.model(json!({"strategy": strategy})).open().await?;
        let once = json!({"sku_code": BEANS, "quantity": 9});
        let lines =
            [line(BEANS, 1, "monthly"), line(BEANS, 2, "monthly"), line(BEANS, 3, "weekly"), once];
        let order = placed(&shop, &lines).await?;
        let before = shop.api.get(&format!("orders/{order}")).await?;
        assert_eq!(before.attribute("subscription_created_at"), &Value::Null);
        let ask = json!({"_create_subscriptions": true});
        let answer = change(&shop, "orders", &order, ask.clone()).await?.with_status(200)?;
        assert!(answer.attribute("subscription_created_at").is_string(), "{:#}", answer.body);
        assert_eq!(made(&shop, &order).await?, expected, "{strategy}");
        let again = change(&shop, "orders", &order, ask).await?.with_status(200)?;
        assert_eq!(
            again.attribute("subscription_created_at"),
            answer.attribute("subscription_created_at")
        );
        assert_eq!(made(&shop, &order).await?.len(), expected.len(), "{strategy}: once");
        for one in shop.subscriptions().await? {
            assert_eq!(one.status, SubscriptionStatus::Active);
            assert_eq!(one.customer_id.map(|id| id.to_string()), Some(shop.goods.customer.clone()));
            assert_eq!(
                one.payment_source_id.map(|id| id.to_string()),
                Some(shop.goods.source.clone())
            );
        }
        shop.prove_events().await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_source_order_is_the_first_run_and_what_fell_due_before_they_were_made_is_told()
-> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let order = placed(&shop, &[line(BEANS, 1, "weekly")]).await?;
    // Placed on Sunday 31 January; the next ones are 7, 14 and 21 February.
    shop.advance_to("2027-02-15T00:00:00Z").await?;
    change(&shop, "orders", &order, json!({"_create_subscriptions": true}))
        .await?
        .with_status(200)?;
    shop.advance_to("2027-02-22T00:00:00Z").await?;
    let ids = shop.subscriptions_of(&order).await?;
    let [id] = &ids[..] else { panic!("{ids:?}") };
    assert_eq!(shop.prove_occurrences(id).await?, (vec![3], vec![1, 2]));
    let first = shop.journal("S", id.as_str()).await?;
    let told = first.first().and_then(|entry| entry.after.get("skipped").cloned());
    assert_eq!(told, Some(json!({"first": 1, "last": 2, "reason": "before it was made"})));
    assert_eq!(shop.charges().await?.len(), 2, "the order and one run: nothing is made up for");
    shop.prove_events().await
}

#[tokio::test]
async fn a_frequency_that_model_or_product_does_not_offer_is_refused_naming_every_line()
-> TestResult {
    let shop = Plan::at(NOW)?.open().await?;
    let lines = [line(BEANS, 1, "weekly"), line(BEANS, 1, "monthly"), line(BEANS, 2, "yearly")];
    let order = placed(&shop, &lines).await?;
    let model = shop.goods.model.clone();
    change(&shop, "subscription_models", &model, json!({"frequencies": ["monthly", "daily"]}))
        .await?
        .with_status(200)?;
    let refused = change(&shop, "orders", &order, json!({"_create_subscriptions": true})).await?;
    let at = |line: usize| {
        format!(
            "frequency_not_allowed /data/relationships/line_items/data/{line}/attributes/frequency"
        )
    };
    assert_eq!(refused.errors(), [at(0), at(2)], "{:#}", refused.body);
    let line = shop.api.get(&format!("orders/{order}/line_items")).await?.text("/data/2/id")?;
    assert!(refused.text("/errors/1/detail")?.contains(&line), "{:#}", refused.body);
    assert!(shop.subscriptions().await?.is_empty());
    change(&shop, "subscription_models", &model, json!({"frequencies": []}))
        .await?
        .with_status(200)?;
    change(&shop, "orders", &order, json!({"_create_subscriptions": true}))
        .await?
        .with_status(200)?;
    assert_eq!(shop.subscriptions().await?.len(), 3);
    shop.prove_events().await
}

#[tokio::test]
async fn nothing_else_is_changed_with_the_subscriptions_of_a_placed_order() -> TestResult {
    let shop = Plan::at(NOW)?.open().await?;
    let order = placed(&shop, &[line(BEANS, 1, "monthly")]).await?;
    let both = json!({"_create_subscriptions": true, "metadata": {"gate": 4}});
    let refused = change(&shop, "orders", &order, both).await?.with_status(409)?;
    assert_eq!(refused.errors(), ["invalid_status /data/attributes/_create_subscriptions"]);
    assert!(shop.subscriptions().await?.is_empty());
    change(&shop, "orders", &order, json!({"metadata": {"gate": 4}})).await?.with_status(200)?;
    let made = change(&shop, "orders", &order, json!({"_create_subscriptions": true})).await?;
    assert_eq!(made.with_status(200)?.attribute("metadata"), &json!({"gate": 4}));
    assert_eq!(shop.subscriptions().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn without_auto_activate_they_rest_until_somebody_activates_them() -> TestResult {
    let shop = Plan::at(NOW)?.model(json!({"auto_activate": false})).open().await?;
    let order = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    let ids = shop.subscriptions_of(&order).await?;
    let [id] = &ids[..] else { panic!("{ids:?}") };
    assert_eq!(shop.subscription(id).await?.status, SubscriptionStatus::Inactive);
    shop.advance_to("2027-03-05T00:00:00Z").await?;
    assert!(shop.runs(id).await?.is_empty());
    change(&shop, "order_subscriptions", id.as_str(), json!({"_activate": true}))
        .await?
        .with_status(200)?;
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    assert_eq!(shop.prove_occurrences(id).await?, (vec![2], vec![1]));
    shop.prove_events().await
}

#[tokio::test]
async fn cancelling_the_source_order_cancels_what_goes_with_it_each_with_its_entry() -> TestResult {
    for (auto_cancel, status) in
        [(true, SubscriptionStatus::Cancelled), (false, SubscriptionStatus::Active)]
    {
        let shop = Plan::at(NOW)?.model(json!({"auto_cancel": auto_cancel})).open().await?;
        let scarce = documents::with(documents::sku("SCARCE"), json!({"stock": 5}));
        shop.api.create("skus", &documents::create("skus", scarce, &[])).await?;
        let order = shop.order(&[line("SCARCE", 2, "monthly"), line(BEANS, 1, "weekly")]).await?;
        let manual = documents::create(
            "order_subscriptions",
            json!({"frequency": "monthly"}),
            &[("source_order", "orders", &order)],
        );
        let refused = shop.api.post("order_subscriptions", &manual).send().await?;
        assert_eq!(
            refused.errors(),
            ["invalid_value /data/relationships/source_order"],
            "each line repeats by itself"
        );
        let cancelled =
            change(&shop, "orders", &order, json!({"_cancel": true})).await?.with_status(200)?;
        assert_eq!(cancelled.attribute("status"), "cancelled");
        let ids = shop.subscriptions_of(&order).await?;
        assert_eq!(ids.len(), 2);
        for id in &ids {
            assert_eq!(shop.subscription(id).await?.status, status, "{auto_cancel}");
            let journal = shop.journal("S", id.as_str()).await?;
            let last = journal
                .last()
                .map(|entry| (entry.event.as_str(), entry.after.get("reason").cloned()));
            let told =
                ("order_subscriptions.cancel", Some(json!("its source order was cancelled")));
            assert_eq!(last == Some(told), auto_cancel);
        }
        shop.advance_to("2027-03-01T00:00:00Z").await?;
        let runs = shop.runs(&ids[0]).await?.len() + shop.runs(&ids[1]).await?.len();
        assert_eq!(runs == 0, auto_cancel, "what is cancelled runs no more");
        let again = change(&shop, "orders", &order, json!({"_cancel": true})).await?;
        assert_eq!(again.errors(), ["invalid_status /data/attributes/_cancel"]);
        shop.prove_events().await?;
    }
    Ok(())
}
