//! Bundles: skus sold together, at one price, from the stock of each.

use perennial_domain::{ids::SubscriptionId, run::RunStatus};
use perennial_tests::{Plan, Shop, TestResult, documents};
use reqwest::Method;
use serde_json::{Value, json};

const START: &str = "2027-01-31T10:00:00Z";

/// A shop with beans (12.50, 20 in stock), filters (3.00, 9 in stock) and mugs (8.00, not tracked),
/// and a bundle of two bags of beans, one pack of filters and a mug.
async fn open(plan: Plan, bundle: Value) -> TestResult<Shop> {
    let shop = plan.open().await?;
    for (code, amount, stock) in
        [("HOUSE", 1250, json!(20)), ("FILTERS", 300, json!(9)), ("MUG", 800, Value::Null)]
    {
        let attributes = json!({"unit_amount_cents": amount, "stock": stock});
        let sku = documents::with(documents::sku(code), attributes);
        shop.api.create("skus", &documents::create("skus", sku, &[])).await?;
    }
    let bundle = documents::with(
        json!({
            "code": "BREAKFAST",
            "name": "Breakfast",
            "currency_code": "EUR",
            "components": [
                {"sku_code": "HOUSE", "quantity": 2},
                {"sku_code": "FILTERS"},
                {"sku_code": "MUG", "quantity": 1},
            ],
        }),
        bundle,
    );
    shop.api.create("bundles", &documents::create("bundles", bundle, &[])).await?;
    Ok(shop)
}

/// What is in stock of beans and filters.
async fn stock(shop: &Shop) -> TestResult<Vec<i64>> {
    let mut left = Vec::new();
    for code in ["HOUSE", "FILTERS"] {
        let sku = shop.api.get(&format!("skus?filter[q][code_eq]={code}")).await?;
        left.extend(sku.at("/data/0/attributes/stock").as_i64());
    }
    Ok(left)
}

async fn subscribe(shop: &Shop, quantity: u32) -> TestResult<SubscriptionId> {
    let line = json!({"bundle_code": "BREAKFAST", "quantity": quantity, "frequency": "monthly"});
    let order = shop.order(&[line]).await?;
    let made = shop.subscriptions_of(&order).await?.pop();
    let order = shop.api.get(&format!("orders/{order}")).await?;
    made.ok_or_else(|| format!("no subscription: {:#}", order.body).into())
}

#[tokio::test]
async fn a_bundle_has_its_own_price_and_takes_the_stock_of_its_skus() -> TestResult {
    let shop = open(Plan::at(START)?, json!({"price_amount_cents": 2999})).await?;
    let id = subscribe(&shop, 2).await?;
    assert_eq!(stock(&shop).await?, [16, 7]);
    let path = format!("order_subscriptions/{id}?include=order_subscription_items.item");
    let read = shop.api.get(&path).await?;
    let included = read.at("/included").as_array().cloned().unwrap_or_default();
    let item = included.iter().find(|one| one["type"] == "order_subscription_items");
    let item = &item.ok_or("the item is included")?["attributes"];
    assert_eq!((&item["bundle_code"], &item["sku_code"]), (&json!("BREAKFAST"), &Value::Null));
    assert_eq!(item["total_amount_cents"], 5_998);
    assert!(included.iter().any(|one| one["type"] == "bundles"));

    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let runs = shop.runs(&id).await?;
    let run = runs.first().ok_or("a run was made")?;
    assert_eq!((run.status, run.total.get()), (RunStatus::Successful, 5_998));
    assert_eq!(stock(&shop).await?, [12, 5]);
    let order =
        shop.api.get(&format!("orders/{}?include=line_items.bundle", run.order_id())).await?;
    let included = order.at("/included").as_array().cloned().unwrap_or_default();
    let line = included.iter().find(|one| one["type"] == "line_items");
    assert_eq!(line.ok_or("its lines are included")?["attributes"]["item_type"], "bundles");
    assert!(included.iter().any(|one| one["type"] == "bundles"));
    shop.prove_events().await
}

