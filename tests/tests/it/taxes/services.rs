//! Orders and renewals in markets whose taxes a service computes: a real one, over HTTP.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use perennial_domain::webhook::{Secret, body_signature, signatures};
use perennial_tests::{
    Answer, Plan, Shop, TestResult, documents,
    receiver::{Maker, Receiver, Reply},
    shop::BEANS,
    taxes::Rate,
};
use serde_json::{Value, json};

use super::{EXTERNAL, MANUAL, OPENED, tax_by};

/// 10 % on every line, halves up.
fn ten_percent(asked: &Value) -> Value {
    answered(asked, |amount| (amount + 5) / 10)
}

/// The same, a cent short of what the total says.
fn wrong_sum(asked: &Value) -> Value {
    let mut answer = ten_percent(asked);
    answer["total_tax_amount_cents"] = json!(1);
    answer
}

/// Twice what 10 % come to.
fn too_much(asked: &Value) -> Value {
    answered(asked, |amount| amount / 5)
}

fn negative(asked: &Value) -> Value {
    answered(asked, |_| -1)
}

fn nothing(_: &Value) -> Value {
    json!({"lines": []})
}

fn answered(asked: &Value, tax: fn(i64) -> i64) -> Value {
    let lines = asked["lines"].as_array().cloned().unwrap_or_default();
    let told = lines.iter().map(|line| {
        let amount = line["amount_cents"].as_i64().unwrap_or_default();
        json!({"id": line["id"], "tax_rate": 0.1, "tax_amount_cents": tax(amount)})
    });
    json!({"lines": told.collect::<Vec<_>>()})
}

/// Has the market taxed by a new service at this URL; answers its secret.
async fn served(
    shop: &Shop,
    url: &str,
    on_failure: &str,
    fallback: Option<&str>,
) -> TestResult<Secret> {
    let attributes = json!({
        "name": "Service", "tax_calculator_url": url, "on_failure": on_failure, "timeout_ms": 400,
    });
    let related: Vec<_> =
        fallback.map(|id| ("fallback_tax_calculator", MANUAL, id)).into_iter().collect();
    let made =
        shop.api.create(EXTERNAL, &documents::create(EXTERNAL, attributes, &related)).await?;
    tax_by(shop, EXTERNAL, &made.id()?).await?.with_status(200)?;
    Ok(made.text("/data/attributes/shared_secret")?.parse()?)
}

/// Places an order of two bags of beans, 25.00, once.
async fn order(shop: &Shop) -> TestResult<Answer> {
    let id = shop.order(&[json!({"sku_code": BEANS, "quantity": 2})]).await?;
    shop.api.get(&format!("orders/{id}?include=line_items")).await
}

/// Status, source of taxes, taxes, and what is to be paid.
#[track_caller]
fn has(order: &Answer, status: &str, source: Value, tax: i64, paid: i64) {
    let told = ["status", "tax_source", "total_tax_amount_cents", "total_amount_with_taxes_cents"]
        .map(|name| order.attribute(name).clone());
    assert_eq!(told, [json!(status), source, json!(tax), json!(paid)], "{:#}", order.body);
}

async fn charged(shop: &Shop) -> TestResult<Vec<i64>> {
    Ok(shop.charges().await?.iter().map(|charge| charge.amount_minor).collect())
}

#[tokio::test]
async fn a_service_is_asked_once_and_what_it_says_is_charged() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let service = Receiver::start(Reply::Makes(Maker(ten_percent))).await?;
    let secret = served(&shop, service.url(), "retry", None).await?;
    let order = order(&shop).await?;
    // 10 % of 25.00.
    has(&order, "placed", json!("provider"), 250, 2_750);
    assert_eq!(charged(&shop).await?, [2_750]);

    let [asked] = service.take().try_into().map_err(|asked| format!("{asked:?}"))?;
    let (id, line) = (order.id()?, order.text("/included/0/id")?);
    assert_eq!(
        asked.json(),
        json!({
            "id": id,
            "organization": "acme",
            "market": shop.goods.market,
            "currency": "EUR",
            "tax_included": false,
            "at": asked.at("/at"),
            "date": "2027-01-31",
            "destination": {},
            "lines": [{
                "id": line, "sku_code": BEANS, "tax_category": null, "quantity": 2,
                "amount_cents": 2_500,
            }],
        })
    );
    let at: i64 = asked.header("webhook-timestamp").parse()?;
    let signed = signatures([&secret], &id, at, &asked.body);
    assert_eq!(asked.header("webhook-signature"), signed);
    assert_eq!(asked.header("webhook-id"), id);
    assert_eq!(asked.header("x-commercelayer-signature"), body_signature(&secret, &asked.body));
    Ok(())
}

#[tokio::test]
async fn renewals_ask_a_service_for_each_run() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let service = Receiver::start(Reply::Makes(Maker(ten_percent))).await?;
    served(&shop, service.url(), "retry", None).await?;
    // The beans are 12.50, the tax 1.25.
    let subscription = shop.subscribe("monthly").await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    assert_eq!(charged(&shop).await?, [1_375, 1_375]);
    let asked = service.take();
    let dates: Vec<Value> = asked.iter().map(|asked| asked.at("/date")).collect();
    assert_eq!(dates, [json!("2027-01-31"), json!("2027-02-28")]);
    let run = perennial_domain::ids::OrderId::of_run(
        &subscription,
        perennial_domain::time::OccurrenceNumber::new(1),
    );
    assert_eq!(asked[1].at("/id"), json!(run));
    let order = shop.api.get(&format!("orders/{run}")).await?;
    has(&order, "placed", json!("provider"), 125, 1_375);
    Ok(())
}

