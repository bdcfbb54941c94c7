use std::error::Error;

use serde_json::{Value, json};

use super::*;
use crate::tax::fixtures::question;

type TestResult = Result<(), Box<dyn Error>>;

use TaxBehavior::{Exclusive, Inclusive};

/// What is read of an answer about lines of these amounts.
fn read_answer(
    behavior: TaxBehavior,
    amounts: &[i64],
    answer: &Value,
) -> Result<Result<Vec<LineTax>, TaxError>, Box<dyn Error>> {
    Ok(read(answer.to_string().as_bytes(), &question(behavior, amounts)?))
}

fn line(id: &str, rate: impl Into<Value>, tax: i64) -> Value {
    json!({"id": id, "tax_rate": rate.into(), "tax_amount_cents": tax})
}

#[test]
fn a_sound_answer_is_read_in_the_order_of_the_question() -> TestResult {
    let mut state = line("b", 0.08875, 888);
    if let Some(line) = state.as_object_mut() {
        let parts = [("State", 0.04, 400), ("City", 0.04875, 488)];
        let parts: Vec<Value> = parts
            .iter()
            .map(|(name, rate, tax)| json!({"name": name, "tax_rate": rate, "tax_amount_cents": tax}))
            .collect();
        line.insert("breakdown".to_owned(), Value::Array(parts));
    }
    let answer = json!({
        "lines": [line("c", Value::Null, 0), state, line("a", 0.19, 190)],
        "total_tax_amount_cents": 1_078,
        "whatever": true,
    });
    let lines = read_answer(Exclusive, &[1_000, 10_000, 500], &answer)??;
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line.id.as_str(), line.rate.map(|rate| rate.to_string()), line.tax.get()))
        .collect();
    let rate = |percent: &str| Some(percent.to_owned());
    assert_eq!(told, [("a", rate("19"), 190), ("b", rate("8.875"), 888), ("c", None, 0)]);
    let parts = lines.get(1).map(|line| line.breakdown.as_slice()).unwrap_or_default();
    let parts: Vec<_> = parts.iter().map(|part| (part.name.as_str(), part.tax.get())).collect();
    assert_eq!(parts, [("State", 400), ("City", 488)]);
    Ok(())
}

/// The most by hand: 19 % of 9.99 is 189.81, so 190, and one for another way to round.
#[test]
fn a_tax_is_no_more_than_its_rate_comes_to() -> TestResult {
    for (behavior, amount, rate, tax, taken) in [
        (Exclusive, 999, json!(0.19), 191, true),
        (Exclusive, 999, json!(0.19), 192, false),
        // Less may be due: a threshold, or an exempt part.
        (Exclusive, 999, json!(0.19), 0, true),
        (Exclusive, 999, json!(0.19), -1, false),
        // 11.90 has 1.90 in it.
        (Inclusive, 1_190, json!(0.19), 191, true),
        (Inclusive, 1_190, json!(0.19), 192, false),
        // A price has no more in it than itself.
        (Inclusive, 1, json!(10), 1, true),
        (Inclusive, 1, json!(10), 2, false),
        // Ten times the price is the most of all.
        (Exclusive, 100, json!(10), 1_001, true),
        (Exclusive, 100, json!(10), 1_002, false),
        (Exclusive, 100, json!(10.1), 0, false),
        // What is not taxable, at 0, or free bears nothing.
        (Exclusive, 999, Value::Null, 1, false),
        (Exclusive, 999, json!(0), 1, false),
        (Exclusive, 0, json!(0.19), 1, false),
        (Exclusive, 0, json!(0.19), 0, true),
        // What is given back takes its tax with it.
        (Exclusive, -1_000, json!(0.19), -190, true),
        (Exclusive, -1_000, json!(0.19), -192, false),
        (Exclusive, -1_000, json!(0.19), 190, false),
    ] {
        let answer = json!({"lines": [line("a", rate.clone(), tax)]});
        let found = read_answer(behavior, &[amount], &answer)?;
        assert_eq!(found.is_ok(), taken, "{tax} on {amount} at {rate}, {behavior:?}: {found:?}");
        if let Ok([line]) = found.as_deref() {
            let net = if behavior == Inclusive { amount - tax } else { amount };
            assert_eq!(line.net.get(), net);
        }
    }
    Ok(())
}

