//! Events that come together are told apart, and cost one question together.

use perennial_tests::{
    Plan, TestResult,
    gate::{Gate, Mode},
    receiver::{Receiver, Reply},
    worker::Worker,
};

use super::{OPENED, deliveries, draft, listening};

/// Events of one batch.
const EVENTS: usize = 6;

#[tokio::test]
async fn who_listens_is_asked_once_for_all_events_of_a_batch() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let gate = Gate::before("webhooks");
    let shop = Plan { functions: gate.functions(), ..Plan::at(OPENED)? }.open().await?;
    let webhook = listening(&shop, "orders.create", &receiver).await?;
    let hooks = Worker::of(&shop, "webhooks")?;
    // What the shop's opening has told is out.
    shop.settle().await?;
    gate.forget();
    gate.set(Mode::Losing);
    for _ in 0..EVENTS {
        draft(&shop).await?;
    }
    let records = gate.take_records();
    assert_eq!(records.len(), EVENTS);
    let dynamo = &shop.stack.cloud().dynamodb;
    let _ = dynamo.take_usage();
    dynamo.meter(true);
    hooks.deliver(&records).await?;
    let lists = ("BookTable/list".to_owned(), "Query");
    let asked = dynamo.take_usage().by_action.get(&lists).map(|usage| usage.calls);
    assert_eq!(asked, Some(1), "the webhooks of the organization are read once");
    assert_eq!(deliveries(&shop, &webhook).await?.len(), EVENTS, "each event is told");
    Ok(())
}
