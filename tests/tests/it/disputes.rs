//! Disputes: what the provider tells of them is written down once, whatever order it comes in, and
//! puts subscriptions on hold by policy until somebody lifts that.

use perennial_domain::{ids::SubscriptionId, lifecycle::SubscriptionStatus};
use perennial_tests::{
    Answer, Plan, Shop, TestResult,
    documents::{self, line},
    shop::BEANS,
};
use serde_json::{Value, json};

const OPENED: &str = "2027-01-31T10:00:00Z";

/// Tells of a dispute, as the provider's bank does.
async fn tell(shop: &Shop, order: &str, status: &str, amount: i64) -> TestResult {
    let dispute = json!({
        "organization": shop.organization,
        "order_id": order,
        "status": status,
        "amount_cents": amount,
        "reason": "fraudulent",
    });
    shop.api.dispute(&dispute).await?.with_status(202)?;
    shop.settle().await
}

async fn status_of(shop: &Shop, order: &str) -> TestResult<Value> {
    Ok(shop.api.get(&format!("orders/{order}")).await?.attribute("payment_status").clone())
}

async fn activate(shop: &Shop, subscription: &SubscriptionId) -> TestResult<Answer> {
    let document = documents::update(
        "order_subscriptions",
        subscription.as_str(),
        &json!({"_activate": true}),
    );
    let path = format!("order_subscriptions/{subscription}");
    shop.api.patch(&path, &document).send().await?.with_status(200)
}

#[tokio::test]
async fn a_disputed_order_holds_its_subscription_until_somebody_activates_it() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let order = shop.order(&[line(BEANS, 2, "monthly")]).await?;
    let made = shop.subscriptions_of(&order).await?;
    let [subscription] = &made[..] else { panic!("{made:?}") };
    tell(&shop, &order, "open", 2500).await?;
    assert_eq!(status_of(&shop, &order).await?, "disputed");
    let shown = shop.api.get(&format!("orders/{order}?include=disputes")).await?;
    assert_eq!(shown.attribute("refund_balance_cents"), 0, "the bank has it");
    assert_eq!(shown.at("/included/0/attributes/status"), "open");
    assert_eq!(shown.at("/included/0/attributes/reason"), "fraudulent");
    let id = shown.text("/included/0/id")?;
    let held = shop.api.get(&format!("order_subscriptions/{subscription}")).await?;
    assert_eq!(held.attribute("status"), "inactive");
    assert_eq!(held.attribute("held_by"), &json!(id));
    assert_eq!(held.attribute("next_run_at"), &Value::Null);
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    assert!(shop.runs(subscription).await?.is_empty(), "nothing runs while it is held");

    let refund = documents::create("refunds", json!({}), &[("order", "orders", &order)]);
    shop.api.post("refunds", &refund).send().await?.with_status(409)?;

    let lifted = activate(&shop, subscription).await?;
    assert_eq!(lifted.attribute("held_by"), &Value::Null);
    tell(&shop, &order, "open", 2500).await?;
    let still = shop.subscription(subscription).await?;
    assert_eq!(still.status, SubscriptionStatus::Active, "told again, it holds nothing again");

    tell(&shop, &order, "won", 2500).await?;
    assert_eq!(status_of(&shop, &order).await?, "paid");
    let events = shop.api.get(&format!("events?filter[q][resource_id_eq]={id}")).await?;
    let names: Vec<_> = events.list()?.iter().map(|event| &event["attributes"]["name"]).collect();
    assert_eq!(names, ["disputes.open", "disputes.win"]);
    shop.advance_to("2027-05-01T00:00:00Z").await?;
    assert_eq!(shop.runs(subscription).await?.len(), 1);
    shop.prove_events().await
}

#[tokio::test]
async fn a_lost_dispute_of_a_run_takes_the_money_and_holds_its_subscription() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let subscription = shop.subscribe("monthly").await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let runs = shop.runs(&subscription).await?;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    let order = run.order_id().to_string();
    // The end comes first, then twice what came before it.
    tell(&shop, &order, "lost", 1250).await?;
    tell(&shop, &order, "open", 1250).await?;
    tell(&shop, &order, "lost", 1250).await?;
    assert_eq!(status_of(&shop, &order).await?, "charged_back");
    assert_eq!(shop.api.get("disputes").await?.list()?.len(), 1);
    let held = shop.subscription(&subscription).await?;
    assert_eq!(held.status, SubscriptionStatus::Inactive);
    assert!(held.held_by.is_some());
    let refund = documents::create("refunds", json!({}), &[("order", "orders", &order)]);
    let refused = shop.api.post("refunds", &refund).send().await?.with_status(409)?;
    assert!(refused.text("/errors/0/detail")?.contains("charged back"), "{:#}", refused.body);
    shop.prove_events().await
}

#[tokio::test]
async fn a_model_may_let_disputed_subscriptions_go_on() -> TestResult {
    let plan = Plan::at(OPENED)?.model(json!({"on_dispute": "keep"}));
    let shop = plan.open().await?;
    let order = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    tell(&shop, &order, "open", 1250).await?;
    assert_eq!(status_of(&shop, &order).await?, "disputed");
    let made = shop.subscriptions_of(&order).await?;
    let [subscription] = &made[..] else { panic!("{made:?}") };
    assert_eq!(shop.subscription(subscription).await?.status, SubscriptionStatus::Active);
    shop.prove_events().await
}
