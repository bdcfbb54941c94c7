//! What a renewal costs: item sizes, and write units as DynamoDB's answers state them.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use perennial_domain::{ids::SubscriptionId, plan::fix_prices, tax::Taxes};
use perennial_store::Expect;

use crate::{
    TestResult,
    embedded::{BOOK, Embedded, embedded},
    fixtures::{acme, at, claimed, keep, paid, renewed, settled, subscription},
};

/// The size of a value as DynamoDB counts it, in bytes.
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => {
            number.bytes().filter(u8::is_ascii_digit).count().div_ceil(2) + 1
        }
        AttributeValue::L(values) => 3 + values.iter().map(|value| 1 + size(value)).sum::<usize>(),
        AttributeValue::M(members) => {
            3 + members.iter().map(|(name, value)| 1 + name.len() + size(value)).sum::<usize>()
        }
        _ => 1,
    }
}

/// The size of an item in bytes, and of each attribute with its name, largest first.
fn sizes(item: &HashMap<String, AttributeValue>) -> (usize, Vec<(String, usize)>) {
    let mut sizes: Vec<_> =
        item.iter().map(|(name, value)| (name.clone(), name.len() + size(value))).collect();
    sizes.sort_by_key(|(name, size)| (std::cmp::Reverse(*size), name.clone()));
    (sizes.iter().map(|(_, size)| size).sum(), sizes)
}

/// What one renewal costs. Sizes are in bytes, the rest in write units.
struct Cost {
    subscription_claimed: usize,
    subscription: usize,
    run: usize,
    claim: f64,
    fix: f64,
    commit: f64,
}

/// The size of one item of a subscription's collection.
async fn stored_size(
    client: &Client,
    subscription: &SubscriptionId,
    sk: &str,
) -> Result<usize, Box<dyn std::error::Error>> {
    let stored = client
        .get_item()
        .table_name(BOOK)
        .key("pk", AttributeValue::S(format!("acme#S#{subscription}")))
        .key("sk", AttributeValue::S(sk.to_owned()))
        .send()
        .await?;
    let (size, attributes) = sizes(&stored.item.ok_or("it was written")?);
    println!("{sk}: {size} bytes: {attributes:?}");
    Ok(size)
}

/// The second renewal of a subscription of so many items, announced before or not: the first leaves
/// traces that stay.
async fn cost_of_renewal(
    items: usize,
    alert: Option<u16>,
    tax: Option<Taxes>,
) -> Result<Cost, Box<dyn std::error::Error>> {
    let Embedded { store, client, meter } = embedded().await?;
    // A clock tells nanoseconds, which make timestamps longer.
    let (acme, first) = (acme()?, at("2027-02-28T10:00:41.123456789Z")?);
    let now = at("2027-03-31T10:00:59.987654321Z")?;
    let mut kept = subscription("s", items)?;
    kept.renewal_alert_period = alert.map(TryInto::try_into).transpose()?;
    kept.created_at = at("2027-01-31T10:00:00.123456789Z")?;
    let kept = keep(&store, &acme, &kept).await?;
    let made = renewed(&store, &acme, &paid(), first).await?;
    if alert.is_some() {
        let mut told = made.subscription;
        told.alerted = told.next();
        told.version += 1;
        let seen = Expect::Version(told.version - 1);
        store.commit(&acme).subscription(&told, seen).run().await?;
    }
    meter.read();
    let mut before = claimed(&store, now).await?;
    let claim = meter.read();
    if tax.is_some() {
        let fixed = fix_prices(&before, before.clone(), tax, now).0;
        let seen = Expect::Version(before.version);
        store.commit(&acme).subscription(&fixed, seen).run().await?;
        before = fixed;
    }
    let fix = meter.read();
    let subscription_claimed = stored_size(&client, &kept.id, "#").await?;
    let (made, entry) = settled(&acme, &before, &paid(), now)?;
    store
        .commit(&acme)
        .subscription(&made.subscription, Expect::Version(before.version))
        .new_run(&made.run, &entry)
        .run()
        .await?;
    let commit = meter.read();
    println!("{items} items: claim {claim:?}, fix {fix:?}, commit {commit:?}");
    let units = |calls: &[(&str, f64)], name: &str| -> f64 {
        calls.iter().filter(|(call, _)| *call == name).map(|(_, units)| units).sum()
    };
    Ok(Cost {
        subscription_claimed,
        subscription: stored_size(&client, &kept.id, "#").await?,
        run: stored_size(&client, &kept.id, "R#0000000002").await?,
        claim: units(&claim, "UpdateItem"),
        fix: units(&fix, "TransactWriteItems"),
        commit: units(&commit, "TransactWriteItems"),
    })
}

#[tokio::test]
async fn the_items_of_a_typical_renewal_fit_a_write_unit_each() -> TestResult {
    for alert in [None, Some(720)] {
        let cost = cost_of_renewal(1, alert, None).await?;
        for (what, size) in [
            ("claimed subscription", cost.subscription_claimed),
            ("subscription", cost.subscription),
            ("run", cost.run),
        ] {
            assert!(size <= 1_024, "{alert:?}: the {what} is {size} bytes");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_renewal_costs_at_most_nine_write_units() -> TestResult {
    for alert in [None, Some(720)] {
        let Cost { claim, commit, .. } = cost_of_renewal(1, alert, None).await?;
        assert!(claim + commit <= 9.0, "{alert:?}: claim {claim}, commit {commit}");
    }
    Ok(())
}

/// A renewal of one line at one rate of a table.
#[tokio::test]
async fn a_taxed_renewal_costs_at_most_sixteen_write_units() -> TestResult {
    let id = |prefix: &str| format!("{prefix}0192f0a1b2c3d4e5f60718293a4b5c6d");
    let tax: Taxes = serde_json::from_value(serde_json::json!({
        "behavior": "exclusive", "source": "table", "calculator_id": id("mtc_"),
        "lines": [{"id": "1", "rate": "19", "net": 1_990, "tax": 378, "rule_id": id("txr_")}],
    }))?;
    let cost = cost_of_renewal(1, None, Some(tax)).await?;
    assert!(cost.run <= 2_048, "the run is {} bytes", cost.run);
    assert!(cost.subscription <= 1_024, "its tax has gone with the run: {}", cost.subscription);
    let units = cost.claim + cost.fix + cost.commit;
    assert!(units <= 16.0, "claim {}, fix {}, commit {}", cost.claim, cost.fix, cost.commit);
    Ok(())
}
