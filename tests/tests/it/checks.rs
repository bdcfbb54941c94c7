//! Checks of orders: policies by scope, held orders and what operators make of them, what is counted,
//! and what changed policies would have done.

use perennial_local::identity::Role;
use perennial_tests::{
    Answer, Api, Plan, Shop, TestResult,
    documents::{self, line},
    shop::BEANS,
};
use reqwest::Method;
use serde_json::{Value, json};

const OPENING: &str = "2027-01-31T10:00:00Z";

/// Makes a policy for a scope of relationships.
async fn policy(
    api: &Api,
    attributes: Value,
    related: &[(&str, &str, &str)],
) -> TestResult<String> {
    let document = documents::create("check_policies", attributes, related);
    api.create("check_policies", &document).await?.id()
}

async fn change(api: &Api, kind: &str, id: &str, attributes: Value) -> TestResult<Answer> {
    let document = documents::update(kind, id, &attributes);
    api.patch(&format!("{kind}/{id}"), &document).send().await
}

/// The verdict of a check on an order.
async fn verdict(shop: &Shop, order: &str, check: &str) -> TestResult<Value> {
    let order = shop.api.get(&format!("orders/{order}")).await?;
    let checks = order.at("/data/attributes/checks").as_array().cloned().unwrap_or_default();
    let found = checks.into_iter().find(|one| one["check"] == check);
    Ok(found.ok_or_else(|| format!("no {check} in {:#}", order.body))?)
}

/// How often the provider was asked to collect an order's payment.
async fn charges(shop: &Shop, order: &str) -> TestResult<usize> {
    let charges = shop.charges().await?;
    Ok(charges.iter().filter(|charge| charge.reference == order).count())
}

/// An order of beans that would be renewed each month.
async fn monthly(shop: &Shop) -> TestResult<String> {
    shop.order(&[line(BEANS, 1, "monthly")]).await
}

#[tokio::test]
async fn every_order_tells_its_checks_and_the_most_specific_policy_decides() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let order = monthly(&shop).await?;
    let placed = shop.api.get(&format!("orders/{order}")).await?;
    assert_eq!(placed.text("/data/attributes/status")?, "placed");
    let checks = placed.at("/data/attributes/checks").as_array().cloned().unwrap_or_default();
    assert_eq!(checks.len(), 13, "those that are off are told too");
    let draft = shop.api.create("orders", &shop.order_document(json!({}))).await?;
    assert_eq!(draft.at("/data/attributes/checks"), &Value::Null);

    // 12.50 a time. Everywhere nothing lasts longer than a year; in this market that is only told; for
    // this customer it does not matter.
    let (market, customer) = (shop.goods.market.clone(), shop.goods.customer.clone());
    let term =
        |severity: &str| json!({"checks": {"term": {"severity": severity, "max_days": 365}}});
    policy(&shop.api, term("reject"), &[]).await?;
    let order = monthly(&shop).await?;
    assert_eq!(shop.order_status(&order).await?, "draft");
    let rejected = verdict(&shop, &order, "term").await?;
    assert_eq!(
        (&rejected["verdict"], &rejected["findings"][0]["code"]),
        (&json!("rejected"), &json!("term_too_long"))
    );
    let in_market = json!({"checks": {"term": {"severity": "warn"}}});
    policy(&shop.api, in_market, &[("market", "markets", &market)]).await?;
    let order = monthly(&shop).await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    assert_eq!(verdict(&shop, &order, "term").await?["verdict"], "warned");
    let own = policy(
        &shop.api,
        json!({"checks": {"term": {"severity": "off"}}}),
        &[("customer", "customers", &customer)],
    )
    .await?;
    assert_eq!(verdict(&shop, &monthly(&shop).await?, "term").await?["verdict"], "off");

    // There is one policy of a scope, and it says what can be said.
    let again = documents::create("check_policies", term("warn"), &[]);
    let taken = shop.api.post("check_policies", &again).send().await?;
    assert_eq!(
        (taken.status, taken.errors()),
        (422, vec!["taken /data/attributes/channel_code".to_owned()])
    );
    for (checks, place, detail) in [
        (json!({"stock": {"severity": "warn"}}), "/stock", "check stock can't be set"),
        (json!({"unheard": {}}), "/unheard", "there is no check \"unheard\""),
        (
            json!({"term": {"max_days": 0}}),
            "/term/max_days",
            "max_days of term must be a whole number from 1 to 36600, not 0",
        ),
        (
            json!({"duplicate_order": {"window_hours": "long"}}),
            "/duplicate_order/window_hours",
            "window_hours of duplicate_order must be a whole number from 1 to 720, not \"long\"",
        ),
        (
            json!({"term": {"severity": "loud"}}),
            "/term/severity",
            "severity of term must be one of off, warn, review, reject, not \"loud\"",
        ),
    ] {
        let refused = change(&shop.api, "check_policies", &own, json!({"checks": checks})).await?;
        assert_eq!(refused.status, 422, "{checks}: {:#}", refused.body);
        assert_eq!(refused.errors(), [format!("invalid_value /data/attributes/checks{place}")]);
        let told = refused.text("/errors/0/detail")?;
        assert!(told.starts_with(detail), "{told}");
    }

    // A policy counts for what is there.
    for (attributes, related, expected) in [
        (
            json!({"channel_code": "nowhere", "checks": {}}),
            vec![],
            "related_not_found /data/attributes/channel_code",
        ),
        (
            json!({"checks": {}}),
            vec![("market", "markets", "mkt_nowhere")],
            "related_not_found /data/relationships/market/data/id",
        ),
        (
            json!({"checks": {}}),
            vec![("customer", "customers", "cus_nobody")],
            "related_not_found /data/relationships/customer/data/id",
        ),
    ] {
        let document = documents::create("check_policies", attributes, &related);
        let refused = shop.api.post("check_policies", &document).send().await?;
        assert_eq!(refused.errors(), [expected], "{:#}", refused.body);
        assert!(refused.text("/errors/0/detail")?.contains("no"), "{:#}", refused.body);
    }
    let shop_front = shop.api_as(Role::SalesChannel)?;
    assert_eq!(shop_front.request(Method::GET, "check_policies").send().await?.status, 403);
    Ok(())
}

