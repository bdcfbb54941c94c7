//! What is searched for is searched for among a thousand, and refused beyond.

use perennial_domain::{catalog::PaymentSource, ids::PaymentSourceId};
use perennial_runtime::Clock;

use crate::shop::Shop;

/// A shop with 1,001 payment sources, of which the first is an hour older than the rest.
async fn crowded() -> Shop {
    let shop = Shop::open().await;
    let organization = "acme".parse().unwrap();
    let first: Option<PaymentSource> =
        shop.stack.store.get(&organization, &shop.source).await.unwrap();
    let first = first.unwrap();
    shop.stack.clock.advance(chrono::TimeDelta::hours(1));
    for index in 0..1_000 {
        let another = PaymentSource {
            id: PaymentSourceId::derived(&["another", &index.to_string()]),
            created_at: shop.stack.clock.now(),
            ..first.clone()
        };
        shop.stack.store.create(&organization, &another).await.unwrap();
    }
    shop
}

#[tokio::test]
async fn beyond_a_thousand_nothing_is_searched_and_nothing_deleted() {
    let shop = crowded().await;
    let customer = format!("/api/customers/{}", shop.customer);
    let sources = format!("{customer}/customer_payment_sources");
    let refused = shop.stack.get(&sources).await.expect(400);
    assert_eq!(refused.errors()[0].0, "too_many_records");
    let detail = refused.at("/errors/0/detail").as_str().unwrap();
    assert!(detail.contains("created_at_gteq"), "{detail}");
    let narrowed = format!("{sources}?filter[q][created_at_lt]=2027-01-31T10:30:00Z");
    let narrowed = shop.stack.get(&narrowed).await.expect(200);
    assert_eq!(narrowed.at("/data/0/id"), shop.source.as_str());
    let included = shop.stack.get(&format!("{customer}?include=customer_payment_sources")).await;
    assert_eq!(included.expect(400).errors()[0].1, "include");

    let kept = shop.stack.send(crate::embedded::call("DELETE", &customer)).await.expect(409);
    assert_eq!(kept.errors()[0].0, "in_use");
    let detail = kept.at("/errors/0/detail").as_str().unwrap();
    assert!(detail.contains("more than 1000 customer payment sources"), "{detail}");
    shop.stack.get(&customer).await.expect(200);
}
