//! Job runs and dead letters, while the queues are out of reach.

use perennial_store::{DeadLetter, DeadLetterStatus};
use serde_json::json;

use crate::{
    documents::{create, update},
    embedded::{Answer, call},
    shop::Shop,
};

async fn letter(shop: &Shop, body: &str, value: i64) -> String {
    let id: perennial_domain::ids::DeadLetterId =
        perennial_domain::ids::DeadLetterId::derived(&["order-copy", body]);
    let now = perennial_runtime::Clock::now(shop.stack.clock.as_ref());
    let letter = DeadLetter {
        id: id.clone(),
        status: DeadLetterStatus::Open,
        source: "order-copy".to_owned(),
        message_id: body.to_owned(),
        body: body.to_owned(),
        error: Some("the provider refused".to_owned()),
        attempts: 5,
        subject: None,
        value_at_risk: Some(value.into()),
        currency: None,
        redrives: 0,
        discard_reason: None,
        handled_by: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let organization = "acme".parse().unwrap();
    assert_eq!(shop.stack.store.keep_dead_letter(&organization, &letter).await.unwrap(), None);
    id.to_string()
}

async fn change(shop: &Shop, id: &str, attributes: serde_json::Value) -> Answer {
    let document = update("dead_letters", id, &attributes);
    shop.stack.patch(&format!("/api/dead_letters/{id}"), &document).await
}

#[tokio::test]
async fn dead_letters_are_ranked_by_what_is_at_stake() {
    let shop = Shop::open().await;
    for (body, value) in [("a", 100), ("b", 900), ("c", 500)] {
        letter(&shop, body, value).await;
    }
    let ranked = shop.stack.get("/api/dead_letters?sort=-value_at_risk_cents").await.expect(200);
    let values: Vec<i64> = ranked
        .at("/data")
        .as_array()
        .unwrap()
        .iter()
        .map(|letter| letter["attributes"]["value_at_risk_cents"].as_i64().unwrap())
        .collect();
    assert_eq!(values, [900, 500, 100]);
}

#[tokio::test]
async fn more_than_a_thousand_letters_are_ranked_only_where_they_are_narrowed() {
    let shop = Shop::open().await;
    let organization = "acme".parse().unwrap();
    let oldest = letter(&shop, "oldest", 100).await.parse().unwrap();
    let oldest = shop.stack.store.dead_letter(&organization, &oldest).await.unwrap().unwrap();
    shop.stack.clock.advance(chrono::TimeDelta::seconds(1));
    for index in 0..1_000 {
        let mut newer = oldest.clone();
        newer.id = perennial_domain::ids::DeadLetterId::derived(&["newer", &index.to_string()]);
        newer.status = DeadLetterStatus::Discarded;
        newer.created_at = perennial_runtime::Clock::now(shop.stack.clock.as_ref());
        shop.stack.store.keep_dead_letter(&organization, &newer).await.unwrap();
    }
    for (query, place) in [
        ("sort=-value_at_risk_cents&filter[q][status_eq]=open", "filter[q][status_eq]"),
        ("sort=-value_at_risk_cents", "sort"),
        ("page[number]=11&page[size]=100", "page[number]"),
    ] {
        let refused = shop.stack.get(&format!("/api/dead_letters?{query}")).await.expect(400);
        assert_eq!(refused.errors(), [("too_many_records".to_owned(), place.to_owned())]);
    }
    let numbered = "/api/dead_letters?page[number]=10&page[size]=100";
    let numbered = shop.stack.get(numbered).await.expect(200);
    assert_eq!(numbered.at("/meta/record_count"), &json!(null));
    let last = shop.stack.get(numbered.at("/links/next").as_str().unwrap()).await.expect(200);
    assert_eq!(last.at("/data/0/id"), oldest.id.as_str(), "the link goes on by cursor");
    let narrowed = "sort=-value_at_risk_cents&filter[q][created_at_lt]=2027-01-31T10:00:01Z";
    let ranked = shop.stack.get(&format!("/api/dead_letters?{narrowed}")).await.expect(200);
    assert_eq!(ranked.at("/data/0/id"), oldest.id.as_str());
    assert_eq!(ranked.at("/meta/record_count"), 1);
}

#[tokio::test]
async fn a_dead_letter_is_discarded_only_with_a_reason_and_only_once() {
    let shop = Shop::open().await;
    let id = letter(&shop, "a", 100).await;
    let bare = change(&shop, &id, json!({"_discard": true})).await.expect(422);
    let place = "/data/attributes/discard_reason".to_owned();
    assert_eq!(bare.errors(), [("required".to_owned(), place.clone())]);
    let alone = change(&shop, &id, json!({"discard_reason": "x"})).await.expect(422);
    assert_eq!(alone.errors(), [("invalid_value".to_owned(), place)]);
    let discard = json!({"_discard": true, "discard_reason": "the customer was called"});
    let done = change(&shop, &id, discard.clone()).await.expect(200);
    assert_eq!(done.attribute("status"), "discarded");
    assert_eq!(done.attribute("handled_by"), "integration:tester");
    change(&shop, &id, discard).await.expect(409);
    change(&shop, &id, json!({"_redrive": true})).await.expect(409);
    let open = shop.stack.get("/api/dead_letters?filter[q][status_eq]=open").await.expect(200);
    assert_eq!(open.at("/data"), &json!([]));
}

#[tokio::test]
async fn a_dead_letter_that_could_not_be_sent_stays_open() {
    let shop = Shop::open().await;
    let id = letter(&shop, "a", 100).await;
    let failed = change(&shop, &id, json!({"_redrive": true})).await.expect(503);
    assert!(failed.headers.contains_key("retry-after"));
    assert!(!failed.body.to_string().contains("127.0.0.1"), "{:#}", failed.body);
    let kept = shop.stack.get(&format!("/api/dead_letters/{id}")).await.expect(200);
    assert_eq!(kept.attribute("status"), "open");
}

#[tokio::test]
async fn running_now_gives_its_key_back_when_the_queue_is_out_of_reach() {
    let shop = Shop::open().await;
    let document = create("job_runs", &json!({"kind": "renewals"}), &[]);
    for _ in 0..2 {
        let sent = call("POST", "/api/job_runs").json(&document).key("run-1");
        let failed = shop.stack.send(sent).await.expect(503);
        assert_eq!(failed.errors()[0].0, "unavailable", "not in progress for ever");
    }
    let odd = create("job_runs", &json!({"kind": "scheduled"}), &[]);
    shop.stack.post("/api/job_runs", &odd).await.expect(422);
    let unknown = create("job_runs", &json!({}), &[("retry_of", "job_runs", "job_1")]);
    let refused = shop.stack.post("/api/job_runs", &unknown).await.expect(404);
    assert_eq!(refused.errors()[0].1, "/data/relationships/retry_of/data/id");
}
