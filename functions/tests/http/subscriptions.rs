//! Subscriptions: edited, paused, cancelled, never under a run that is being made.

use chrono::TimeDelta;
use perennial_domain::{
    dunning::DeclineKind,
    journal::{Cause, append},
    plan::{Outcome, plan_run, settle_run},
};
use perennial_store::{Claim, Expect};
use serde_json::json;

use crate::{documents::relate, shop::Shop};

#[tokio::test]
async fn triggers_move_the_status_and_illegal_ones_name_what_is_allowed() {
    let shop = Shop::open().await;
    let id = shop.subscription("monthly").await;
    let status = async |trigger: &str, expected: u64| {
        let answer = shop.edit(&id, json!({trigger: true})).await.expect(expected);
        answer.attribute("status").as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(status("_deactivate", 200).await, "inactive");
    status("_deactivate", 409).await;
    assert_eq!(status("_activate", 200).await, "active");
    let both = shop.edit(&id, json!({"_activate": true, "_cancel": true})).await.expect(422);
    assert_eq!(both.errors()[0].0, "invalid_value");
    assert_eq!(status("_cancel", 200).await, "cancelled");
    let refused = shop.edit(&id, json!({"_activate": true})).await.expect(409);
    assert!(refused.at("/errors/0/detail").as_str().unwrap().contains("be reactivated"));
    shop.edit(&id, json!({"cut_off_hours": 1})).await.expect(409);
    shop.edit(&id, json!({"reference": "x"})).await.expect(200);
}

#[tokio::test]
async fn another_frequency_keeps_the_day_and_tells_both_dates() {
    let shop = Shop::open().await;
    let id = shop.subscription("monthly").await;
    let changed = shop.edit(&id, json!({"frequency": "two-month"})).await.expect(200);
    assert_eq!(changed.attribute("next_run_at"), "2027-03-31T10:00:00Z");
    let told = json!({
        "from": {"frequency": "monthly", "next_run_at": "2027-02-28T10:00:00Z"},
        "to": {"frequency": "two-month", "next_run_at": "2027-03-31T10:00:00Z"},
    });
    assert_eq!(changed.at("/data/meta/rescheduled"), &told);
    let wrong = shop.edit(&id, json!({"frequency": "sometimes"})).await.expect(422);
    assert_eq!(wrong.errors()[0].1, "/data/attributes/frequency");
    let early = json!({"expires_at": "2027-01-01T00:00:00Z"});
    let early = shop.edit(&id, early).await.expect(422);
    assert_eq!(early.errors()[0].1, "/data/attributes/expires_at");
    let ends = json!({"expires_at": "2027-03-01T00:00:00Z"});
    let ends = shop.edit(&id, ends).await.expect(200);
    assert_eq!(ends.attribute("next_run_at"), &json!(null), "no run at or after the end");
}

#[tokio::test]
async fn an_edit_never_overwrites_a_claim() {
    let shop = Shop::open().await;
    let id = shop.subscription("monthly").await;
    shop.stack.clock.advance(TimeDelta::days(40));
    let now = perennial_runtime::Clock::now(shop.stack.clock.as_ref());
    let job_run_id = "job_1".parse().unwrap();
    let claim = Claim { job_run_id, now, lease: TimeDelta::minutes(15) };
    let mut claimed = None;
    for shard in 0..4 {
        for entry in shop.stack.store.due(shard, now, 10, None).await.unwrap().items {
            claimed = claimed.or(shop.stack.store.claim(&entry, &claim).await.unwrap());
        }
    }
    assert!(claimed.is_some_and(|claimed| claimed.id.as_str() == id));
    let refused = shop.edit(&id, json!({"frequency": "weekly"})).await.expect(409);
    assert_eq!(refused.errors()[0].0, "invalid_status");
    assert!(refused.headers.contains_key("retry-after"));
    let running = shop.stack.get(&format!("/api/order_subscriptions/{id}")).await;
    assert_eq!(running.attribute("status"), "running");
    // A trigger is possible, and leaves the claim as it is.
    let paused = shop.edit(&id, json!({"_deactivate": true})).await.expect(200);
    assert_eq!(paused.attribute("status"), "inactive");
    let organization = "acme".parse().unwrap();
    let kept = shop.stack.store.subscription(&organization, &id.parse().unwrap()).await.unwrap();
    assert!(kept.is_some_and(|kept| kept.run_number.is_some() && kept.lease_claims == Some(1)));
}

#[tokio::test]
async fn a_payment_source_must_be_the_customers_own() {
    let shop = Shop::open().await;
    let id = shop.subscription("monthly").await;
    let path = format!("/api/order_subscriptions/{id}");
    let other = crate::documents::create("customers", &json!({"email": "b@example.com"}), &[]);
    let other = shop.stack.post("/api/customers", &other).await.expect(201).id();
    let source = |customer: &str| {
        crate::documents::create(
            "customer_payment_sources",
            &json!({"payment_source_token": "tok_paid"}),
            &[("customer", "customers", customer)],
        )
    };
    let sources = "/api/customer_payment_sources";
    let theirs = shop.stack.post(sources, &source(&other)).await.expect(201).id();
    let own = shop.stack.post(sources, &source(&shop.customer)).await.expect(201).id();
    let change = |id_of: &str| {
        let to = [("customer_payment_source", "customer_payment_sources", id_of)];
        relate("order_subscriptions", &id, &to)
    };
    shop.stack.patch(&path, &change(&theirs)).await.expect(422);
    let changed = shop.stack.patch(&path, &change(&own)).await.expect(200);
    let found = changed.at("/data/relationships/customer_payment_source/data/id");
    assert_eq!(found, &json!(own));
}

/// Leaves a subscription with run 1 open, as a declined payment does.
async fn leave_open(shop: &Shop, id: &str) {
    let organization = "acme".parse().unwrap();
    let before = shop.stack.store.subscription(&organization, &id.parse().unwrap()).await.unwrap();
    let before = before.unwrap();
    let now = perennial_runtime::Clock::now(shop.stack.clock.as_ref());
    let mut claimed = before.clone();
    claimed.run_number = claimed.next_number;
    claimed.status = perennial_domain::lifecycle::SubscriptionStatus::Running;
    let planned = plan_run(&claimed).unwrap().unwrap();
    let declined = Outcome::Declined {
        kind: DeclineKind::Soft,
        code: "insufficient_funds".to_owned(),
        message: "no".to_owned(),
        resource: None,
        token: None,
    };
    let mut settled = settle_run(&claimed, &planned, &declined, now).unwrap();
    let cause = Cause { actor: "test".to_owned(), reason: "test".to_owned() };
    let head = &mut settled.subscription.journal;
    let entry = append(head, &organization, id, now, cause, settled.change);
    shop.stack
        .store
        .commit(&organization)
        .subscription(&settled.subscription, Expect::Version(before.version))
        .new_run(&settled.run, &entry)
        .run()
        .await
        .unwrap();
}

#[tokio::test]
async fn runs_that_wait_for_their_payment_are_given_up_by_its_retry_once_cancelled() {
    let shop = Shop::open().await;
    let id = shop.subscription("monthly").await;
    leave_open(&shop, &id).await;
    let path = format!("/api/order_subscriptions/{id}");
    let open = shop.stack.get(&format!("{path}?include=recurring_order_copies")).await.expect(200);
    assert_eq!(open.at("/included/0/attributes/status"), "in_progress");
    assert_eq!(open.attribute("unsettled")[0]["number"], 1);

    let cancelled = shop.edit(&id, json!({"_cancel": true})).await.expect(200);
    assert_eq!(cancelled.attribute("status"), "cancelled");
    let now = perennial_runtime::Clock::now(shop.stack.clock.as_ref());
    let due = cancelled.attribute("unsettled")[0]["retry_at"].as_str().unwrap();
    assert_eq!(due.parse::<chrono::DateTime<chrono::Utc>>().unwrap(), now, "at the next tick");
    let open = shop.stack.get(&format!("{path}?include=recurring_order_copies")).await.expect(200);
    assert_eq!(open.at("/included/0/attributes/status"), "in_progress", "cancelling settles none");
    shop.stack.retry(&id, 1).await;
    let closed = shop.stack.get(&path).await.expect(200);
    assert_eq!(closed.attribute("unsettled"), &json!([]));
    let runs = format!("{path}/recurring_order_copies?include=target_order,order_subscription");
    let runs = shop.stack.get(&runs).await.expect(200);
    assert_eq!(runs.at("/data/0/attributes/payment_state"), "failed");
    assert_eq!(runs.at("/data/0/attributes/retry_at"), &json!(null));
    assert_eq!(runs.at("/data/0/attributes/status"), "aborted");
    let why = "/data/0/attributes/errors_log/subscription_cancelled/0/resource/id";
    assert_eq!(runs.at(why), &json!(id));
    assert_eq!(runs.at("/included/0/attributes/status"), "cancelled");
    let run = runs.at("/data/0/id").as_str().unwrap();
    let run = shop.stack.get(&format!("/api/recurring_order_copies/{run}")).await.expect(200);
    assert_eq!(run.attribute("number"), 1);
    let order = run.at("/data/relationships/target_order/data/id").as_str().unwrap().to_owned();
    let made = shop.stack.get(&format!("/api/orders/{order}?include=line_items")).await.expect(200);
    let line = made.at("/included/0/id").as_str().unwrap();
    shop.stack.get(&format!("/api/line_items/{line}")).await.expect(200);
    let journal = format!("/api/journal_entries?filter[q][subject_eq]={order}");
    let journal = shop.stack.get(&journal).await.expect(200);
    assert_eq!(journal.at("/meta/verified"), &json!(true), "the run's entry is still there");
    assert_eq!(journal.at("/data").as_array().unwrap().len(), 4);
}
