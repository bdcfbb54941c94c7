//! Receivers that mean no good, or can't help it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use perennial_domain::webhook::DeliveryStatus;
use perennial_tests::{
    Plan, TestResult,
    receiver::{Receiver, Reply},
};

use super::{OPENED, codes, delivery, draft, listening, told_of_orders, webhook};

#[tokio::test]
async fn a_receiver_that_hangs_is_given_fifteen_seconds() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    receiver.first(&[Reply::Hang]);
    let (shop, webhook) = told_of_orders(&receiver).await?;
    let begun = Instant::now();
    draft(&shop).await?;
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(14) && took < Duration::from_secs(40), "{took:?}");
    let hung = delivery(&shop, &webhook).await?;
    assert_eq!(hung.log[0].response_message, "no answer within 15000 ms");
    shop.advance("PT10M").await?;
    assert_eq!(codes(&delivery(&shop, &webhook).await?), [0, 200]);
    Ok(())
}

#[tokio::test]
async fn an_answer_of_a_hundred_megabytes_is_not_read() -> TestResult {
    let receiver = Receiver::start(Reply::Huge(100_000_000)).await?;
    let (shop, webhook) = told_of_orders(&receiver).await?;
    draft(&shop).await?;
    let delivery = delivery(&shop, &webhook).await?;
    assert_eq!((delivery.status, codes(&delivery)), (DeliveryStatus::Delivered, vec![200]));
    assert_eq!(delivery.log[0].response_message, "x".repeat(200));
    // What the sockets between us hold, and no more.
    assert!(receiver.sent() < 20_000_000, "{} bytes were taken", receiver.sent());
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_not_followed() -> TestResult {
    let inside = Receiver::start(Reply::Status(200)).await?;
    let receiver = Receiver::start(Reply::Redirect(inside.url().to_owned())).await?;
    let (shop, webhook) = told_of_orders(&receiver).await?;
    draft(&shop).await?;
    shop.advance("PT2M").await?;
    assert!(inside.heard().is_empty(), "the redirect was followed");
    let delivery = delivery(&shop, &webhook).await?;
    assert_eq!((delivery.status, codes(&delivery)), (DeliveryStatus::Pending, vec![307; 3]));
    Ok(())
}

#[tokio::test]
async fn without_leave_nothing_is_sent_to_private_addresses() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    let parameters =
        BTreeMap::from([("WebhooksAllowPrivateAddresses".to_owned(), "false".to_owned())]);
    let shop = Plan { parameters, ..Plan::at(OPENED)? }.open().await?;
    let plain = listening(&shop, "orders.create", &receiver).await?;
    let encrypted = receiver.url().replace("http:", "https:");
    let by_name = encrypted.replace("127.0.0.1", "localhost");
    let encrypted = webhook(&shop, "orders.create", &encrypted, &[]).await?;
    let by_name = webhook(&shop, "orders.create", &by_name, &[]).await?;
    let metadata = webhook(&shop, "orders.create", "https://169.254.169.254/latest", &[]).await?;
    draft(&shop).await?;
    assert!(receiver.heard().is_empty(), "somebody was told");
    for (webhook, why) in [
        (plain, "https only"),
        (encrypted, "127.0.0.1, which is loopback"),
        (by_name, "which is loopback"),
        (metadata, "169.254.169.254, which is link-local"),
    ] {
        let delivery = delivery(&shop, &webhook).await?;
        let told = &delivery.log[0].response_message;
        assert!(told.contains(why), "{told}");
        assert_eq!(delivery.status, DeliveryStatus::Pending);
    }
    Ok(())
}