#[tokio::test]
async fn a_bundle_without_a_price_costs_what_its_skus_cost() -> TestResult {
    let shop = open(Plan::at(START)?, json!({})).await?;
    let line = json!({"line_items": [{"bundle_code": "BREAKFAST", "quantity": 1}]});
    let document = shop.order_document(line);
    let order = shop.api.create("orders", &document).await?;
    assert_eq!(order.attribute("total_amount_cents"), 3_600); // 2 x 12.50 + 3.00 + 8.00
    // By a price list, where it has prices for some of them.
    let list = json!({"name": "2027", "currency_code": "EUR"});
    let list = shop.api.create("price_lists", &documents::create("price_lists", list, &[])).await?;
    let list = list.id()?;
    let price = json!({"sku_code": "HOUSE", "amount_cents": 1000});
    let price = documents::create("prices", price, &[("price_list", "price_lists", &list)]);
    shop.api.create("prices", &price).await?;
    let market = &shop.goods.market;
    let sells = json!({"data": {
        "type": "markets", "id": market, "attributes": {},
        "relationships": {"price_list": {"data": {"type": "price_lists", "id": list}}},
    }});
    shop.api.patch(&format!("markets/{market}"), &sells).send().await?.with_status(200)?;
    let order = shop.api.create("orders", &document).await?;
    assert_eq!(order.attribute("total_amount_cents"), 3_100); // 2 x 10.00 + 3.00 + 8.00
    Ok(())
}

