//! Values as filters and orders compare them.

use chrono::{DateTime, NaiveDate, NaiveTime, SubsecRound, Utc};
use perennial_domain::time::Frequency;
use serde_json::Value;

use crate::http::{
    attributes::Kind,
    kind::{check, shown},
};

/// A value that can be compared with others of its attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operand {
    Boolean(bool),
    Integer(i64),
    /// To the millisecond.
    Instant(DateTime<Utc>),
    Text(String),
}

/// What can be asked of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Whether it is this one.
    Identity,
    /// That, and whether it is less or more.
    Quantity,
    /// That, and what it is made of.
    Text,
}

/// What can be asked of an attribute's values; `None` for lists and objects, which nothing is asked
/// of.
pub(crate) fn class(kind: &Kind) -> Option<Class> {
    match kind {
        Kind::Boolean => Some(Class::Identity),
        Kind::Integer(..) | Kind::Instant | Kind::Date => Some(Class::Quantity),
        Kind::Text(_) | Kind::Currency | Kind::Zone | Kind::Frequency | Kind::Choice(_) => {
            Some(Class::Text)
        }
        Kind::DateOrInstant
        | Kind::Degrees(_)
        | Kind::TaxRate
        | Kind::Dictated(_)
        | Kind::Lines(_)
        | Kind::List(..)
        | Kind::Members(_)
        | Kind::Anything(_)
        | Kind::Secret => None,
    }
}

impl Operand {
    /// The value of an attribute; `None` where it has none.
    pub(crate) fn of(kind: &Kind, value: &Value) -> Option<Self> {
        match (kind, value) {
            (Kind::Frequency, value) => {
                let frequency: Frequency = serde_json::from_value(value.clone()).ok()?;
                Some(Self::Text(frequency.to_string()))
            }
            (Kind::Instant, Value::String(text)) => {
                let at = DateTime::parse_from_rfc3339(text).ok()?;
                Some(Self::Instant(at.to_utc().trunc_subsecs(3)))
            }
            (_, Value::Bool(value)) => Some(Self::Boolean(*value)),
            (_, Value::Number(number)) => number.as_i64().map(Self::Integer),
            (_, Value::String(text)) => Some(Self::Text(text.clone())),
            (_, Value::Null | Value::Array(_) | Value::Object(_)) => None,
        }
    }

    /// What a client has written in a query.
    ///
    /// # Errors
    /// What it must be instead.
    pub(crate) fn parse(kind: &Kind, text: &str) -> Result<Self, String> {
        match kind {
            Kind::Boolean => truth(text).map(Self::Boolean),
            Kind::Integer(..) => text
                .parse()
                .map(Self::Integer)
                .map_err(|_| format!("must be a whole number, not {:?}", cut(text))),
            Kind::Instant => instant(text).map(|at| Self::Instant(at.trunc_subsecs(3))),
            Kind::Frequency => text
                .parse()
                .map(|frequency: Frequency| Self::Text(frequency.to_string()))
                .map_err(|error| error.to_string()),
            _ => {
                let value = Value::String(text.to_owned());
                match check(kind, "the value", "", &value).into_iter().next() {
                    Some(problem) => Err(format!("is refused: {}", problem.detail)),
                    None => Ok(Self::Text(text.to_owned())),
                }
            }
        }
    }
}

/// True or false, as clients write it.
///
/// # Errors
/// What it must be instead.
pub(crate) fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(format!("must be true or false, not {:?}", cut(other))),
    }
}

/// An instant, or a date, which is its midnight in UTC.
fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    let date = text.parse::<NaiveDate>().ok().filter(|date| date.to_string() == text);
    let value = match date {
        Some(date) => Value::String(date.and_time(NaiveTime::MIN).and_utc().to_rfc3339()),
        None => Value::String(text.to_owned()),
    };
    let sound = check(&Kind::Instant, "", "", &value).is_empty();
    let parsed = value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    parsed.filter(|_| sound).map(|at| at.to_utc()).ok_or_else(|| {
        let value = shown(&Value::String(cut(text)));
        format!("must be an instant such as 2027-01-31T00:00:00Z, or a date, not {value}")
    })
}

fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frequencies_are_the_same_however_they_are_written() {
        let stored = Operand::of(&Kind::Frequency, &json!({"every": 7, "unit": "day"}));
        assert_eq!(Operand::parse(&Kind::Frequency, "weekly").ok(), stored);
    }

    #[test]
    fn instants_are_the_same_in_any_zone_and_to_the_millisecond() {
        let stored = Operand::of(&Kind::Instant, &json!("2027-01-31T10:00:00.123456Z"));
        for text in ["2027-01-31T10:00:00.123Z", "2027-01-31T11:00:00.123999+01:00"] {
            assert_eq!(Operand::parse(&Kind::Instant, text).ok(), stored, "{text}");
        }
        let midnight = Operand::of(&Kind::Instant, &json!("2027-01-31T00:00:00Z"));
        assert_eq!(Operand::parse(&Kind::Instant, "2027-01-31").ok(), midnight);
    }

    #[test]
    fn what_is_no_value_of_the_attribute_is_refused() {
        for (kind, text) in [
            (Kind::Integer(0, 1), "1.5"),
            (Kind::Integer(0, 1), ""),
            (Kind::Boolean, "yes"),
            (Kind::Instant, "yesterday"),
            (Kind::Instant, "+10000-01-01T00:00:00Z"),
            (Kind::Instant, "2027-02-30"),
            (Kind::Instant, "2027-06-30T23:59:60Z"),
            (Kind::Currency, "euro"),
            (Kind::Zone, "Mars"),
            (Kind::Choice(&["open"]), "shut"),
            (Kind::Frequency, "often"),
            (Kind::Text(3), "four"),
        ] {
            assert!(Operand::parse(&kind, text).is_err(), "{kind:?} {text:?}");
        }
    }
}
