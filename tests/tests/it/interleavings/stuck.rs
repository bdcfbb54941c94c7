//! Orders whose validation dies until their messages are given up: nobody has to do anything, and
//! until they are placed, health and failures tell of them.

use perennial_domain::money::MinorUnits;
use perennial_store::{DeadLetter, DeadLetterStatus};
use perennial_tests::{
    Plan, Shop, TestResult, documents,
    fault::Fault,
    gate::{Gate, Mode},
    shop::BEANS,
    worker::Worker,
};
use serde_json::{Value, json};

use crate::kill::kill_at;

const NOW: &str = "2027-01-31T10:00:00Z";

/// A shop whose validation is in the hands of the test, and an order that it dies over.
async fn dying(gate: &Gate) -> TestResult<(Shop, String)> {
    let shop = Plan { functions: gate.functions(), ..Plan::at(NOW)? }.open().await?;
    gate.set(Mode::Dying);
    let order = send(&shop).await?;
    // It is received five times, three minutes apart, and so is what the tick sends after it.
    shop.advance("PT20M").await?;
    assert_eq!(shop.order_status(&order).await?, "placing");
    Ok((shop, order))
}

/// Sends an order of 12.50 to be placed.
async fn send(shop: &Shop) -> TestResult<String> {
    let order = json!({"line_items": [{"sku_code": BEANS, "quantity": 1}], "_place": true});
    shop.api.create("orders", &shop.order_document(order)).await?.id()
}

/// The one letter there is.
async fn letter(shop: &Shop) -> TestResult<DeadLetter> {
    let letters = shop.dead_letters().await?;
    let [letter] = &letters[..] else { return Err(format!("one letter: {letters:#?}").into()) };
    Ok(letter.clone())
}

/// How many letters health tells of, and what failures list.
async fn told(shop: &Shop) -> TestResult<(Value, Vec<String>)> {
    // Health remembers for a few seconds what it has found.
    let health = shop.api.get("health/details").await?;
    let open = health.at("/checks/dead_letters:open/0/observedValue").clone();
    let failures = shop.api.get("failures").await?;
    let subject = |one: &Value| one.pointer("/attributes/subject")?.as_str().map(str::to_owned);
    Ok((open, failures.list()?.iter().filter_map(subject).collect()))
}

#[tokio::test]
async fn an_order_whose_messages_were_given_up_is_placed_by_itself() -> TestResult {
    let gate = Gate::before("validation");
    let (shop, order) = dying(&gate).await?;
    let stuck = letter(&shop).await?;
    assert_eq!((stuck.status, stuck.source.as_str()), (DeadLetterStatus::Open, "validation"));
    assert_eq!(stuck.subject.as_deref(), Some(order.as_str()));
    assert_eq!(stuck.value_at_risk.map(MinorUnits::get), Some(1_250));
    assert_eq!(told(&shop).await?, (json!(1), vec![order.clone()]));

    // It dies over the next attempt, too: still one letter, which counts them all.
    shop.advance("PT2H").await?;
    let again = letter(&shop).await?;
    assert_eq!((again.id, again.status), (stuck.id, DeadLetterStatus::Open));
    assert_eq!(again.created_at, stuck.created_at, "it waits since then");
    assert!(again.attempts > stuck.attempts, "{} and {}", stuck.attempts, again.attempts);

    gate.set(Mode::Open);
    shop.advance("PT2H").await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    assert_eq!(letter(&shop).await?.status, DeadLetterStatus::Resolved);
    assert_eq!(told(&shop).await?, (json!(0), vec![]));
    assert_eq!(shop.charges().await?.len(), 1);
    shop.prove_books().await?;
    shop.prove_events().await
}

#[tokio::test]
async fn an_order_that_was_placed_before_its_letter_was_made_is_no_failure() -> TestResult {
    let gate = Gate::before("validation");
    let shop = Plan { functions: gate.functions(), ..Plan::at(NOW)? }.open().await?;
    let order = send(&shop).await?;
    shop.settle().await?;
    // Its message was given up in the same moment: it comes to those who keep dead letters.
    let mut late = gate.take_records();
    for record in &mut late {
        let arn = record.get("eventSourceARN").and_then(Value::as_str).unwrap_or_default();
        let arn = arn.replace("ValidationQueue", "ValidationDeadLetterQueue");
        if let Some(record) = record.as_object_mut() {
            record.insert("eventSourceARN".to_owned(), json!(arn));
        }
    }
    Worker::of(&shop, "dead-letter")?.deliver(&late).await?;
    let stale = letter(&shop).await?;
    assert_eq!(stale.status, DeadLetterStatus::Resolved);
    assert_eq!(stale.subject.as_deref(), Some(order.as_str()));
    assert_eq!(told(&shop).await?, (json!(0), vec![]));
    let path = format!("dead_letters/{}", stale.id);
    for asked in
        [json!({"_redrive": true}), json!({"_discard": true, "discard_reason": "it is placed"})]
    {
        let asked = documents::update("dead_letters", stale.id.as_str(), &asked);
        let refused = shop.api.patch(&path, &asked).send().await?;
        assert_eq!(
            (refused.status, refused.text("/errors/0/code")?),
            (409, "invalid_status".into())
        );
    }
    shop.prove_books().await.map(drop)
}