#[tokio::test]
async fn what_is_short_within_a_bundle_is_named_and_nothing_is_taken() -> TestResult {
    let shop = open(Plan::at(START)?, json!({"price_amount_cents": 2999})).await?;
    let order = shop.order(&[json!({"bundle_code": "BREAKFAST", "quantity": 10})]).await?;
    assert_eq!(shop.order_status(&order).await?, "draft");
    let order = shop.api.get(&format!("orders/{order}")).await?;
    let detail = order.at("/data/attributes/rejections/0/detail").as_str().unwrap_or_default();
    assert_eq!(detail, "10 of sku \"FILTERS\" are ordered, 9 are in stock");
    assert_eq!(stock(&shop).await?, [20, 9]);

    // A run that finds too few leaves what there is.
    let id = subscribe(&shop, 4).await?;
    assert_eq!(stock(&shop).await?, [12, 5]);
    let few = documents::update("stock_items", "", &json!({"quantity": 3}));
    let item = shop.api.get("stock_items?filter[q][sku_code_eq]=FILTERS").await?;
    let item = item.text("/data/0/id")?;
    let mut few = few;
    few["data"]["id"] = json!(item);
    shop.api.patch(&format!("stock_items/{item}"), &few).send().await?.with_status(200)?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let runs = shop.runs(&id).await?;
    let run = runs.first().ok_or("a run was made")?;
    assert_eq!(run.status, RunStatus::Failed);
    let error = run.errors_log.first().ok_or("it says why")?;
    assert_eq!(error.code, "out_of_stock");
    assert!(error.message.contains("\"FILTERS\""), "{}", error.message);
    assert_eq!(stock(&shop).await?, [12, 3]);
    assert_eq!(shop.charges_of(run).await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_a_failed_payment_held_is_given_back() -> TestResult {
    let plan = Plan::at(START)?.model(json!({"retry_policy": {"maximum": 0}}));
    let shop = open(plan, json!({"price_amount_cents": 2999})).await?;
    let id = subscribe(&shop, 1).await?;
    assert_eq!(stock(&shop).await?, [18, 8]);
    let declined = shop.new_source("tok_hard_decline").await?;
    shop.pay_by(&id, &declined).await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let runs = shop.runs(&id).await?;
    assert_eq!(runs.first().map(|run| run.status), Some(RunStatus::Failed));
    assert_eq!(stock(&shop).await?, [18, 8]);
    Ok(())
}

#[tokio::test]
async fn subscriptions_keep_what_a_bundle_held_when_they_were_made() -> TestResult {
    let shop = open(Plan::at(START)?, json!({"price_amount_cents": 2999})).await?;
    let id = subscribe(&shop, 1).await?;
    let bundle = shop.api.get("bundles?filter[q][code_eq]=BREAKFAST").await?;
    let bundle = bundle.text("/data/0/id")?;
    let other = json!({"components": [{"sku_code": "FILTERS", "quantity": 3}]});
    let other = documents::update("bundles", &bundle, &other);
    let path = format!("bundles/{bundle}");
    let changed = shop.api.patch(&path, &other).send().await?.with_status(200)?;
    assert_eq!(changed.attribute("skus_count"), 1);
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    assert_eq!(stock(&shop).await?, [16, 7], "two orders of the bundle as it was");
    shop.lose_bundle(&bundle).await?;
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    assert_eq!(stock(&shop).await?, [14, 6]);
    assert_eq!(shop.runs(&id).await?.len(), 2);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_bundle_that_is_gone_costs_what_it_did_where_prices_follow_a_list() -> TestResult {
    for (price, agreed) in [(json!(2999), 2_999), (Value::Null, 3_000)] {
        let plan = Plan::at(START)?.model(json!({"price_policy": "follow_list"}));
        let shop = open(plan, json!({"price_amount_cents": price})).await?;
        let list = json!({"name": "2027", "currency_code": "EUR"});
        let list = documents::create("price_lists", list, &[]);
        let list = shop.api.create("price_lists", &list).await?.id()?;
        for (code, amount) in [("HOUSE", 1_000), ("FILTERS", 300), ("MUG", 700)] {
            let price = json!({"sku_code": code, "amount_cents": amount});
            let price = documents::create("prices", price, &[("price_list", "price_lists", &list)]);
            shop.api.create("prices", &price).await?;
        }
        let market = &shop.goods.market;
        let sells = json!({"data": {
            "type": "markets", "id": market, "attributes": {},
            "relationships": {"price_list": {"data": {"type": "price_lists", "id": list}}},
        }});
        shop.api.patch(&format!("markets/{market}"), &sells).send().await?.with_status(200)?;
        let id = subscribe(&shop, 1).await?;
        let bundle = shop.api.get("bundles?filter[q][code_eq]=BREAKFAST").await?;
        shop.lose_bundle(&bundle.text("/data/0/id")?).await?;
        shop.advance_to("2027-03-01T00:00:00Z").await?;
        let runs = shop.runs(&id).await?;
        let made: Vec<_> = runs.iter().map(|run| (run.status, run.total.get())).collect();
        assert_eq!(made, [(RunStatus::Successful, agreed)]);
        shop.prove_books().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_bundle_can_be_made_of_a_list() -> TestResult {
    let shop = open(Plan::at(START)?, json!({"price_amount_cents": 2999})).await?;
    let list = documents::create("sku_lists", json!({"name": "Breakfast"}), &[]);
    let list = shop.api.create("sku_lists", &list).await?.id()?;
    let related = [("sku_list", "sku_lists", list.as_str())];
    let put = |attributes: Value| documents::create("sku_list_items", attributes, &related);
    let filters = json!({"sku_code": "FILTERS", "position": 9});
    let filters = shop.api.create("sku_list_items", &put(filters)).await?;
    assert_eq!(*filters.attribute("quantity"), 1);
    let house = put(json!({"sku_code": "HOUSE", "quantity": 2, "position": 1}));
    shop.api.create("sku_list_items", &house).await?;
    let again = shop.api.post("sku_list_items", &house).send().await?.with_status(422)?;
    assert_eq!(again.errors(), ["taken /data/attributes/sku_code"]);
    let item = format!("sku_list_items/{}", filters.id()?);
    let three = documents::update("sku_list_items", &filters.id()?, &json!({"quantity": 3}));
    shop.api.patch(&item, &three).send().await?.with_status(200)?;
    let read = shop.api.get(&format!("sku_lists/{list}?include=sku_list_items.sku")).await?;
    assert_eq!(read.at("/included").as_array().map(Vec::len), Some(4));
    let listed = shop.api.get(&format!("sku_list_items?filter[q][sku_list_id_eq]={list}")).await?;
    let codes: Vec<&Value> =
        listed.list()?.iter().map(|one| &one["attributes"]["sku_code"]).collect();
    assert_eq!(codes, ["HOUSE", "FILTERS"]);

    let attributes = json!({
        "code": "LISTED", "name": "Listed", "currency_code": "EUR", "price_amount_cents": 900,
    });
    let bundle = documents::create("bundles", attributes.clone(), &related);
    let bundle = shop.api.create("bundles", &bundle).await?;
    let expected =
        json!([{"sku_code": "HOUSE", "quantity": 2}, {"sku_code": "FILTERS", "quantity": 3}]);
    assert_eq!(*bundle.attribute("components"), expected);
    let mut neither = documents::create("bundles", attributes, &[]);
    for components in [None, Some(Value::Null)] {
        if let Some(components) = components {
            neither["data"]["attributes"]["components"] = components;
        }
        let refused = shop.api.post("bundles", &neither).send().await?.with_status(422)?;
        assert_eq!(refused.errors(), ["required /data/attributes/components"]);
    }

    // What is changed of the list later, changes no bundle; the list stays while one is made of it.
    shop.api.request(reqwest::Method::DELETE, &item).send().await?.with_status(204)?;
    let order = shop.order(&[json!({"bundle_code": "LISTED", "quantity": 1})]).await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    assert_eq!(stock(&shop).await?, [18, 6]);
    let path = format!("sku_lists/{list}");
    assert_eq!(shop.api.request(reqwest::Method::DELETE, &path).send().await?.status, 409);
    Ok(())
}

#[tokio::test]
async fn bundles_keep_their_rules() -> TestResult {
    let shop = open(Plan::at(START)?, json!({"price_amount_cents": 2999})).await?;
    let part = |code: &str| json!({"sku_code": code, "quantity": 1});
    let at = "/data/attributes";
    for (changes, expected) in [
        (json!({"components": null}), vec![format!("required {at}/components")]),
        (json!({"components": []}), vec![format!("out_of_range {at}/components")]),
        (
            json!({"components": [part("MUG"), part("MUG"), part("NO")]}),
            vec![
                format!("invalid_value {at}/components/1/sku_code"),
                format!("related_not_found {at}/components/2/sku_code"),
            ],
        ),
        (
            json!({"components": [{"sku_code": "MUG", "quantity": 0}]}),
            vec![format!("out_of_range {at}/components/0/quantity")],
        ),
        (json!({"currency_code": null}), vec![format!("required {at}/currency_code")]),
        (
            json!({"price_amount_cents": 1, "_compute_price_amount": true}),
            vec![format!("invalid_value {at}/price_amount_cents")],
        ),
    ] {
        let base = json!({
            "code": "OTHER", "name": "Other", "currency_code": "EUR", "components": [part("MUG")],
        });
        let document = documents::create("bundles", documents::with(base, changes), &[]);
        let refused = shop.api.post("bundles", &document).send().await?.with_status(422)?;
        assert_eq!(refused.errors(), expected);
    }
    let line = json!({"sku_code": "MUG", "bundle_code": "BREAKFAST", "quantity": 1});
    let document = shop.order_document(json!({"line_items": [line]}));
    let refused = shop.api.post("orders", &document).send().await?.with_status(422)?;
    assert_eq!(refused.errors(), [format!("invalid_value {at}/line_items/0/bundle_code")]);
    Ok(())
}

/// Its tax category stands in the bundle alone.
#[tokio::test]
async fn a_bundle_that_is_still_sold_is_not_deleted() -> TestResult {
    let shop = open(Plan::at(START)?, json!({"price_amount_cents": 2999})).await?;
    let bundle = shop.api.get("bundles?filter[q][code_eq]=BREAKFAST").await?.text("/data/0/id")?;
    let delete =
        async || shop.api.request(Method::DELETE, &format!("bundles/{bundle}")).send().await;
    let needed = async |kind: &str, id: &str| {
        let refused = delete().await?.with_status(409)?;
        assert_eq!(refused.errors(), ["in_use"]);
        assert_eq!(refused.at("/errors/0/meta/needed_by"), &json!([{"type": kind, "id": id}]));
        TestResult::Ok(())
    };
    let line = json!({"bundle_code": "BREAKFAST", "quantity": 1});
    let draft = shop.order_document(json!({"line_items": [line]}));
    let draft = shop.api.create("orders", &draft).await?.with_status(201)?.id()?;
    needed("orders", &draft).await?;
    let gone = shop.api.request(Method::DELETE, &format!("orders/{draft}")).send().await?;
    gone.with_status(204)?;
    let id = subscribe(&shop, 1).await?;
    needed("order_subscriptions", id.as_str()).await?;
    // What is cancelled may be taken up again.
    let cancel = documents::update("order_subscriptions", id.as_str(), &json!({"_cancel": true}));
    let path = format!("order_subscriptions/{id}");
    shop.api.patch(&path, &cancel).send().await?.with_status(200)?;
    needed("order_subscriptions", id.as_str()).await?;
    shop.api.request(Method::DELETE, &path).send().await?.with_status(204)?;
    // The order that it came from is placed, and has its taxes for good.
    delete().await?.with_status(204)?;
    Ok(())
}
