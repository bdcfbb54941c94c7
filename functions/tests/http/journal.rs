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
