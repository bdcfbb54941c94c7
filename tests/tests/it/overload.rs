//! More orders come than validation gets through: they are refused at the door, with the time to
//! come back at, and those that were let in are placed all the same.

use std::time::{Duration, Instant};

use perennial_domain::order::OrderStatus;
use perennial_tests::{
    Plan, Shop, TestResult,
    api::Answer,
    documents,
    documents::line,
    gate::{Gate, Mode},
    shop::BEANS,
};
use serde_json::{Value, json};

/// How long the door may stay open although a crowd waits, and closed although nobody does.
const PATIENCE: Duration = Duration::from_secs(20);

async fn place(shop: &Shop, document: &Value, number: usize) -> TestResult<Answer> {
    shop.api.post("orders", document).key(&format!("order-{number}")).send().await
}

/// A shop whose validation holds every order that it is given, with the door closed: ten orders may
/// wait, more do. Tells how many were let in; the next is refused.
async fn crowded() -> TestResult<(Shop, Gate, usize)> {
    let gate = Gate::before("validation");
    let mut plan = Plan { functions: gate.functions(), ..Plan::at("2027-01-31T10:00:00Z")? };
    plan.parameters.insert("IntakeBacklogLimit".to_owned(), "10".to_owned());
    let shop = plan.open().await?;
    gate.set(Mode::Holding);
    let document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    let begun = Instant::now();
    for taken in 0.. {
        let answer = place(&shop, &document, taken).await?;
        if answer.status != 201 {
            return Ok((shop, gate, taken));
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("{taken} orders were taken, and none was refused").into());
        }
    }
    Err("there are more orders than numbers".into())
}

#[tokio::test]
async fn an_order_too_many_is_refused_with_the_time_to_come_back_and_nothing_of_it_is_kept()
-> TestResult {
    let (shop, gate, taken) = crowded().await?;
    let document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    let refused = place(&shop, &document, taken).await?.with_status(429)?;
    assert_eq!(refused.at("/errors/0/code"), "overloaded");
    assert_eq!(refused.at("/errors/0/meta/maximum"), 10);
    assert!(refused.at("/errors/0/meta/value").as_u64() > Some(10), "{:#}", refused.body);
    let seconds: u64 = refused.header("retry-after")?.parse()?;
    assert!((1..=30).contains(&seconds), "{seconds} s");

    // What does not add to the crowd is taken as ever; its placing is not.
    let draft = shop.api.create("orders", &shop.order_document(json!({}))).await?;
    let path = format!("orders/{}", draft.id()?);
    let placing = documents::update("orders", &draft.id()?, &json!({"_place": true}));
    shop.api.patch(&path, &placing).send().await?.with_status(429)?;
    assert_eq!(shop.order_status(&draft.id()?).await?, "draft");
    assert_eq!(shop.client_orders().await?.len(), taken + 1);
    gate.set(Mode::Open);
    shop.settle().await
}

#[tokio::test]
async fn when_the_crowd_is_through_the_same_request_is_taken_and_every_order_is_placed_once()
-> TestResult {
    let (shop, gate, taken) = crowded().await?;
    let document = shop.subscribing(&[line(BEANS, 1, "monthly")]);
    gate.set(Mode::Open);
    let begun = Instant::now();
    while place(&shop, &document, taken).await?.status == 429 {
        assert!(begun.elapsed() < PATIENCE, "the door stays closed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    shop.settle().await?;
    let orders = shop.client_orders().await?;
    assert_eq!(orders.len(), taken + 1);
    assert!(orders.iter().all(|order| order.status == OrderStatus::Placed));
    assert_eq!(shop.charges().await?.len(), taken + 1);
    shop.prove_events().await
}
