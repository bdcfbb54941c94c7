//! What the function can't handle is kept for somebody, with its organization, and repeated by nobody.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use perennial_domain::webhook::{DeliveryStatus, Webhook};
use perennial_store::DeadLetterStatus;
use perennial_tests::{
    Shop, TestResult, documents,
    receiver::{Receiver, Reply},
};
use serde_json::json;

use super::{OPENED, delivery, draft, told_of_orders};

/// Writes a topic into the stored webhook that nothing of ours would write.
async fn set_topic(shop: &Shop, webhook: &Webhook, topic: &str) -> TestResult {
    let tables = shop.stack.template().functions.iter();
    let mut tables = tables.filter_map(|function| function.environment.get("BOOK_TABLE"));
    let table = tables.next().ok_or("no function knows the order book")?;
    let update = shop.stack.aws().dynamodb.update_item().table_name(table);
    update
        .key("pk", AttributeValue::S(format!("{}#W#{}", shop.organization, webhook.id)))
        .key("sk", AttributeValue::S("#".to_owned()))
        .update_expression("SET topic = :topic")
        .expression_attribute_values(":topic", AttributeValue::S(topic.to_owned()))
        .send()
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_delivery_that_cannot_be_made_rests_as_a_dead_letter_until_it_is_redriven() -> TestResult
{
    let receiver = Receiver::start(Reply::Status(200)).await?;
    receiver.first(&[Reply::Status(500)]);
    let (shop, webhook) = told_of_orders(&receiver).await?;
    draft(&shop).await?;
    set_topic(&shop, &webhook, "no topic").await?;
    shop.advance("P1D").await?;
    let letters = shop.dead_letters().await?;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!((letter.source.as_str(), letter.attempts), ("webhooks", 1));
    let pending = delivery(&shop, &webhook).await?;
    assert_eq!(letter.subject.as_deref(), Some(pending.id.as_str()));
    assert_eq!(pending.status, DeliveryStatus::Pending);
    assert_eq!(receiver.heard().len(), 1);

    set_topic(&shop, &webhook, "orders.create").await?;
    let redrive = documents::update("dead_letters", letter.id.as_str(), &json!({"_redrive": true}));
    let path = format!("dead_letters/{}", letter.id);
    shop.api.patch(&path, &redrive).send().await?.with_status(200)?;
    shop.settle().await?;
    assert_eq!(delivery(&shop, &webhook).await?.status, DeliveryStatus::Delivered);
    Ok(())
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_kept_with_the_organization_that_it_names() -> TestResult {
    let shop = Shop::open_at(OPENED).await?;
    let functions = &shop.stack.template().functions;
    let mut buses =
        functions.iter().filter_map(|function| function.environment.get("EVENT_BUS_NAME"));
    let event = PutEventsRequestEntry::builder()
        .event_bus_name(buses.next().ok_or("no function knows the bus")?)
        .source("perennial")
        .detail_type("orders.create")
        .detail(json!({"organization": "acme", "subject": "ord_1"}).to_string())
        .build();
    shop.stack.aws().eventbridge().put_events().entries(event).send().await?;
    shop.settle().await?;
    let letters = shop.dead_letters().await?;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!((letter.source.as_str(), letter.status), ("webhooks", DeadLetterStatus::Open));
    assert!(letter.body.contains("ord_1"), "{}", letter.body);
    Ok(())
}
