//! Attributes of resources: one table per resource says what there is, what values it takes and who
//! may set it. Documents are read by it and the OpenAPI document is made from it.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::error::{Code, Problem, Problems};

/// One attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) access: Access,
    pub(crate) about: &'static str,
}

/// What values an attribute takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Text of 1 up to so many characters.
    Text(usize),
    /// A whole number in a range, both ends included.
    Integer(i64, i64),
    /// True or false.
    Boolean,
    /// An instant, RFC 3339.
    Instant,
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
}

/// Who sets an attribute, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only the server.
    Read,
    /// The client, when it makes the resource.
    Create,
    /// The client, always.
    Write,
    /// The client, always; it makes something happen and is never answered.
    Trigger,
    /// The client, when it changes the resource; makes something happen and is never answered.
    UpdateTrigger,
    /// The client, when it makes the resource; never answered.
    CreateOnly,
}

/// Whether a document makes a resource or changes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Create,
    Update,
}

impl Access {
    /// Whether a client may give it in a document of this kind.
    pub(crate) fn writable(self, mode: Mode) -> bool {
        match self {
            Self::Read => false,
            Self::Create | Self::CreateOnly => mode == Mode::Create,
            Self::Write | Self::Trigger => true,
            Self::UpdateTrigger => mode == Mode::Update,
        }
    }

    /// Whether answers hold it.
    pub(crate) fn readable(self) -> bool {
        match self {
            Self::Read | Self::Create | Self::Write => true,
            Self::Trigger | Self::UpdateTrigger | Self::CreateOnly => false,
        }
    }
}

/// An attribute as a client gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given<T> {
    /// Not at all: it keeps its value.
    Absent,
    /// As null: it loses its value.
    Null,
    /// With a value.
    Value(T),
}

impl<T> Given<T> {
    /// The value, if one was given.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Absent | Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }

