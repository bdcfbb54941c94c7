//! Who is nobody gets 401, who may not gets 403, and another organization's record is 404, as if it
//! did not exist.

use chrono::TimeDelta;
use perennial_local::identity::{
    Role::{self, Approver, Integration, Operator, SalesChannel},
    TokenRequest,
};
use perennial_tests::{Api, Plan, Shop, TestResult, documents, documents::line, shop::BEANS};
use reqwest::Method;
use serde_json::{Value, json};

/// Every collection of the API that needs nothing but a token to be listed.
const LISTS: [&str; 8] = [
    "orders",
    "order_subscriptions",
    "skus",
    "markets",
    "subscription_models",
    "customers",
    "job_runs",
    "dead_letters",
];

#[tokio::test]
async fn without_a_good_token_nothing_is_answered() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let other = Plan::at("2027-01-31T10:00:00Z")?.signing_by_itself().open().await?;
    let expired = TokenRequest::new("acme", Role::Integration)?.lasting(TimeDelta::days(-1));
    let good = shop.stack.token("acme", Role::Integration)?;
    let mut tampered: Vec<String> = good.split('.').map(str::to_owned).collect();
    if let Some(claims) = tampered.get_mut(1) {
        claims.replace_range(10..12, "AA");
    }
    for (what, token) in [
        ("no token", None),
        ("no JWT", Some("nonsense".to_owned())),
        ("an expired token", Some(shop.stack.sign(&expired)?)),
        ("another stack's token", Some(other.stack.token("acme", Role::Integration)?)),
        ("a tampered token", Some(tampered.join("."))),
    ] {
        let api = shop.api.with_token(token);
        for path in LISTS {
            let refused = api.request(Method::GET, path).send().await?;
            assert_eq!(refused.status, 401, "{what}: {path}: {:#}", refused.body);
        }
        let document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
        assert_eq!(api.post("orders", &document).send().await?.status, 401, "{what}");
    }
    assert!(shop.client_orders().await?.is_empty());
    let nobody = shop.api.with_token(None);
    assert_eq!(nobody.get("health").await?.at("/status"), "pass");
    assert!(nobody.get("openapi.json").await?.at("/openapi").is_string());
    Ok(())
}