#[tokio::test]
async fn a_held_order_is_overturned_or_rejected_with_a_reason_and_counted() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let operator = shop.api_as(Role::Operator)?;
    let limit = json!({"credit_limit": {"severity": "review", "exposure_days": 60}});
    policy(&shop.api, json!({"checks": limit}), &[]).await?;
    change(&shop.api, "customers", &shop.goods.customer, json!({"credit_limit_cents": 3_749}))
        .await?
        .with_status(200)?;

    // 12.50 now, and 12.50 on 28 February and 31 March: 37.50.
    let order = monthly(&shop).await?;
    assert_eq!(shop.order_status(&order).await?, "held");
    let held = verdict(&shop, &order, "credit_limit").await?;
    assert_eq!(held["verdict"], "held");
    assert_eq!(held["numbers"]["exposure_cents"], 3_750);
    assert!(charges(&shop, &order).await? == 0);
    let listed = shop.api.get("orders?filter[q][status_eq]=held").await?;
    assert_eq!(listed.at("/meta/record_count"), 1);

    // Only an operator decides, with a reason, and by itself.
    for (api, attributes, expected) in [
        (&shop.api, json!({"_overturn": "known"}), "forbidden /data/attributes/_overturn"),
        (&operator, json!({"_overturn": " "}), "out_of_range /data/attributes/_overturn"),
        (
            &operator,
            json!({"_overturn": "a", "_reject": "b"}),
            "invalid_value /data/attributes/_reject",
        ),
        (
            &operator,
            json!({"_overturn": "a", "metadata": {}}),
            "invalid_value /data/attributes/_overturn",
        ),
    ] {
        let refused = change(api, "orders", &order, attributes.clone()).await?;
        assert_eq!(refused.errors(), [expected], "{attributes}");
    }
    change(&operator, "orders", &order, json!({"_overturn": "they called"}))
        .await?
        .with_status(200)?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    assert_eq!(verdict(&shop, &order, "credit_limit").await?["verdict"], "overturned");
    assert_eq!(charges(&shop, &order).await?, 1);
    assert_eq!(shop.subscriptions_of(&order).await?.len(), 1);

    let second = monthly(&shop).await?;
    change(&operator, "orders", &second, json!({"_reject": "too much"})).await?.with_status(200)?;
    let back = shop.api.get(&format!("orders/{second}")).await?;
    assert_eq!(back.text("/data/attributes/status")?, "draft");
    assert_eq!(back.text("/data/attributes/rejections/0/code")?, "credit_limit_exceeded");
    // What an operator has upheld may be overturned still; what is a draft can't be rejected.
    let refused = change(&operator, "orders", &second, json!({"_reject": "again"})).await?;
    assert_eq!(refused.errors(), ["invalid_status /data/attributes/_reject"]);
    let third = monthly(&shop).await?;
    assert_eq!(shop.order_status(&third).await?, "held");

    let statistics = shop.api.get("check_statistics").await?;
    let [row] = statistics.at("/data").as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err(format!("{:#}", statistics.body).into());
    };
    let counted =
        documents::with(row["attributes"].clone(), json!({"created_at": null, "updated_at": null}));
    assert_eq!(
        counted,
        json!({
            "check": "credit_limit", "channel_code": null, "rejected": 0, "held": 3,
            "overturned": 1, "upheld": 1, "open": 1, "overturn_rate": "0.3333",
            "reference": null, "reference_origin": null, "metadata": null,
        })
    );
    let later = "check_statistics?filter[q][created_at_gteq]=2027-02-01T00:00:00Z";
    assert_eq!(shop.api.get(later).await?.at("/meta/record_count"), 0);
    // What there is none of is told apart from what was never stopped.
    let asked = async |filter: &str, value: &str| {
        let path = format!("check_statistics?filter[q][{filter}]={value}");
        shop.api.request(reqwest::Method::GET, &path).send().await
    };
    assert_eq!(asked("check_eq", "term").await?.at("/meta/record_count"), 0);
    for (filter, value) in [
        ("channel_code_eq", "nowhere"),
        ("channel_code_in", "nowhere,other"),
        ("check_eq", "credit"),
    ] {
        let refused = asked(filter, value).await?;
        assert_eq!(refused.errors(), [format!("invalid_parameter filter[q][{filter}]")], "{value}");
        let detail = refused.text("/errors/0/detail")?;
        assert!(detail.contains(value.split(',').next().unwrap_or_default()), "{detail}");
    }
    let records = shop.api.get("check_records?filter[q][resolution_eq]=overturned").await?;
    assert_eq!(records.at("/data/0/attributes/reason"), "they called");
    assert_eq!(records.at("/data/0/relationships/order/data/id"), &json!(order));
    let events = shop.api.get(&format!("orders/{order}/events")).await?;
    let topics: Vec<&str> = events
        .at("/data")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|event| event.pointer("/attributes/name").and_then(Value::as_str))
        .collect();
    for topic in ["orders.hold", "orders.overturn", "orders.place"] {
        assert!(topics.contains(&topic), "{topic}: {topics:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_rejected_order_is_overturned_unless_it_is_impossible() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let operator = shop.api_as(Role::Operator)?;
    change(&shop.api, "customers", &shop.goods.customer, json!({"on_hold": true})).await?;
    let order = monthly(&shop).await?;
    assert_eq!(shop.order_status(&order).await?, "draft");
    change(&operator, "orders", &order, json!({"_overturn": "vip"})).await?.with_status(200)?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&order).await?, "placed");

    let scarce = documents::with(documents::sku("SCARCE"), json!({"stock": 1}));
    shop.api.create("skus", &documents::create("skus", scarce, &[])).await?;
    change(&shop.api, "customers", &shop.goods.customer, json!({"on_hold": false})).await?;
    let order = shop.order(&[line("SCARCE", 2, "monthly")]).await?;
    let refused = change(&operator, "orders", &order, json!({"_overturn": "vip"})).await?;
    assert_eq!(refused.errors(), ["invalid_status /data/attributes/_overturn"]);
    assert!(refused.text("/errors/0/detail")?.contains("stock"), "{:#}", refused.body);
    let untouched = shop.api.create("orders", &shop.order_document(json!({}))).await?.id()?;
    let refused = change(&operator, "orders", &untouched, json!({"_overturn": "vip"})).await?;
    assert!(refused.text("/errors/0/detail")?.contains("is draft"), "{:#}", refused.body);
    Ok(())
}

