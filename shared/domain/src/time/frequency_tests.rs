use std::{collections::HashSet, error::Error};

use proptest::prelude::*;
use serde_json::{Value, from_str, from_value, json, to_value};

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

fn refusal(value: Value) -> String {
    from_value::<Frequency>(value).map_or_else(|error| error.to_string(), |_| "accepted".to_owned())
}

#[test]
fn the_nine_names_are_read_and_written_as_they_are() -> TestResult {
    for name in [
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "two-month",
        "three-month",
        "four-month",
        "six-month",
        "yearly",
    ] {
        let frequency: Frequency = from_value(json!(name))?;
        assert_eq!(to_value(&frequency)?, json!(name));
        assert_eq!(frequency.to_string(), name);
    }
    Ok(())
}

#[test]
fn every_form_keeps_its_shape_on_the_wire() -> TestResult {
    for form in [
        json!("monthly"),
        json!({"every": 2, "unit": "week"}),
        json!({"every": 1, "unit": "month"}),
        json!("30 6 * * mon"),
        json!("@daily"),
    ] {
        assert_eq!(to_value(from_value::<Frequency>(form.clone())?)?, form);
    }
    Ok(())
}

#[test]
fn frequencies_that_mean_the_same_dates_are_equal_and_shown_alike() -> TestResult {
    for (left, right) in [
        (json!("hourly"), json!({"every": 1, "unit": "hour"})),
        (json!("weekly"), json!({"every": 7, "unit": "day"})),
        (json!("monthly"), json!("every 1 month")),
        (json!("yearly"), json!({"every": 12, "unit": "month"})),
        (json!("six-month"), json!({"every": 6, "unit": "month"})),
        (json!({"every": 2, "unit": "year"}), json!({"every": 24, "unit": "month"})),
        (json!({"every": 2, "unit": "week"}), json!({"every": 14, "unit": "day"})),
        (json!("@weekly"), json!("0 0 * * sun")),
        (json!("0  6 ? jan-mar FRI"), json!("0 6 * 1-3 5")),
    ] {
        let (left, right): (Frequency, Frequency) = (from_value(left)?, from_value(right)?);
        assert_eq!(left, right);
        assert_eq!(left.to_string(), right.to_string());
        assert_eq!(HashSet::from([left, right]).len(), 1);
    }
    Ok(())
}

#[test]
fn frequencies_that_differ_at_a_clock_change_or_in_their_rule_are_not_equal() -> TestResult {
    for (left, right) in [
        (json!("daily"), json!({"every": 24, "unit": "hour"})),
        (json!("monthly"), json!({"every": 30, "unit": "day"})),
        (json!("hourly"), json!("@hourly")),
        (json!("0 6 * * 1"), json!("0 7 * * 1")),
    ] {
        assert_ne!(from_value::<Frequency>(left)?, from_value::<Frequency>(right)?);
    }
    Ok(())
}

#[test]
fn the_canonical_text_uses_the_largest_unit_that_fits() -> TestResult {
    for (form, text) in [
        (json!({"every": 2, "unit": "week"}), "every 2 weeks"),
        (json!({"every": 48, "unit": "hour"}), "every 48 hours"),
        (json!({"every": 10, "unit": "day"}), "every 10 days"),
        (json!({"every": 36, "unit": "month"}), "every 3 years"),
        (json!({"every": 36_400, "unit": "day"}), "every 5200 weeks"),
        // 5,214 weeks would be too many to be read again.
        (json!({"every": 36_498, "unit": "day"}), "every 36498 days"),
        (json!({"every": 5, "unit": "month"}), "every 5 months"),
        (json!("@yearly"), "0 0 1 1 *"),
    ] {
        assert_eq!(from_value::<Frequency>(form)?.to_string(), text);
    }
    Ok(())
}

#[test]
fn a_refusal_names_the_value_and_the_rule() {
    for (form, parts) in [
        (json!("fortnightly"), ["`fortnightly`", "is not a frequency"]),
        (json!(""), ["``", "is not a frequency"]),
        (json!("MONTHLY"), ["`MONTHLY`", "is not a frequency"]),
        (json!("*"), ["`*`", "is not a frequency"]),
        (json!("every week"), ["`every week`", "is not a frequency"]),
        (json!("every x weeks"), ["`every x weeks`", "is not a frequency"]),
        (json!("every 2 fortnights"), ["`fortnight`", "unit"]),
        (json!({"every": 0, "unit": "week"}), ["not 0", "between 1 and 5200"]),
        (json!({"every": -1, "unit": "day"}), ["not -1", "between 1 and"]),
        (json!({"every": 101, "unit": "year"}), ["not 101", "between 1 and 100"]),
        (json!({"every": 4_294_967_297_i64, "unit": "month"}), ["not 4294967297", "1200"]),
        (json!({"every": 1.5, "unit": "day"}), ["1.5", "i64"]),
        (json!({"every": "2", "unit": "day"}), ["string", "i64"]),
        (json!({"every": 2, "unit": "minute"}), ["`minute`", "unit"]),
        (json!({"every": 2}), ["missing field", "unit"]),
        (json!({"unit": "day"}), ["missing field", "every"]),
        (json!({"every": 2, "unit": "day", "at": 3}), ["unknown field", "at"]),
        (json!(7), ["integer `7`", "a frequency"]),
        (json!(null), ["null", "a frequency"]),
        (json!(["monthly"]), ["sequence", "a frequency"]),
    ] {
        let message = refusal(form.clone());
        for part in parts {
            assert!(message.contains(part), "{form}: {message}");
        }
    }
}

#[test]
fn a_repeated_field_is_refused() {
    for (text, part) in [
        (r#"{"every":1,"every":2,"unit":"day"}"#, "duplicate field `every`"),
        (r#"{"every":1,"unit":"day","unit":"week"}"#, "duplicate field `unit`"),
    ] {
        let refused = from_str::<Frequency>(text).map_err(|error| error.to_string());
        assert!(refused.as_ref().is_err_and(|error| error.contains(part)), "{refused:?}");
    }
}

#[test]
fn a_long_value_is_cut_short_in_its_refusal() {
    assert!(refusal(json!("x".repeat(100_000))).len() < 400);
    assert!(refusal(json!("x ".repeat(100_000))).len() < 400);
}

fn intervals() -> impl Strategy<Value = Frequency> {
    let units = [
        IntervalUnit::Hour,
        IntervalUnit::Day,
        IntervalUnit::Week,
        IntervalUnit::Month,
        IntervalUnit::Year,
    ];
    (prop::sample::select(units.to_vec()), 1..100_000_i64)
        .prop_filter_map("within the unit's range", |(unit, every)| {
            Frequency::every(every % i64::from(unit.maximum()) + 1, unit).ok()
        })
}

proptest! {
    #[test]
    fn the_canonical_text_reads_back_as_an_equal_frequency(frequency in intervals()) {
        let text = frequency.to_string();
        let read: Frequency = text.parse().map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(&read, &frequency);
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn no_text_makes_reading_panic(text: String) {
        let _ = text.parse::<Frequency>();
    }

    #[test]
    fn no_cron_like_text_makes_reading_panic(text in "[-0-9*/,?LW#@a-zA-Z ]{0,40}") {
        if let Ok(frequency) = text.parse::<Frequency>() {
            prop_assert_eq!(&frequency.to_string().parse::<Frequency>(), &Ok(frequency));
        }
    }
}
