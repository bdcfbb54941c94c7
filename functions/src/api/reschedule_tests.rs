//! A new frequency uses no number twice and keeps day and time, whatever it was before.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use chrono::{DateTime, TimeDelta, Utc};
use perennial_domain::{
    subscription::Subscription,
    time::{Frequency, OccurrenceNumber, Schedule, Slot},
};
use serde_json::json;

use super::{RescheduleError, reschedule};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A subscription that has run on every date up to `now`.
fn subscription(frequency: &str, anchor: &str, zone: &str, now: DateTime<Utc>) -> Subscription {
    let frequency: Frequency = frequency.parse().unwrap();
    let schedule = Schedule::new(frequency.clone(), at(anchor), zone.parse().unwrap());
    let next = schedule.next_after(now).unwrap();
    serde_json::from_value(json!({
        "id": "sub_1",
        "status": "active",
        "market_id": "mkt_1",
        "source_order_id": "ord_1",
        "currency": "EUR",
        "items": [],
        "frequency": frequency,
        "anchor": anchor,
        "time_zone": zone,
        "next_number": next.number,
        "next_run_at": next.at,
        "occurrencies": next.number.get() - 1,
        "created_at": anchor,
        "updated_at": anchor,
        "version": 1,
        "journal": {"sequence": 1, "hash": ""},
    }))
    .unwrap()
}

/// The next dates of a subscription.
fn dates(subscription: &Subscription, count: usize) -> Vec<DateTime<Utc>> {
    let mut slot = subscription.next().unwrap();
    let mut dates = vec![slot.at];
    while dates.len() < count {
        slot = subscription.schedule().following(slot).unwrap().slot();
        dates.push(slot.at);
    }
    dates
}

const FREQUENCIES: [&str; 11] = [
    "hourly",
    "daily",
    "weekly",
    "every 2 weeks",
    "monthly",
    "two-month",
    "three-month",
    "six-month",
    "yearly",
    "0 9 * * 1",
    "every 5 months",
];

#[test]
fn numbers_go_on_and_dates_are_those_of_the_new_rule_from_the_old_anchor() {
    let anchors = [
        ("2024-01-31T08:30:00Z", "UTC"),
        ("2024-02-29T23:30:00Z", "America/New_York"),
        ("2024-03-30T09:00:00Z", "Europe/Berlin"),
        ("2024-10-27T00:30:00Z", "Europe/Berlin"),
    ];
    for (anchor, zone) in anchors {
        for from in FREQUENCIES {
            for to in FREQUENCIES {
                let now = at(anchor) + TimeDelta::days(400);
                let before = subscription(from, anchor, zone, now);
                let frequency: Frequency = to.parse().unwrap();
                let what = format!("{anchor} {zone}: {from} to {to}");
                let after = match reschedule(&before, frequency.clone(), now) {
                    Ok(after) => after,
                    // Nine thousand months lead too far back; the client is told so.
                    Err(RescheduleError::TooManyRuns(_)) if from == "hourly" => continue,
                    Err(error) => unreachable!("{what}: {error}"),
                };
                assert!(after.next_number >= before.next_number, "{what}");
                let plain = Schedule::new(frequency, at(anchor), zone.parse().unwrap());
                let first = Slot { number: OccurrenceNumber::ANCHOR, at: at(anchor) };
                let mut slot = plain.first_after(first, now).unwrap().slot();
                for date in dates(&after, 14) {
                    assert_eq!(date, slot.at, "{what}");
                    slot = plain.following(slot).unwrap().slot();
                }
            }
        }
    }
}

#[test]
fn the_same_frequency_changes_nothing() {
    let now = at("2027-05-01T00:00:00Z");
    let before = subscription("monthly", "2027-01-31T10:00:00Z", "UTC", now);
    let same = reschedule(&before, "monthly".parse().unwrap(), now).unwrap();
    assert_eq!(same, before);
}

#[test]
fn what_had_expired_goes_on_with_numbers_that_no_run_has_used() {
    let now = at("2027-05-01T00:00:00Z");
    for frequency in FREQUENCIES {
        let mut before = subscription(frequency, "2027-01-31T10:00:00Z", "UTC", now);
        // Numbers run ahead of the dates where the frequency was a shorter one before.
        let used = before.occurrencies + 500;
        before.occurrencies = used;
        before.set_next(None);
        let after = reschedule(&before, before.frequency.clone(), now);
        let number = match after {
            Ok(after) => after.next_number.unwrap().get(),
            Err(RescheduleError::TooManyRuns(unused)) => unused.get(),
            Err(error) => unreachable!("{frequency}: {error}"),
        };
        assert!(number > used, "{frequency}: {number} after {used} runs");
    }
}
