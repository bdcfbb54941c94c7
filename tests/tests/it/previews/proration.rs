//! What a change within a period gives back and costs. January 2027 has 31 days.

use perennial_tests::{Shop, TestResult, documents};
use serde_json::{Value, json};

use super::{preview, refused};

const KIND: &str = "proration_previews";

/// A change from 31.00 to 62.00 EUR within January.
fn change(changes: Value) -> Value {
    let january = json!({
        "currency": "EUR",
        "period_start": "2027-01-01",
        "period_end": "2027-02-01",
        "change_at": "2027-01-18",
        "old_amount": 3_100,
        "new_amount": 6_200,
    });
    documents::with(january, changes)
}

#[tokio::test]
async fn a_change_is_answered_with_its_fractions_and_its_ledger() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let answer = preview(&shop, KIND, change(json!({}))).await?;
    // From the 18th to the 31st there are 14 days: 3,100 * 14 / 31 = 1,400.
    for (name, value) in [
        ("credit", json!(1_400)),
        ("charge", json!(2_800)),
        ("net", json!(1_400)),
        ("fraction", json!({"credit": "14/31", "charge": "14/31"})),
        (
            "ledger",
            json!([
                {
                    "kind": "credit",
                    "from": "2027-01-18",
                    "to": "2027-02-01",
                    "basis": 3_100,
                    "numerator": 14,
                    "denominator": 31,
                    "fraction": "14/31",
                    "amount": -1_400,
                    "reason": "rest of the old terms",
                },
                {
                    "kind": "charge",
                    "from": "2027-01-18",
                    "to": "2027-02-01",
                    "basis": 6_200,
                    "numerator": 14,
                    "denominator": 31,
                    "fraction": "14/31",
                    "amount": 2_800,
                    "reason": "new terms from the change on",
                },
            ]),
        ),
        // What was not given has its default.
        ("time_zone", json!("UTC")),
        ("unit", json!("day")),
        ("denominator", json!("actual")),
        ("rounding", json!("half_up")),
        ("credit_base", json!("charged")),
        ("charged_amount", json!(3_100)),
        ("already_credited", json!(0)),
        ("termination_day", json!("free")),
        ("change_at", json!("2027-01-18")),
    ] {
        assert_eq!(answer.attribute(name), &value, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn every_rule_of_proration_can_be_set() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let start = |changes: Value| documents::with(change(json!({"old_amount": null})), changes);
    let end = |changes: Value| documents::with(change(json!({"new_amount": null})), changes);
    let none = Value::Null;
    for (what, attributes, credit, credit_fraction, charge, charge_fraction) in [
        // 16 days are left from the 16th on: 3,100 * 16 / 31 = 1,600.
        (
            "a start",
            start(json!({"change_at": "2027-01-16", "new_amount": 3_100})),
            0,
            none.clone(),
            1_600,
            json!("16/31"),
        ),
        ("an end", end(json!({"change_at": "2027-01-16"})), 1_600, json!("16/31"), 0, none.clone()),
        (
            "an end whose day is billed",
            end(json!({"change_at": "2027-01-16", "termination_day": "billed"})),
            1_500,
            json!("15/31"),
            0,
            none.clone(),
        ),
        (
            "an explicit null",
            {
                let mut end = change(json!({"change_at": "2027-01-16"}));
                end["new_amount"] = Value::Null;
                end
            },
            1_600,
            json!("16/31"),
            0,
            none.clone(),
        ),
        // Half a cent.
        (
            "half a cent, up",
            start(json!({"period_end": "2027-01-03", "change_at": "2027-01-02", "new_amount": 1})),
            0,
            none.clone(),
            1,
            json!("1/2"),
        ),
        (
            "half a cent, to the even",
            start(json!({
                "period_end": "2027-01-03",
                "change_at": "2027-01-02",
                "new_amount": 1,
                "rounding": "half_even",
            })),
            0,
            none.clone(),
            0,
            json!("1/2"),
        ),
        // 30E/360: from the 16th to 1 February there are 15 days of 30.
        (
            "months of 30 days",
            start(json!({
                "change_at": "2027-01-16",
                "new_amount": 3_000,
                "denominator": "fixed_30",
            })),
            0,
            none.clone(),
            1_500,
            json!("15/30"),
        ),
        // Half a day is 43,200 seconds; 15 1/2 of 31 days are half of the month.
        (
            "seconds",
            start(json!({
                "change_at": "2027-01-16T12:00:00Z",
                "new_amount": 3_100,
                "unit": "second",
            })),
            0,
            none.clone(),
            1_550,
            json!("1339200/2678400"),
        ),
        // 28 March 2027 has 23 hours in Berlin: 4 days less an hour of 31 days less an hour.
        (
            "seconds across a clock change",
            start(json!({
                "period_start": "2027-03-01",
                "period_end": "2027-04-01",
                "change_at": "2027-03-28",
                "new_amount": 2_674_800,
                "unit": "second",
                "time_zone": "Europe/Berlin",
            })),
            0,
            none.clone(),
            342_000,
            json!("342000/2674800"),
        ),
        // 23:30 in UTC is the 16th in Berlin.
        (
            "local days",
            start(json!({
                "change_at": "2027-01-15T23:30:00Z",
                "new_amount": 3_100,
                "time_zone": "Europe/Berlin",
            })),
            0,
            none.clone(),
            1_600,
            json!("16/31"),
        ),
        // 1,550 * 16 / 31 = 800.
        (
            "half price",
            end(json!({"change_at": "2027-01-16", "charged_amount": 1_550})),
            800,
            json!("16/31"),
            0,
            none.clone(),
        ),
        (
            "the list price, no more than was charged",
            end(json!({
                "change_at": "2027-01-16",
                "charged_amount": 1_550,
                "credit_base": "list",
            })),
            1_550,
            json!("16/31"),
            0,
            none.clone(),
        ),
        (
            "no more than is left",
            end(json!({
                "change_at": "2027-01-16",
                "charged_amount": 1_550,
                "already_credited": 1_000,
            })),
            550,
            json!("16/31"),
            0,
            none.clone(),
        ),
    ] {
        let answer = preview(&shop, KIND, attributes).await?;
        assert_eq!(answer.attribute("credit"), &json!(credit), "{what}");
        assert_eq!(answer.attribute("charge"), &json!(charge), "{what}");
        let fraction = json!({"credit": credit_fraction, "charge": charge_fraction});
        assert_eq!(answer.attribute("fraction"), &fraction, "{what}");
        assert_eq!(answer.attribute("net"), &json!(charge - credit), "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_prorated_is_refused_where_it_stands() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    for (changes, errors) in [
        (json!({"currency": null}), &["required /currency"][..]),
        (json!({"currency": "EURO"}), &["invalid_value /currency"]),
        (json!({"currency": "HRK"}), &["invalid_value /currency"]),
        (json!({"period_start": null}), &["required /period_start"]),
        (json!({"period_end": null}), &["required /period_end"]),
        (json!({"change_at": null}), &["required /change_at"]),
        (json!({"change_at": "2027-01-32"}), &["invalid_value /change_at"]),
        (json!({"change_at": "2027-1-18"}), &["invalid_value /change_at"]),
        (json!({"change_at": "2027-01-18T12:00"}), &["invalid_value /change_at"]),
        (json!({"change_at": 20_270_118}), &["wrong_type /change_at"]),
        (json!({"change_at": "2026-12-31"}), &["out_of_range /change_at"]),
        (json!({"change_at": "2027-02-02"}), &["out_of_range /change_at"]),
        (json!({"period_end": "2027-01-01"}), &["invalid_value /period_end"]),
        (json!({"period_start": "0000-01-01"}), &["out_of_range /period_start"]),
        (json!({"period_end": "10000-01-01"}), &["invalid_value /period_end"]),
        (json!({"old_amount": 10.5}), &["wrong_type /old_amount"]),
        (json!({"old_amount": 10.0}), &["wrong_type /old_amount"]),
        (json!({"new_amount": "10"}), &["wrong_type /new_amount"]),
        (json!({"new_amount": -1}), &["out_of_range /new_amount"]),
        (json!({"new_amount": 9_223_372_036_854_775_808_u64}), &["out_of_range /new_amount"]),
        (json!({"old_amount": null, "new_amount": null}), &["required /new_amount"]),
        (json!({"unit": "hour"}), &["invalid_value /unit"]),
        (json!({"denominator": "fixed_365"}), &["invalid_value /denominator"]),
        (json!({"denominator": "fixed_30", "unit": "second"}), &["invalid_value /unit"]),
        (json!({"rounding": "down"}), &["invalid_value /rounding"]),
        (json!({"credit_base": "hope"}), &["invalid_value /credit_base"]),
        (json!({"charged_amount": true}), &["wrong_type /charged_amount"]),
        (json!({"already_credited": 3_101}), &["out_of_range /already_credited"]),
        (json!({"old_amount": null, "charged_amount": 5}), &["invalid_value /charged_amount"]),
        (json!({"termination_day": "maybe"}), &["invalid_value /termination_day"]),
        (json!({"time_zone": "Mars/Olympus"}), &["invalid_value /time_zone"]),
        (json!({"credit": 5}), &["read_only_attribute /credit"]),
        (json!({"price": 5}), &["unknown_attribute /price"]),
    ] {
        refused(&shop, KIND, change(changes), errors).await?;
    }
    Ok(())
}
