use std::error::Error;

use serde_json::json;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

/// A record of an order that failed checks: each with the severity it has.
fn record(
    outcome: &str,
    channel: Option<&str>,
    failures: &[(&str, &str)],
    resolution: Option<&str>,
) -> Result<CheckRecord, Box<dyn Error>> {
    let failures: Vec<_> = failures
        .iter()
        .map(|(check, severity)| json!({"check": check, "severity": severity, "codes": []}))
        .collect();
    Ok(serde_json::from_value(json!({
        "id": "chr_1", "order_id": "ord_1", "placement": 1, "outcome": outcome,
        "channel_code": channel, "market_id": "mkt_1", "currency_code": "EUR",
        "failures": failures, "resolution": resolution, "version": 1,
        "created_at": "2027-01-31T10:00:00Z", "updated_at": "2027-01-31T10:00:00Z",
    }))?)
}

#[test]
fn each_check_counts_for_itself_by_channel() -> TestResult {
    let records = [
        record("rejected", Some("web"), &[("credit_limit", "reject")], None)?,
        record("rejected", Some("web"), &[("credit_limit", "reject")], Some("overturned"))?,
        record(
            "held",
            Some("web"),
            &[("credit_limit", "review"), ("term", "review")],
            Some("upheld"),
        )?,
        record("held", None, &[("term", "review")], Some("overturned"))?,
        // Held by one check and refused for another.
        record("rejected", None, &[("term", "review"), ("frequency", "reject")], None)?,
    ];
    let counts = count(&records);
    let of = |check, channel: Option<&str>| {
        let count = counts.get(&(check, channel.map(str::to_owned))).copied().unwrap_or_default();
        (count.rejected, count.held, count.overturned, count.upheld, count.open())
    };
    assert_eq!(of(CheckName::CreditLimit, Some("web")), (2, 1, 1, 1, 1));
    assert_eq!(of(CheckName::Term, Some("web")), (0, 1, 0, 1, 0));
    assert_eq!(of(CheckName::Term, None), (0, 2, 1, 0, 1));
    assert_eq!(of(CheckName::Frequency, None), (1, 0, 0, 0, 1));
    assert_eq!(counts.len(), 4);
    Ok(())
}

#[test]
fn the_rate_is_in_ten_thousandths_rounded_half_up() {
    let rate = |overturned, rejected| {
        CheckCount { overturned, rejected, ..CheckCount::default() }.overturn_rate()
    };
    assert_eq!(rate(0, 0), None);
    assert_eq!(rate(0, 7), Some(0));
    assert_eq!(rate(7, 7), Some(10_000));
    assert_eq!(rate(1, 3), Some(3_333));
    assert_eq!(rate(2, 3), Some(6_667));
    // 1/16 is 0.0625 exactly, 1/32 is 0.03125: the half goes up.
    assert_eq!(rate(1, 16), Some(625));
    assert_eq!(rate(1, 32), Some(313));
}
