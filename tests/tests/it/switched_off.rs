//! Subscriptions switched off for an organization: nothing new comes about, and what falls due waits
//! and is caught up by its own policy.

use perennial_domain::run::RunStatus;
use perennial_local::identity::{Role, TokenRequest};
use perennial_tests::{
    Answer, Plan, Shop, TestResult,
    documents::{self, line},
    shop::BEANS,
};
use serde_json::{Value, json};

const START: &str = "2027-01-31T10:00:00Z";

async fn switch(shop: &Shop, enabled: Value) -> TestResult<Answer> {
    let id = shop.organization.as_str();
    let change = documents::update("organizations", id, &json!({"subscriptions_enabled": enabled}));
    shop.api.patch(&format!("organizations/{id}"), &change).send().await
}

async fn ask(shop: &Shop, kind: &str, id: &str, attributes: Value) -> TestResult<Answer> {
    let document = documents::update(kind, id, &attributes);
    shop.api.patch(&format!("{kind}/{id}"), &document).send().await
}

#[tokio::test]
async fn what_falls_due_waits_until_it_is_on_again() -> TestResult {
    for (policy, expected) in [("latest", vec![2]), ("each", vec![1, 2]), ("skip", vec![])] {
        let plan = Plan::at(START)?.model(json!({"catch_up": {"policy": policy}}));
        let shop = plan.open().await?;
        let order = shop.order(&[line(BEANS, 1, "daily")]).await?;
        let made = shop.subscriptions_of(&order).await?;
        let [id] = &made[..] else { panic!("{made:?}") };
        switch(&shop, json!(false)).await?.with_status(200)?;
        shop.advance("P2DT1H").await?;
        assert!(shop.runs(id).await?.is_empty(), "{policy}");
        let waiting = shop.api.get(&format!("order_subscriptions/{id}")).await?;
        assert_eq!(waiting.attribute("next_run_at"), "2027-02-01T10:00:00Z", "{policy}");

        switch(&shop, Value::Null).await?.with_status(200)?;
        shop.advance("PT5M").await?;
        let mut runs = shop.runs(id).await?;
        runs.sort_by_key(|run| run.number);
        let numbers: Vec<u32> = runs.iter().map(|run| run.number.get()).collect();
        assert_eq!(numbers, expected, "{policy}");
        assert!(runs.iter().all(|run| run.status == RunStatus::Successful), "{policy}");
        shop.prove_books().await?;
    }
    Ok(())
}

#[tokio::test]
async fn nothing_new_comes_about_while_it_is_off() -> TestResult {
    let shop = Shop::open_at(START).await?;
    let kept = shop.subscribe("monthly").await?;
    let before = shop.api.get("organization").await?;
    assert_eq!(before.attribute("subscriptions_enabled"), &json!(true));
    assert_eq!(before.attribute("updated_at"), &Value::Null);
    let off = switch(&shop, json!(false)).await?.with_status(200)?;
    assert_eq!(off.attribute("subscriptions_enabled"), &json!(false));
    assert!(off.attribute("updated_at").is_string(), "{:#}", off.body);

    // Orders are placed, but become no subscriptions.
    let plain = shop.order_document(json!({
        "line_items": [{"sku_code": BEANS, "quantity": 1}], "_place": true,
    }));
    let plain = shop.api.create("orders", &plain).await?.id()?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&plain).await?, "placed");
    let order = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    assert_eq!(shop.order_status(&order).await?, "draft");
    let refused = shop.api.get(&format!("orders/{order}")).await?;
    assert_eq!(refused.at("/data/attributes/rejections/0/code"), "invalid_status");
    assert_eq!(
        refused.at("/data/attributes/rejections/0/pointer"),
        "/data/attributes/_create_subscriptions"
    );
    assert_eq!(shop.charges().await?.len(), 2, "nothing was collected for it");

    let reason = "organization acme has switched subscriptions off: set subscriptions_enabled of it \
                  to true first";
    let by_hand = documents::create(
        "order_subscriptions",
        json!({"frequency": "monthly"}),
        &[("source_order", "orders", &plain)],
    );
    let job = documents::create("job_runs", json!({}), &[]);
    ask(&shop, "order_subscriptions", kept.as_str(), json!({"_deactivate": true}))
        .await?
        .with_status(200)?;
    for refused in [
        shop.api.post("order_subscriptions", &by_hand).send().await?,
        shop.api.post("job_runs", &job).send().await?,
        ask(&shop, "order_subscriptions", kept.as_str(), json!({"_activate": true})).await?,
    ] {
        assert_eq!(refused.errors(), ["invalid_status"]);
        assert_eq!(refused.at("/errors/0/detail"), reason);
    }
    ask(&shop, "order_subscriptions", kept.as_str(), json!({"_cancel": true}))
        .await?
        .with_status(200)?;

    let again = switch(&shop, json!(true)).await?.with_status(200)?;
    assert_eq!(again.attribute("subscriptions_enabled"), &json!(true));
    shop.subscribe("monthly").await?;
    shop.prove_events().await
}

#[tokio::test]
async fn only_who_works_for_the_whole_organization_switches_it() -> TestResult {
    let shop = Shop::open_at(START).await?;
    let change = json!({"subscriptions_enabled": false});
    let change = documents::update("organizations", "acme", &change);
    let market = TokenRequest::new("acme", Role::Operator)?.in_market(&shop.goods.market)?;
    for (api, status) in [
        (shop.api_as(Role::SalesChannel)?, 403),
        (shop.api_as(Role::Approver)?, 403),
        (shop.api.with_token(Some(shop.stack.sign(&market)?)), 403),
        (shop.api.with_token(Some(shop.stack.token("other", Role::Operator)?)), 404),
        (shop.api_as(Role::Operator)?, 200),
    ] {
        api.patch("organizations/acme", &change).send().await?.with_status(status)?;
    }
    let other = shop.api.with_token(Some(shop.stack.token("other", Role::Operator)?));
    let own = other.get("organization").await?;
    assert_eq!(own.attribute("subscriptions_enabled"), &json!(true), "that of another is on");
    Ok(())
}