#[tokio::test]
async fn each_role_may_do_what_it_is_for_and_no_more() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let order = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    let sku = |code: &str| documents::create("skus", documents::sku(code), &[]);
    let job = documents::create("job_runs", json!({}), &[]);
    let status = async |role: Role, path: &str, document: Option<&Value>| {
        let api = shop.api_as(role)?;
        let sending = match document {
            Some(document) => api.post(path, document),
            None => api.request(Method::GET, path),
        };
        TestResult::Ok(sending.send().await?.status)
    };
    for (role, path, document, expected) in [
        (Integration, "orders", Some(order.clone()), 201),
        (SalesChannel, "orders", Some(order.clone()), 201),
        (Operator, "orders", Some(order.clone()), 201),
        (Approver, "orders", Some(order), 403),
        (Integration, "skus", Some(sku("A")), 201),
        (SalesChannel, "skus", Some(sku("B")), 403),
        (Operator, "skus", Some(sku("C")), 201),
        (Approver, "skus", Some(sku("D")), 403),
        (Integration, "job_runs", Some(job.clone()), 201),
        (SalesChannel, "job_runs", Some(job.clone()), 403),
        (Operator, "job_runs", Some(job.clone()), 201),
        (Approver, "job_runs", Some(job), 403),
        (SalesChannel, "skus", None, 200),
        (SalesChannel, "orders", None, 200),
        (SalesChannel, "job_runs", None, 403),
        (SalesChannel, "dead_letters", None, 403),
        (Approver, "orders", None, 200),
        (Approver, "dead_letters", None, 200),
    ] {
        let found = status(role, path, document.as_ref()).await?;
        let verb = if document.is_some() { "writes" } else { "reads" };
        assert_eq!(found, expected, "{role} {verb} {path}");
    }
    shop.settle().await?;
    assert_eq!(shop.client_orders().await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn another_organization_finds_nothing_that_is_not_its_own() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let order = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    let made = shop.subscriptions_of(&order).await?;
    let [subscription] = &made[..] else { panic!("{made:?}") };
    shop.pay_by(subscription, &shop.new_source("tok_unknown").await?).await?;
    shop.advance("P1MT5M").await?;
    let letter = shop.api.get("dead_letters").await?.text("/data/0/id")?;
    let job = shop.api.get("job_runs").await?.text("/data/0/id")?;
    let line_item = shop.api.get(&format!("orders/{order}")).await?;
    let line_item = line_item.text("/data/relationships/line_items/data/0/id")?;
    let sku = shop.api.get("skus").await?.text("/data/0/id")?;

    let stranger = shop.api.with_token(Some(shop.stack.token("other", Role::Integration)?));
    for list in LISTS {
        assert!(stranger.all(list).await?.is_empty(), "{list}");
    }
    for path in [
        format!("journal_entries?filter[q][subject_eq]={order}"),
        format!("recurring_order_copies?filter[q][order_subscription_id_eq]={subscription}"),
    ] {
        assert!(stranger.all(&path).await?.is_empty(), "{path}");
    }
    let goods = &shop.goods;
    for (kind, id, change) in [
        ("orders", order.as_str(), json!({"_place": true})),
        ("line_items", &line_item, json!({"quantity": 2})),
        ("order_subscriptions", subscription.as_str(), json!({"_cancel": true})),
        ("skus", &sku, json!({"name": "Mine"})),
        ("markets", &goods.market, json!({"name": "Mine"})),
        ("subscription_models", &goods.model, json!({"name": "Mine"})),
        ("customers", &goods.customer, json!({"name": "Mine"})),
        ("customer_payment_sources", &goods.source, json!({"name": "Mine"})),
        ("dead_letters", &letter, json!({"_redrive": true})),
    ] {
        let path = format!("{kind}/{id}");
        let missing = format!("{kind}/{}x", &id[..id.len() - 1]);
        let read = |api: &Api, path: &str| api.request(Method::GET, path).send();
        assert_eq!(read(&shop.api, &path).await?.status, 200, "{path} is there");
        let foreign = read(&stranger, &path).await?;
        assert_eq!(foreign.status, 404, "{path}");
        assert_eq!(read(&shop.api, &missing).await?.status, 404, "{missing}");
        let change = documents::update(kind, id, &change);
        let refused = stranger.patch(&path, &change).send().await?;
        assert_eq!(refused.status, 404, "{path}: {:#}", refused.body);
    }
    let read = stranger.request(Method::GET, &format!("job_runs/{job}")).send().await?;
    assert_eq!(read.status, 404);

    // What belongs to others can't be referred to either.
    let borrowed = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    // 404 for each relationship, 422 for the line's sku: 400 is what these have in common.
    let refused = stranger.post("orders", &borrowed).send().await?.with_status(400)?;
    assert!(
        refused
            .errors()
            .contains(&"related_not_found /data/relationships/market/data/id".to_owned()),
        "{:?}",
        refused.errors()
    );
    let subscription = shop.subscription(subscription).await?;
    assert!(subscription.status.repeats(), "the stranger has changed nothing");
    Ok(())
}

