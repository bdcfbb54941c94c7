//! What holds for the answer to every preview.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::Preview;

pub(super) fn check(what: Preview, attributes: &Map<String, Value>) {
    match what {
        Preview::Schedule => occurrences_are_in_order(attributes),
        Preview::Proration => ledger_adds_up(attributes),
        Preview::BillingPeriod => periods_leave_nothing_out(attributes),
        Preview::Invoice => invoice_adds_up(attributes),
    }
}

fn occurrences_are_in_order(attributes: &Map<String, Value>) {
    let occurrences = list(attributes, "occurrences");
    let numbers = occurrences.iter().map(|one| one["number"].as_u64());
    assert!(numbers.is_sorted_by(|one, next| one < next), "{attributes:?}");
    let instants = occurrences.iter().map(|one| instant(&one["at"]));
    assert!(instants.is_sorted_by(|one, next| one < next), "{attributes:?}");
    for one in occurrences {
        // RFC 3339 writes offsets in minutes; local mean time, before there were zones, had seconds.
        // Nor can it write the year 10000, which begins early in zones ahead of UTC.
        if !one["local"].as_str().is_some_and(|local| local.starts_with('+')) {
            let apart = instant(&one["local"]) - instant(&one["at"]);
            assert!(apart.abs() < TimeDelta::minutes(1), "{one}");
        }
        assert!(one["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{one}");
    }
}

fn ledger_adds_up(attributes: &Map<String, Value>) {
    let amount = |name: &str| amount(&attributes[name]);
    assert_eq!(amount("charge") - amount("credit"), amount("net"), "{attributes:?}");
    let lines = list(attributes, "ledger");
    assert_eq!(total(lines, "amount"), amount("net"), "{attributes:?}");
    let mut left = -amount("already_credited");
    if !attributes["charged_amount"].is_null() {
        left += amount("charged_amount");
    }
    assert!((0..=left.max(0)).contains(&amount("credit")), "{attributes:?}");
}

fn periods_leave_nothing_out(attributes: &Map<String, Value>) {
    let periods = list(attributes, "periods");
    for (one, next) in periods.iter().zip(periods.iter().skip(1)) {
        assert_eq!(one["end"], next["start"], "{attributes:?}");
    }
    for one in periods {
        assert!(instant(&one["start"]) < instant(&one["end"]), "{one}");
        assert_eq!(one["stub"].is_null(), one["kind"] == "whole", "{one}");
    }
}

fn invoice_adds_up(attributes: &Map<String, Value>) {
    let lines = list(attributes, "lines");
    let taxes = list(attributes, "taxes");
    for name in ["net_amount_cents", "tax_amount_cents", "gross_amount_cents"] {
        assert_eq!(total(lines, name), amount(&attributes[name]), "{name}: {attributes:?}");
    }
    assert_eq!(total(taxes, "tax_amount_cents"), amount(&attributes["tax_amount_cents"]));
    let adds_up = |one: &Value| {
        let [net, tax, gross] =
            ["net", "tax", "gross"].map(|name| amount(&one[format!("{name}_amount_cents")]));
        assert_eq!(net + tax, gross, "{one}");
    };
    lines.iter().chain(taxes).for_each(adds_up);
    let due = amount(&attributes["amount_due_cents"]);
    assert!((0..=amount(&attributes["total_amount_cents"])).contains(&due), "{attributes:?}");
}

fn list<'a>(attributes: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    match attributes.get(name) {
        Some(Value::Array(list)) => list,
        other => unreachable!("{name} is no list but {other:?}"),
    }
}

fn total(lines: &[Value], name: &str) -> i128 {
    lines.iter().map(|line| amount(&line[name])).sum()
}

fn amount(value: &Value) -> i128 {
    match value.as_i64() {
        Some(amount) => i128::from(amount),
        None => unreachable!("{value} is no amount"),
    }
}

fn instant(value: &Value) -> DateTime<Utc> {
    match value.as_str().map(DateTime::parse_from_rfc3339) {
        Some(Ok(at)) => at.to_utc(),
        _ => unreachable!("{value} is no instant"),
    }
}
