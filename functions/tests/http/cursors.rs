//! Cursors are opaque, but clients can take them apart: what comes back changed is refused.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::shop::Shop;

/// A cursor with one of its parts replaced.
fn forged(cursor: &str, index: usize, value: &str) -> String {
    let mut parts: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).unwrap()).unwrap();
    parts["key"][index][1] = json!(value);
    URL_SAFE_NO_PAD.encode(parts.to_string())
}

#[tokio::test]
async fn forged_cursors_are_refused_as_such() {
    let shop = Shop::open().await;
    let id = shop.subscription("monthly").await;
    shop.edit(&id, json!({"reference": "A-1"})).await.expect(200);
    let journal = format!("/api/journal_entries?filter[q][subject_eq]={id}&page[size]=1");
    for (path, parts) in [("/api/skus?page[size]=1", 0..4), (journal.as_str(), 0..2)] {
        let page = shop.stack.get(path).await.expect(200);
        let cursor = page.at("/meta/page/next_cursor").as_str().unwrap().to_owned();
        shop.stack.get(&format!("{path}&page[cursor]={cursor}")).await.expect(200);
        for part in parts {
            for value in ["".to_owned(), "x".repeat(3_000)] {
                let forged = forged(&cursor, part, &value);
                let path = format!("{path}&page[cursor]={forged}");
                let refused = shop.stack.get(&path).await.expect(400);
                assert_eq!(refused.errors()[0].0, "invalid_cursor", "part {part}: {value:.9?}");
            }
        }
        let elsewhere = forged(&cursor, 0, "other#K");
        let refused = shop.stack.get(&format!("{path}&page[cursor]={elsewhere}")).await;
        assert_eq!(refused.expect(400).errors()[0].0, "invalid_cursor");
    }
}
