//! Which events reach which targets.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use perennial_runtime::{FunctionError, SystemClock};
use serde_json::{Value, json};

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[test]
fn patterns_want_what_eventbridge_documents() -> Outcome {
    let event = json!({
        "source": "perennial",
        "detail-type": "order_subscriptions.renewed",
        "resources": [],
        "detail": {
            "status": "active", "note": null, "amount": 1500, "rate": 0.25, "trial": false,
            "tags": ["gold", "Beta"], "items": [{"sku": "A"}, {"sku": "B"}],
            "customer": {"country": "DE"}, "path": "orders/2027/x.json"
        }
    });
    let detail = |field: &str, matcher: Value| json!({"detail": {field: [matcher]}});
    let cases = [
        (json!({"source": ["perennial"]}), true),
        (json!({"source": ["other"]}), false),
        (json!({"source": ["other", "perennial"]}), true),
        (json!({"source": ["perennial"], "detail-type": ["other"]}), false),
        (json!({"detail": {"customer": {"country": ["DE", "FR"]}}}), true),
        (json!({"detail": {"customer": {"country": ["FR"]}}}), false),
        (json!({"detail": {"customer": {"city": ["Bonn"]}}}), false),
        (json!({"detail": {"items": {"sku": ["B"]}}}), true),
        (json!({"detail": {"items": {"sku": ["C"]}}}), false),
        (detail("note", Value::Null), true),
        (detail("trial", json!(false)), true),
        (detail("amount", json!(1500)), true),
        (detail("amount", json!(1500.0)), true),
        (detail("amount", json!("1500")), false),
        (detail("tags", json!("gold")), true),
        (detail("tags", json!("silver")), false),
        (detail("status", json!({"prefix": "act"})), true),
        (detail("status", json!({"prefix": "ACT"})), false),
        (detail("status", json!({"prefix": {"equals-ignore-case": "ACT"}})), true),
        (detail("status", json!({"suffix": "ive"})), true),
        (detail("status", json!({"suffix": "x"})), false),
        (detail("tags", json!({"equals-ignore-case": "beta"})), true),
        (detail("status", json!({"anything-but": "active"})), false),
        (detail("status", json!({"anything-but": ["paused", "active"]})), false),
        (detail("status", json!({"anything-but": ["paused"]})), true),
        (detail("absent", json!({"anything-but": ["paused"]})), false),
        (detail("status", json!({"anything-but": {"prefix": "act"}})), false),
        (detail("status", json!({"anything-but": {"suffix": ["x", "y"]}})), true),
        (detail("status", json!({"anything-but": {"wildcard": "a*e"}})), false),
        (detail("amount", json!({"numeric": [">", 1000]})), true),
        (detail("amount", json!({"numeric": [">=", 1000, "<", 1500]})), false),
        (detail("rate", json!({"numeric": ["=", 0.25]})), true),
        (detail("status", json!({"numeric": [">", 0]})), false),
        (detail("status", json!({"exists": true})), true),
        (detail("absent", json!({"exists": false})), true),
        (detail("absent", json!({"exists": true})), false),
        (detail("customer", json!({"exists": true})), false),
        (json!({"detail": {"nowhere": {"at": [{"exists": false}]}}}), true),
        (detail("path", json!({"wildcard": "orders/*/x.*"})), true),
        (detail("path", json!({"wildcard": "orders/*.txt"})), false),
        (detail("path", json!({"wildcard": "orders\\*"})), false),
        (json!({"$or": [{"source": ["x"]}, {"detail": {"status": ["active"]}}]}), true),
        (json!({"$or": [{"source": ["x"]}, {"source": ["y"]}]}), false),
        (json!({"source": ["x"], "$or": [{"source": ["x"]}, {"source": ["perennial"]}]}), false),
    ];
    for (pattern, wanted) in cases {
        assert_eq!(Pattern::parse(&pattern)?.matches(&event), wanted, "{pattern}");
    }
    Ok(())
}