/// Each service fails in its own way; 7 % of 25.00 are 1.75.
#[tokio::test]
async fn a_table_stands_in_for_a_service_that_fails_however_it_does() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let table = shop.tax_table("Fallback", &[Rate::of(0.07)]).await?;
    let inside = Receiver::start(Reply::Makes(Maker(ten_percent))).await?;
    for reply in [
        Reply::Status(500),
        Reply::Status(429),
        Reply::Status(404),
        Reply::Status(200), // "told", which is no answer.
        Reply::Close,
        Reply::Hang,
        Reply::Huge(10_000_000),
        Reply::Redirect(inside.url().to_owned()),
        Reply::Makes(Maker(wrong_sum)),
        Reply::Makes(Maker(too_much)),
        Reply::Makes(Maker(negative)),
        Reply::Makes(Maker(nothing)),
    ] {
        let service = Receiver::start(reply.clone()).await?;
        served(&shop, service.url(), "fallback", Some(&table)).await?;
        let begun = Instant::now();
        let order = order(&shop).await?;
        has(&order, "placed", json!("fallback"), 175, 2_675);
        assert_eq!(service.heard().len(), 1, "{reply:?}");
        assert!(service.sent() < 5_000_000, "{reply:?}: {} bytes were taken", service.sent());
        assert!(begun.elapsed() < Duration::from_secs(20), "{reply:?}");
    }
    assert!(inside.heard().is_empty(), "the redirect was followed");
    assert_eq!(charged(&shop).await?, [2_675; 12]);
    Ok(())
}

#[tokio::test]
async fn a_service_that_hangs_costs_one_wait_and_not_one_for_each_order() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let service = Receiver::start(Reply::Hang).await?;
    served(&shop, service.url(), "no_tax", None).await?;
    for _ in 0..3 {
        has(&order(&shop).await?, "placed", json!("none_on_failure"), 0, 2_500);
    }
    assert_eq!(service.heard().len(), 1);
    assert_eq!(charged(&shop).await?, [2_500; 3]);
    Ok(())
}

#[tokio::test]
async fn nothing_is_charged_before_a_service_answers_that_is_to_be_asked_again() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let service = Receiver::start(Reply::Makes(Maker(ten_percent))).await?;
    service.first(&[Reply::Status(503), Reply::Makes(Maker(too_much))]);
    served(&shop, service.url(), "retry", None).await?;
    let order = order(&shop).await?;
    assert_eq!(order.attribute("status"), "placing");
    assert_eq!(charged(&shop).await?, Vec::<i64>::new());
    shop.advance("PT30M").await?;
    let order = shop.api.get(&format!("orders/{}", order.id()?)).await?;
    has(&order, "placed", json!("provider"), 250, 2_750);
    assert_eq!(charged(&shop).await?, [2_750]);
    assert_eq!(service.heard().len(), 3);
    Ok(())
}

#[tokio::test]
async fn an_order_whose_service_never_answers_becomes_a_dead_letter_and_is_placed_when_redriven()
-> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let service = Receiver::start(Reply::Status(500)).await?;
    served(&shop, service.url(), "retry", None).await?;
    let order = order(&shop).await?.id()?;
    shop.advance("PT2H").await?;
    assert_eq!(shop.order_status(&order).await?, "placing");
    assert_eq!(charged(&shop).await?, Vec::<i64>::new());
    let letters = shop.dead_letters().await?;
    // The tick hands on what waits for long, so there may be several messages of the one order.
    let of_order = letters.iter().all(|letter| letter.subject.as_ref() == Some(&order));
    assert!(of_order, "{letters:?}");
    let letter = letters.first().ok_or("there is no dead letter")?;
    service.set(Reply::Makes(Maker(ten_percent)));
    let redrive = documents::update("dead_letters", letter.id.as_str(), &json!({"_redrive": true}));
    let path = format!("dead_letters/{}", letter.id);
    shop.api.patch(&path, &redrive).send().await?.with_status(200)?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    assert_eq!(charged(&shop).await?, [2_750]);
    Ok(())
}

#[tokio::test]
async fn without_leave_no_service_at_a_private_address_is_asked() -> TestResult {
    let service = Receiver::start(Reply::Makes(Maker(ten_percent))).await?;
    let parameters =
        BTreeMap::from([("WebhooksAllowPrivateAddresses".to_owned(), "false".to_owned())]);
    let shop = Plan { parameters, ..Plan::at(OPENED)? }.open().await?;
    // A name says nothing of where it leads until it is looked up.
    let url = service.url().replace("http://127.0.0.1", "https://localhost");
    served(&shop, &url, "no_tax", None).await?;
    has(&order(&shop).await?, "placed", json!("none_on_failure"), 0, 2_500);
    assert!(service.heard().is_empty(), "somebody asked");
    Ok(())
}
