//! Prices: lists that markets sell by, promotions, discounts and fees, and subscriptions whose prices
//! are pinned or follow their list.

use perennial_domain::{ids::SubscriptionId, run::RunStatus};
use perennial_tests::{
    Answer, Plan, Shop, TestResult,
    documents::{self, line},
    shop::BEANS,
};
use serde_json::{Value, json};

const START: &str = "2027-01-31T10:00:00Z";

async fn make(shop: &Shop, kind: &str, attributes: Value) -> TestResult<String> {
    shop.api.create(kind, &documents::create(kind, attributes, &[])).await?.id()
}

/// A price list in euros, by which the shop's market sells from now on.
async fn list(shop: &Shop) -> TestResult<String> {
    let list = make(shop, "price_lists", json!({"name": "2027", "currency_code": "EUR"})).await?;
    let market = &shop.goods.market;
    let document = json!({"data": {
        "type": "markets", "id": market, "attributes": {},
        "relationships": {"price_list": {"data": {"type": "price_lists", "id": list}}},
    }});
    shop.api.patch(&format!("markets/{market}"), &document).send().await?.with_status(200)?;
    Ok(list)
}

async fn price(shop: &Shop, list: &str, sku: &str, attributes: Value) -> TestResult<String> {
    let attributes = documents::with(json!({"sku_code": sku}), attributes);
    let document = documents::create("prices", attributes, &[("price_list", "price_lists", list)]);
    shop.api.create("prices", &document).await?.id()
}

async fn reprice(shop: &Shop, price: &str, attributes: Value) -> TestResult<Answer> {
    let document = documents::update("prices", price, &attributes);
    shop.api.patch(&format!("prices/{price}"), &document).send().await?.with_status(200)
}

/// A draft with these lines.
async fn draft(shop: &Shop, lines: &[Value]) -> TestResult<Answer> {
    let document = shop.order_document(json!({"line_items": lines}));
    shop.api.post("orders", &document).send().await
}

async fn amounts(shop: &Shop, order: &str) -> TestResult<Vec<i64>> {
    let order = shop.api.get(&format!("orders/{order}")).await?;
    let amount = |name: &str| order.attribute(&format!("{name}_amount_cents")).as_i64();
    Ok(["subtotal", "adjustment", "total"].iter().filter_map(|name| amount(name)).collect())
}

/// A shop whose subscriptions follow the price list of their market.
fn following() -> TestResult<Plan> {
    Ok(Plan::at(START)?.model(json!({"price_policy": "follow_list", "renewal_alert_period": 24})))
}

async fn subscribe(shop: &Shop, lines: &[Value]) -> TestResult<SubscriptionId> {
    let order = shop.order(lines).await?;
    let made = shop.subscriptions_of(&order).await?.pop();
    let order = shop.api.get(&format!("orders/{order}")).await?;
    made.ok_or_else(|| format!("no subscription: {:#}", order.body).into())
}

async fn totals(shop: &Shop, id: &SubscriptionId) -> TestResult<Vec<i64>> {
    Ok(shop.runs(id).await?.iter().map(|run| run.total.get()).collect())
}

