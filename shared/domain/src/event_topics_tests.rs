#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]
//! Which events an entry means: worked out by hand from `docs/events.md`.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::journal::{Cause, Change, Head, append};

#[path = "event_topics_check_tests.rs"]
mod check_tests;

fn entry(subject: &str, event: &'static str, before: Value, after: Value) -> Entry {
    append(
        &mut Head { sequence: 6, hash: "h".to_owned() },
        &"acme".parse().unwrap(),
        subject,
        "2027-01-31T10:00:00Z".parse().unwrap(),
        Cause { actor: "system:test".to_owned(), reason: "test".to_owned() },
        Change { event, before, after },
    )
}

fn told(subject: &str, event: &'static str, before: Value, after: Value) -> Vec<String> {
    let events = events(&entry(subject, event, before, after));
    events.iter().map(|event| format!("{} {}", event.topic, event.resource.id)).collect()
}

fn active() -> Value {
    json!({"status": "active", "next_number": 3, "next_run_at": "2027-01-31T10:00:00Z"})
}

fn run(status: &str, more: Value) -> Value {
    let mut after = json!({
        "status": "active", "next_number": 4, "run": 3, "run_status": status,
        "order_id": "ord_ab_3", "total": 2500, "currency": "EUR",
    });
    if let (Value::Object(members), Value::Object(more)) = (&mut after, more) {
        members.extend(more);
    }
    after
}

#[test]
fn a_run_that_is_paid_at_once_is_a_copy_an_order_a_payment_and_a_success() {
    let succeeded = "order_subscriptions.last_run_succeeded";
    assert_eq!(
        told("sub_ab", succeeded, active(), run("successful", json!({}))),
        [
            "recurring_order_copies.create roc_ab_3",
            "recurring_order_copies.start roc_ab_3",
            "orders.create ord_ab_3",
            "payments.collect ord_ab_3",
            "orders.place ord_ab_3",
            "recurring_order_copies.complete roc_ab_3",
            "order_subscriptions.last_run_succeeded sub_ab",
        ]
    );
}

#[test]
fn a_free_run_collects_nothing() {
    let after = run("successful", json!({"total": 0}));
    let told = told("sub_ab", "order_subscriptions.last_run_succeeded", active(), after);
    assert!(!told.iter().any(|event| event.starts_with("payments.")), "{told:?}");
    assert!(told.contains(&"orders.place ord_ab_3".to_owned()), "{told:?}");
}

#[test]
fn a_run_that_skips_ahead_after_downtime_is_a_first_attempt_too() {
    let mut before = active();
    before["next_number"] = json!(1);
    let told = told(
        "sub_ab",
        "order_subscriptions.last_run_succeeded",
        before,
        run("successful", json!({})),
    );
    assert_eq!(told.first().map(String::as_str), Some("recurring_order_copies.create roc_ab_3"));
}

#[test]
fn a_declined_run_stays_open_and_its_retry_makes_nothing_anew() {
    let failed = "order_subscriptions.last_run_failed";
    let declined = json!({"error": "insufficient_funds", "declined": true});
    assert_eq!(
        told("sub_ab", failed, active(), run("open", declined)),
        [
            "recurring_order_copies.create roc_ab_3",
            "recurring_order_copies.start roc_ab_3",
            "orders.create ord_ab_3",
            "payments.decline ord_ab_3",
            "order_subscriptions.last_run_failed sub_ab",
        ]
    );
    let moved = json!({"status": "active", "next_number": 4});
    assert_eq!(
        told(
            "sub_ab",
            "order_subscriptions.last_run_succeeded",
            moved.clone(),
            run("successful", json!({}))
        ),
        [
            "payments.collect ord_ab_3",
            "orders.place ord_ab_3",
            "recurring_order_copies.complete roc_ab_3",
            "order_subscriptions.last_run_succeeded sub_ab",
        ]
    );
    let last = json!({"error": "retries_exhausted", "declined": true, "status": "cancelled"});
    assert_eq!(
        told("sub_ab", failed, moved, run("failed", last)),
        [
            "payments.decline ord_ab_3",
            "orders.cancel ord_ab_3",
            "recurring_order_copies.fail roc_ab_3",
            "order_subscriptions.last_run_failed sub_ab",
            "order_subscriptions.cancel sub_ab",
        ]
    );
}

#[test]
fn the_last_run_of_all_has_no_next_number_and_a_retry_of_it_is_not_its_first() {
    let after = run("successful", json!({"next_number": null}));
    let first = told("sub_ab", "order_subscriptions.last_run_succeeded", active(), after.clone());
    assert!(first.contains(&"recurring_order_copies.start roc_ab_3".to_owned()), "{first:?}");
    let ended = json!({"status": "active", "next_number": null});
    let retry = told("sub_ab", "order_subscriptions.last_run_succeeded", ended, after);
    assert!(!retry.contains(&"recurring_order_copies.start roc_ab_3".to_owned()), "{retry:?}");
}

