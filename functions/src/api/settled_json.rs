//! Numbers of a client's own data, as storage will give them back.

use serde_json::{Number, Value};

use crate::http::json_object::json_object;

/// A client's value as it will come back from storage, so that the journal's hashes are of what is
/// read later: a number without a fraction is a whole one, and one that a parser rounds is rounded.
pub(crate) fn settled(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let mut number = number;
            // Reading what was written may round once more, hardly ever twice.
            for _ in 0..8 {
                let text = match number.as_f64().filter(|_| number.is_f64()) {
                    Some(float) => float.to_string(),
                    None => return Value::Number(number),
                };
                let read = text
                    .parse::<i64>()
                    .map(Number::from)
                    .or_else(|_| serde_json::from_str(&number.to_string()));
                match read {
                    Ok(read) if read == number => break,
                    Ok(read) => number = read,
                    Err(_) => break,
                }
            }
            Value::Number(number)
        }
        Value::Array(items) => items.into_iter().map(settled).collect(),
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, settled(value)));
            Value::Object(json_object(members))
        }
        other => other,
    }
}
