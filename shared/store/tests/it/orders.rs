//! Orders: those of clients and of runs in one list, and validation that a lost message can't stop.

use chrono::TimeDelta;
use perennial_domain::placement::{Collected, begin_placing, place};
use perennial_store::{DueSubject, Expect, StoredOrder};

use crate::{
    TestResult,
    embedded::store,
    fixtures::{ANCHOR, DUE, acme, at, claim, keep, only_due, order, paid, renewed, subscription},
};

#[tokio::test]
async fn orders_of_clients_and_of_runs_stand_in_one_list() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(DUE)?);
    store.commit(&acme).order(&order("o")?, Expect::New).run().await?;
    keep(&store, &acme, &subscription("s", 1)?).await?;
    let made = renewed(&store, &acme, &paid(), now).await?;
    let page = store.list::<StoredOrder>(&acme, 10, false, None).await??;
    let expected =
        vec![StoredOrder::Client(Box::new(order("o")?)), StoredOrder::Run(Box::new(made.run))];
    assert_eq!(page.items, expected);
    Ok(())
}

#[tokio::test]
async fn an_order_whose_validation_is_overdue_is_claimed_by_one_tick_at_a_time() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(ANCHOR)?);
    let draft = order("o")?;
    store.commit(&acme).order(&draft, Expect::New).run().await?;
    assert!(store.due(0, now + TimeDelta::days(1), 10, None).await?.items.is_empty());
    let (placing, _) = begin_placing(&draft, false, now);
    store.commit(&acme).order(&placing, Expect::Version(1)).run().await?;
    assert!(store.due(0, now + TimeDelta::seconds(119), 10, None).await?.items.is_empty());

    let overdue = now + TimeDelta::minutes(2);
    let entry = only_due(&store, overdue).await?;
    assert_eq!(entry.subject, DueSubject::Order(draft.id.clone()));
    let claims: Vec<_> = (0..4).map(|n| claim(&format!("{n}"), overdue)).collect();
    let tries = claims.iter().map(|claim| store.claim_order(&entry, claim));
    let mut won = 0;
    for tried in futures::future::join_all(tries).await {
        won += usize::from(tried?.is_some());
    }
    assert_eq!(won, 1);
    assert!(store.due(0, overdue + TimeDelta::minutes(14), 10, None).await?.items.is_empty());
    let again = overdue + TimeDelta::minutes(15);
    let entry = only_due(&store, again).await?;
    assert!(store.claim_order(&entry, &claim("again", again)).await?.is_some());
    assert_eq!(store.claim(&entry, &claim("other", again)).await?, None, "not a subscription");
    Ok(())
}

#[tokio::test]
async fn a_placed_order_waits_no_more() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(ANCHOR)?);
    let (placing, _) = begin_placing(&order("o")?, true, now);
    store.commit(&acme).order(&placing, Expect::New).run().await?;
    let later = now + TimeDelta::days(1);
    let seen = only_due(&store, later).await?;
    let (placed, _) = place(&placing, Collected::Paid("ch_1".to_owned()), now);
    store.commit(&acme).order(&placed, Expect::Version(placing.version)).run().await?;
    assert!(store.due(0, later, 10, None).await?.items.is_empty());
    assert_eq!(store.claim_order(&seen, &claim("late", later)).await?, None);
    Ok(())
}

#[tokio::test]
async fn an_order_that_is_put_off_is_due_when_it_was_put_off_to_and_not_before() -> TestResult {
    let (store, acme, now) = (store().await?, acme()?, at(ANCHOR)?);
    let draft = order("o")?;
    let until = now + TimeDelta::hours(1);
    assert!(!store.postpone_order(&acme, &draft.id, until).await?, "there is none");
    store.commit(&acme).order(&draft, Expect::New).run().await?;
    assert!(!store.postpone_order(&acme, &draft.id, until).await?, "it does not wait");
    let (placing, _) = begin_placing(&draft, false, now);
    store.commit(&acme).order(&placing, Expect::Version(1)).run().await?;
    for _ in 0..2 {
        assert!(store.postpone_order(&acme, &draft.id, until).await?);
    }
    let before = until - TimeDelta::seconds(1);
    assert!(store.due(0, before, 10, None).await?.items.is_empty());
    let entry = only_due(&store, until).await?;
    assert_eq!((&entry.subject, entry.due_at), (&DueSubject::Order(draft.id.clone()), until));
    let (placed, _) = place(&placing, Collected::Nothing, now);
    store.commit(&acme).order(&placed, Expect::Version(placing.version)).run().await?;
    assert!(!store.postpone_order(&acme, &draft.id, until).await?, "it is placed");
    assert!(store.due(0, until, 10, None).await?.items.is_empty());
    Ok(())
}
