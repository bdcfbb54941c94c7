//! The circuit of a receiver that fails again and again opens, and closes once it answers.

use perennial_domain::webhook::{CircuitState, DeliveryStatus};
use perennial_tests::{
    TestResult,
    receiver::{Receiver, Reply},
};

use super::{deliveries, draft, stored, told_of_orders};

#[tokio::test]
async fn a_receiver_that_fails_thirty_times_is_left_alone_until_a_probe_succeeds() -> TestResult {
    let receiver = Receiver::start(Reply::Status(500)).await?;
    let (shop, webhook) = told_of_orders(&receiver).await?;
    // Three attempts at each of ten: at once, after 5 s and after a minute.
    for _ in 0..10 {
        draft(&shop).await?;
    }
    shop.advance("PT75S").await?;
    let opened = stored(&shop, &webhook).await?;
    assert_eq!((opened.circuit.state, receiver.take().len()), (CircuitState::Open, 30));
    assert_eq!(opened.circuit.failure_count, 30);

    // What happens meanwhile is kept, and not sent.
    draft(&shop).await?;
    assert!(receiver.take().is_empty());

    // One probe goes out within two minutes, and fails: the rest doubles.
    shop.advance("PT2M").await?;
    let probed = stored(&shop, &webhook).await?;
    assert_eq!(receiver.take().len(), 1);
    assert_eq!((probed.circuit.state, probed.circuit.failed_probes), (CircuitState::Open, 1));

    receiver.set(Reply::Status(200));
    shop.advance("PT1H").await?;
    let closed = stored(&shop, &webhook).await?;
    assert_eq!(closed.circuit, perennial_domain::webhook::Circuit::default());
    assert_eq!(receiver.take().len(), 11, "each message arrives once");
    let deliveries = deliveries(&shop, &webhook).await?;
    assert_eq!(deliveries.len(), 11);
    assert!(deliveries.iter().all(|one| one.status == DeliveryStatus::Delivered));
    Ok(())
}

#[tokio::test]
async fn what_waits_for_a_receiver_that_never_comes_back_is_given_up() -> TestResult {
    let receiver = Receiver::start(Reply::Close).await?;
    let (shop, webhook) = told_of_orders(&receiver).await?;
    for _ in 0..10 {
        draft(&shop).await?;
    }
    shop.advance("P3D").await?;
    let deliveries = deliveries(&shop, &webhook).await?;
    assert_eq!(deliveries.len(), 10);
    assert!(deliveries.iter().all(|one| one.status == DeliveryStatus::Failed));
    assert_eq!(stored(&shop, &webhook).await?.circuit.state, CircuitState::Open);
    // 30 to open it, and then no more than one for each probe: at most an hour apart, and fewer
    // than the attempts that are left.
    assert!(receiver.heard().len() <= 90, "{} requests", receiver.heard().len());
    Ok(())
}
