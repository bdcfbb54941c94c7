//! What callers are told of a service that gives no taxes: which calculator, and why, but where its name
//! leads and what it has said only if they may read calculators.

use std::collections::BTreeMap;

use perennial_local::identity::Role;
use perennial_tests::{
    Answer, Api, Plan, Shop, TestResult, documents,
    receiver::{Maker, Receiver, Reply},
    shop::BEANS,
};
use serde_json::{Value, json};

use super::{EXTERNAL, OPENED, tax_by};

/// A tax of 6.66 on each line at 1 %.
fn too_much(asked: &Value) -> Value {
    let lines = asked["lines"].as_array().cloned().unwrap_or_default();
    let told = lines
        .iter()
        .map(|line| json!({"id": line["id"], "tax_rate": 0.01, "tax_amount_cents": 666}));
    json!({"lines": told.collect::<Vec<_>>()})
}

/// A draft of beans in a market that is taxed by a new service at this URL; answers both.
async fn draft(shop: &Shop, url: &str) -> TestResult<(String, String)> {
    let attributes = json!({"name": "Service", "tax_calculator_url": url, "timeout_ms": 300});
    let made = shop.api.create(EXTERNAL, &documents::create(EXTERNAL, attributes, &[])).await?;
    let service = made.id()?;
    tax_by(shop, EXTERNAL, &service).await?.with_status(200)?;
    let draft = shop.order_document(json!({"line_items": [{"sku_code": BEANS, "quantity": 1}]}));
    Ok((shop.api.create("orders", &draft).await?.with_status(201)?.id()?, service))
}

/// Both ways to ask what a draft would bear.
async fn asked(api: &Api, order: &str) -> TestResult<[Answer; 2]> {
    let preview = documents::create("tax_previews", json!({"order_id": order}), &[]);
    let update = documents::update("orders", order, &json!({"_update_taxes": true}));
    let preview = api.post("tax_previews", &preview).send().await?;
    Ok([preview, api.patch(&format!("orders/{order}"), &update).send().await?])
}

/// Sees that a caller is told this of the service, in both ways, and nothing else.
async fn told(api: &Api, order: &str, status: u16, detail: &str) -> TestResult {
    let code = if status == 503 { "unavailable" } else { "tax_calculator_failed" };
    for answer in asked(api, order).await? {
        assert_eq!((answer.status, answer.errors()), (status, vec![code.to_owned()]));
        assert_eq!(answer.text("/errors/0/detail")?, detail);
        let retry = answer.header("retry-after").ok();
        assert_eq!(retry, (status == 503).then_some("5"), "{detail}");
    }
    Ok(())
}

#[tokio::test]
async fn a_service_that_fails_is_named_with_the_reason() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let channel = shop.api_as(Role::SalesChannel)?;
    let silent = "the tax service did not answer";
    let wrong = "the tax service gave an answer that can't be";
    for (reply, status, plain, seen) in [
        (Reply::Hang, 503, format!("{silent}: no answer within 300 ms"), None),
        (Reply::Status(500), 503, format!("{silent}: it answered with status 500"), None),
        (Reply::Status(429), 503, format!("{silent}: it answered with status 429"), None),
        (Reply::Status(404), 422, format!("{wrong}: it has the status 404, not 200"), None),
        (
            Reply::Status(200),
            422,
            format!("{wrong}: it is not JSON as was asked for"),
            Some("expected ident at line 1 column 2"),
        ),
        (
            Reply::Makes(Maker(too_much)),
            422,
            format!("{wrong}: a tax is not what its rate comes to"),
            Some("has a tax of 666 on 1250, taxable at 1 %: that is at most 14"),
        ),
    ] {
        let service = Receiver::start(reply.clone()).await?;
        let (order, id) = draft(&shop, service.url()).await?;
        told(&channel, &order, status, &format!("tax calculator {id}: {plain}")).await?;
        let [preview, update] = asked(&shop.api, &order).await?;
        let detail = preview.text("/errors/0/detail")?;
        assert_eq!(detail, update.text("/errors/0/detail")?);
        let expected = seen.unwrap_or(&plain);
        assert!(detail.contains(expected), "{reply:?}: {detail}");
        assert_eq!(
            preview.at("/errors/0/meta/tax_calculator"),
            &json!({"type": EXTERNAL, "id": id})
        );
    }
    Ok(())
}

#[tokio::test]
async fn where_the_name_of_a_service_leads_is_not_told_to_a_sales_channel() -> TestResult {
    let allowed =
        BTreeMap::from([("WebhooksAllowPrivateAddresses".to_owned(), "false".to_owned())]);
    let shop = Plan { parameters: allowed, ..Plan::at(OPENED)? }.open().await?;
    let (order, id) = draft(&shop, "https://localhost:4433/taxes").await?;
    let plain = "the tax service was not asked: its URL leads to where nothing is sent";
    let channel = shop.api_as(Role::SalesChannel)?;
    told(&channel, &order, 422, &format!("tax calculator {id}: {plain}")).await?;
    for answer in asked(&shop.api, &order).await? {
        let detail = answer.text("/errors/0/detail")?;
        assert!(detail.contains("the host localhost leads to"), "{detail}");
        assert!(detail.contains("loopback"), "{detail}");
    }
    Ok(())
}

#[tokio::test]
async fn a_service_that_nobody_answers_for_may_be_asked_again() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let service = Receiver::start(Reply::Close).await?;
    let (order, id) = draft(&shop, service.url()).await?;
    let detail =
        format!("tax calculator {id}: the tax service did not answer: it can't be reached");
    told(&shop.api_as(Role::SalesChannel)?, &order, 503, &detail).await
}