    /// Changes an optional value as the client wants it.
    pub(crate) fn apply(self, target: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *target = None,
            Self::Value(value) => *target = Some(value),
        }
    }

    /// Whether the client said anything about it.
    pub(crate) fn is_given(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

/// Attributes given by a client. What is wrong with them goes to the problems of the request.
#[derive(Debug)]
pub(crate) struct Attributes {
    table: &'static [Attribute],
    given: Map<String, Value>,
    pointer: String,
}

impl Attributes {
    /// Takes what the table allows, and reports the rest.
    pub(crate) fn new(
        table: &'static [Attribute],
        mode: Mode,
        given: Map<String, Value>,
        pointer: &str,
        problems: &mut Problems,
    ) -> Self {
        let mut kept = Map::new();
        for (name, value) in given {
            let at = format!("{pointer}/{}", escaped(&name));
            let known = table.iter().find(|attribute| attribute.name == name);
            match known {
                Some(attribute) if attribute.access.writable(mode) => {
                    kept.insert(name, value);
                }
                Some(attribute) => {
                    let when = match attribute.access {
                        Access::Create | Access::CreateOnly => "can be set only on creation",
                        Access::UpdateTrigger => "can be set only by an update",
                        Access::Read | Access::Write | Access::Trigger => "is set by the server",
                    };
                    problems.add(
                        Problem::new(Code::ReadOnlyAttribute, format!("{name} {when}"))
                            .at(at)
                            .with("value", value),
                    );
                }
                None => {
                    let writable: Vec<&str> = table
                        .iter()
                        .filter(|attribute| attribute.access.writable(mode))
                        .map(|attribute| attribute.name)
                        .collect();
                    let shown: String = name.chars().take(100).collect();
                    problems.add(
                        Problem::new(
                            Code::UnknownAttribute,
                            format!(
                                "there is no attribute {shown:?}; there are: {}",
                                writable.join(", ")
                            ),
                        )
                        .at(at)
                        .with("value", value),
                    );
                }
            }
        }
        Self { table, given: kept, pointer: pointer.to_owned() }
    }

    /// Where an attribute stands in the body.
    pub(crate) fn pointer(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    /// Reads an attribute that may be left out or be null.
    pub(crate) fn optional<T: DeserializeOwned>(
        &mut self,
        name: &str,
        problems: &mut Problems,
    ) -> Given<T> {
        match self.given.remove(name) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => self.read(name, &value, problems).map_or(Given::Absent, Given::Value),
        }
    }

    /// Reads an attribute that may be left out, but not be null.
    pub(crate) fn value<T: DeserializeOwned>(
        &mut self,
        name: &str,
        problems: &mut Problems,
    ) -> Option<T> {
        match self.given.remove(name)? {
            Value::Null => {
                self.report_null(name, problems);
                None
            }
            value => self.read(name, &value, problems),
        }
    }

    /// Reads an attribute that must be given.
    pub(crate) fn required<T: DeserializeOwned>(
        &mut self,
        name: &str,
        problems: &mut Problems,
    ) -> Option<T> {
        let Some(value) = self.given.remove(name) else {
            problems.add(
                Problem::new(Code::Required, format!("{name} is required")).at(self.pointer(name)),
            );
            return None;
        };
        if value.is_null() {
            self.report_null(name, problems);
            return None;
        }
        self.read(name, &value, problems)
    }

    /// Reads a trigger: true sets it off, false and absence don't.
    pub(crate) fn trigger(&mut self, name: &str, problems: &mut Problems) -> bool {
        self.value(name, problems).unwrap_or(false)
    }

    fn report_null(&self, name: &str, problems: &mut Problems) {
        problems.add(
            Problem::new(Code::Required, format!("{name} must have a value, not null"))
                .at(self.pointer(name))
                .with("value", Value::Null),
        );
    }

    fn read<T: DeserializeOwned>(
        &self,
        name: &str,
        value: &Value,
        problems: &mut Problems,
    ) -> Option<T> {
        let kind = self.table.iter().find(|attribute| attribute.name == name)?.kind;
        let found = check(&kind, name, &self.pointer(name), value);
        if !found.is_empty() {
            found.into_iter().for_each(|problem| problems.add(problem));
            return None;
        }
        match T::deserialize(value) {
            Ok(read) => Some(read),
            Err(error) => {
                problems.add(
                    Problem::new(Code::InvalidValue, format!("{name}: {error}"))
                        .at(self.pointer(name))
                        .with("value", shown(value)),
                );
                None
            }
        }
    }
}

/// A name as it stands in a JSON pointer.
fn escaped(name: &str) -> String {
    name.chars().take(100).collect::<String>().replace('~', "~0").replace('/', "~1")
}

/// A value as an error repeats it: long ones are cut.
fn shown(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= 200 {
        value.clone()
    } else {
        Value::String(text.chars().take(200).chain("...".chars()).collect())
    }
}

/// How deep a client's own data may be nested.
const MAX_DEPTH: usize = 16;

/// How many arrays and objects stand within each other.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Everything that is wrong with a value.
fn check(kind: &Kind, name: &str, pointer: &str, value: &Value) -> Vec<Problem> {
    let wrong = |code: Code, rule: String| {
        let value = shown(value);
        let detail = format!("{name} must be {rule}, not {value}");
        vec![Problem::new(code, detail).at(pointer).with("value", value)]
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
        Kind::Boolean if value.is_boolean() => Vec::new(),
        Kind::Boolean => wrong(Code::WrongType, "true or false".to_owned()),
        Kind::Instant => instant(value).map_or_else(
            |code| {
                wrong(
                    code,
                    "an instant such as 2027-01-31T00:00:00Z, up to the year 9999".to_owned(),
                )
            },
            |()| Vec::new(),
        ),
        Kind::Currency => match value.as_str() {
            None => wrong(Code::WrongType, "an ISO 4217 currency code such as \"EUR\"".to_owned()),
            Some(text) if text.parse::<perennial_domain::money::Currency>().is_err() => wrong(
                Code::InvalidValue,
                "an ISO 4217 currency code with a minor unit, such as \"EUR\"".to_owned(),
            ),
            Some(_) => Vec::new(),
        },
        Kind::Zone => match value.as_str() {
            None => {
                wrong(Code::WrongType, "an IANA time zone such as \"Europe/Berlin\"".to_owned())
            }
            Some(text) if text.parse::<chrono_tz::Tz>().is_err() => {
                wrong(Code::InvalidValue, "an IANA time zone such as \"Europe/Berlin\"".to_owned())
            }
            Some(_) => Vec::new(),
        },
        // Whether it really is one, its own parser says better.
        Kind::Frequency if value.is_string() || value.is_object() => Vec::new(),
        Kind::Frequency => wrong(
            Code::WrongType,
            "a frequency: a text such as \"monthly\", or {\"every\": 2, \"unit\": \"week\"}"
                .to_owned(),
        ),
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
            Value::Object(_) => Vec::new(),
            _ => wrong(Code::WrongType, "an object".to_owned()),
        },
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
    use chrono::{DateTime, Datelike};
    let text = value.as_str().ok_or(Code::WrongType)?;
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| Code::InvalidValue)?;
    if (1..=9999).contains(&at.to_utc().year()) { Ok(()) } else { Err(Code::OutOfRange) }
}

impl Kind {
    /// The JSON schema of the values.
    pub(crate) fn schema(&self) -> Value {
        match self {
            Self::Text(maximum) => {
                json!({"type": "string", "minLength": 1, "maxLength": maximum})
            }
            Self::Integer(minimum, maximum) => {
                json!({"type": "integer", "format": "int64", "minimum": minimum, "maximum": maximum})
            }
            Self::Boolean => json!({"type": "boolean"}),
            Self::Instant => json!({"type": "string", "format": "date-time"}),
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
                let properties: Map<String, Value> = members
                    .iter()
                    .map(|member| (member.name.to_owned(), member.schema()))
                    .collect();
                json!({"type": "object", "properties": properties, "additionalProperties": false})
            }
            Self::Anything(_) => json!({"type": "object"}),
        }
    }
}

impl Attribute {
    /// One that only the server sets.
    pub(crate) const fn read(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, access: Access::Read, about }
    }

    /// One that is set on creation.
    pub(crate) const fn create(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, access: Access::Create, about }
    }

    /// One that clients set and change.
    pub(crate) const fn write(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, access: Access::Write, about }
    }

    /// One of another access.
    pub(crate) const fn of(
        name: &'static str,
        kind: Kind,
        access: Access,
        about: &'static str,
    ) -> Self {
        Self { name, kind, access, about }
    }

    /// The JSON schema of its values, with what it is about.
    pub(crate) fn schema(&self) -> Value {
        let mut schema = self.kind.schema();
        if let Value::Object(members) = &mut schema {
            members.insert("description".to_owned(), json!(self.about));
        }
        schema
    }
}

#[cfg(test)]
#[path = "attributes_tests.rs"]
mod tests;
