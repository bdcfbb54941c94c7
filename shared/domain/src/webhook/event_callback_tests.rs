#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn new() -> EventCallback {
    let (webhook, made) = (WebhookId::derived(&["test"]), at("2027-01-31T12:00:00Z"));
    EventCallback {
        id: EventCallbackId::of(&webhook, made, "sub_1:7", None),
        webhook_id: webhook,
        event_id: "sub_1:7".to_owned(),
        topic: "order_subscriptions.renewed".to_owned(),
        subject: "sub_1".to_owned(),
        sequence: 7,
        event_at: made,
        trigger: None,
        status: DeliveryStatus::Pending,
        attempts: 0,
        next_attempt_at: Some(made),
        lease_until: None,
        log: Vec::new(),
        failure: None,
        version: 1,
        created_at: made,
        updated_at: made,
    }
}

/// The delivery after one more attempt, begun and ended at `now`.
fn tried(delivery: EventCallback, outcome: &Outcome, now: DateTime<Utc>) -> EventCallback {
    let delivery = delivery.claimed(now + TimeDelta::minutes(1), now);
    let url = "https://shop.example/hooks".parse().unwrap();
    let attempt = Attempt::new(now, &url, 12, outcome);
    delivery.attempted(attempt, outcome, now)
}

fn answered(code: u16) -> Outcome {
    Outcome::Answered { code, message: "said".to_owned() }
}

#[test]
fn any_2xx_delivers_and_nothing_else_does() {
    let now = at("2027-01-31T12:00:01Z");
    for code in [200, 201, 204, 299] {
        let after = tried(new(), &answered(code), now);
        assert_eq!((after.status, after.next_attempt_at), (DeliveryStatus::Delivered, None));
    }
    for code in [100, 199, 300, 301, 307, 400, 404, 429, 500, 503] {
        let after = tried(new(), &answered(code), now);
        assert_eq!(after.status, DeliveryStatus::Pending, "{code}");
        assert!(after.next_attempt_at > Some(now), "{code}");
    }
}

#[test]
fn gone_ends_it_at_once() {
    let after = tried(new(), &answered(410), at("2027-01-31T12:00:01Z"));
    assert_eq!(after.status, DeliveryStatus::Failed);
    assert_eq!(after.failure.as_deref(), Some("the receiver answered 410 Gone"));
}

#[test]
fn the_ninth_failure_is_the_last() {
    let lost = Outcome::Unanswered("connection refused".to_owned());
    let mut delivery = new();
    for attempt in 1..=9 {
        assert!(delivery.may_be_tried(), "attempt {attempt}");
        let now = delivery.next_attempt_at.unwrap();
        delivery = tried(delivery, &lost, now);
    }
    assert_eq!(delivery.status, DeliveryStatus::Failed);
    assert_eq!(delivery.failure.as_deref(), Some("every attempt failed"));
    assert_eq!(delivery.log.len(), 9);
    assert_eq!(delivery.last_attempt().map(|last| last.response_code), Some(None));
}

#[test]
fn one_worker_at_a_time_is_at_it_until_its_lease_ends() {
    let (now, lease) = (at("2027-01-31T12:00:00Z"), at("2027-01-31T12:01:00Z"));
    assert!(!new().is_free_at(at("2027-01-31T11:59:59Z")));
    assert!(new().is_free_at(now));
    let claimed = new().claimed(lease, now);
    assert_eq!(claimed.attempts, 1);
    assert!(!claimed.is_free_at(at("2027-01-31T12:00:59Z")));
    assert!(claimed.is_free_at(lease));
    assert!(!claimed.given_up("test", now).is_free_at(lease));
}

#[test]
fn a_delivery_waits_for_its_receiver_until_its_time_is_over() {
    let until = at("2027-02-01T15:00:00Z");
    let waiting = new().held_back(until, at("2027-02-01T14:00:00Z"));
    assert_eq!(waiting.status, DeliveryStatus::Pending);
    let next = waiting.next_attempt_at.unwrap();
    assert!(next >= until && next < until + TimeDelta::minutes(1), "{next}");
    let over = new().held_back(until, at("2027-02-01T14:00:01Z"));
    assert_eq!(over.failure.as_deref(), Some("the receiver's circuit stayed open"));
}

#[test]
fn what_is_kept_of_an_answer_is_short_and_printable() {
    let outcome = Outcome::Answered { code: 500, message: format!("a\nb{}", "x".repeat(500)) };
    let url = "https://shop.example".parse().unwrap();
    let kept = Attempt::new(at("2027-01-31T12:00:00Z"), &url, 1, &outcome).response_message;
    assert_eq!(kept.chars().count(), 200);
    assert!(kept.starts_with("a bxx"));
}

#[test]
fn deliveries_of_one_webhook_sort_by_time_and_name_it() {
    let webhook = WebhookId::derived(&["test"]);
    let early = EventCallbackId::of(&webhook, at("2027-01-31T12:00:00Z"), "sub_1:7", None);
    let late = EventCallbackId::of(&webhook, at("2027-01-31T12:00:00.001Z"), "sub_1:6", None);
    assert!(early < late);
    assert_eq!(early.webhook(), Some(webhook.clone()));
    let again = EventCallbackId::of(&webhook, at("2027-01-31T12:00:00Z"), "sub_1:7", None);
    assert_eq!(early, again);
    let resent = EventCallbackId::of(&webhook, at("2027-01-31T12:00:00Z"), "sub_1:7", Some("r1"));
    assert_ne!(early, resent);
    assert_eq!(early.as_str().parse(), Ok(early));
}

#[test]
fn nine_attempts_may_be_begun_and_none_after_the_end() {
    let now = at("2027-01-31T12:00:00Z");
    let mut delivery = new();
    for attempt in 1..=9 {
        assert!(delivery.may_be_tried(), "attempt {attempt}");
        delivery = delivery.claimed(now + TimeDelta::minutes(1), now);
    }
    assert!(!delivery.may_be_tried() && !delivery.has_ended());
    assert!(!new().given_up("test", now).may_be_tried());
    assert!(!tried(new(), &answered(200), now).may_be_tried());
}

#[test]
fn states_are_named_as_they_are_stored() {
    for (status, name) in [
        (DeliveryStatus::Pending, "pending"),
        (DeliveryStatus::Delivered, "delivered"),
        (DeliveryStatus::Failed, "failed"),
    ] {
        assert_eq!(status.as_str(), name);
        assert_eq!(serde_json::to_value(status).unwrap(), serde_json::json!(name));
    }
}

proptest! {
    /// However long attempts take and answers differ, a delivery ends, and within its time.
    #[test]
    fn every_delivery_ends(steps in prop::collection::vec((0..20_u32, 300..600_u16), 40)) {
        let mut delivery = new();
        let made = delivery.created_at;
        for (seconds, code) in steps {
            let Some(next) = delivery.next_attempt_at else { break };
            prop_assert!(delivery.may_be_tried());
            prop_assert!(next <= made + GIVE_UP_AFTER);
            let now = next + TimeDelta::seconds(i64::from(seconds));
            delivery = tried(delivery, &answered(code), now);
        }
        prop_assert!(delivery.has_ended());
        prop_assert!(delivery.log.len() <= 9);
    }
}
