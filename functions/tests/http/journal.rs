//! Every write of the API leaves its mark in the journal, with who and why.

use serde_json::json;

use crate::shop::Shop;

#[tokio::test]
async fn the_journal_of_a_subscription_tells_who_did_what_in_an_unbroken_chain() {
    let shop = Shop::open().await;
    let id = shop.subscription("monthly").await;
    shop.edit(&id, json!({"reference": "A-1"})).await.expect(200);
    shop.edit(&id, json!({"frequency": "weekly", "_deactivate": true})).await.expect(200);
    let path = format!("/api/journal_entries?filter[q][subject_eq]={id}");
    let journal = shop.stack.get(&path).await.expect(200);
    let events: Vec<&str> = journal
        .at("/data")
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["attributes"]["event"].as_str().unwrap())
        .collect();
    let expected = ["create", "update", "update", "deactivate"];
    assert_eq!(events, expected.map(|event| format!("order_subscriptions.{event}")));
    assert_eq!(journal.at("/meta/verified"), &json!(true));
    let edit = journal.at("/data/1/attributes");
    assert_eq!(edit["actor"], "integration:tester");
    assert_eq!(edit["reason"], "request req-1");
    assert_eq!(edit["before"], json!({"reference": null}));
    assert_eq!(edit["after"], json!({"reference": "A-1"}));
    let nothing = "/api/journal_entries?filter[q][subject_eq]=sub_unknown";
    assert_eq!(shop.stack.get(nothing).await.expect(200).at("/data"), &json!([]));
}

#[tokio::test]
async fn clients_own_data_never_breaks_the_chain() {
    let shop = Shop::open().await;
    let id = shop.subscription("monthly").await;
    let path = format!("/api/order_subscriptions/{id}");
    for metadata in [
        json!({"x": 1.0, "y": -0.5, "z": 9e125, "w": 1e-129, "v": u64::MAX}),
        json!({"a": 0.1, "b": 123_456_789.123_456_79, "c": 5e22, "d": {"e": []}}),
        json!({"f": null}),
    ] {
        let edited = shop.edit(&id, json!({"metadata": metadata})).await.expect(200);
        let read = shop.stack.get(&path).await.expect(200);
        assert_eq!(read.attribute("metadata"), edited.attribute("metadata"));
    }
    for metadata in
        [json!({"z": 1e126}), json!({"w": 9e-131}), json!({"": 1}), json!({"a": {"": 1}})]
    {
        let refused = shop.edit(&id, json!({"metadata": metadata})).await.expect(422);
        let place = "/data/attributes/metadata".to_owned();
        assert_eq!(refused.errors(), [("invalid_value".to_owned(), place)], "{metadata}");
    }
    let mut deep = json!({});
    for _ in 0..15 {
        deep = json!({"a": deep});
    }
    shop.edit(&id, json!({"metadata": deep})).await.expect(200);
    let refused = shop.edit(&id, json!({"metadata": {"a": deep}})).await.expect(422);
    let place = "/data/attributes/metadata".to_owned();
    assert_eq!(refused.errors(), [("out_of_range".to_owned(), place)]);
    let journal = format!("/api/journal_entries?filter[q][subject_eq]={id}");
    let journal = shop.stack.get(&journal).await.expect(200);
    assert_eq!(journal.at("/meta/verified"), &json!(true));
    assert_eq!(journal.at("/data").as_array().unwrap().len(), 5);
}