#[test]
fn a_pattern_that_can_not_be_matched_is_refused_by_name() {
    let refused = |pattern: Value| Pattern::parse(&pattern).err().map(|error| error.to_string());
    let with = |matcher: Value| refused(json!({"detail": {"x": [matcher]}})).unwrap_or_default();
    assert!(with(json!({"cidr": "10.0.0.0/8"})).contains("cidr"));
    assert!(with(json!({"starts-with": "a"})).contains("starts-with"));
    assert!(with(json!({"numeric": ["~", 1]})).contains("numeric"));
    assert!(with(json!({"exists": "yes"})).contains("exists"));
    assert!(with(json!({"anything-but": []})).contains("anything-but"));
    assert!(with(json!({"anything-but": {"numeric": ["=", 1]}})).contains("numeric"));
    assert!(refused(json!({"source": "perennial"})).is_some_and(|e| e.contains("source")));
    assert!(refused(json!({"source": []})).is_some_and(|e| e.contains("source")));
    assert!(refused(json!({})).is_some());
    assert!(refused(json!(["x"])).is_some());
}

#[derive(Default)]
struct Inbox(Mutex<Vec<Value>>);

#[async_trait]
impl Target for Inbox {
    async fn deliver(&self, event: &Event) -> Result<(), FunctionError> {
        if event.detail_type == "refused" {
            return Err("the inbox is closed".into());
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.envelope());
        Ok(())
    }
}

fn entry(bus: &str, detail_type: &str, detail: &str) -> Entry {
    Entry {
        bus: Some(bus.to_owned()),
        source: "perennial".to_owned(),
        detail_type: detail_type.to_owned(),
        detail: detail.to_owned(),
        ..Entry::default()
    }
}

#[tokio::test]
async fn an_event_reaches_the_targets_of_matching_rules_and_the_readers() -> Outcome {
    let buses = Buses::new(Arc::new(SystemClock));
    buses.create_bus("orders");
    let inbox = Arc::new(Inbox::default());
    let rule = |name: &str, pattern: Value, enabled| Rule { name: name.into(), pattern, enabled };
    buses.put_rule("orders", rule("all", json!({"source": ["perennial"]}), true))?;
    buses.put_rule("orders", rule("off", json!({"source": ["perennial"]}), false))?;
    buses
        .put_rule("orders", rule("big", json!({"detail": {"n": [{"numeric": [">", 9]}]}}), true))?;
    for rule in ["all", "off", "big"] {
        buses.put_target("orders", rule, "inbox", inbox.clone())?;
    }
    let mut live = buses.subscribe();
    let outcomes = buses
        .put_events(vec![
            entry("orders", "placed", r#"{"n":1}"#),
            entry(
                "arn:aws:events:us-east-1:000000000000:event-bus/orders",
                "placed",
                r#"{"n":10}"#,
            ),
            entry("default", "placed", "{}"),
            entry("orders", "refused", "{}"),
            entry("nowhere", "placed", "{}"),
            entry("orders", "placed", "not json"),
            entry("orders", "placed", "[]"),
            entry("orders", "", "{}"),
        ])
        .await;
    let codes: Vec<_> =
        outcomes.iter().map(|outcome| outcome.as_ref().err().map(|error| error.code)).collect();
    let malformed = Some("MalformedDetail");
    let unknown = Some("ResourceNotFoundException");
    let missing = Some("InvalidArgument");
    assert_eq!(codes, [None, None, None, None, unknown, malformed, malformed, missing]);
    let received = inbox.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let numbers: Vec<_> =
        received.iter().filter_map(|e| e.pointer("/detail/n")?.as_i64()).collect();
    assert_eq!(numbers, [1, 10, 10]);
    assert_eq!(buses.recent().len(), 4);
    assert_eq!(live.recv().await?.detail, json!({"n": 1}));
    let usage = buses.take_usage();
    assert_eq!((usage.events, usage.refused), (4, 4));
    assert_eq!((usage.delivered, usage.undelivered), (3, 1));
    Ok(())
}

#[test]
fn a_rule_on_an_unknown_bus_or_a_target_of_an_unknown_rule_is_refused() {
    let buses = Buses::new(Arc::new(SystemClock));
    let rule = Rule { name: "r".into(), pattern: json!({"source": ["x"]}), enabled: true };
    assert_eq!(buses.put_rule("nowhere", rule), Err(BusError::UnknownBus("nowhere".into())));
    let unknown = BusError::UnknownRule { bus: DEFAULT_BUS.into(), rule: "r".into() };
    let inbox = Arc::new(Inbox::default());
    assert_eq!(buses.put_target(DEFAULT_BUS, "r", "inbox", inbox), Err(unknown));
}