#[test]
fn what_our_rules_refuse_is_no_declined_payment() {
    let refused = run("failed", json!({"error": "out_of_stock"}));
    let told = told("sub_ab", "order_subscriptions.last_run_failed", active(), refused);
    assert!(!told.iter().any(|event| event.starts_with("payments.")), "{told:?}");
    assert!(told.contains(&"recurring_order_copies.fail roc_ab_3".to_owned()), "{told:?}");
}

#[test]
fn a_run_that_copies_its_source_order_is_an_order_copy() {
    let after = run("successful", json!({"factory": "order_copies"}));
    let told = told("sub_ab", "order_subscriptions.last_run_succeeded", active(), after);
    assert_eq!(told.first().map(String::as_str), Some("order_copies.create ocp_ab_3"));
    assert!(told.contains(&"order_copies.complete ocp_ab_3".to_owned()), "{told:?}");
    assert!(!told.iter().any(|event| event.starts_with("recurring")), "{told:?}");
}

#[test]
fn an_order_that_a_run_leaves_as_a_draft_tells_of_itself() {
    let after = run("successful", json!({"order_id": "ord_left"}));
    assert_eq!(
        told("sub_ab", "order_subscriptions.last_run_succeeded", active(), after),
        [
            "recurring_order_copies.create roc_ab_3",
            "recurring_order_copies.start roc_ab_3",
            "recurring_order_copies.complete roc_ab_3",
            "order_subscriptions.last_run_succeeded sub_ab",
        ]
    );
}

#[test]
fn a_run_that_is_given_up_before_it_was_tried_is_aborted() {
    let abandoned = "order_subscriptions.run_abandoned";
    let skipped = |reason: &str| json!({"status": "active", "skipped": {"first": 3, "last": 3, "reason": reason}});
    assert_eq!(
        told("sub_ab", abandoned, active(), skipped("paused")),
        [
            "recurring_order_copies.create roc_ab_3",
            "recurring_order_copies.start roc_ab_3",
            "recurring_order_copies.abort roc_ab_3",
            "order_subscriptions.run_abandoned sub_ab",
        ]
    );
    let discarded =
        told("sub_ab", "order_subscriptions.runs_skipped", active(), skipped("discarded"));
    assert!(discarded.contains(&"recurring_order_copies.abort roc_ab_3".to_owned()));
    let missed = told("sub_ab", "order_subscriptions.runs_skipped", active(), skipped("missed"));
    assert_eq!(missed, ["order_subscriptions.runs_skipped sub_ab"]);
    assert_eq!(
        told("sub_ab", abandoned, active(), active()),
        ["order_subscriptions.run_abandoned sub_ab"]
    );
    // An open run whose subscription was cancelled.
    let moved = json!({"status": "cancelled", "next_number": 4});
    let closed = run("aborted", json!({"status": "cancelled", "error": "subscription_cancelled"}));
    assert_eq!(
        told("sub_ab", abandoned, moved, closed),
        [
            "orders.cancel ord_ab_3",
            "recurring_order_copies.abort roc_ab_3",
            "order_subscriptions.run_abandoned sub_ab",
        ]
    );
}

#[test]
fn a_status_that_changed_on_the_way_is_told_once() {
    let created = "order_subscriptions.create";
    for (event, before, after, expected) in [
        (
            created,
            Value::Null,
            json!({"status": "active"}),
            &["order_subscriptions.create", "order_subscriptions.activate"][..],
        ),
        (created, Value::Null, json!({"status": "inactive"}), &[created]),
        (created, Value::Null, json!({"status": "draft"}), &[created]),
        (
            "order_subscriptions.activate",
            json!({"status": "inactive"}),
            json!({"status": "active"}),
            &["order_subscriptions.activate"],
        ),
        (
            "order_subscriptions.cancel",
            json!({"status": "running"}),
            json!({"status": "cancelled"}),
            &["order_subscriptions.cancel"],
        ),
        (
            "order_subscriptions.expire",
            json!({"status": "active"}),
            json!({"status": "inactive"}),
            &["order_subscriptions.expire", "order_subscriptions.deactivate"],
        ),
        (
            "order_subscriptions.runs_skipped",
            json!({"status": "running"}),
            json!({"status": "active"}),
            &["order_subscriptions.runs_skipped"],
        ),
        (
            "order_subscriptions.update",
            json!({"next_run_at": "2027-01-31T10:00:00Z"}),
            json!({"next_run_at": "2027-02-01T10:00:00Z"}),
            &["order_subscriptions.update"],
        ),
    ] {
        let events = events(&entry("sub_ab", event, before, after));
        let topics: Vec<&str> = events.iter().map(|event| event.topic.as_str()).collect();
        assert_eq!(topics, expected, "{event}");
        assert!(events.iter().all(|event| event.resource.id == "sub_ab"));
    }
}