#[tokio::test]
async fn a_line_costs_what_is_given_or_listed_or_else_its_own() -> TestResult {
    let shop = Shop::open_at(START).await?;
    make(&shop, "skus", documents::with(documents::sku("MUG"), json!({"unit_amount_cents": 799})))
        .await?;
    let list = list(&shop).await?;
    let beans = price(
        &shop,
        &list,
        BEANS,
        json!({
            "amount_cents": 1100,
            "compare_at_amount_cents": 1300,
            "promotional_amount_cents": 900,
            "promotion_starts_at": "2027-03-01T00:00:00Z",
            "promotion_ends_at": "2027-04-01T00:00:00Z",
        }),
    )
    .await?;
    let lines = [
        json!({"sku_code": BEANS, "quantity": 2}),
        json!({"sku_code": "MUG", "quantity": 1}),
        json!({"sku_code": BEANS, "quantity": 1, "unit_amount_cents": 1, "_external_price": true}),
    ];
    let order = draft(&shop, &lines).await?.with_status(201)?.id()?;
    assert_eq!(amounts(&shop, &order).await?, [3_000, 0, 3_000]); // 22.00 + 7.99 + 0.01
    let read = shop.api.get(&format!("orders/{order}?include=line_items.item")).await?;
    let included = read.at("/included").as_array().cloned().unwrap_or_default();
    let first = included.iter().find(|one| one["attributes"]["quantity"] == 2);
    let first = &first.ok_or("the lines are included")?["attributes"];
    assert_eq!(first["compare_at_amount_cents"], 1_300);
    assert_eq!(first["formatted_unit_amount"], "11.00 EUR");
    assert_eq!(first["item_type"], "skus");
    assert!(included.iter().any(|one| one["type"] == "skus" && one["attributes"]["code"] == "MUG"));

    // The promotion counts for lines that are made while it lasts.
    for (until, expected) in [("2027-03-01T00:00:00Z", 900), ("2027-04-01T00:00:00Z", 1_100)] {
        shop.advance_to(until).await?;
        let order = draft(&shop, &lines[..1]).await?.with_status(201)?.id()?;
        assert_eq!(amounts(&shop, &order).await?, [2 * expected, 0, 2 * expected], "{until}");
    }

    // What is deleted is not sold by any more.
    let path = format!("prices/{beans}");
    shop.api.request(reqwest::Method::DELETE, &path).send().await?.with_status(204)?;
    let after = draft(&shop, &lines[..1]).await?.with_status(201)?.id()?;
    assert_eq!(amounts(&shop, &after).await?, [2_500, 0, 2_500]);
    assert_eq!(amounts(&shop, &order).await?, [3_000, 0, 3_000], "lines keep their price");
    Ok(())
}

