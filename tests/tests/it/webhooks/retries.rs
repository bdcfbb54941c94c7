//! Messages that did not arrive are sent again, for about a day.

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::webhook::{DeliveryStatus, EventCallback};
use perennial_tests::{
    TestResult,
    receiver::{Receiver, Reply},
};

use super::{codes, delivery, draft, stored, told_of_orders};

/// Seconds between the attempts of a delivery.
fn waits(delivery: &EventCallback) -> Vec<i64> {
    let at: Vec<DateTime<Utc>> = delivery.log.iter().map(|attempt| attempt.at).collect();
    at.windows(2).map(|pair| (pair[1] - pair[0]).num_seconds()).collect()
}

#[tokio::test]
async fn a_message_is_sent_again_until_it_is_taken() -> TestResult {
    let receiver = Receiver::start(Reply::Status(200)).await?;
    receiver.first(&[Reply::Status(500), Reply::Status(404), Reply::Close, Reply::Status(503)]);
    let (shop, webhook) = told_of_orders(&receiver).await?;
    draft(&shop).await?;
    shop.advance("P2D").await?;
    let delivery = delivery(&shop, &webhook).await?;
    assert_eq!(delivery.status, DeliveryStatus::Delivered);
    assert_eq!(codes(&delivery), [500, 404, 0, 503, 200]);
    assert_eq!(receiver.heard().len(), 5, "it was sent again after it was taken");
    // 5 s, 1 min, 5 min and 30 min, each up to a tenth more or less; what no queue can hold back
    // for so long comes with a tick, up to three minutes later.
    let waits = waits(&delivery);
    for (wait, (least, most)) in waits.iter().zip([(4, 7), (54, 68), (270, 332), (1_620, 2_160)]) {
        assert!((least..=most).contains(wait), "{waits:?}");
    }
    assert_eq!(waits.len(), 4);
    assert_eq!(stored(&shop, &webhook).await?.circuit.failure_count, 0);
    Ok(())
}

#[tokio::test]
async fn a_message_that_nobody_takes_is_given_up_after_nine_attempts_in_a_day() -> TestResult {
    let receiver = Receiver::start(Reply::Status(500)).await?;
    let (shop, webhook) = told_of_orders(&receiver).await?;
    draft(&shop).await?;
    shop.advance("PT20H").await?;
    assert_eq!(delivery(&shop, &webhook).await?.status, DeliveryStatus::Pending);
    shop.advance("P2D").await?;
    let delivery = delivery(&shop, &webhook).await?;
    assert_eq!(delivery.status, DeliveryStatus::Failed);
    assert_eq!(codes(&delivery), [500; 9]);
    assert_eq!(delivery.failure.as_deref(), Some("every attempt failed"));
    assert_eq!(receiver.heard().len(), 9);
    let lasted = delivery.log[8].at - delivery.log[0].at;
    assert!(lasted > TimeDelta::hours(21) && lasted < TimeDelta::hours(27), "{lasted}");
    assert_eq!(stored(&shop, &webhook).await?.circuit.failure_count, 9);
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_nothing_more() -> TestResult {
    let receiver = Receiver::start(Reply::Status(410)).await?;
    let (shop, webhook) = told_of_orders(&receiver).await?;
    draft(&shop).await?;
    assert!(stored(&shop, &webhook).await?.disabled_at.is_some());
    let told = delivery(&shop, &webhook).await?;
    assert_eq!((told.status, codes(&told)), (DeliveryStatus::Failed, vec![410]));
    draft(&shop).await?;
    shop.advance("P1D").await?;
    assert_eq!(receiver.heard().len(), 1);
    Ok(())
}
