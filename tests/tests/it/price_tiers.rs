//! Volume tiers: what each unit costs goes by how many are ordered together.

use perennial_domain::ids::SubscriptionId;
use perennial_tests::{Answer, Plan, Shop, TestResult, documents, shop::BEANS};
use reqwest::Method;
use serde_json::{Value, json};

const START: &str = "2027-01-31T10:00:00Z";

/// A shop whose list has beans for 12.00, with tiers: up to 9 for 11.00, up to 99 for 10.00.
async fn open(plan: Plan) -> TestResult<(Shop, String, [String; 2])> {
    let shop = plan.open().await?;
    let list = json!({"name": "Retail", "currency_code": "EUR"});
    let list = shop.api.create("price_lists", &documents::create("price_lists", list, &[])).await?;
    let price = json!({"sku_code": BEANS, "amount_cents": 1_200});
    let list = [("price_list", "price_lists", list.id()?)];
    let of_list = list.iter().map(|(name, kind, id)| (*name, *kind, id.as_str()));
    let of_list: Vec<_> = of_list.collect();
    let price = documents::create("prices", price, &of_list);
    let price = shop.api.create("prices", &price).await?.id()?;
    let market = format!("markets/{}", shop.goods.market);
    let mut sells_by = documents::update("markets", &shop.goods.market, &json!({}));
    sells_by["data"]["relationships"] =
        json!({"price_list": {"data": {"type": "price_lists", "id": list[0].2}}});
    shop.api.patch(&market, &sells_by).send().await?.with_status(200)?;
    let many = tier(&shop, &price, json!(99), 1_000).await?.with_status(201)?.id()?;
    let few = tier(&shop, &price, json!(9), 1_100).await?.with_status(201)?.id()?;
    Ok((shop, price, [few, many]))
}

async fn tier(shop: &Shop, price: &str, up_to: Value, amount: i64) -> TestResult<Answer> {
    let given = json!({"name": "Tier", "up_to": up_to, "price_amount_cents": amount});
    let document = documents::create("price_volume_tiers", given, &[("price", "prices", price)]);
    shop.api.post("price_volume_tiers", &document).send().await
}

async fn change(shop: &Shop, kind: &str, id: &str, attributes: Value) -> TestResult<Answer> {
    let document = documents::update(kind, id, &attributes);
    shop.api.patch(&format!("{kind}/{id}"), &document).send().await
}

#[tokio::test]
async fn lines_cost_what_the_tier_says_that_their_quantity_falls_in() -> TestResult {
    let (shop, _, _) = open(Plan::at(START)?).await?;
    for (quantity, each) in [(1, 1_100), (9, 1_100), (10, 1_000), (99, 1_000), (100, 1_200)] {
        let lines = json!([{"sku_code": BEANS, "quantity": quantity}]);
        let order = shop.order_document(json!({"line_items": lines}));
        let order = shop.api.create("orders", &order).await?;
        let expected = each * quantity;
        assert_eq!(order.attribute("total_amount_cents"), expected, "{quantity}");
        assert_eq!(order.attribute("total_amount_float"), f64::from(expected) / 100.0);
    }
    // A draft's line follows its quantity, unless its price was given.
    let lines = json!([
        {"sku_code": BEANS, "quantity": 1},
        {"sku_code": BEANS, "quantity": 1, "unit_amount_cents": 500},
    ]);
    let order = shop.order_document(json!({"line_items": lines}));
    let order = shop.api.create("orders", &order).await?;
    for (place, each) in [(0, 1_000), (1, 500)] {
        let line = order.text(&format!("/data/relationships/line_items/data/{place}/id"))?;
        let more = change(&shop, "line_items", &line, json!({"quantity": 20})).await?;
        assert_eq!(more.with_status(200)?.attribute("unit_amount_cents"), each);
    }
    Ok(())
}

async fn costs(shop: &Shop, id: &SubscriptionId) -> TestResult<Vec<i64>> {
    let mut runs = shop.runs(id).await?;
    runs.sort_by_key(|run| run.number);
    Ok(runs.iter().map(|run| run.total.get()).collect())
}

