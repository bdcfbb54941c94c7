//! What the checks of orders read and leave behind.

use perennial_domain::{
    checks::{CheckName, CheckOutcome, CheckRecord, Scope},
    ids::{CustomerId, SkuId, SubscriptionId},
    order::Order,
};
use perennial_store::{Expect, Part, Record, RecordKind, Span, StoreError};
use serde_json::json;

use crate::{
    TestResult,
    embedded::{embedded, store},
    fixtures::{ANCHOR, DUE, acme, at, keep, order, paid, renewed, subscription},
};

const POLICIES: RecordKind = RecordKind { letter: "CP", part: Part::Record("check policy") };

/// The policy of a scope, as the API stores it.
fn policy(scope: &Scope, days: u16) -> Result<Record, Box<dyn std::error::Error>> {
    let serde_json::Value::Object(mut policy) = json!({
        "id": scope.policy_id(), "version": 1, "created_at": ANCHOR, "updated_at": ANCHOR,
        "checks": {"term": {"severity": "review", "max_days": days}}, "reference": "A-1",
    }) else {
        return Err("an object".into());
    };
    if let serde_json::Value::Object(of) = json!(scope) {
        policy.extend(of);
    }
    Ok(policy)
}

#[tokio::test]
async fn the_policies_that_count_for_an_order_come_with_what_it_refers_to() -> TestResult {
    let (store, acme, other) = (store().await?, acme()?, "other".parse()?);
    let order = order("o")?;
    let own = Scope::of(&order);
    let market = Scope { customer_id: None, ..own.clone() };
    let web = Scope { channel: Some("web".to_owned()), ..Scope::default() };
    let eve = Scope { customer_id: Some(CustomerId::derived(&["eve"])), ..Scope::default() };
    for (scope, days) in [(&own, 1), (&market, 2), (&Scope::default(), 3), (&web, 4), (&eve, 5)] {
        store.create_record(&acme, POLICIES, &policy(scope, days)?).await?;
    }
    store.create_record(&other, POLICIES, &policy(&Scope::default(), 9)?).await?;
    let related = store.related_to_check(&acme, &order).await?;
    let mut days: Vec<_> = related
        .policies
        .iter()
        .filter_map(|policy| policy.checks.get("term")?.get("max_days")?.as_u64())
        .collect();
    days.sort_unstable();
    assert_eq!(days, [1, 2, 3]);
    assert!(store.related(&acme, &order).await?.policies.is_empty(), "only who checks asks");
    let by_web = Order { channel: Some("web".to_owned()), ..order };
    assert_eq!(store.related_to_check(&acme, &by_web).await?.policies.len(), 4);
    Ok(())
}

#[tokio::test]
async fn a_check_record_is_made_once_with_its_order_and_listed() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    let mut held = order("o")?;
    held.checks = vec![CheckOutcome::rejected(CheckName::Term, Vec::new())];
    let record = CheckRecord::of(&held, &held.checks, now).ok_or("it was rejected")?;
    let commit = || store.commit(&acme).check_record(&record, Expect::New);
    commit().order(&held, Expect::New).run().await?;
    assert_eq!(store.check_record(&acme, &record.id).await?, Some(record.clone()));
    let again = commit().run().await;
    let conflict = matches!(again, Err(StoreError::Conflict(Part::Record("check record"))));
    assert!(conflict, "a placement is recorded once: {again:?}");
    let listed = store.list::<CheckRecord>(&acme, 10, false, None).await??;
    assert_eq!(listed.items, [record]);
    let other = "other".parse()?;
    assert!(store.list::<CheckRecord>(&other, 10, false, None).await??.items.is_empty());
    Ok(())
}

#[tokio::test]
async fn orders_of_clients_are_found_among_those_of_runs() -> TestResult {
    let crate::embedded::Embedded { store, meter, .. } = embedded().await?;
    let acme = acme()?;
    let made = |name: &str, at_: &str| -> Result<Order, Box<dyn std::error::Error>> {
        Ok(Order { created_at: at(at_)?, ..order(name)? })
    };
    let (first, second) = (made("a", ANCHOR)?, made("b", "2027-03-31T10:00:00Z")?);
    for order in [&first, &second] {
        store.commit(&acme).order(order, Expect::New).run().await?;
    }
    keep(&store, &acme, &subscription("s", 1)?).await?;
    renewed(&store, &acme, &paid(), at(DUE)?).await?;
    meter.read();
    let span = Span::default();
    let all = store.client_orders(&acme, &span, 10).await?;
    assert_eq!(all, (vec![second.clone(), first.clone()], false));
    assert_eq!(store.client_orders(&acme, &span, 1).await?, (vec![second], true));
    let before = Span { to: Some(at(DUE)?), ..span };
    assert_eq!(store.client_orders(&acme, &before, 10).await?, (vec![first], false));
    Ok(())
}

#[tokio::test]
async fn who_takes_from_a_sku_is_noted_as_often_as_one_likes() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let (beans, tea) = (SkuId::of_code("BEANS"), SkuId::of_code("TEA"));
    let ids: Vec<SubscriptionId> =
        ["a", "b"].iter().map(|name| SubscriptionId::derived(&[name])).collect();
    for id in ids.iter().chain(&ids) {
        store.note_taker(&acme, &beans, id).await?;
    }
    let (mut takers, more) = store.takers_of(&acme, &beans, 10).await?;
    takers.sort();
    let mut expected = ids.clone();
    expected.sort();
    assert_eq!((takers, more), (expected, false));
    assert!(store.takers_of(&acme, &beans, 1).await?.1, "there are more");
    assert_eq!(store.takers_of(&acme, &tea, 10).await?, (Vec::new(), false));
    assert!(store.takers_of(&"other".parse()?, &beans, 10).await?.0.is_empty());
    Ok(())
}
