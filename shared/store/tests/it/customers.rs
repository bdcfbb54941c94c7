//! What a customer has, by an index that renewals do not write to.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use perennial_domain::{catalog::PaymentSource, ids::CustomerId, order::Order};
use perennial_store::{CursorError, Expect, Part, RecordKind, Span, StoredOrder};

use crate::{
    TestResult,
    embedded::store,
    fixtures::{DUE, acme, at, keep, order, paid, renewed, subscription},
};

fn ada() -> CustomerId {
    CustomerId::derived(&["ada"])
}

/// A draft of Ada's, made at an instant.
fn draft(name: &str, made: &str) -> Result<Order, Box<dyn std::error::Error>> {
    Ok(Order { customer_id: Some(ada()), created_at: at(made)?, ..order(name)? })
}

#[tokio::test]
async fn what_a_customer_has_is_found_without_what_runs_made_and_what_others_have() -> TestResult {
    let (store, acme, other) = (store().await?, acme()?, "acme-2".parse()?);
    let hers = draft("hers", "2027-01-31T10:00:00Z")?;
    store.commit(&acme).order(&hers, Expect::New).run().await?;
    store.commit(&acme).order(&order("bob's")?, Expect::New).run().await?;
    // As if another organization had a customer with the same id.
    store.commit(&other).order(&draft("theirs", DUE)?, Expect::New).run().await?;
    let mut kept = subscription("s", 1)?;
    kept.customer_id = Some(ada());
    keep(&store, &acme, &kept).await?;
    let renewed = renewed(&store, &acme, &paid(), at(DUE)?).await?;
    assert_eq!(renewed.run.customer_id, Some(ada()));

    let span = Span::default();
    let orders = store.of_customer::<StoredOrder>(&acme, &ada(), &span, 10, None).await??;
    assert_eq!((orders.items, orders.next), (vec![StoredOrder::Client(Box::new(hers))], None));
    let subscriptions = store
        .of_customer::<perennial_domain::subscription::Subscription>(&acme, &ada(), &span, 10, None)
        .await??;
    assert_eq!(subscriptions.items, [renewed.subscription]);
    let sources = store.of_customer::<PaymentSource>(&acme, &ada(), &span, 10, None).await??;
    assert_eq!(sources.items, []);
    let kind = RecordKind { letter: "O", part: Part::Order };
    let records = store.records_of_customer(&other, &ada(), kind, &span, 10).await?;
    assert_eq!(records.total, Some(1));
    Ok(())
}

#[tokio::test]
async fn it_is_read_by_the_time_it_was_made_to_the_nanosecond_in_pages() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    // Text of different lengths would sort otherwise.
    let instants = ["10:00:41Z", "10:00:41.000000001Z", "10:00:41.5Z", "10:00:41.5005Z"];
    for (name, time) in ["a", "b", "c", "d"].iter().zip(instants).rev() {
        let made = draft(name, &format!("2027-01-31T{time}"))?;
        store.commit(&acme).order(&made, Expect::New).run().await?;
        // Between any two of one kind stand others.
        let mut between = subscription(name, 1)?;
        between.customer_id = Some(ada());
        between.created_at = made.created_at;
        store.commit(&acme).subscription(&between, Expect::New).run().await?;
    }
    let made = |orders: &[StoredOrder]| -> Vec<String> {
        let made = orders.iter().map(|order| match order {
            StoredOrder::Client(order) => order.created_at,
            StoredOrder::Run(run) => run.started_at,
        });
        let text = |at: chrono::DateTime<chrono::Utc>| {
            at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).split_off(11)
        };
        made.map(text).collect()
    };
    let mut after = None;
    let mut read = Vec::new();
    for page in 0.. {
        assert!(page < 5, "no end");
        let span = Span::default();
        let page = store.of_customer(&acme, &ada(), &span, 1, after.as_ref()).await??;
        read.extend(made(&page.items));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let written = ["10:00:41Z", "10:00:41.000000001Z", "10:00:41.500Z", "10:00:41.500500Z"];
    assert_eq!(read, written);

    let down = Span { descending: true, ..Span::default() };
    let window = store.window_of_customer(&acme, &ada(), &down, (1, 2), 4).await?;
    assert_eq!(
        (made(&window.items), window.total),
        (vec![read[2].clone(), read[1].clone()], Some(4))
    );
    let rest = store.of_customer(&acme, &ada(), &down, 9, window.next.as_ref()).await??;
    assert_eq!(made(&rest.items), read[..1]);
    let over = store.window_of_customer::<StoredOrder>(&acme, &ada(), &down, (0, 9), 3).await?;
    assert_eq!((over.items.len(), over.total), (3, None));
    let millisecond = Some(at("2027-01-31T10:00:41.500Z")?);
    let span = Span { from: millisecond, to: millisecond, descending: false };
    let within = store.of_customer(&acme, &ada(), &span, 9, None).await??;
    assert_eq!(made(&within.items), read[2..], "ends are looked at to the millisecond");

    let bob = CustomerId::derived(&["bob"]);
    let cursor = window.next.as_ref();
    let elsewhere = store.of_customer::<StoredOrder>(&acme, &bob, &down, 9, cursor).await?;
    assert_eq!(elsewhere, Err(CursorError::OtherQuery));
    Ok(())
}