#[tokio::test]
async fn a_letter_that_still_waits_is_left_out_of_failures_once_its_order_is_placed() -> TestResult
{
    let gate = Gate::before("validation");
    let (shop, order) = dying(&gate).await?;
    let stuck = letter(&shop).await?;
    // The note that its order was placed is lost.
    gate.set(Mode::Open);
    shop.advance("PT2H").await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    let resolved = letter(&shop).await?;
    let waits = DeadLetter { version: resolved.version + 1, ..stuck };
    shop.store.update_dead_letter(&shop.organization, &waits, resolved.version).await?;
    let (_, failures) = told(&shop).await?;
    assert!(failures.is_empty(), "{failures:?}");
    let alone = shop.api.request(reqwest::Method::GET, &format!("failures/{}", waits.id));
    assert_eq!(alone.send().await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn an_order_whose_letter_is_discarded_goes_back_to_its_client_unless_it_is_paid() -> TestResult
{
    for paid in [false, true] {
        let gate = Gate::before("validation");
        let (shop, order) = dying(&gate).await?;
        if paid {
            // One attempt was killed after the provider had answered.
            let message = gate.take_records().pop().ok_or("no message")?;
            let worker = Worker::of(&shop, "validation")?;
            let mut work = worker.begin(&[message]);
            while shop.charges().await?.is_empty() {
                assert!(work.step().await.is_none(), "it ended without a charge");
            }
        }
        let stuck = letter(&shop).await?;
        let discard = json!({"_discard": true, "discard_reason": "nobody wants it any more"});
        let discard = documents::update("dead_letters", stuck.id.as_str(), &discard);
        let path = format!("dead_letters/{}", stuck.id);
        gate.set(Mode::Open);
        shop.api.patch(&path, &discard).send().await?.with_status(200)?;
        shop.settle().await?;
        let now = shop.api.get(&format!("orders/{order}")).await?;
        if paid {
            assert_eq!(now.attribute("status"), "placed");
        } else {
            assert_eq!(now.attribute("status"), "draft");
            assert_eq!(now.at("/data/attributes/rejections/0/code"), "given_up");
        }
        shop.advance("P1D").await?;
        assert_eq!(letter(&shop).await?.status, DeadLetterStatus::Discarded);
        assert_eq!(shop.charges().await?.len(), usize::from(paid));
        shop.prove_books().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_letter_is_noted_as_discarded_though_its_order_went_back_sooner() -> TestResult {
    let gate = Gate::before("validation");
    let (shop, order) = dying(&gate).await?;
    gate.set(Mode::Open);
    let stuck = letter(&shop).await?;
    // What a discard sends before it notes anything.
    let sent = json!({"organization": shop.organization, "order_id": order, "give_up": stuck.id});
    shop.send("VALIDATION", &[sent.to_string()], 0).await?;
    shop.settle().await?;
    assert_eq!(shop.order_status(&order).await?, "draft");
    let reason = "nobody wants it any more";
    let discard = json!({"_discard": true, "discard_reason": reason});
    let discard = documents::update("dead_letters", stuck.id.as_str(), &discard);
    let path = format!("dead_letters/{}", stuck.id);
    shop.api.patch(&path, &discard).send().await?.with_status(200)?;
    let noted = letter(&shop).await?;
    assert_eq!(noted.status, DeadLetterStatus::Discarded);
    assert_eq!(noted.discard_reason.as_deref(), Some(reason));
    Ok(())
}

/// Orders that wait at once.
const ORDERS: usize = 12;

#[tokio::test]
async fn killed_again_and_again_while_orders_wait_none_is_stuck_and_none_is_charged_twice()
-> TestResult {
    const CHARGE: &str = "DynamoDB_20120810.PutItem";
    const COMMIT: &str = "DynamoDB_20120810.TransactWriteItems";
    let data = tempfile::tempdir()?;
    let gate = Gate::before("validation");
    let plan = Plan { functions: gate.functions(), ..Plan::at(NOW)? };
    let shop = plan.kept_in(data.path()).open().await?;
    gate.set(Mode::Dying);
    let mut orders = Vec::new();
    for _ in 0..ORDERS {
        orders.push(send(&shop).await?);
    }
    shop.settle().await?;
    let goods = shop.close().await;
    // Each of these uses up a receive of every message that it finds, and there are but five.
    for point in [
        ("validation", CHARGE, 1, Fault::StopBefore),
        ("validation", CHARGE, 1, Fault::StopAfter),
        ("validation", COMMIT, 1, Fault::StopBefore),
        ("validation", CHARGE, 2, Fault::StopAfter),
        ("validation", COMMIT, 1, Fault::StopAfter),
        ("validation", CHARGE, 1, Fault::StopBefore),
        ("validation", COMMIT, 2, Fault::StopBefore),
    ] {
        kill_at(data.path(), point, "PT3H").await?;
    }
    let shop = Shop::reopen(data.path(), goods).await?;
    shop.advance("PT3H").await?;
    for order in &orders {
        assert_eq!(shop.order_status(order).await?, "placed");
    }
    assert_eq!(shop.charges().await?.len(), ORDERS);
    let letters = shop.dead_letters().await?;
    let resolved = |letter: &DeadLetter| letter.status == DeadLetterStatus::Resolved;
    assert!(letters.iter().all(resolved), "{letters:#?}");
    assert_eq!(told(&shop).await?, (json!(0), vec![]));
    println!("{} of {ORDERS} orders had lost all their messages", letters.len());
    shop.prove_books().await.map(drop)
}
