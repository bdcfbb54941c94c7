//! Records: what the store keeps without looking into it. Made once, replaced and deleted by version,
//! read as a type or as JSON, listed, and apart for each organization.

use perennial_domain::{catalog::Sku, order::Addresses};
use perennial_store::{Part, Record, RecordKind, Span, StoreError};
use serde_json::{Value, json};

use crate::{
    TestResult,
    embedded::store,
    fixtures::{acme, at, sku},
};

const SKUS: RecordKind = RecordKind { letter: "K", part: Part::Sku };
const ADDRESSES: RecordKind = RecordKind { letter: "A", part: Part::Record("address") };

fn record(value: Value) -> Record {
    match value {
        Value::Object(record) => record,
        other => Record::from_iter([("value".to_owned(), other)]),
    }
}

fn address(id: &str) -> Record {
    record(json!({"id": id, "line_1": "Here", "version": 1, "created_at": "2027-01-31T10:00:00Z"}))
}

#[tokio::test]
async fn a_type_and_its_record_are_the_same_item() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let mut beans = sku("BEANS", Some(7))?;
    beans.frequencies = vec!["monthly".parse()?];
    store.create(&acme, &beans).await?;
    let found = store.record(&acme, SKUS, beans.id.as_str()).await?;
    assert_eq!(found.map(Value::Object), Some(serde_json::to_value(&beans)?));

    let tea = sku("TEA", None)?;
    let mut made = record(serde_json::to_value(&tea)?);
    made.insert("metadata".to_owned(), json!({"shelf": [1, 2.5, null, {"a": true}]}));
    store.create_record(&acme, SKUS, &made).await?;
    assert_eq!(store.record(&acme, SKUS, tea.id.as_str()).await?, Some(made));
    assert_eq!(store.get::<Sku>(&acme, tea.id.as_str()).await?, Some(tea));
    Ok(())
}

#[tokio::test]
async fn a_record_is_made_once_and_replaced_and_deleted_by_version() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let first = address("adr_1");
    store.create_record(&acme, ADDRESSES, &first).await?;
    let conflict = |result: Result<(), StoreError>| {
        matches!(result, Err(StoreError::Conflict(Part::Record("address"))))
    };
    assert!(conflict(store.create_record(&acme, ADDRESSES, &first).await));
    let mut second = first.clone();
    second.insert("version".to_owned(), json!(2));
    store.update_record(&acme, ADDRESSES, &second, 1).await?;
    assert!(conflict(store.update_record(&acme, ADDRESSES, &first, 1).await));
    assert!(conflict(store.delete_record(&acme, ADDRESSES, "adr_1", 1).await));
    let other = "other".parse()?;
    assert!(conflict(store.delete_record(&other, ADDRESSES, "adr_1", 2).await));
    assert_eq!(store.record(&acme, ADDRESSES, "adr_1").await?, Some(second));
    store.delete_record(&acme, ADDRESSES, "adr_1", 2).await?;
    assert_eq!(store.record(&acme, ADDRESSES, "adr_1").await?, None);
    assert!(conflict(store.delete_record(&acme, ADDRESSES, "adr_1", 2).await));
    let left = store.records_window(&acme, ADDRESSES, &Span::default(), (0, 10), 10).await?;
    assert_eq!((left.items, left.total), (Vec::new(), Some(0)));
    Ok(())
}

#[tokio::test]
async fn records_are_listed_and_counted_up_to_a_bound() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    let ids = ["adr_a", "adr_b", "adr_c"];
    for (second, id) in ids.iter().enumerate() {
        let mut made = address(id);
        made.insert("created_at".to_owned(), json!(format!("2027-01-31T10:00:0{second}Z")));
        store.create_record(&acme, ADDRESSES, &made).await?;
    }
    let named = |records: &[Record]| -> Vec<String> {
        let ids = records.iter().filter_map(|record| record.get("id")?.as_str());
        ids.map(str::to_owned).collect()
    };
    let span = Span { descending: true, ..Span::default() };
    let page = store.records_within(&acme, ADDRESSES, &span, 2, None).await??;
    assert_eq!(named(&page.items), ["adr_c", "adr_b"]);
    let rest = store.records_within(&acme, ADDRESSES, &span, 2, page.next.as_ref()).await??;
    assert_eq!(named(&rest.items), ["adr_a"]);
    let window = store.records_window(&acme, ADDRESSES, &Span::default(), (1, 1), 3).await?;
    assert_eq!((named(&window.items), window.total), (vec!["adr_b".to_owned()], Some(3)));
    let over = store.records_window(&acme, ADDRESSES, &Span::default(), (0, 1), 2).await?;
    assert_eq!(over.total, None);
    let ids: Vec<String> = ["adr_a", "adr_x"].map(str::to_owned).to_vec();
    assert_eq!(named(&store.records(&acme, ADDRESSES, &ids, true).await?), ["adr_a"]);
    Ok(())
}

#[tokio::test]
async fn an_address_is_locked_once_and_one_that_is_gone_is_passed_over() -> TestResult {
    let (store, acme) = (store().await?, acme()?);
    store.create_record(&acme, ADDRESSES, &address("adr_1")).await?;
    let addresses =
        Addresses { shipping: Some("adr_1".parse()?), billing: Some("adr_gone".parse()?) };
    for instant in ["2027-02-01T00:00:00Z", "2027-03-01T00:00:00Z"] {
        store.lock_addresses(&acme, &addresses, at(instant)?).await?;
    }
    let locked = store.record(&acme, ADDRESSES, "adr_1").await?.unwrap_or_default();
    assert_eq!(locked.get("locked_at"), Some(&json!("2027-02-01T00:00:00Z")));
    assert_eq!(locked.get("version"), Some(&json!(2)), "a change that had not seen it conflicts");
    assert_eq!(store.record(&acme, ADDRESSES, "adr_gone").await?, None, "nothing is made up");
    Ok(())
}