/// What can be asked of an order, and the request for it.
const ASKED: [&str; 8] = [
    "_place",
    "_cancel",
    "_create_subscriptions",
    "_overturn",
    "_reject",
    "metadata",
    "subscriptions_expire_at",
    "delete",
];

#[tokio::test]
async fn every_trigger_of_a_held_order_is_done_or_refused_with_its_state() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let operator = shop.api_as(Role::Operator)?;
    let review = json!({"checks": {"term": {"severity": "review", "max_days": 9}}});
    policy(&shop.api, review, &[]).await?;
    for asked in ASKED {
        let order = monthly(&shop).await?;
        assert_eq!(shop.order_status(&order).await?, "held");
        let answer = match asked {
            "delete" => operator.request(Method::DELETE, &format!("orders/{order}")).send().await?,
            name => {
                let value = match name {
                    "_overturn" | "_reject" => json!("because"),
                    "metadata" => json!({"seen": true}),
                    "subscriptions_expire_at" => json!("2027-12-31T00:00:00Z"),
                    _ => json!(true),
                };
                change(&operator, "orders", &order, json!({name: value})).await?
            }
        };
        let done = matches!(asked, "_overturn" | "_reject" | "metadata" | "_create_subscriptions");
        if done {
            assert_eq!(answer.status, 200, "{asked}: {:#}", answer.body);
        } else {
            assert!(answer.status == 409 || answer.status == 422, "{asked}: {:#}", answer.body);
            let detail = answer.text("/errors/0/detail")?;
            let allowed = match asked {
                "_cancel" => "a draft or a placed order can be cancelled",
                _ => "a draft can ",
            };
            let beginning = format!("order {order} is held; only {allowed}");
            assert!(detail.starts_with(&beginning), "{asked}: {detail}");
            let help = "an operator decides first, by _reject (back to draft) or _overturn";
            assert!(detail.ends_with(help), "{asked}: {detail}");
        }
        if asked == "metadata" {
            // What clients keep with an order makes no difference to it.
            assert_eq!(answer.at("/data/attributes/metadata/seen"), true);
            assert_eq!(answer.at("/data/attributes/status"), "held");
        }
        shop.settle().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_message_that_comes_again_does_not_take_the_orders_own_units_twice() -> TestResult {
    // The first call to the provider fails: by then the order has its units.
    let shop = Plan::at(OPENING)?.paying_with("tok_unavailable_1").open().await?;
    let sku = documents::with(documents::sku("TEA"), json!({"stock": 6}));
    shop.api.create("skus", &documents::create("skus", sku, &[])).await?;
    let availability = json!({"recurring_availability": {"severity": "reject", "runs": 2}});
    policy(&shop.api, json!({"checks": availability}), &[]).await?;
    // Two now, and two on 28 February and on 31 March: six of six.
    let order = shop.order(&[line("TEA", 2, "monthly")]).await?;
    assert_eq!(shop.order_status(&order).await?, "placing");
    shop.advance("PT30M").await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    let found = verdict(&shop, &order, "recurring_availability").await?;
    let sku = &found["numbers"]["skus"][0];
    assert_eq!((&sku["in_stock"], &sku["runs_served"]), (&json!(6), &json!(2)));
    Ok(())
}

#[tokio::test]
async fn coming_runs_are_served_from_stock_and_replenishments_less_what_is_reserved() -> TestResult
{
    let shop = Shop::open_at(OPENING).await?;
    let sku = documents::with(documents::sku("TEA"), json!({"stock": 5}));
    shop.api.create("skus", &documents::create("skus", sku, &[])).await?;
    let availability = json!({"recurring_availability": {"severity": "reject", "runs": 2, "lead_days": 3, "reserve": true}});
    policy(&shop.api, json!({"checks": availability}), &[]).await?;

    // Two now, and two on 28 February and on 31 March: six of five.
    let short = shop.order(&[line("TEA", 2, "monthly")]).await?;
    assert_eq!(shop.order_status(&short).await?, "draft");
    let found = verdict(&shop, &short, "recurring_availability").await?;
    assert_eq!(found["findings"][0]["code"], "runs_not_served");
    assert_eq!(found["numbers"]["skus"][0]["runs_served"], 1);

    let stock = shop.api.get("stock_items?filter[q][sku_code_eq]=TEA").await?.text("/data/0/id")?;
    let too_late = json!({"replenishments": [{"date": "2027-03-29", "units": 1}]});
    change(&shop.api, "stock_items", &stock, too_late).await?.with_status(200)?;
    let short = shop.order(&[line("TEA", 2, "monthly")]).await?;
    assert_eq!(shop.order_status(&short).await?, "draft");
    let in_time = json!({"replenishments": [{"date": "2027-03-28", "units": 1}]});
    let changed = change(&shop.api, "stock_items", &stock, in_time).await?.with_status(200)?;
    assert_eq!(changed.at("/data/attributes/replenishments/0/units"), 1);
    let order = shop.order(&[line("TEA", 2, "monthly")]).await?;
    assert_eq!(shop.order_status(&order).await?, "placed");

    // Three are left and one is to come; the two runs to come of that subscription take them all.
    let other = shop.order(&[line("TEA", 1, "monthly")]).await?;
    assert_eq!(
        shop.order_status(&other).await?,
        "draft",
        "what is reserved is not there for others"
    );
    let [subscription] = &shop.subscriptions_of(&order).await?[..] else {
        return Err("one".into());
    };
    let (id, cancel) = (subscription.to_string(), json!({"_cancel": true}));
    change(&shop.api, "order_subscriptions", &id, cancel).await?.with_status(200)?;
    let other = shop.order(&[line("TEA", 1, "monthly")]).await?;
    assert_eq!(shop.order_status(&other).await?, "placed", "nothing is reserved for who has left");
    Ok(())
}

#[tokio::test]
async fn duplicates_prices_and_addresses_are_checked_where_a_policy_says_so() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let checks = json!({
        "duplicate_subscription": {"severity": "review"},
        "duplicate_order": {"severity": "warn", "window_hours": 1},
        "price_tolerance": {"severity": "reject", "below_percent": 10},
        "address": {"severity": "warn", "shipping_required": true},
    });
    policy(&shop.api, json!({"checks": checks}), &[]).await?;
    let first = monthly(&shop).await?;
    assert_eq!(shop.order_status(&first).await?, "placed");
    assert_eq!(verdict(&shop, &first, "address").await?["findings"][0]["code"], "address_missing");
    let second = monthly(&shop).await?;
    assert_eq!(shop.order_status(&second).await?, "held");
    for (check, expected) in [("duplicate_subscription", "held"), ("duplicate_order", "warned")] {
        assert_eq!(verdict(&shop, &second, check).await?["verdict"], expected, "{check}");
    }
    let dear = json!({"sku_code": BEANS, "quantity": 1, "unit_amount_cents": 1_125, "_external_price": true});
    let cheap = documents::with(dear.clone(), json!({"unit_amount_cents": 1_124}));
    for (given, status) in [(dear, "placed"), (cheap, "draft")] {
        let order = shop.order(&[given]).await?;
        assert_eq!(shop.order_status(&order).await?, status);
    }
    Ok(())
}

