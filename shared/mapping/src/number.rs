//! Numbers of programs: exact decimals of up to 28 digits. Amounts of money pass through mappings,
//! so there is no floating point.

use rust_decimal::Decimal;
use serde_json::Number;

/// The number that a text spells, as JSON writes it (`12.30`, `-4`, `1e3`).
pub(crate) fn parse(text: &str) -> Option<Decimal> {
    let plain = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let starts = digits.starts_with(|c: char| c.is_ascii_digit());
        (starts && !digits.ends_with('.') && !text.contains('_')).then_some(())?;
        match text.contains(['e', 'E']) {
            true => Decimal::from_scientific(text).ok(),
            false => Decimal::from_str_exact(text).ok(),
        }
    };
    plain(text).map(|number| number.normalize())
}

/// A number of a JSON document; `None` where it has more digits than are kept.
pub(crate) fn from_json(number: &Number) -> Option<Decimal> {
    match number.as_i64() {
        Some(whole) => Some(Decimal::from(whole)),
        None => parse(&number.to_string()),
    }
}

/// The first number of a JSON text that its value would not keep as it is written: two ids could
/// become one, or an amount another.
pub(crate) fn first_inexact(json: &str) -> Option<&str> {
    let kept = |text: &str| {
        let number: Option<Number> = text.parse().ok();
        let exact = parse(text);
        exact.is_some() && exact == number.as_ref().and_then(from_json)
    };
    let mut rest = json;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        let (_, from) = rest.split_at(at);
        if from.starts_with('"') {
            rest = after_string(from);
            continue;
        }
        let end = from.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
        let (token, after) = from.split_at(end.unwrap_or(from.len()));
        if !kept(token) {
            return Some(token);
        }
        rest = after;
    }
    None
}

/// What follows a string in JSON.
fn after_string(json: &str) -> &str {
    let mut escaped = false;
    for (at, c) in json.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return json.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}

/// A number as JSON values have it: whole ones as integers, others with their decimals. `None` where
/// such a value would be another number.
pub(crate) fn to_json(number: Decimal) -> Option<Number> {
    let number = number.normalize();
    match i64::try_from(number) {
        Ok(whole) if number.is_integer() => Some(Number::from(whole)),
        _ => {
            let kept: Number = number.to_string().parse().ok()?;
            (from_json(&kept) == Some(number)).then_some(kept)
        }
    }
}

/// A whole number, for places and counts.
pub(crate) fn whole(number: Decimal) -> Option<i64> {
    number.is_integer().then(|| i64::try_from(number).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::first_inexact;

    #[test]
    fn a_number_that_would_become_another_is_found() {
        for (json, found) in [
            (r#"{"id": 18446744073709551615, "p": [19.99, -0, 1e3, 0.1, 4.35, -12.50]}"#, None),
            (r#"{"a": "18446744073709551616", "b\"1": "1.00000000000000000001"}"#, None),
            (r#"{"id": 18446744073709551616}"#, Some("18446744073709551616")),
            (r#"[1, 90071992547409.93]"#, Some("90071992547409.93")),
            (r#"{"\\": 12345678901234567.89}"#, Some("12345678901234567.89")),
            ("1e-40", Some("1e-40")),
        ] {
            assert_eq!(first_inexact(json), found, "{json}");
        }
    }
}
