//! Kinds of values: what an attribute takes, how a value of it is checked, and its JSON schema.

use perennial_domain::{
    money::{Currency, CurrencyError},
    tax::fraction,
    time::{Frequency, Zone},
};
use serde_json::{Map, Value, json};

use super::{
    attributes::Attribute,
    error::{Code, Problem},
    json_object::json_object,
};

/// What values an attribute takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Text of 1 up to so many characters.
    Text(usize),
    /// A secret that the client gives, of 1 up to so many characters: refusals tell its length and never
    /// repeat it.
    Dictated(usize),
    /// Text of several lines, of 1 up to so many bytes.
    Lines(usize),
    /// A whole number in a range, both ends included.
    Integer(i64, i64),
    /// A number of degrees between as many below zero and above.
    Degrees(u16),
    /// A tax rate, as a fraction of 1.
    TaxRate,
    /// True or false.
    Boolean,
    /// An instant, RFC 3339.
    Instant,
    /// A calendar date.
    Date,
    /// A calendar date, or an instant.
    DateOrInstant,
    /// An ISO 4217 code.
    Currency,
    /// An IANA time zone.
    Zone,
    /// A frequency: a name, an interval or a crontab expression.
    Frequency,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of at most so many.
    List(&'static Kind, usize),
    /// An object with these members.
    Members(&'static [Attribute]),
    /// Any object, for the client's own data, of up to so many bytes.
    Anything(usize),
    /// Text that only the server gives, and that is kept nowhere but where it belongs: not with
    /// idempotency keys, and nothing is filtered or sorted by it.
    Secret,
}

/// The schema of a value that may be null.
pub(super) fn nullable(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// A name as it stands in a JSON pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.chars().take(100).collect::<String>().replace('~', "~0").replace('/', "~1")
}

/// Most characters of a value that an error repeats.
const MOST_SHOWN: usize = 200;

/// A value as an error repeats it: long ones are cut, a text as text and others as they are written.
pub(crate) fn shown(value: &Value) -> Value {
    let cut = match value {
        Value::String(text) => cut(text),
        other => cut(&other.to_string()),
    };
    cut.map_or_else(|| value.clone(), Value::String)
}

/// The same within a sentence: texts are quoted, once.
fn quoted(value: &Value) -> String {
    match value {
        Value::String(_) => shown(value).to_string(),
        other => {
            let text = other.to_string();
            cut(&text).unwrap_or(text)
        }
    }
}

/// The beginning of a text that is too long to be repeated.
fn cut(text: &str) -> Option<String> {
    let (end, _) = text.char_indices().nth(MOST_SHOWN)?;
    Some(format!("{}...", text.get(..end)?))
}

/// How deep a client's own data may be nested.
const MAX_DEPTH: usize = 16;

/// What of a client's own data storage does not keep: members without a name, and numbers that are
/// out of its range. `None` where it keeps all.
fn unkept(value: &Value) -> Option<&'static str> {
    /// Between these, and 0, are the magnitudes that DynamoDB stores.
    const LEAST: f64 = 1e-130;
    const MOST: f64 = 9.999_999e125;
    match value {
        Value::Array(items) => items.iter().find_map(unkept),
        Value::Object(members) if members.contains_key("") => {
            Some("an object whose members have names")
        }
        Value::Object(members) => members.values().find_map(unkept),
        Value::Number(number) => {
            let size = number.as_f64().map_or(0.0, f64::abs);
            let kept = size == 0.0 || (LEAST..=MOST).contains(&size);
            (!kept).then_some("an object whose numbers are 0 or between 1e-130 and 9.9e125 in size")
        }
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

/// How many arrays and objects stand within each other.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Everything that is wrong with a value.
pub(super) fn check(kind: &Kind, name: &str, pointer: &str, value: &Value) -> Vec<Problem> {
    let wrong = |code: Code, rule: String| {
        let detail = format!("{name} must be {rule}, not {}", quoted(value));
        vec![Problem::new(code, detail).at(pointer).with("value", shown(value))]
    };
    match kind {
        Kind::Text(maximum) => match value.as_str() {
            None => wrong(Code::WrongType, "text".to_owned()),
            Some(text) if text.trim().is_empty() || text.chars().count() > *maximum => {
                wrong(Code::OutOfRange, format!("text of 1 to {maximum} characters"))
            }
            Some(text) if text.chars().any(char::is_control) => {
                wrong(Code::InvalidValue, "text without control characters".to_owned())
            }
            Some(_) => Vec::new(),
        },
        Kind::Lines(maximum) => match value.as_str() {
            None => wrong(Code::WrongType, "text".to_owned()),
            Some(text) if text.trim().is_empty() || text.len() > *maximum => {
                wrong(Code::OutOfRange, format!("text of 1 to {maximum} bytes"))
            }
            Some(_) => Vec::new(),
        },
        Kind::Integer(minimum, maximum) => {
            let rule = format!("a whole number from {minimum} to {maximum}");
            match value {
                Value::Number(number) if number.is_i64() || number.is_u64() => {
                    match number.as_i64().filter(|n| n >= minimum && n <= maximum) {
                        Some(_) => Vec::new(),
                        None => wrong(Code::OutOfRange, rule),
                    }
                }
                _ => wrong(Code::WrongType, rule),
            }
        }
        Kind::Degrees(most) => {
            let rule = format!("a number from -{most} to {most}");
            match value.as_f64() {
                None => wrong(Code::WrongType, rule),
                Some(degrees) if degrees.abs() <= f64::from(*most) => Vec::new(),
                Some(_) => wrong(Code::OutOfRange, rule),
            }
        }
        Kind::TaxRate => {
            let rule = "a fraction such as 0.19 for 19 percent, from 0 to 10 with up to 8 decimals";
            match value.as_f64() {
                None => wrong(Code::WrongType, rule.to_owned()),
                Some(number) if fraction::read(number).is_ok() => Vec::new(),
                Some(_) => wrong(Code::OutOfRange, rule.to_owned()),
            }
        }
        Kind::Dictated(maximum) => dictated(*maximum, name, pointer, value),
        Kind::Secret => wrong(Code::WrongType, "left out".to_owned()),
        Kind::Boolean if value.is_boolean() => Vec::new(),
        Kind::Boolean => wrong(Code::WrongType, "true or false".to_owned()),
        Kind::Instant => instant(value).map_or_else(
            |code| {
                wrong(
                    code,
                    "an instant such as 2027-01-31T00:00:00Z, with seconds up to 59, up to the \
                     year 9999"
                        .to_owned(),
                )
            },
            |()| Vec::new(),
        ),
        Kind::Date => date(value).map_or_else(
            |code| wrong(code, "a date such as 2027-01-31, in the years 1 to 9999".to_owned()),
            |()| Vec::new(),
        ),
        Kind::DateOrInstant => match date(value) {
            Err(Code::InvalidValue) => instant(value),
            checked => checked,
        }
        .map_or_else(
            |code| {
                let rule = "a date such as 2027-01-31, or an instant such as \
                            2027-01-31T12:00:00Z, in the years 1 to 9999";
                wrong(code, rule.to_owned())
            },
            |()| Vec::new(),
        ),
        Kind::Currency => match value.as_str() {
            None => wrong(Code::WrongType, "an ISO 4217 currency code such as \"EUR\"".to_owned()),
            Some(text) => match text.parse::<Currency>() {
                Ok(_) => Vec::new(),
                Err(error @ CurrencyError::Withdrawn { .. }) => {
                    let detail = format!("{name}: {error}");
                    let problem = Problem::new(Code::InvalidValue, detail).at(pointer);
                    vec![problem.with("value", shown(value))]
                }
                Err(CurrencyError::Unknown { .. }) => wrong(
                    Code::InvalidValue,
                    "an ISO 4217 currency code with a minor unit, such as \"EUR\"".to_owned(),
                ),
            },
        },
        Kind::Zone => match value.as_str() {
            None => {
                wrong(Code::WrongType, "an IANA time zone such as \"Europe/Berlin\"".to_owned())
            }
            Some(text) if text.parse::<Zone>().is_err() => {
                wrong(Code::InvalidValue, "an IANA time zone such as \"Europe/Berlin\"".to_owned())
            }
            Some(_) => Vec::new(),
        },
        Kind::Frequency => match value {
            // Whether it really is one, its own parser says better.
            Value::String(_) => Vec::new(),
            Value::Object(given) => check_interval(pointer, given),
            _ => wrong(
                Code::WrongType,
                "a frequency: a text such as \"monthly\", or {\"every\": 2, \"unit\": \"week\"}"
                    .to_owned(),
            ),
        },
        Kind::Choice(words) => match value.as_str() {
            None => wrong(Code::WrongType, format!("one of {}", words.join(", "))),
            Some(word) if !words.contains(&word) => {
                wrong(Code::InvalidValue, format!("one of {}", words.join(", ")))
            }
            Some(_) => Vec::new(),
        },
        Kind::List(of, maximum) => match value.as_array() {
            None => wrong(Code::WrongType, "a list".to_owned()),
            Some(items) if items.len() > *maximum => {
                let detail =
                    format!("{name} may hold at most {maximum} items, not {}", items.len());
                vec![Problem::new(Code::OutOfRange, detail).at(pointer).with("value", items.len())]
            }
            Some(items) => items
                .iter()
                .enumerate()
                .flat_map(|(index, item)| check(of, name, &format!("{pointer}/{index}"), item))
                .collect(),
        },
        Kind::Members(members) => match value.as_object() {
            None => wrong(Code::WrongType, "an object".to_owned()),
            Some(object) => check_members(members, pointer, object),
        },
        Kind::Anything(maximum) => match value {
            Value::Object(_) if value.to_string().len() > *maximum => {
                wrong(Code::OutOfRange, format!("an object of up to {maximum} bytes"))
            }
            Value::Object(_) if depth(value) > MAX_DEPTH => {
                wrong(Code::OutOfRange, format!("an object nested at most {MAX_DEPTH} deep"))
            }
            Value::Object(_) => match unkept(value) {
                Some(rule) => wrong(Code::InvalidValue, rule.to_owned()),
                None => Vec::new(),
            },
            _ => wrong(Code::WrongType, "an object".to_owned()),
        },
    }
}

/// What is wrong with a secret that a client gives.
fn dictated(maximum: usize, name: &str, pointer: &str, value: &Value) -> Vec<Problem> {
    let (code, rule) = match value.as_str() {
        None => (Code::WrongType, "text: what was given is not repeated".to_owned()),
        Some(text) => match text.chars().count() {
            length if length > maximum || text.trim().is_empty() => {
                (Code::OutOfRange, format!("text of 1 to {maximum} characters, not of {length}"))
            }
            _ => return Vec::new(),
        },
    };
    vec![Problem::new(code, format!("{name} must be {rule}")).at(pointer)]
}

/// A frequency as an object.
const INTERVAL: [Attribute; 2] = [
    Attribute::write("every", Kind::Integer(1, u32::MAX as i64), "How many units."),
    Attribute::write(
        "unit",
        Kind::Choice(&["hour", "day", "week", "month", "year"]),
        "What is counted.",
    ),
];

/// Everything that is wrong with a frequency as an object, told about the member that is.
fn check_interval(pointer: &str, given: &Map<String, Value>) -> Vec<Problem> {
    let mut problems = check_members(&INTERVAL, pointer, given);
    for Attribute { name, .. } in INTERVAL {
        if given.get(name).is_none_or(Value::is_null) {
            let detail = format!("{name} is required in a frequency");
            problems.push(Problem::new(Code::Required, detail).at(format!("{pointer}/{name}")));
        }
    }
    if !problems.is_empty() {
        return problems;
    }
    let every = given.get("every").and_then(Value::as_i64);
    let unit = given.get("unit").and_then(Value::as_str).and_then(|unit| unit.parse().ok());
    match every.zip(unit).map(|(every, unit)| Frequency::every(every, unit)) {
        Some(Err(error)) => {
            let problem = Problem::new(Code::OutOfRange, error.to_string());
            vec![problem.at(format!("{pointer}/every")).with("value", every)]
        }
        Some(Ok(_)) | None => Vec::new(),
    }
}

fn check_members(table: &[Attribute], pointer: &str, given: &Map<String, Value>) -> Vec<Problem> {
    given
        .iter()
        .flat_map(|(name, value)| {
            let at = format!("{pointer}/{}", escaped(name));
            match table.iter().find(|member| member.name == name) {
                Some(_) if value.is_null() => Vec::new(),
                Some(member) => check(&member.kind, name, &at, value),
                None => {
                    let known: Vec<&str> = table.iter().map(|member| member.name).collect();
                    let shown_name: String = name.chars().take(100).collect();
                    let detail = format!(
                        "there is no member {shown_name:?}; there are: {}",
                        known.join(", ")
                    );
                    vec![
                        Problem::new(Code::UnknownAttribute, detail)
                            .at(at)
                            .with("value", shown(value)),
                    ]
                }
            }
        })
        .collect()
}

fn instant(value: &Value) -> Result<(), Code> {
    use chrono::{DateTime, Datelike, Timelike};
    let text = value.as_str().ok_or(Code::WrongType)?;
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| Code::InvalidValue)?;
    if at.nanosecond() >= 1_000_000_000 {
        // A leap second, which no schedule can repeat.
        return Err(Code::InvalidValue);
    }
    if (1..=9999).contains(&at.to_utc().year()) { Ok(()) } else { Err(Code::OutOfRange) }
}

/// Checks a date as RFC 3339 writes it, in ten characters.
fn date(value: &Value) -> Result<(), Code> {
    use chrono::{Datelike, NaiveDate};
    let text = value.as_str().ok_or(Code::WrongType)?;
    let date = text.parse::<NaiveDate>().ok().filter(|date| date.to_string() == text);
    match date {
        Some(date) if (1..=9999).contains(&date.year()) => Ok(()),
        Some(_) => Err(Code::OutOfRange),
        None => Err(Code::InvalidValue),
    }
}

impl Kind {
    /// The JSON schema of the values.
    pub(crate) fn schema(&self) -> Value {
        match self {
            Self::Text(maximum) | Self::Dictated(maximum) | Self::Lines(maximum) => {
                json!({"type": "string", "minLength": 1, "maxLength": maximum})
            }
            Self::Integer(minimum, maximum) => {
                json!({"type": "integer", "format": "int64", "minimum": minimum, "maximum": maximum})
            }
            Self::Degrees(most) => {
                json!({"type": "number", "minimum": -i32::from(*most), "maximum": most})
            }
            Self::TaxRate => {
                json!({"type": "number", "minimum": 0, "maximum": 10, "examples": [0.19]})
            }
            Self::Boolean => json!({"type": "boolean"}),
            Self::Instant => json!({"type": "string", "format": "date-time"}),
            Self::Date => json!({"type": "string", "format": "date"}),
            Self::DateOrInstant => json!({"anyOf": [
                {"type": "string", "format": "date"},
                {"type": "string", "format": "date-time"},
            ]}),
            Self::Currency => {
                json!({"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]})
            }
            Self::Zone => json!({"type": "string", "examples": ["Europe/Berlin"]}),
            Self::Frequency => json!({"$ref": "#/components/schemas/frequency"}),
            Self::Choice(words) => json!({"type": "string", "enum": words}),
            Self::List(of, maximum) => {
                json!({"type": "array", "items": of.schema(), "maxItems": maximum})
            }
            Self::Members(members) => {
                let properties = json_object(
                    members.iter().map(|member| (member.name, nullable(&member.schema()))),
                );
                json!({"type": "object", "properties": properties, "additionalProperties": false})
            }
            Self::Anything(_) => json!({"type": "object"}),
            Self::Secret => json!({"type": "string", "format": "password"}),
        }
    }
}
