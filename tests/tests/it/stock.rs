//! Stock goes by what is tracked when a run is made, and what is put back by what was taken.

use perennial_domain::{ids::SubscriptionId, run::RunStatus};
use perennial_store::{Part, RecordKind};
use perennial_tests::{
    Shop, TestResult,
    documents::{self, line},
};
use reqwest::Method;
use serde_json::{Value, json};

const START: &str = "2027-01-31T10:00:00Z";

/// A shop that sells these skus, whose stock is tracked where a number is given; with their ids.
async fn selling<const N: usize>(skus: [(&str, Value); N]) -> TestResult<(Shop, [String; N])> {
    let shop = Shop::open_at(START).await?;
    let mut ids = [const { String::new() }; N];
    for ((code, stock), id) in skus.into_iter().zip(&mut ids) {
        let sku = documents::with(documents::sku(code), json!({"stock": stock}));
        *id = shop.api.create("skus", &documents::create("skus", sku, &[])).await?.id()?;
    }
    Ok((shop, ids))
}

async fn set_stock(shop: &Shop, sku: &str, stock: Value) -> TestResult {
    let change = documents::update("skus", sku, &json!({"stock": stock}));
    shop.api.patch(&format!("skus/{sku}"), &change).send().await?.with_status(200)?;
    Ok(())
}

async fn stock(shop: &Shop, sku: &str) -> TestResult<Value> {
    Ok(shop.api.get(&format!("skus/{sku}")).await?.attribute("stock").clone())
}

async fn subscribe(shop: &Shop, lines: &[Value]) -> TestResult<(String, SubscriptionId)> {
    let order = shop.order(lines).await?;
    let made = shop.subscriptions_of(&order).await?;
    let [subscription] = &made[..] else { panic!("{made:?}") };
    Ok((order, subscription.clone()))
}

async fn codes(shop: &Shop, id: &SubscriptionId) -> TestResult<Vec<Option<String>>> {
    let runs = shop.runs(id).await?;
    let code = |errors: &[perennial_domain::run::RunError]| Some(errors.first()?.code.clone());
    Ok(runs.iter().map(|run| code(&run.errors_log)).collect())
}

#[tokio::test]
async fn a_sku_that_is_tracked_later_is_taken_from_by_subscriptions_made_before() -> TestResult {
    let (shop, [late]) = selling([("LATE", Value::Null)]).await?;
    let (_, id) = subscribe(&shop, &[line("LATE", 2, "monthly")]).await?;
    set_stock(&shop, &late, json!(3)).await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    assert_eq!(stock(&shop, &late).await?, 1, "the run took two");
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    assert_eq!(codes(&shop, &id).await?, [None, Some("out_of_stock".to_owned())]);
    assert_eq!(stock(&shop, &late).await?, 1);
    // Not tracked any more, it is never out of stock.
    set_stock(&shop, &late, Value::Null).await?;
    shop.advance_to("2027-05-01T00:00:00Z").await?;
    let statuses: Vec<RunStatus> = shop.runs(&id).await?.iter().map(|run| run.status).collect();
    assert_eq!(statuses, [RunStatus::Successful, RunStatus::Failed, RunStatus::Successful]);
    shop.prove_events().await
}

#[tokio::test]
async fn what_is_put_back_is_what_was_taken_whatever_is_tracked_by_then() -> TestResult {
    let (shop, [tea, mug]) = selling([("TEA", json!(10)), ("MUG", Value::Null)]).await?;
    let lines = [line("TEA", 2, "monthly"), line("MUG", 3, "monthly")];
    let (order, id) = subscribe(&shop, &lines).await?;
    assert_eq!(stock(&shop, &tea).await?, 8);
    set_stock(&shop, &mug, json!(7)).await?;
    let cancel = documents::update("orders", &order, &json!({"_cancel": true}));
    shop.api.patch(&format!("orders/{order}"), &cancel).send().await?.with_status(200)?;
    assert_eq!(stock(&shop, &tea).await?, 10);
    assert_eq!(stock(&shop, &mug).await?, 7, "the order had taken none");

    // A run that waits for its payment holds what was tracked when it was made.
    set_stock(&shop, &mug, Value::Null).await?;
    shop.pay_by(&id, &shop.new_source("tok_declines_99").await?).await?;
    shop.advance_to("2027-02-28T12:00:00Z").await?;
    assert_eq!(stock(&shop, &tea).await?, 8);
    set_stock(&shop, &mug, json!(7)).await?;
    set_stock(&shop, &tea, json!(4)).await?;
    let path = format!("order_subscriptions/{id}");
    let cancel = documents::update("order_subscriptions", id.as_str(), &json!({"_cancel": true}));
    shop.api.patch(&path, &cancel).send().await?.with_status(200)?;
    shop.advance("P3D").await?;
    let statuses: Vec<RunStatus> = shop.runs(&id).await?.iter().map(|run| run.status).collect();
    assert_eq!(statuses, [RunStatus::Aborted]);
    assert_eq!((stock(&shop, &tea).await?, stock(&shop, &mug).await?), (json!(6), json!(7)));
    Ok(())
}

#[tokio::test]
async fn a_sku_stays_for_as_long_as_a_subscription_orders_it() -> TestResult {
    let (shop, [sku, part]) = selling([("TEA", Value::Null), ("CUP", Value::Null)]).await?;
    let bundle = json!({
        "code": "SET", "name": "Set", "currency_code": "EUR", "price_amount_cents": 900,
        "components": [{"sku_code": "CUP", "quantity": 2}],
    });
    let bundle = shop.api.create("bundles", &documents::create("bundles", bundle, &[])).await?;
    let within = json!({"bundle_code": "SET", "quantity": 1, "frequency": "monthly"});
    let (_, id) = subscribe(&shop, &[line("TEA", 1, "monthly"), within]).await?;
    shop.lose_bundle(&bundle.id()?).await?;
    for sku in [&sku, &part] {
        let path = format!("skus/{sku}");
        let refused = shop.api.request(Method::DELETE, &path).send().await?.with_status(409)?;
        assert_eq!(refused.errors(), ["in_use"]);
        let needed = json!([{"type": "order_subscriptions", "id": id}]);
        assert_eq!(refused.at("/errors/0/meta/needed_by"), &needed);
    }
    let cancel = documents::update("order_subscriptions", id.as_str(), &json!({"_cancel": true}));
    let path = format!("order_subscriptions/{id}");
    shop.api.patch(&path, &cancel).send().await?.with_status(200)?;
    shop.api.request(Method::DELETE, &format!("skus/{sku}")).send().await?.with_status(204)?;
    Ok(())
}

#[tokio::test]
async fn the_run_of_a_sku_that_is_gone_says_so_whether_its_stock_was_tracked_or_not() -> TestResult
{
    for tracked in [json!(5), Value::Null] {
        let (shop, [sku]) = selling([("TEA", tracked.clone())]).await?;
        let (_, id) = subscribe(&shop, &[line("TEA", 1, "monthly")]).await?;
        // As it may be where the deletion and the order met.
        let kind = RecordKind { letter: "K", part: Part::Sku };
        let seen = shop.api.get(&format!("skus/{sku}")).await?;
        let seen = seen.header("etag")?.trim_matches('"').parse()?;
        shop.store.delete_record(&shop.organization, kind, &sku, seen).await?;
        shop.advance_to("2027-03-01T00:00:00Z").await?;
        assert_eq!(codes(&shop, &id).await?, [Some("sku_missing".to_owned())], "{tracked}");
        let runs = shop.runs(&id).await?;
        assert_eq!(shop.charges_of(&runs[0]).await?, 0);
    }
    Ok(())
}
