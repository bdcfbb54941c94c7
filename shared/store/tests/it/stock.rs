//! Stock: taken once per order, all of it or none, and never below zero.

use perennial_domain::catalog::Sku;
use perennial_store::{Part, RecordKind, Store, StoreError};

use crate::{
    TestResult,
    embedded::store,
    fixtures::{acme, sku},
};

async fn stocked(codes: &[(&str, Option<u32>)]) -> Result<Store, Box<dyn std::error::Error>> {
    let (store, acme) = (store().await?, acme()?);
    for (code, stock) in codes {
        store.create(&acme, &sku(code, *stock)?).await?;
    }
    Ok(store)
}

async fn left(store: &Store, code: &str) -> Result<Option<u32>, Box<dyn std::error::Error>> {
    let acme = acme()?;
    let id = sku(code, None)?.id;
    Ok(store.get::<Sku>(&acme, id.as_str()).await?.ok_or("no such sku")?.stock)
}

#[tokio::test]
async fn an_order_takes_its_stock_once() -> TestResult {
    let (store, acme) = (stocked(&[("BEANS", Some(10)), ("TEA", Some(5))]).await?, acme()?);
    let order = "ord_1".parse()?;
    // Two lines of one sku: a transaction may name an item only once.
    let wanted = [("BEANS", 2), ("TEA", 5), ("BEANS", 1)];
    for _ in 0..3 {
        store.hold_stock(&acme, &order, &wanted).await?;
        assert_eq!((left(&store, "BEANS").await?, left(&store, "TEA").await?), (Some(7), Some(0)));
    }
    for _ in 0..2 {
        store.release_stock(&acme, &order).await?;
        assert_eq!((left(&store, "BEANS").await?, left(&store, "TEA").await?), (Some(10), Some(5)));
    }
    Ok(())
}

#[tokio::test]
async fn where_one_sku_is_short_none_is_taken() -> TestResult {
    let (store, acme) = (stocked(&[("BEANS", Some(10)), ("TEA", Some(1))]).await?, acme()?);
    let order = "ord_1".parse()?;
    let short = store.hold_stock(&acme, &order, &[("BEANS", 2), ("TEA", 2)]).await;
    assert!(matches!(&short, Err(StoreError::OutOfStock { sku }) if sku == "TEA"), "{short:?}");
    assert_eq!((left(&store, "BEANS").await?, left(&store, "TEA").await?), (Some(10), Some(1)));
    store.release_stock(&acme, &order).await?;
    assert_eq!(left(&store, "BEANS").await?, Some(10), "what was not taken is not put back");
    let unknown = store.hold_stock(&acme, &order, &[("NOTHING", 1)]).await;
    assert!(matches!(unknown, Err(StoreError::OutOfStock { .. })), "{unknown:?}");
    Ok(())
}

#[tokio::test]
async fn the_last_units_go_to_as_many_as_there_are() -> TestResult {
    let (store, acme) = (stocked(&[("BEANS", Some(3))]).await?, acme()?);
    let orders: Vec<_> = (0..8)
        .map(|n| format!("ord_{n}").parse())
        .collect::<Result<_, perennial_domain::ids::IdError>>()?;
    let tries = orders.iter().map(|order| store.hold_stock(&acme, order, &[("BEANS", 1)]));
    let took = futures::future::join_all(tries).await;
    assert_eq!(took.iter().filter(|took| took.is_ok()).count(), 3, "{took:?}");
    assert_eq!(left(&store, "BEANS").await?, Some(0));
    Ok(())
}

#[tokio::test]
async fn a_sku_that_is_not_tracked_any_more_gives_freely() -> TestResult {
    let (store, acme) = (stocked(&[("BEANS", None), ("TEA", Some(5))]).await?, acme()?);
    let order = "ord_1".parse()?;
    let wanted = [("BEANS", 2), ("TEA", 2)];
    store.hold_stock(&acme, &order, &wanted).await?;
    assert_eq!((left(&store, "BEANS").await?, left(&store, "TEA").await?), (None, Some(3)));
    store.release_stock(&acme, &order).await?;
    assert_eq!((left(&store, "BEANS").await?, left(&store, "TEA").await?), (None, Some(5)));
    Ok(())
}

#[tokio::test]
async fn what_was_held_is_put_back_though_a_sku_is_gone() -> TestResult {
    let (store, acme) = (stocked(&[("BEANS", Some(3)), ("TEA", Some(5))]).await?, acme()?);
    let order = "ord_1".parse()?;
    let wanted = [("BEANS", 2), ("TEA", 2)];
    store.hold_stock(&acme, &order, &wanted).await?;
    let kind = RecordKind { letter: "K", part: Part::Sku };
    // The first version, and one more for what was taken.
    store.delete_record(&acme, kind, sku("BEANS", None)?.id.as_str(), 2).await?;
    store.release_stock(&acme, &order).await?;
    assert_eq!(left(&store, "TEA").await?, Some(5));
    Ok(())
}

#[tokio::test]
async fn what_was_put_back_is_taken_again_with_a_commit_and_what_is_held_is_not() -> TestResult {
    let (store, acme) = (stocked(&[("BEANS", Some(3)), ("TEA", None)]).await?, acme()?);
    let order = "ord_1".parse()?;
    let wanted = [("BEANS", 2), ("TEA", 1)];
    for _ in 0..2 {
        store.commit(&acme).run_holding(&order, &wanted).await?;
        assert_eq!(left(&store, "BEANS").await?, Some(1));
    }
    store.release_stock(&acme, &order).await?;
    assert_eq!(left(&store, "BEANS").await?, Some(3));
    store.hold_stock(&acme, &"ord_2".parse()?, &[("BEANS", 2)]).await?;
    let short = store.commit(&acme).run_holding(&order, &wanted).await;
    assert!(matches!(&short, Err(StoreError::OutOfStock { sku }) if sku == "BEANS"), "{short:?}");
    assert_eq!(left(&store, "BEANS").await?, Some(1));
    Ok(())
}