#[tokio::test]
async fn subscriptions_pay_by_the_tier_of_the_quantity_that_they_order() -> TestResult {
    for (policy, expected) in [
        // Ten at 10.00 from the change of quantity on; the list's change is not for what is pinned.
        ("pinned", [1_100, 10_000, 10_000]),
        ("follow_list", [1_100, 10_000, 9_000]),
    ] {
        let plan = Plan::at(START)?.model(json!({"price_policy": policy}));
        let (shop, _, [_, many]) = open(plan).await?;
        let id = shop.subscribe("monthly").await?;
        shop.advance_to("2027-03-01T00:00:00Z").await?;
        let item = shop.subscription(&id).await?.items[0].id.to_string();
        let more = change(&shop, "order_subscription_items", &item, json!({"quantity": 10}));
        let more = more.await?.with_status(200)?;
        assert_eq!(more.attribute("unit_amount_cents"), 1_000, "{policy}");
        shop.advance_to("2027-04-01T00:00:00Z").await?;
        let cheaper = json!({"price_amount_cents": 900});
        change(&shop, "price_volume_tiers", &many, cheaper).await?.with_status(200)?;
        shop.advance_to("2027-05-01T00:00:00Z").await?;
        assert_eq!(costs(&shop, &id).await?, expected, "{policy}");
        shop.prove_events().await?;
    }
    Ok(())
}

#[tokio::test]
async fn tiers_are_made_listed_changed_and_taken_off() -> TestResult {
    let (shop, price, [few, many]) = open(Plan::at(START)?).await?;
    let listed =
        shop.api.get(&format!("price_volume_tiers?filter[q][price_id_eq]={price}")).await?;
    let ids: Vec<Value> = listed.list()?.iter().map(|tier| tier["id"].clone()).collect();
    assert_eq!(ids, [json!(few), json!(many)], "from the fewest units on");
    let with = shop.api.get(&format!("prices/{price}?include=price_volume_tiers")).await?;
    assert_eq!(with.at("/included").as_array().map(Vec::len), Some(2));
    let one = shop.api.get(&format!("price_volume_tiers/{few}")).await?;
    assert_eq!(one.attribute("up_to"), 9);
    assert_eq!(one.attribute("price_amount_float"), 11.0);
    assert_eq!(one.attribute("formatted_price_amount"), "11.00 EUR");
    assert_eq!(one.text("/data/relationships/price/data/id")?, price);

    let taken = tier(&shop, &price, json!(9), 1).await?.with_status(422)?;
    assert_eq!(taken.errors(), ["taken /data/attributes/up_to"]);
    let moved = change(&shop, "price_volume_tiers", &few, json!({"up_to": 99})).await?;
    assert_eq!(moved.errors(), ["taken /data/attributes/up_to"]);
    let endless = change(&shop, "price_volume_tiers", &many, json!({"up_to": null})).await?;
    assert_eq!(endless.with_status(200)?.attribute("up_to"), &Value::Null);
    let nowhere = tier(&shop, "prc_none", json!(5), 1).await?.with_status(404)?;
    assert_eq!(nowhere.errors(), ["related_not_found /data/relationships/price/data/id"]);

    // A price that is changed keeps its tiers.
    change(&shop, "prices", &price, json!({"amount_cents": 1_300})).await?.with_status(200)?;
    let path = format!("price_volume_tiers/{few}");
    shop.api.request(Method::DELETE, &path).send().await?.with_status(204)?;
    assert_eq!(shop.api.request(Method::GET, &path).send().await?.status, 404);
    let left = shop.api.get(&format!("prices/{price}/price_volume_tiers")).await?;
    assert_eq!(left.list()?.len(), 1);
    for up_to in 10..29 {
        tier(&shop, &price, json!(up_to), 500).await?.with_status(201)?;
    }
    let full = tier(&shop, &price, json!(50), 500).await?.with_status(422)?;
    assert_eq!(full.errors(), ["out_of_range /data/relationships/price"]);
    Ok(())
}
