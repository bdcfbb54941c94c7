//! The periods of a schedule, whole or cut, and when each is invoiced.

use perennial_tests::{Answer, Shop, TestResult, documents};
use serde_json::{Value, json};

use super::{preview, refused};

const KIND: &str = "billing_period_previews";

/// Monthly from 16 January 2027 on, with the first of the month as anchor, until 27 March.
fn quarter(changes: Value) -> Value {
    let quarter = json!({
        "frequency": "monthly",
        "starts_at": "2027-01-16T00:00:00Z",
        "ends_at": "2027-03-27T00:00:00Z",
        "anchor_day": 1,
    });
    documents::with(quarter, changes)
}

/// Start, end, kind, fraction and invoice date of each period.
fn listed(answer: &Answer) -> Vec<String> {
    let periods = answer.attribute("periods").as_array().cloned().unwrap_or_default();
    let text = |period: &Value| {
        ["start", "end", "kind", "fraction", "fraction_decimal", "invoiced_at"]
            .map(|name| period[name].as_str().unwrap_or_default().replace("T00:00:00Z", ""))
            .join(" ")
    };
    periods.iter().map(text).collect()
}

#[tokio::test]
async fn a_quarter_has_a_stub_at_both_ends() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let answer = preview(&shop, KIND, quarter(json!({}))).await?;
    assert_eq!(
        answer.at("/data/attributes/periods/0"),
        &json!({
            "number": 0,
            "start": "2027-01-16T00:00:00Z",
            "end": "2027-02-01T00:00:00Z",
            "kind": "stub",
            "stub": "start",
            "fraction": "16/31",
            "fraction_decimal": "0.516129032",
            "invoiced_at": "2027-01-16T00:00:00Z",
            "start_date": "2027-01-16",
            "end_date": "2027-02-01",
            "invoiced_on": "2027-01-16",
        })
    );
    assert_eq!(
        listed(&answer),
        [
            "2027-01-16 2027-02-01 stub 16/31 0.516129032 2027-01-16",
            "2027-02-01 2027-03-01 whole 28/28 1.000000000 2027-02-01",
            "2027-03-01 2027-03-27 stub 26/31 0.838709677 2027-03-01",
        ]
    );
    for (name, value) in [
        ("billing", json!("advance")),
        ("anchor_day", json!(1)),
        ("time_zone", json!("UTC")),
        ("ends_at", json!("2027-03-27T00:00:00Z")),
        ("until", Value::Null),
        ("initial_invoice_at", Value::Null),
        ("has_more", json!(false)),
    ] {
        assert_eq!(answer.attribute(name), &value, "{name}");
    }
    let arrears = preview(&shop, KIND, quarter(json!({"billing": "arrears"}))).await?;
    assert_eq!(
        listed(&arrears),
        [
            "2027-01-16 2027-02-01 stub 16/31 0.516129032 2027-02-01",
            "2027-02-01 2027-03-01 whole 28/28 1.000000000 2027-03-01",
            "2027-03-01 2027-03-27 stub 26/31 0.838709677 2027-03-27",
        ]
    );
    let later =
        json!({"initial_invoice_at": "2027-02-10T00:00:00Z", "until": "2027-03-01T00:00:00Z"});
    let later = preview(&shop, KIND, quarter(later)).await?;
    assert_eq!(
        listed(&later),
        [
            "2027-01-16 2027-02-01 stub 16/31 0.516129032 2027-02-10",
            "2027-02-01 2027-03-01 whole 28/28 1.000000000 2027-02-10",
        ]
    );
    Ok(())
}

/// Midnight in Berlin is 23:00 UTC of the day before in winter, and 22:00 in summer.
#[tokio::test]
async fn periods_have_the_dates_of_their_zone() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let berlin = json!({
        "frequency": "monthly",
        "starts_at": "2027-02-28T23:00:00Z",
        "time_zone": "Europe/Berlin",
        "billing": "arrears",
        "count": 2,
    });
    let answer = preview(&shop, KIND, berlin).await?;
    let dates = |period: usize| {
        ["start", "start_date", "end", "end_date", "invoiced_at", "invoiced_on"].map(|name| {
            answer.at(&format!("/data/attributes/periods/{period}/{name}")).as_str().unwrap_or("-")
        })
    };
    assert_eq!(
        dates(0),
        [
            "2027-02-28T23:00:00Z",
            "2027-03-01",
            "2027-03-31T22:00:00Z",
            "2027-04-01",
            "2027-03-31T22:00:00Z",
            "2027-04-01",
        ]
    );
    assert_eq!(dates(1)[1], "2027-04-01");
    assert_eq!(dates(1)[3], "2027-05-01");
    Ok(())
}

#[tokio::test]
async fn periods_go_as_far_as_asked_and_say_when_there_are_more() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    for (what, changes, count, has_more) in [
        ("a year unless asked otherwise", json!({"ends_at": null}), 12, true),
        ("a count", json!({"ends_at": null, "count": 5}), 5, true),
        ("until", json!({"ends_at": null, "until": "2029-01-01T00:00:00Z"}), 24, false),
        ("until, cut", json!({"ends_at": null, "until": "9999-01-01T00:00:00Z"}), 1_000, true),
        ("an end at the start", json!({"ends_at": "2027-01-16T00:00:00Z"}), 0, false),
    ] {
        let answer = preview(&shop, KIND, quarter(changes)).await?;
        let periods = answer.attribute("periods").as_array().map_or(0, Vec::len);
        assert_eq!(periods, count, "{what}");
        assert_eq!(answer.attribute("has_more"), &json!(has_more), "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn what_has_no_periods_is_refused_where_it_stands() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    for (changes, errors) in [
        (json!({"frequency": null}), &["required /frequency"][..]),
        (json!({"starts_at": null}), &["required /starts_at"]),
        (json!({"frequency": "weekly"}), &["invalid_value /anchor_day"]),
        (json!({"anchor_day": "first"}), &["wrong_type /anchor_day"]),
        (json!({"billing": "never"}), &["invalid_value /billing"]),
        (json!({"ends_at": "2027-02-30T00:00:00Z"}), &["invalid_value /ends_at"]),
        (json!({"until": "10000-01-01T00:00:00Z"}), &["invalid_value /until"]),
        (json!({"count": 1_001}), &["out_of_range /count"]),
        (json!({"initial_invoice_at": 1}), &["wrong_type /initial_invoice_at"]),
        (json!({"periods": []}), &["read_only_attribute /periods"]),
        (json!({"after": "2027-01-01T00:00:00Z"}), &["unknown_attribute /after"]),
    ] {
        refused(&shop, KIND, quarter(changes), errors).await?;
    }
    Ok(())
}