#[tokio::test]
async fn a_preview_tells_which_of_the_last_orders_a_changed_policy_would_flip() -> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let few = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    let many = shop.order(&[line(BEANS, 4, "monthly")]).await?;
    shop.advance("P1M").await?;
    let draft = shop.api.create("orders", &shop.order_document(json!({}))).await?.id()?;
    let preview = |attributes: Value| {
        let document = documents::create("check_previews", attributes, &[]);
        let sending = shop.api.post("check_previews", &document);
        async move { sending.send().await }
    };
    let before = shop.api.get(&format!("orders/{many}")).await?;
    // 12.50 and 50.00.
    let tried = json!({"checks": {"credit_limit": {"severity": "review", "limit_cents": 4_999}}});
    let found = preview(tried.clone()).await?.with_status(200)?;
    assert_eq!(found.at("/data/attributes/orders_examined"), 2, "{draft} was never placed");
    let flips = found.at("/data/attributes/flips").as_array().cloned().unwrap_or_default();
    let [flip] = &flips[..] else { return Err(format!("{flips:#?}").into()) };
    assert_eq!(
        (&flip["order_id"], &flip["status"], &flip["before"], &flip["after"]),
        (&json!(many), &json!("placed"), &json!("place"), &json!("hold"))
    );
    assert_eq!(flip["checks"][0]["check"], "credit_limit");
    assert_eq!(flip["checks"][0]["outcome"]["numbers"]["limit_cents"], 4_999);
    // Nothing was written.
    let after = shop.api.get(&format!("orders/{many}")).await?;
    assert_eq!(before.body, after.body);
    assert_eq!(shop.api.get("check_policies").await?.at("/meta/record_count"), 0);
    assert_eq!(shop.api.get("check_records").await?.at("/meta/record_count"), 0);

    let newest = documents::with(tried.clone(), json!({"limit": 1, "to": "2027-02-01T00:00:00Z"}));
    let found = preview(newest).await?.with_status(200)?;
    assert_eq!(
        (found.at("/data/attributes/orders_examined"), found.at("/data/attributes/has_more")),
        (&json!(1), &json!(true))
    );
    let elsewhere = documents::with(tried, json!({"channel_code": "web"}));
    let refused = preview(elsewhere.clone()).await?;
    assert_eq!(refused.errors(), ["related_not_found /data/attributes/channel_code"]);
    let channel = documents::create("channels", json!({"code": "web", "name": "Web shop"}), &[]);
    shop.api.create("channels", &channel).await?;
    assert_eq!(preview(elsewhere).await?.at("/data/attributes/orders_examined"), 0);
    let refused = preview(json!({"checks": {"stock": {}}, "market_id": "mkt_nowhere"})).await?;
    let expected = [
        "invalid_value /data/attributes/checks/stock",
        "related_not_found /data/attributes/market_id",
    ];
    assert_eq!(refused.errors(), expected);
    shop.order_status(&few).await?;
    Ok(())
}

