//! Resources of their own: made once, replaced by version, listed in pages, one organization each.

use perennial_domain::catalog::Sku;
use perennial_store::{Cursor, CursorError, Direction, Part, Span, StoreError, StoredOrder};

use crate::{
    TestResult,
    embedded::store,
    fixtures::{acme, at, sku},
};

#[tokio::test]
async fn a_resource_comes_back_as_it_was_stored() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let mut beans = sku("BEANS", Some(7))?;
    beans.frequencies = vec!["monthly".parse()?, "every 2 weeks".parse()?, "0 9 * * 1".parse()?];
    store.create(&acme, &beans).await?;
    assert_eq!(store.get(&acme, beans.id.as_str()).await?, Some(beans.clone()));
    assert_eq!(store.get::<Sku>(&acme, "sku_none").await?, None);
    let ids = ["sku_none".to_owned(), beans.id.to_string(), beans.id.to_string()];
    let many = store.get_many::<Sku>(&acme, ids).await?;
    assert_eq!(many.into_values().collect::<Vec<_>>(), [beans]);
    Ok(())
}

#[tokio::test]
async fn a_resource_is_made_once() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let beans = sku("BEANS", None)?;
    store.create(&acme, &beans).await?;
    let again = store.create(&acme, &Sku { name: "Other".to_owned(), ..beans.clone() }).await;
    assert!(matches!(again, Err(StoreError::Conflict(Part::Sku))), "{again:?}");
    assert_eq!(store.get(&acme, beans.id.as_str()).await?, Some(beans));
    Ok(())
}

#[tokio::test]
async fn a_stale_update_changes_nothing() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let first = sku("BEANS", None)?;
    store.create(&acme, &first).await?;
    let second = Sku { name: "Dark".to_owned(), version: 2, ..first.clone() };
    store.update(&acme, &second, 1).await?;
    let stale = Sku { name: "Mild".to_owned(), version: 2, ..first.clone() };
    let refused = store.update(&acme, &stale, 1).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Part::Sku))), "{refused:?}");
    assert_eq!(store.get(&acme, first.id.as_str()).await?, Some(second));
    let never_made = sku("TEA", None)?;
    let refused = store.update(&acme, &never_made, 1).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Part::Sku))), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_list_is_paged_in_the_order_things_were_made_and_back() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let mut codes = Vec::new();
    for n in 0..7 {
        let code = format!("SKU-{n}");
        let mut sku = sku(&code, None)?;
        sku.created_at = at("2027-01-01T00:00:00Z")? + chrono::TimeDelta::milliseconds(n / 3 * 5);
        store.create(&acme, &sku).await?;
        codes.push(code);
    }
    for (descending, limit) in [(false, 1), (false, 3), (false, 7), (true, 2), (true, 100)] {
        let mut seen = Vec::new();
        let mut cursor: Option<Cursor> = None;
        loop {
            let page = store.list::<Sku>(&acme, limit, descending, cursor.as_ref()).await??;
            assert!(page.items.len() <= usize::from(limit));
            seen.extend(page.items.into_iter().map(|sku| sku.code));
            let Some(next) = page.next else { break };
            cursor = Some(Cursor::decode(&next.encode())?);
        }
        if descending {
            seen.reverse();
        }
        // Those of one millisecond stand in an order of DynamoDB's own.
        let made = |code: &String| code.trim_start_matches("SKU-").parse::<u32>().map(|n| n / 3);
        let times: Vec<_> = seen.iter().map(made).collect::<Result<_, _>>()?;
        assert!(times.is_sorted(), "{seen:?}");
        seen.sort();
        assert_eq!(seen, codes, "descending {descending}, pages of {limit}");
    }
    Ok(())
}

#[tokio::test]
async fn a_cursor_of_another_query_is_refused() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    for code in ["A", "B"] {
        store.create(&acme, &sku(code, None)?).await?;
    }
    let page = store.list::<Sku>(&acme, 1, false, None).await??;
    let cursor = page.next.ok_or("there is a second page")?;
    let other = Some(&cursor);
    let refused = Err(CursorError::OtherQuery);
    assert_eq!(store.list::<Sku>(&acme, 1, true, other).await?, refused);
    assert_eq!(store.list::<Sku>(&"other".parse()?, 1, false, other).await?, refused);
    assert_eq!(store.list::<StoredOrder>(&acme, 1, false, other).await?.err(), refused.err());
    let journal = store.journal(&acme, ("S", "sub_1"), Direction::Forward, 1, other).await?;
    assert_eq!(journal.err(), Some(CursorError::OtherQuery));
    let runs = store.runs(&acme, &"sub_1".parse()?, 1, other).await?;
    assert_eq!(runs.err(), Some(CursorError::OtherQuery));
    let due = store.due(0, at("2030-01-01T00:00:00Z")?, 1, other).await;
    assert!(matches!(due, Err(StoreError::Refused(_))), "{due:?}");
    Ok(())
}

#[tokio::test]
async fn one_organization_never_sees_what_another_has() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let other = "acme-2".parse()?;
    let beans = sku("BEANS", None)?;
    store.create(&acme, &beans).await?;
    assert_eq!(store.get::<Sku>(&other, beans.id.as_str()).await?, None);
    assert!(store.get_many::<Sku>(&other, [beans.id.to_string()]).await?.is_empty());
    assert!(store.list::<Sku>(&other, 10, false, None).await??.items.is_empty());
    let theirs = Sku { name: "Theirs".to_owned(), ..beans.clone() };
    store.create(&other, &theirs).await?;
    assert_eq!(store.get(&acme, beans.id.as_str()).await?, Some(beans));
    Ok(())
}

#[tokio::test]
async fn a_window_counts_up_to_its_bound_and_leads_on_where_it_ends() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    for code in ["A", "B", "C", "D"] {
        store.create(&acme, &sku(code, None)?).await?;
    }
    let span = Span::default();
    let codes = |skus: &[Sku]| skus.iter().map(|sku| sku.code.clone()).collect::<Vec<_>>();
    let all = codes(&store.list::<Sku>(&acme, 10, false, None).await??.items);
    let window = store.window::<Sku>(&acme, &span, (1, 2), 4).await?;
    assert_eq!((Some(codes(&window.items).as_slice()), window.total), (all.get(1..3), Some(4)));
    let after = window.next.ok_or("there is more")?;
    let rest = store.list_within::<Sku>(&acme, &span, 10, Some(&after)).await??;
    assert_eq!(Some(codes(&rest.items).as_slice()), all.get(3..));
    let last = store.window::<Sku>(&acme, &span, (3, 2), 4).await?;
    assert_eq!((last.items.len(), last.next), (1, None));
    let more = store.window::<Sku>(&acme, &span, (0, 9), 3).await?;
    assert_eq!((more.items.len(), more.total), (3, None), "one more than is counted");
    let before = Span { to: Some(at("2000-01-01T00:00:00Z")?), ..span };
    assert_eq!(store.window::<Sku>(&acme, &before, (0, 9), 3).await?.total, Some(0));
    let turned = Span { from: Some(at("2001-01-01T00:00:00Z")?), ..before };
    assert!(store.list_within::<Sku>(&acme, &turned, 9, None).await??.items.is_empty());
    let elsewhere = store.list_within::<Sku>(&acme, &before, 9, Some(&after)).await?;
    assert_eq!(elsewhere, Err(CursorError::OtherQuery));
    Ok(())
}