#[tokio::test]
async fn a_list_sells_in_the_markets_currency_what_is_priced_in_another() -> TestResult {
    let shop = Shop::open_at(START).await?;
    let dollars = documents::with(documents::sku("MUG"), json!({"currency_code": "USD"}));
    make(&shop, "skus", dollars).await?;
    let list = list(&shop).await?;
    let mug = json!({"sku_code": "MUG", "quantity": 1});
    let refused = draft(&shop, std::slice::from_ref(&mug)).await?.with_status(422)?;
    let place = "/data/attributes/line_items/0/sku_code";
    assert_eq!(refused.errors(), [format!("currency_mismatch {place}")]);
    price(&shop, &list, "MUG", json!({"amount_cents": 700})).await?;
    let order = shop.order(&[documents::with(mug, json!({"frequency": "monthly"}))]).await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    assert_eq!(amounts(&shop, &order).await?, [700, 0, 700]);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn prices_and_lists_keep_their_rules() -> TestResult {
    let shop = Shop::open_at(START).await?;
    let list = list(&shop).await?;
    let related = [("price_list", "price_lists", list.as_str())];
    for (attributes, expected) in [
        (json!({"amount_cents": 1}), "required /data/attributes/sku_code"),
        (
            json!({"sku_code": "NO", "amount_cents": 1}),
            "related_not_found /data/attributes/sku_code",
        ),
        (json!({"sku_code": BEANS}), "required /data/attributes/amount_cents"),
        (
            json!({"sku_code": BEANS, "amount_cents": -1}),
            "out_of_range /data/attributes/amount_cents",
        ),
        (
            json!({"sku_code": BEANS, "amount_cents": 1, "promotion_ends_at": "2027-03-01T00:00:00Z"}),
            "required /data/attributes/promotional_amount_cents",
        ),
        (
            json!({
                "sku_code": BEANS, "amount_cents": 1, "promotional_amount_cents": 1,
                "promotion_starts_at": "2027-03-01T00:00:00Z",
                "promotion_ends_at": "2027-03-01T00:00:00Z",
            }),
            "out_of_range /data/attributes/promotion_ends_at",
        ),
    ] {
        let document = documents::create("prices", attributes, &related);
        let refused = shop.api.post("prices", &document).send().await?.with_status(422)?;
        assert_eq!(refused.errors(), [expected]);
    }
    let beans = price(&shop, &list, BEANS, json!({"amount_cents": 1})).await?;
    let again =
        documents::create("prices", json!({"sku_code": BEANS, "amount_cents": 2}), &related);
    let again = shop.api.post("prices", &again).send().await?.with_status(422)?;
    assert_eq!(again.errors(), ["taken /data/relationships"]);
    let read = shop.api.get(&format!("prices/{beans}?include=price_list,sku")).await?;
    assert_eq!(read.attribute("currency_code"), "EUR");
    assert_eq!(read.attribute("formatted_amount"), "0.01 EUR");
    assert_eq!(read.at("/included").as_array().map(Vec::len), Some(2));

    // A list in another currency is none for this market; one that is sold by stays.
    let dollars = make(&shop, "price_lists", json!({"name": "US", "currency_code": "USD"})).await?;
    let market = &shop.goods.market;
    let document = json!({"data": {
        "type": "markets", "id": market, "attributes": {},
        "relationships": {"price_list": {"data": {"type": "price_lists", "id": dollars}}},
    }});
    let refused = shop.api.patch(&format!("markets/{market}"), &document).send().await?;
    let expected = ["currency_mismatch /data/relationships/price_list"];
    assert_eq!(refused.with_status(422)?.errors(), expected);
    for (path, status) in
        [(format!("price_lists/{list}"), 409), (format!("price_lists/{dollars}"), 204)]
    {
        let answer = shop.api.request(reqwest::Method::DELETE, &path).send().await?;
        assert_eq!(answer.status, status, "{path}: {:#}", answer.body);
    }
    Ok(())
}

#[tokio::test]
async fn discounts_and_fees_change_the_total_but_not_below_zero() -> TestResult {
    let shop = Shop::open_at(START).await?;
    let adjustment = async |name: &str, amount: i64| {
        let attributes = json!({"name": name, "currency_code": "EUR", "amount_cents": amount});
        make(&shop, "adjustments", attributes).await
    };
    let welcome = adjustment("Welcome", -500).await?;
    let postage = adjustment("Postage", 490).await?;
    let huge = adjustment("Everything", -100_000).await?;
    let beans = json!({"sku_code": BEANS, "quantity": 2});
    let lines = [beans.clone(), json!({"adjustment_id": welcome, "quantity": 1})];
    let order = draft(&shop, &lines).await?.with_status(201)?.id()?;
    assert_eq!(amounts(&shop, &order).await?, [2_500, -500, 2_000]);

    // As the published client library does it: by the relationship item.
    let related = [("order", "orders", order.as_str()), ("item", "adjustments", &postage)];
    let attributes = json!({"quantity": 1, "item_type": "adjustments"});
    let document = documents::create("line_items", attributes, &related);
    let made = shop.api.create("line_items", &document).await?;
    assert_eq!(made.attribute("name"), "Postage");
    assert_eq!(made.at("/data/relationships/adjustment/data/id"), &postage);
    assert_eq!(amounts(&shop, &order).await?, [2_500, -10, 2_490]);

    // What costs nothing is placed without a payment.
    let lines = [
        documents::with(beans, json!({"frequency": "monthly"})),
        json!({"adjustment_id": huge, "quantity": 1, "frequency": "monthly"}),
    ];
    let order = shop.order(&lines).await?;
    assert_eq!(amounts(&shop, &order).await?, [2_500, -2_500, 0]);
    let order = shop.api.get(&format!("orders/{order}?include=order_subscriptions")).await?;
    assert_eq!(order.attribute("payment_status"), "free");
    let id = order.text("/included/0/id")?.parse()?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    assert_eq!(totals(&shop, &id).await?, [0]);

    // Shops may not grant discounts.
    let channel = shop.api_as(perennial_local::identity::Role::SalesChannel)?;
    let lines = json!({"line_items": [{"adjustment_id": welcome, "quantity": 1}]});
    let refused = channel.post("orders", &shop.order_document(lines)).send().await?;
    let place = "/data/attributes/line_items/0/adjustment_id";
    assert_eq!(refused.errors(), [format!("forbidden {place}")]);
    // Nor make more of those that were granted.
    let lines = [
        json!({"sku_code": BEANS, "quantity": 2}),
        json!({"adjustment_id": welcome, "quantity": 1}),
    ];
    let order = draft(&shop, &lines).await?.with_status(201)?.id()?;
    let order = shop.api.get(&format!("orders/{order}")).await?;
    let granted = order.text("/data/relationships/line_items/data/1/id")?;
    let path = format!("line_items/{granted}");
    let more = documents::update("line_items", &granted, &json!({"quantity": 5}));
    assert_eq!(channel.patch(&path, &more).send().await?.status, 403);
    assert_eq!(channel.request(reqwest::Method::DELETE, &path).send().await?.status, 403);
    shop.api.patch(&path, &more).send().await?.with_status(200)?;
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn pinned_prices_stay_and_followed_ones_go_with_their_list() -> TestResult {
    for (policy, expected) in
        [("pinned", [1_100, 1_100, 1_100]), ("follow_list", [1_200, 900, 1_300])]
    {
        let plan = Plan::at(START)?.model(json!({"price_policy": policy}));
        let shop = plan.open().await?;
        let list = list(&shop).await?;
        let beans = price(&shop, &list, BEANS, json!({"amount_cents": 1100})).await?;
        let id = shop.subscribe("weekly").await?;
        assert_eq!(shop.subscription(&id).await?.total()?.get(), 1_100);
        reprice(
            &shop,
            &beans,
            json!({
                "amount_cents": 1200,
                "promotional_amount_cents": 900,
                "promotion_starts_at": "2027-02-14T00:00:00Z",
                "promotion_ends_at": "2027-02-15T00:00:00Z",
            }),
        )
        .await?;
        shop.advance_to("2027-02-15T12:00:00Z").await?;
        reprice(&shop, &beans, json!({"amount_cents": 1300})).await?;
        shop.advance_to("2027-02-22T00:00:00Z").await?;
        assert_eq!(totals(&shop, &id).await?, expected, "{policy}");
        let charges = shop.charges().await?;
        assert_eq!(charges.len(), 4, "the source order and three runs");
        let charged: i64 = charges.iter().map(|charge| charge.amount_minor).sum();
        assert_eq!(charged, 1_100 + expected.iter().sum::<i64>(), "{policy}");
        let journal = shop.journal("S", id.as_str()).await?;
        let told = journal.iter().filter(|entry| entry.event == "order_subscriptions.reprice");
        assert_eq!(told.count(), if policy == "pinned" { 0 } else { 3 });
        shop.prove_events().await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_announced_price_and_a_previewed_one_are_those_that_are_charged() -> TestResult {
    let shop = following()?.open().await?;
    let list = list(&shop).await?;
    let beans = price(&shop, &list, BEANS, json!({"amount_cents": 1100})).await?;
    let lines = [
        line(BEANS, 2, "monthly"),
        json!({"sku_code": BEANS, "quantity": 1, "frequency": "monthly", "unit_amount_cents": 5}),
    ];
    let id = subscribe(&shop, &lines).await?;
    reprice(
        &shop,
        &beans,
        json!({
            "promotional_amount_cents": 950,
            "promotion_starts_at": "2027-02-28T00:00:00Z",
        }),
    )
    .await?;
    // The day before, the promotion has not begun: the run will be charged at its own date's price.
    shop.advance_to("2027-02-27T20:00:00Z").await?;
    let journal = shop.journal("S", id.as_str()).await?;
    let told = journal.iter().find(|entry| entry.event == "order_subscriptions.renewal");
    assert_eq!(told.ok_or("it was announced")?.after["total"], 1_905);
    let preview = json!({"order_subscription_id": id});
    let preview = documents::create("invoice_previews", preview, &[]);
    let preview = shop.api.post("invoice_previews", &preview).send().await?.with_status(200)?;
    assert_eq!(preview.attribute("total_amount_cents"), 1_905, "{:#}", preview.body);
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    assert_eq!(totals(&shop, &id).await?, [1_905]); // 2 x 9.50, and 0.05 as it was given
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_run_costs_the_same_when_its_message_comes_again() -> TestResult {
    let shop = following()?.open().await?;
    let list = list(&shop).await?;
    let beans = price(&shop, &list, BEANS, json!({"amount_cents": 1100})).await?;
    let id = subscribe(&shop, &[line(BEANS, 1, "weekly")]).await?;
    // The provider can't be reached at first: the message goes back to its queue.
    shop.pay_by(&id, &shop.new_source("tok_unavailable_2").await?).await?;
    reprice(&shop, &beans, json!({"amount_cents": 1200})).await?;
    // Past the tick at 10:01: the order was placed some seconds after 10:00, and so is its run due.
    shop.advance_to("2027-02-07T10:01:30Z").await?;
    let claimed = shop.subscription(&id).await?;
    assert!(claimed.run_number.is_some() && claimed.prices_fixed, "{claimed:?}");
    reprice(&shop, &beans, json!({"amount_cents": 9900})).await?;
    shop.advance("PT2H").await?;
    assert_eq!(totals(&shop, &id).await?, [1_200]);
    let charged = shop.charges().await?;
    assert_eq!(charged.iter().map(|charge| charge.amount_minor).max(), Some(1_200));
    shop.advance_to("2027-02-15T00:00:00Z").await?;
    assert_eq!(totals(&shop, &id).await?, [1_200, 9_900]);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_run_waits_for_a_price_that_has_vanished() -> TestResult {
    let shop = following()?.open().await?;
    let stocked = documents::with(documents::sku("MUG"), json!({"stock": 10}));
    make(&shop, "skus", stocked).await?;
    let list = list(&shop).await?;
    let mug = price(&shop, &list, "MUG", json!({"amount_cents": 700})).await?;
    let id = subscribe(&shop, &[line("MUG", 2, "monthly")]).await?;
    let path = format!("prices/{mug}");
    shop.api.request(reqwest::Method::DELETE, &path).send().await?.with_status(204)?;
    shop.advance_to("2027-02-28T12:00:00Z").await?;
    let runs = shop.runs(&id).await?;
    let run = runs.first().ok_or("a run was made")?;
    assert_eq!(run.status, RunStatus::Open);
    let error = run.errors_log.first().ok_or("it says why")?;
    assert_eq!(error.code, "price_missing");
    assert!(error.message.contains("\"MUG\""), "{}", error.message);
    let mug = error.resource.as_ref().ok_or("it names the sku")?;
    assert_eq!((mug.kind.as_str(), mug.code.as_deref()), ("skus", Some("MUG")));
    assert_eq!(shop.charges_of(run).await?, 0);
    // A day later the list has a price again: the run is made at that, from stock, and charged once.
    price(&shop, &list, "MUG", json!({"amount_cents": 650})).await?;
    shop.advance_to("2027-03-02T12:00:00Z").await?;
    let runs = shop.runs(&id).await?;
    let run = runs.first().ok_or("a run was made")?;
    assert_eq!((run.status, run.total.get()), (RunStatus::Successful, 1_300));
    assert_eq!(shop.charges_of(run).await?, 1);
    let stock = shop.api.get("stock_items?filter[q][sku_code_eq]=MUG").await?;
    assert_eq!(stock.at("/data/0/attributes/quantity"), 6, "two for the order, two for the run");
    shop.prove_events().await
}

#[tokio::test]
async fn nothing_is_sold_on_repeat_that_has_no_price_to_follow() -> TestResult {
    let shop = following()?.open().await?;
    let reasons = async |order: &str| -> TestResult<Vec<String>> {
        let order = shop.api.get(&format!("orders/{order}")).await?;
        let reasons = order.attribute("rejections").as_array().cloned().unwrap_or_default();
        let told = |one: &Value| format!("{} {}", one["code"], one["pointer"]).replace('"', "");
        Ok(reasons.iter().map(told).collect())
    };
    let order = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    assert_eq!(reasons(&order).await?, ["price_list_missing /data/relationships/market"]);
    list(&shop).await?;
    let order = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    let place = "/data/relationships/line_items/data/0/attributes/sku_code";
    assert_eq!(reasons(&order).await?, [format!("price_missing {place}")]);
    assert!(shop.charges().await?.is_empty());
    // What is ordered once needs no price to follow, and a given price is its own.
    let given = documents::with(line(BEANS, 1, "monthly"), json!({"unit_amount_cents": 100}));
    for line in [json!({"sku_code": BEANS, "quantity": 1}), given] {
        let order = shop.order(&[line]).await?;
        assert_eq!(shop.order_status(&order).await?, "placed");
    }
    Ok(())
}

#[tokio::test]
async fn stock_items_are_what_orders_take_from() -> TestResult {
    let shop = Shop::open_at(START).await?;
    let locations = shop.api.get("stock_locations").await?;
    let location = locations.text("/data/0/id")?;
    let related = [("stock_location", "stock_locations", location.as_str())];
    let document = json!({"sku_code": BEANS, "quantity": 3, "reference": "SHELF-4"});
    let document = documents::create("stock_items", document, &related);
    let made = shop.api.create("stock_items", &document).await?;
    let item = made.id()?;
    let path = format!("stock_items/{item}");
    let again = shop.api.post("stock_items", &document).send().await?.with_status(422)?;
    assert_eq!(again.errors(), ["taken /data/attributes/sku_code"]);
    let order = shop.order(&[json!({"sku_code": BEANS, "quantity": 2})]).await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    let read = shop.api.get(&format!("{path}?include=sku,stock_location")).await?;
    assert_eq!(
        (read.attribute("quantity"), read.attribute("reference")),
        (&json!(1), &json!("SHELF-4"))
    );
    assert_eq!(read.at("/included").as_array().map(Vec::len), Some(2));
    assert_eq!(shop.api.get("stock_items").await?.list()?.len(), 1);

    let order = shop.order(&[json!({"sku_code": BEANS, "quantity": 2})]).await?;
    assert_eq!(shop.order_status(&order).await?, "draft");
    let more = documents::update("stock_items", &item, &json!({"quantity": 5}));
    shop.api.patch(&path, &more).send().await?.with_status(200)?;
    let order = shop.order(&[json!({"sku_code": BEANS, "quantity": 2})]).await?;
    assert_eq!(shop.order_status(&order).await?, "placed");

    // Without a stock item, nothing is ever out of stock.
    shop.api.request(reqwest::Method::DELETE, &path).send().await?.with_status(204)?;
    assert_eq!(shop.api.request(reqwest::Method::GET, &path).send().await?.status, 404);
    assert!(shop.api.get("stock_items").await?.list()?.is_empty());
    let order = shop.order(&[json!({"sku_code": BEANS, "quantity": 999})]).await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    Ok(())
}

#[tokio::test]
async fn nothing_is_put_into_a_subscription_that_has_no_price_to_follow() -> TestResult {
    let shop = following()?.open().await?;
    make(&shop, "skus", documents::sku("MUG")).await?;
    let list = list(&shop).await?;
    price(&shop, &list, BEANS, json!({"amount_cents": 1100})).await?;
    let id = subscribe(&shop, &[line(BEANS, 1, "monthly")]).await?;
    let detail = format!("price list {list} has no price for sku \"MUG\" in EUR");
    let refused = |answer: Answer, at: &str| -> TestResult {
        let answer = answer.with_status(422)?;
        assert_eq!(answer.errors(), [format!("price_missing {at}")]);
        assert_eq!(answer.text("/errors/0/detail")?, detail);
        Ok(())
    };
    let change = async |kind: &str, id: &str, attributes: Value| {
        let document = documents::update(kind, id, &attributes);
        shop.api.patch(&format!("{kind}/{id}"), &document).send().await
    };
    let items = "order_subscription_items";
    let to = [("order_subscription", "order_subscriptions", id.as_str())];
    let mug = json!({"sku_code": "MUG", "quantity": 1});
    for extra in [json!({}), json!({"one_off": true})] {
        let document = documents::create(items, documents::with(mug.clone(), extra), &to);
        let answer = shop.api.post(items, &document).send().await?;
        refused(answer, "/data/attributes/sku_code")?;
    }
    let beans = shop.api.get(&format!("order_subscriptions/{id}/{items}")).await?;
    let beans = beans.text("/data/0/id")?;
    let answer = change(items, &beans, json!({"sku_code": "MUG"})).await?;
    refused(answer, "/data/attributes/sku_code")?;
    let swap = json!({"_swap_item": {"from_sku_code": BEANS, "to_sku_code": "MUG"}});
    let answer = change("order_subscriptions", id.as_str(), swap).await?;
    refused(answer, "/data/attributes/_swap_item/to_sku_code")?;

    // At a price that is given it follows none, until that is given up.
    let given = documents::with(mug, json!({"unit_amount_cents": 500}));
    let mug = shop.api.create(items, &documents::create(items, given, &to)).await?.id()?;
    refused(change(items, &mug, json!({"unit_amount_cents": null})).await?, "/data")?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    assert_eq!(totals(&shop, &id).await?, [1_600]);
    price(&shop, &list, "MUG", json!({"amount_cents": 700})).await?;
    change(items, &mug, json!({"unit_amount_cents": null})).await?.with_status(200)?;
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    assert_eq!(totals(&shop, &id).await?, [1_600, 1_800]);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn no_subscription_is_made_by_hand_or_converted_that_has_no_price_to_follow() -> TestResult {
    let shop = following()?.open().await?;
    let list = list(&shop).await?;
    let order = shop.order(&[json!({"sku_code": BEANS, "quantity": 1})]).await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    let kind = "order_subscriptions";
    let ask = |related: &[(&str, &str, &str)]| {
        documents::create(kind, json!({"frequency": "monthly"}), related)
    };
    let source = ("source_order", "orders", order.as_str());
    let by_model = ask(&[source, ("subscription_model", "subscription_models", &shop.goods.model)]);
    let refused = shop.api.post(kind, &by_model).send().await?.with_status(422)?;
    let place = "/data/relationships/subscription_model";
    assert_eq!(refused.errors(), [format!("price_missing {place}")]);
    let copying = shop.api.create(kind, &ask(&[source])).await?.id()?;
    let convert = documents::update(kind, &copying, &json!({"_convert": true}));
    let path = format!("{kind}/{copying}");
    let refused = shop.api.patch(&path, &convert).send().await?.with_status(422)?;
    assert_eq!(refused.errors(), ["price_missing /data/attributes/_convert"]);
    let detail = format!("price list {list} has no price for sku {BEANS:?} in EUR");
    assert_eq!(refused.text("/errors/0/detail")?, detail);

    price(&shop, &list, BEANS, json!({"amount_cents": 1100})).await?;
    shop.api.patch(&path, &convert).send().await?.with_status(200)?;
    shop.api.create(kind, &by_model).await?;
    Ok(())
}