/// Overturns many orders, and what became of each: its outcome and the code of what it breaks.
async fn overturn_many(api: &Api, attributes: Value) -> TestResult<(Vec<(String, String)>, Value)> {
    let document = documents::create("order_overturns", attributes, &[]);
    let answer = api.post("order_overturns", &document).send().await?.with_status(200)?;
    let results = answer.attribute("results").as_array().cloned().unwrap_or_default();
    let text = |result: &Value, name: &str| result[name].as_str().unwrap_or_default().to_owned();
    let told = results.iter().map(|one| (text(one, "outcome"), text(one, "code"))).collect();
    Ok((told, answer.attribute("remaining").clone()))
}

/// An order by the channel `web` that would be renewed each month.
async fn by_channel(shop: &Shop, external: &str) -> TestResult<String> {
    let payload = json!({"id": external}).to_string();
    let request = shop.api.request(Method::POST, "channels/web/orders");
    let taken = request.body("application/json", payload).send().await?;
    shop.settle().await?;
    taken.with_status(201)?.id()
}

#[tokio::test]
async fn many_held_orders_are_overturned_with_one_reason_and_health_tells_how_many_wait()
-> TestResult {
    let shop = Shop::open_at(OPENING).await?;
    let operator = shop.api_as(Role::Operator)?;
    let term = json!({"term": {"severity": "review", "max_days": 365}});
    let policy = policy(&shop.api, json!({"checks": term}), &[]).await?;
    let market = [("market", "markets", shop.goods.market.as_str())];
    let channel = documents::create("channels", json!({"code": "web", "name": "Web"}), &market);
    let channel = shop.api.create("channels", &channel).await?.id()?;
    let program = "{external_id: .id, customer: {reference: \"c\", email: \"c@example.com\"}, \
        payment_source: {payment_source_token: \"tok_paid\"}, order: {_place: true, \
        _create_subscriptions: true, line_items: [{sku_code: \"BEANS\", quantity: 1, \
        frequency: \"monthly\"}]}}";
    let mapping = json!({"program": program, "_activate": true});
    let of = [("channel", "channels", channel.as_str())];
    let mapping = documents::create("channel_mappings", mapping, &of);
    shop.api.create("channel_mappings", &mapping).await?;

    let health = async || -> TestResult<Value> {
        // An answer may be some seconds old.
        shop.advance("PT10S").await?;
        let details = operator.get("health/details").await?;
        Ok(details.at("/checks/orders:held/0").clone())
    };
    let none = health().await?;
    assert_eq!((&none["status"], &none["observedValue"]), (&json!("pass"), &json!(0)));
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(monthly(&shop).await?);
        shop.advance("PT1H").await?;
    }
    for external in ["1", "2"] {
        orders.push(by_channel(&shop, external).await?);
    }
    for order in &orders {
        assert_eq!(shop.order_status(order).await?, "held");
    }
    let held = health().await?;
    assert_eq!((&held["status"], &held["observedValue"]), (&json!("pass"), &json!(5)));
    assert_eq!(held["counted_all"], true);
    let waits = held["oldest_waits_seconds"].as_i64().ok_or("no age")?;
    assert!((3 * 3_600..4 * 3_600).contains(&waits), "{waits}");
    shop.advance("P1D").await?;
    assert_eq!(health().await?["status"], "warn", "the oldest waits for more than a day");

    // One of them is seen to by itself; those of the channel are all right.
    let [first, second, third, fourth, fifth] = &orders[..] else { panic!("{orders:?}") };
    let rejected = json!({"_reject": "not them"});
    change(&operator, "orders", first, rejected).await?.with_status(200)?;
    let web = json!({"channel_code": "web", "check": "term", "reason": "a known partner"});
    let done = ("overturned".to_owned(), String::new());
    let (told, remaining) = overturn_many(&operator, web.clone()).await?;
    assert_eq!((told, remaining), (vec![done.clone(), done.clone()], json!(0)));
    let (told, _) = overturn_many(&operator, web).await?;
    assert!(told.is_empty(), "they wait no more: {told:?}");
    shop.settle().await?;
    for order in [fourth, fifth] {
        assert_eq!(shop.order_status(order).await?, "placed");
        assert_eq!(verdict(&shop, order, "term").await?["verdict"], "overturned");
    }
    assert_eq!(health().await?["observedValue"], 2);

    // The oldest first, as many as are asked for; the rest by the same request.
    let other = json!({"check": "credit_limit", "reason": "another check"});
    assert_eq!(overturn_many(&operator, other).await?, (Vec::new(), json!(0)));
    let one = json!({"check": "term", "limit": 1, "reason": "the policy was too strict"});
    assert_eq!(overturn_many(&operator, one.clone()).await?, (vec![done.clone()], json!(1)));
    shop.settle().await?;
    assert_eq!(shop.order_status(second).await?, "placed");
    assert_eq!(shop.order_status(third).await?, "held");
    assert_eq!(overturn_many(&operator, one).await?, (vec![done.clone()], json!(0)));
    shop.settle().await?;
    assert_eq!(shop.order_status(third).await?, "placed");
    assert_eq!(charges(&shop, third).await?, 1);
    // By their ids: what was rejected may go on, what is placed or nowhere may not.
    let ids = json!({"order_ids": [first, third, "ord_0", first], "reason": "on second thoughts"});
    let (told, _) = overturn_many(&operator, ids).await?;
    let refused = |code: &str| ("refused".to_owned(), code.to_owned());
    assert_eq!(told, [done, refused("invalid_status"), refused("not_found")]);
    shop.settle().await?;
    assert_eq!(health().await?["observedValue"], 0);

    let strict = json!({"checks": {"term": {"severity": "off"}}});
    change(&shop.api, "check_policies", &policy, strict).await?.with_status(200)?;
    for (attributes, expected) in [
        (json!({"reason": "a"}), "required /data/attributes/order_ids"),
        (json!({"check": "term"}), "required /data/attributes/reason"),
        (json!({"check": "stock", "reason": "a"}), "invalid_value /data/attributes/check"),
        (json!({"check": "credit", "reason": "a"}), "invalid_value /data/attributes/check"),
        (
            json!({"channel_code": "nowhere", "reason": "a"}),
            "related_not_found /data/attributes/channel_code",
        ),
        (
            json!({"channel_code": "nowhere", "check": "term", "reason": "a"}),
            "related_not_found /data/attributes/channel_code",
        ),
        (
            json!({"order_ids": [], "check": "term", "reason": "a"}),
            "invalid_value /data/attributes/order_ids",
        ),
    ] {
        let document = documents::create("order_overturns", attributes, &[]);
        let refused = operator.post("order_overturns", &document).send().await?;
        assert_eq!((refused.status, refused.errors()), (422, vec![expected.to_owned()]));
        let detail = refused.text("/errors/0/detail")?;
        assert!(!expected.contains("channel") || detail.contains("\"nowhere\""), "{detail}");
    }
    // Of a channel that there is, that nothing is held is an answer.
    let none = json!({"channel_code": "web", "reason": "a"});
    assert_eq!(overturn_many(&operator, none).await?, (Vec::new(), json!(0)));
    let document =
        documents::create("order_overturns", json!({"order_ids": [], "reason": "a"}), &[]);
    for role in [Role::Integration, Role::SalesChannel, Role::Approver] {
        let sent = shop.api_as(role)?.post("order_overturns", &document).send().await?;
        assert_eq!(sent.status, 403, "{role:?}");
    }
    shop.prove_events().await
}