#[tokio::test]
async fn a_token_for_one_market_sees_and_sells_in_that_market_only() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let here = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    let model = [("subscription_model", "subscription_models", shop.goods.model.as_str())];
    let elsewhere = documents::create("markets", documents::market(), &model);
    let elsewhere = shop.api.create("markets", &elsewhere).await?.id()?;
    let token = TokenRequest::new("acme", Role::SalesChannel)?.in_market(&elsewhere)?;
    let channel = shop.api.with_token(Some(shop.stack.sign(&token)?));

    let read = channel.request(Method::GET, &format!("orders/{here}")).send().await?;
    assert_eq!(read.status, 404);
    assert!(channel.all("orders").await?.is_empty());
    let foreign = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    let refused = channel.post("orders", &foreign).send().await?;
    assert!(matches!(refused.status, 403 | 404), "{:#}", refused.body);

    let mut own = foreign;
    if let Some(id) = own.pointer_mut("/data/relationships/market/data/id") {
        *id = json!(elsewhere);
    }
    let own = channel.create("orders", &own).await?.id()?;
    shop.settle().await?;
    assert_eq!(channel.get(&format!("orders/{own}")).await?.attribute("status"), "placed");
    assert_eq!(channel.all("orders").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_token_for_one_market_changes_nothing_that_others_share() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let market = shop.goods.market.clone();
    let token = TokenRequest::new("acme", Role::Operator)?.in_market(&market)?;
    let confined = shop.api.with_token(Some(shop.stack.sign(&token)?));
    let list = json!({"name": "Retail", "currency_code": "EUR"});
    let list = shop.api.create("price_lists", &documents::create("price_lists", list, &[])).await?;
    let list = list.id()?;
    let price = documents::create(
        "prices",
        json!({"amount_cents": 990}),
        &[
            ("price_list", "price_lists", &list),
            ("sku", "skus", &shop.api.get("skus").await?.text("/data/0/id")?),
        ],
    );
    let price_id = shop.api.create("prices", &price).await?.id()?;
    for (kind, id, change) in [
        ("price_lists", list.as_str(), json!({"name": "Mine"})),
        ("prices", &price_id, json!({"amount_cents": 1})),
        ("subscription_models", &shop.goods.model, json!({"auto_cancel": true})),
        ("skus", &shop.api.get("skus").await?.text("/data/0/id")?, json!({"unit_amount_cents": 1})),
    ] {
        let path = format!("{kind}/{id}");
        assert_eq!(confined.get(&path).await?.id()?, id, "it reads {kind}");
        let change = documents::update(kind, id, &change);
        let deletion = confined.request(Method::DELETE, &path).send().await?;
        for refused in [confined.patch(&path, &change).send().await?, deletion] {
            let refused = refused.with_status(403)?;
            let expected = format!(
                "{kind} are shared by all markets, this token is for one: it only reads them"
            );
            assert_eq!(refused.at("/errors/0/detail"), &expected);
        }
    }
    let sku = documents::create("skus", documents::sku("MINE"), &[]);
    assert_eq!(confined.post("skus", &sku).send().await?.errors(), ["forbidden"]);

    // Its own market is its own; others are not, nor are bundles that every market sells.
    let rename = documents::update("markets", &market, &json!({"name": "Here"}));
    confined.patch(&format!("markets/{market}"), &rename).send().await?.with_status(200)?;
    let another = documents::create("markets", documents::market(), &[]);
    confined.post("markets", &another).send().await?.with_status(403)?;
    let bundle = json!({
        "code": "PAIR", "name": "Pair", "currency_code": "EUR", "price_amount_cents": 2000,
        "components": [{"sku_code": BEANS, "quantity": 2}],
    });
    let everywhere = documents::create("bundles", bundle.clone(), &[]);
    let refused = confined.post("bundles", &everywhere).send().await?.with_status(403)?;
    let expected =
        format!("this token is for market {market}: it writes no bundles but that market's");
    assert_eq!(refused.at("/errors/0/detail"), &expected);
    let shared = shop.api.create("bundles", &everywhere).await?.id()?;
    let change = documents::update("bundles", &shared, &json!({"price_amount_cents": 1}));
    confined.patch(&format!("bundles/{shared}"), &change).send().await?.with_status(403)?;
    let own = documents::with(bundle, json!({"code": "PAIR-HERE"}));
    let own = documents::create("bundles", own, &[("market", "markets", &market)]);
    confined.create("bundles", &own).await?;
    Ok(())
}
