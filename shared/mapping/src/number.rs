//! Numbers of programs: exact decimals of up to 28 digits. Amounts of money pass through mappings,
//! so there is no floating point.

use rust_decimal::Decimal;
use serde_json::{Number, Value};

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

/// A number as JSON has it: whole ones as integers, others with their decimals.
pub(crate) fn to_json(number: Decimal) -> Value {
    let number = number.normalize();
    match i64::try_from(number) {
        Ok(whole) if number.is_integer() => Value::from(whole),
        _ => number.to_string().parse::<Number>().map_or(Value::Null, Value::Number),
    }
}

/// A whole number, for places and counts.
pub(crate) fn whole(number: Decimal) -> Option<i64> {
    number.is_integer().then(|| i64::try_from(number).ok()).flatten()
}