#[test]
fn what_does_not_fit_the_question_is_refused_with_the_reason() -> TestResult {
    let (a, b) = (line("a", 0.1, 10), line("b", 0.1, 20));
    let parted = |tax: i64| {
        json!({"id": "a", "tax_rate": 0.1, "tax_amount_cents": 10,
               "breakdown": [{"name": "VAT", "tax_amount_cents": tax}]})
    };
    let many: Vec<Value> = vec![json!({"name": "VAT", "tax_amount_cents": 0}); 9];
    for (answer, told) in [
        (json!({"lines": [a]}), "line \"b\" is missing"),
        (json!({"lines": [a, b, a]}), "line \"a\" stands in it twice"),
        (json!({"lines": [a, b, line("c", 0.1, 0)]}), "line \"c\" was not asked about"),
        (json!({"lines": [a, b], "total_tax_amount_cents": 31}), "add up to 30, the total is 31"),
        (json!({"lines": [parted(9), b]}), "a tax of 10, made up of 9"),
        (
            json!({"lines": [{"id": "a", "tax_rate": 0.1, "tax_amount_cents": 0, "breakdown": many}, b]}),
            "more than 8 taxes",
        ),
        (
            json!({"lines": [line("a", -0.1, 0), b]}),
            "line \"a\" has tax_rate -0.1: it must be a fraction from 0 to 10",
        ),
        (json!({"lines": [line("a", 19, 0), b]}), "has tax_rate 19: it must be a fraction"),
        (json!({"lines": [line("a", "0.1", 0), b]}), "invalid type: string"),
        (
            json!({"lines": [json!({"id": "a", "tax_rate": 0.1, "tax_amount_cents": 1.5}), b]}),
            "1.5",
        ),
        (json!({"lines": [json!({"id": "a", "tax_rate": 0.1}), b]}), "tax_amount_cents"),
        (json!({"line_items": []}), "lines"),
        (json!([]), "invalid"),
    ] {
        let refused = read_answer(Exclusive, &[100, 200], &answer)?;
        let reason = refused.as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert!(reason.contains(told), "{answer}: {refused:?}");
    }
    let broken = read(b"{\"lines\": [", &question(Exclusive, &[100])?);
    assert!(matches!(broken, Err(TaxError::Invalid(_))), "{broken:?}");
    Ok(())
}

/// It stands in logs, in dead letters and in what the API answers.
#[test]
fn what_is_told_of_an_answer_is_short_however_long_that_is() -> TestResult {
    let long = "x".repeat(100_000);
    let part = json!({"name": long, "tax_rate": long, "tax_amount_cents": 0});
    for lines in [
        json!(long),
        json!([line(&long, 0.1, 0)]),
        json!([line("a", long.clone(), 0)]),
        json!([{"id": "a", "tax_rate": 0.1, "tax_amount_cents": long}]),
        json!([{"id": "a", "tax_rate": 0.1, "tax_amount_cents": 0, "breakdown": [part]}]),
        json!([line("a", 0.1, 0), line(&long, 0.1, 0)]),
    ] {
        let refused = read_answer(Exclusive, &[100], &json!({"lines": lines}))?;
        let told = refused.err().ok_or("it was taken")?.to_string();
        assert!(told.len() < 500, "{} bytes: {told:.100}", told.len());
    }
    Ok(())
}

#[test]
fn rates_that_a_service_has_added_up_are_rounded() -> TestResult {
    let answer = json!({"lines": [line("a", 0.300_000_000_000_000_04, 30)]});
    let lines = read_answer(Exclusive, &[100], &answer)??;
    let rates: Vec<_> = lines.iter().filter_map(|line| line.rate).collect();
    assert_eq!(rates, ["30".parse()?]);
    Ok(())
}

#[test]
fn an_order_without_lines_is_answered_by_none() -> TestResult {
    assert_eq!(read_answer(Exclusive, &[], &json!({"lines": []}))??, []);
    Ok(())
}
