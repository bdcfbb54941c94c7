//! What something still needs is not deleted, and the refusal names what needs it.

use perennial_tests::{Api, Shop, TestResult, documents};
use serde_json::json;

use super::{OPENING, berlin, change, delete, draft, make, point, to};

async fn refused(api: &Api, kind: &str, id: &str, by: (&str, &str)) -> TestResult {
    let answer = delete(api, kind, id).await?.with_status(409)?;
    assert_eq!(answer.at("/errors/0/code"), "in_use", "{kind}");
    let named = answer.at("/errors/0/meta/needed_by").as_array().cloned().unwrap_or_default();
    assert!(named.contains(&to(by.0, by.1)), "{kind}: {:#}", answer.body);
    let detail = answer.text("/errors/0/detail")?;
    assert!(detail.contains(id) && detail.contains(by.1), "{detail}");
    api.get(&format!("{kind}/{id}")).await?;
    Ok(())
}

#[tokio::test]
async fn a_refusal_names_what_needs_the_resource() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let (api, goods) = (&shop.api, &shop.goods);
    refused(api, "subscription_models", &goods.model, ("markets", &goods.market)).await?;
    let sources = ("customer_payment_sources", goods.source.as_str());
    refused(api, "customers", &goods.customer, sources).await?;

    let order = draft(&shop).await?;
    refused(api, "markets", &goods.market, ("orders", &order)).await?;
    let source = "customer_payment_sources";
    refused(api, source, &goods.source, ("orders", &order)).await?;
    let address = make(api, "addresses", berlin(json!({}))).await?;
    let tag = make(api, "tags", json!({"name": "gift"})).await?;
    let related =
        [("billing_address", to("addresses", &address)), ("tags", json!([to("tags", &tag)]))];
    point(api, "orders", &order, &related).await?.with_status(200)?;
    refused(api, "addresses", &address, ("orders", &order)).await?;
    refused(api, "tags", &tag, ("orders", &order)).await?;
    delete(api, "orders", &order).await?.with_status(204)?;
    for (kind, id) in [("addresses", &address), ("tags", &tag), (source, &goods.source)] {
        delete(api, kind, id).await?.with_status(204)?;
    }
    for (kind, id) in [
        ("customers", &goods.customer),
        ("markets", &goods.market),
        ("subscription_models", &goods.model),
    ] {
        delete(api, kind, id).await?.with_status(204)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_payment_source_is_needed_until_its_subscriptions_are_cancelled() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let api = &shop.api;
    let subscription = shop.subscribe("monthly").await?;
    let needed = ("order_subscriptions", subscription.as_str());
    refused(api, "customer_payment_sources", &shop.goods.source, needed).await?;
    change(api, "order_subscriptions", subscription.as_str(), json!({"_cancel": true}))
        .await?
        .with_status(200)?;
    delete(api, "customer_payment_sources", &shop.goods.source).await?.with_status(204)?;
    // The order that was placed by it is history, and keeps standing.
    let orders = shop.api.all("orders?include=customer_payment_source").await?;
    assert_eq!(orders.len(), 1);
    refused(api, "customers", &shop.goods.customer, needed).await
}

#[tokio::test]
async fn a_market_that_nothing_leads_to_is_deleted_with_its_token_closed() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let us = documents::create("markets", json!({"name": "US", "currency_code": "USD"}), &[]);
    let us = shop.api.create("markets", &us).await?.id()?;
    draft(&shop).await?;
    delete(&shop.api, "markets", &us).await?.with_status(204)?;
    let order = documents::create("orders", json!({}), &[("market", "markets", &us)]);
    let refused = shop.api.post("orders", &order).send().await?;
    assert_eq!(refused.errors(), ["related_not_found /data/relationships/market/data/id"]);
    Ok(())
}

#[tokio::test]
async fn a_sku_is_needed_by_what_is_sold_with_it() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let api = &shop.api;
    let sku = api.get("skus?filter[q][code_eq]=BEANS").await?.text("/data/0/id")?;
    let bundle = json!({
        "code": "TWO",
        "name": "Two bags",
        "currency_code": "EUR",
        "components": [{"sku_code": "BEANS", "quantity": 2}],
    });
    let bundle = make(api, "bundles", bundle).await?;
    refused(api, "skus", &sku, ("bundles", &bundle)).await?;
    delete(api, "bundles", &bundle).await?.with_status(204)?;
    let list = json!({"name": "Europe", "currency_code": "EUR"});
    let list = make(api, "price_lists", list).await?;
    let related = [("price_list", "price_lists", list.as_str())];
    let price = json!({"sku_code": "BEANS", "amount_cents": 1100});
    let price = api.create("prices", &documents::create("prices", price, &related)).await?.id()?;
    refused(api, "skus", &sku, ("prices", &price)).await?;
    refused(api, "price_lists", &list, ("prices", &price)).await?;
    for (kind, id) in [("prices", &price), ("price_lists", &list), ("skus", &sku)] {
        delete(api, kind, id).await?.with_status(204)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_sku_is_deleted_while_orders_keep_what_they_copied() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let order = draft(&shop).await?;
    let sku = shop.api.get("skus?filter[q][code_eq]=BEANS").await?.text("/data/0/id")?;
    delete(&shop.api, "skus", &sku).await?.with_status(204)?;
    let kept = shop.api.get(&format!("orders/{order}?include=line_items")).await?;
    assert_eq!(kept.at("/included/0/attributes/sku_code"), "BEANS");
    assert_eq!(kept.at("/included/0/attributes/unit_amount_cents"), 1250);
    Ok(())
}