#[test]
fn orders_tell_of_themselves_and_of_their_payments() {
    for (event, after, expected) in [
        ("orders.create", json!({"status": "draft"}), &["orders.create ord_1"][..]),
        ("orders.delete", Value::Null, &["orders.destroy ord_1"]),
        (
            "orders.place",
            json!({"status": "placed", "payment_status": "paid"}),
            &["orders.place ord_1", "payments.collect ord_1"],
        ),
        (
            "orders.place",
            json!({"status": "placed", "payment_status": "free"}),
            &["orders.place ord_1"],
        ),
        (
            "orders.reject",
            json!({"status": "draft", "reasons": ["card_declined"], "payment_declined": true}),
            &["orders.reject ord_1", "payments.decline ord_1"],
        ),
        (
            "orders.reject",
            json!({"status": "draft", "reasons": ["on_hold"]}),
            &["orders.reject ord_1"],
        ),
    ] {
        assert_eq!(told("ord_1", event, Value::Null, after), expected, "{event}");
    }
}

#[test]
fn an_event_that_no_topic_is_known_for_is_told_under_its_own_name() {
    let events = events(&entry("sub_ab", "order_subscriptions.greeted", Value::Null, Value::Null));
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!(event.topic, "order_subscriptions.greeted");
    assert_eq!(event.id.to_string(), "evt_sub_ab_7_0");
    assert_eq!(event.resource.kind, "order_subscriptions");
}

#[test]
fn every_id_of_an_entrys_events_is_its_own_and_leads_back() {
    let entry = entry(
        "sub_ab",
        "order_subscriptions.last_run_failed",
        active(),
        run("failed", json!({"error": "hard_decline", "declined": true, "status": "inactive"})),
    );
    let events = events(&entry);
    let ids: BTreeSet<String> = events.iter().map(|event| event.id.to_string()).collect();
    assert_eq!(ids.len(), events.len());
    for event in events {
        let id: EventId = event.id.to_string().parse().unwrap();
        assert_eq!(id, event.id);
        assert_eq!((id.subject.as_str(), id.sequence), ("sub_ab", 7));
    }
}

#[test]
fn ids_that_are_none_are_refused() {
    for text in [
        "",
        "evt_",
        "evt_sub_ab",
        "evt_sub_ab_7",
        "evt_sub_ab_x_1",
        "evt_sub_ab_07_1",
        "evt_sub_ab_7_01",
        "evt_sub_ab_0_1",
        "evt_sub_ab_7_70000",
        "evt__7_1",
        "sub_ab_7_1",
        "evt_sub_ab_7_+1",
        "evt_sub_ab_7_",
    ] {
        assert!(text.parse::<EventId>().is_err(), "{text:?} was accepted");
    }
}

#[test]
fn numbers_and_names_of_topics_are_unique_and_never_change() {
    let numbers: BTreeSet<u16> = TOPICS.iter().map(|topic| topic.number).collect();
    let names: BTreeSet<&str> = TOPICS.iter().map(|topic| topic.name).collect();
    assert_eq!((numbers.len(), names.len()), (TOPICS.len(), TOPICS.len()));
    assert!(!numbers.contains(&UNLISTED));
    // Those that clients of the public API know.
    for (number, name) in [
        (1, "order_subscriptions.create"),
        (2, "order_subscriptions.activate"),
        (3, "order_subscriptions.deactivate"),
        (4, "order_subscriptions.cancel"),
        (5, "order_subscriptions.destroy"),
        (6, "order_subscriptions.renewal"),
        (7, "order_subscriptions.last_run_succeeded"),
        (8, "order_subscriptions.last_run_failed"),
        (30, "recurring_order_copies.create"),
        (31, "recurring_order_copies.start"),
        (32, "recurring_order_copies.complete"),
        (33, "recurring_order_copies.fail"),
        (34, "recurring_order_copies.destroy"),
        (40, "order_copies.create"),
        (41, "order_copies.start"),
        (42, "order_copies.complete"),
        (43, "order_copies.fail"),
        (44, "order_copies.destroy"),
    ] {
        assert_eq!(topic(name).map(|topic| topic.number), Some(number), "{name}");
    }
}

proptest! {
    #[test]
    fn an_id_comes_back_as_it_went(body in "[a-z0-9_]{1,40}", sequence in 1_u64.., topic: u16) {
        let id = EventId { subject: format!("sub_{body}"), sequence, topic };
        prop_assert_eq!(id.to_string().parse::<EventId>(), Ok(id));
    }

    #[test]
    fn no_text_makes_parsing_panic(text in ".{0,60}") {
        let _ = text.parse::<EventId>();
        let _ = check(&text);
    }
}

#[test]
fn a_job_run_begins_once_and_ends_with_or_without_errors() {
    let began = json!({"kind": "scheduled", "status": "running"});
    assert_eq!(
        told("job_ab", "job_runs.create", Value::Null, began),
        ["job_runs.create job_ab", "job_runs.start job_ab"]
    );
    for (status, expected) in [
        ("completed", vec!["job_runs.complete job_ab"]),
        (
            "completed_with_errors",
            vec!["job_runs.complete job_ab", "job_runs.complete_with_errors job_ab"],
        ),
    ] {
        let ended = json!({"status": status, "claimed_count": 2});
        let before = json!({"status": "running"});
        assert_eq!(told("job_ab", "job_runs.complete", before, ended), expected, "{status}");
    }
}
