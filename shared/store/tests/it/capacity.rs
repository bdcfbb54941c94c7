//! What a renewal costs: item sizes, and write units as DynamoDB's answers state them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use perennial_store::Expect;

use crate::{
    TestResult,
    embedded::{BOOK, Embedded, embedded},
    fixtures::{DUE, acme, at, claimed, keep, paid, settled, subscription},
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

/// One renewal of a subscription of so many items: sizes of subscription and run, and the write
/// units of the claim and of the commit.
async fn cost_of_renewal(
    items: usize,
) -> Result<(usize, usize, f64, f64), Box<dyn std::error::Error>> {
    let Embedded { store, client, meter } = embedded().await?;
    let (acme, now) = (acme()?, at(DUE)?);
    let kept = keep(&store, &acme, &subscription("s", items)?).await?;
    meter.read();
    let before = claimed(&store, now).await?;
    let claim = meter.read();
    let (made, entry) = settled(&acme, &before, &paid(), now)?;
    store
        .commit(&acme)
        .subscription(&made.subscription, Expect::Version(before.version))
        .new_run(&made.run, &entry)
        .run()
        .await?;
    let commit = meter.read();

    let units = |calls: &[(&str, f64)], name: &str| -> f64 {
        calls.iter().filter(|(call, _)| *call == name).map(|(_, units)| units).sum()
    };
    let mut item_sizes = Vec::new();
    for sk in ["#", "R#0000000001"] {
        let stored = client
            .get_item()
            .table_name(BOOK)
            .key("pk", AttributeValue::S(format!("acme#S#{}", kept.id)))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .send()
            .await?;
        let (size, attributes) = sizes(&stored.item.ok_or("it was written")?);
        println!("{items} items, {sk}: {size} bytes: {attributes:?}");
        item_sizes.push(size);
    }
    println!("{items} items: claim {claim:?}, commit {commit:?}");
    let [subscription, run] = item_sizes.as_slice() else { return Err("two items".into()) };
    let claim = units(&claim, "UpdateItem");
    Ok((*subscription, *run, claim, units(&commit, "TransactWriteItems")))
}

#[tokio::test]
async fn the_items_of_a_typical_renewal_fit_a_write_unit_each() -> TestResult {
    let (subscription, run, ..) = cost_of_renewal(1).await?;
    assert!(subscription <= 1_024, "the subscription is {subscription} bytes");
    assert!(run <= 1_024, "the run is {run} bytes");
    Ok(())
}

#[tokio::test]
async fn a_renewal_costs_at_most_nine_write_units() -> TestResult {
    let (.., claim, commit) = cost_of_renewal(1).await?;
    assert!(claim + commit <= 9.0, "claim {claim}, commit {commit}");
    Ok(())
}
