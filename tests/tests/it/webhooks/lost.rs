//! Whatever is lost on the way, a message or a worker, no delivery is.

use std::collections::BTreeSet;

use perennial_domain::{event_topics::events, webhook::DeliveryStatus};
use perennial_tests::{
    Plan, Shop, TestResult,
    fault::{Call, Fault, Faults},
    gate::{Gate, Mode},
    receiver::{Receiver, Reply},
};

use crate::kill::kill_at;

use super::{OPENED, deliveries, delivery, draft, listening};

const PUT: &str = "DynamoDB_20120810.PutItem";
const READ: &str = "DynamoDB_20120810.GetItem";

/// Tells a receiver of an order, with a fault ahead for one call; answers the calls that were made.
async fn told_despite(fault: Option<(&Call, Fault)>) -> TestResult<Vec<Call>> {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let faults = Faults::default();
    let shop = Plan { functions: faults.functions(), ..Plan::at(OPENED)? }.open().await?;
    let webhook = listening(&shop, "orders.create", &receiver).await?;
    // What the shop's opening has told is out, else its calls might be among those that are counted.
    shop.settle().await?;
    match fault {
        Some((call, fault)) => faults.arm(call.clone(), fault),
        None => faults.record(),
    }
    draft(&shop).await?;
    let calls = faults.calls(u32::MAX);
    shop.advance("PT1H").await?;
    assert_eq!(faults.met(), fault.is_some(), "{fault:?}");
    let delivery = delivery(&shop, &webhook).await?;
    assert_eq!(delivery.status, DeliveryStatus::Delivered, "{fault:?}");
    let requests = receiver.heard();
    let ids: BTreeSet<&str> = requests.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!(ids.len(), 1);
    assert!(requests.len() <= 2, "{} times after {fault:?}", requests.len());
    Ok(calls)
}

#[tokio::test]
async fn a_fault_at_any_call_costs_time_and_no_delivery() -> TestResult {
    let calls = told_despite(None).await?;
    let calls: Vec<Call> = calls.into_iter().filter(|call| call.function == "webhooks").collect();
    assert!(calls.len() >= 9, "{calls:?}");
    for call in &calls {
        for fault in [Fault::Unreachable, Fault::AnswerLost, Fault::Throttled] {
            told_despite(Some((call, fault))).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_delivery_whose_message_is_lost_is_found_by_the_tick() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let gate = Gate::before("webhooks");
    let shop = Plan { functions: gate.functions(), ..Plan::at(OPENED)? }.open().await?;
    let webhook = listening(&shop, "orders.create", &receiver).await?;
    receiver.first(&[Reply::Status(500)]);
    draft(&shop).await?;
    assert_eq!(receiver.heard().len(), 1);
    // The message for the second attempt is lost.
    gate.set(Mode::Losing);
    shop.advance("PT1M").await?;
    gate.set(Mode::Open);
    shop.advance("PT10M").await?;
    assert_eq!(receiver.heard().len(), 2);
    assert_eq!(delivery(&shop, &webhook).await?.status, DeliveryStatus::Delivered);
    Ok(())
}

#[tokio::test]
async fn killed_in_the_middle_of_deliveries_every_event_arrives_nonetheless() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let data = tempfile::tempdir()?;
    let shop = Plan::at(OPENED)?.kept_in(data.path()).open().await?;
    let webhook = listening(&shop, "*", &receiver).await?;
    let subscription = shop.subscribe("daily").await?;
    let goods = shop.close().await;
    for point in [
        // Between a delivery's message and the delivery, between claims and what was sent, and
        // between what was sent and its outcome.
        ("webhooks", PUT, 1, Fault::StopAfter),
        ("webhooks", PUT, 7, Fault::StopBefore),
        ("webhooks", PUT, 12, Fault::StopAfter),
        ("webhooks", READ, 9, Fault::StopBefore),
    ] {
        kill_at(data.path(), point, "P1D").await?;
    }
    let shop = Shop::reopen(data.path(), goods).await?;
    shop.advance("P2D").await?;
    let journal = shop.journal("S", subscription.as_str()).await?;
    let happened: BTreeSet<String> =
        journal.iter().flat_map(events).map(|event| event.id.to_string()).collect();
    let requests = receiver.heard();
    let heard: BTreeSet<String> = requests
        .iter()
        .filter(|request| request.at("/meta/event/subject") == subscription.as_str())
        .map(|request| request.header("webhook-id").to_owned())
        .collect();
    assert_eq!(heard, happened);
    assert!(happened.len() > 20, "{happened:?}");
    let deliveries = deliveries(&shop, &webhook).await?;
    assert!(deliveries.iter().all(|one| one.status == DeliveryStatus::Delivered));
    assert!(requests.len() < deliveries.len() + 20, "{} requests", requests.len());
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn what_is_pending_when_a_webhook_goes_is_given_up() -> TestResult {
    let receiver = Receiver::start(Reply::Status(500)).await?;
    let shop = Plan::at(OPENED)?.open().await?;
    let webhook = listening(&shop, "orders.create", &receiver).await?;
    draft(&shop).await?;
    let now = shop.stack.clock().now();
    let seen = super::stored(&shop, &webhook).await?;
    let disabled = perennial_domain::webhook::Webhook {
        disabled_at: Some(now),
        version: seen.version + 1,
        ..seen.clone()
    };
    shop.store.update(&shop.organization, &disabled, seen.version).await?;
    shop.advance("P1D").await?;
    let [delivery] = &deliveries(&shop, &webhook).await?[..] else { panic!("not one delivery") };
    assert_eq!(delivery.failure.as_deref(), Some("the webhook is disabled"));
    assert_eq!(receiver.heard().len(), 1);
    Ok(())
}
