//! Lists of what leads to a resource.

use perennial_tests::{Shop, TestResult, documents, shop::BEANS};
use reqwest::Method;
use serde_json::json;

use super::{OPENING, draft, ids, make};

#[tokio::test]
async fn a_customer_lists_what_is_theirs_and_a_model_where_it_is_used() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let (api, goods) = (&shop.api, &shop.goods);
    let order = shop.order(&[documents::line(BEANS, 1, "monthly")]).await?;
    let made = shop.subscriptions_of(&order).await?;
    let [subscription] = &made[..] else { panic!("{made:?}") };
    let eve = make(api, "customers", json!({"email": "eve@example.com"})).await?;
    let drafted = draft(&shop).await?;
    let customer = format!("customers/{}", goods.customer);
    let model = format!("subscription_models/{}", goods.model);
    for (path, expected) in [
        (format!("{customer}/orders"), vec![order.clone(), drafted.clone()]),
        (format!("{customer}/orders?filter[q][status_eq]=draft"), vec![drafted.clone()]),
        (format!("{customer}/orders?sort=-created_at&page[size]=1"), vec![drafted.clone()]),
        (format!("{customer}/order_subscriptions"), vec![subscription.to_string()]),
        (format!("{customer}/customer_payment_sources"), vec![goods.source.clone()]),
        (format!("{model}/markets"), vec![goods.market.clone()]),
        (format!("{model}/order_subscriptions"), vec![subscription.to_string()]),
        (format!("customers/{eve}/orders"), vec![]),
    ] {
        assert_eq!(ids(&api.get(&path).await?)?, expected, "{path}");
    }
    shop.advance("P1M").await?;
    let all = api.get(&format!("{customer}/orders")).await?;
    assert_eq!(all.at("/meta/record_count"), 3, "the run's order is theirs too");

    let paths = "include=orders.line_items,order_subscriptions";
    let included = api.get(&format!("{customer}?{paths}")).await?;
    let linked = included.at("/data/relationships/orders/data").as_array().map(Vec::len);
    assert_eq!(linked, Some(3));
    let several = api.request(Method::GET, "customers?include=orders").send().await?;
    assert_eq!(several.status, 400);
    assert_eq!(several.errors(), ["invalid_parameter include"]);
    Ok(())
}
