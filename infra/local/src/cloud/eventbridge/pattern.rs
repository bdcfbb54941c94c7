//! Event patterns: which events a rule wants.

use serde_json::{Map, Value};
use thiserror::Error;

/// An event pattern, ready to be matched.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(Vec<Condition>);

/// What is wrong with an event pattern.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum PatternError {
    /// The pattern, or a part of it, is not an object.
    #[error("{0} must be an object or an array")]
    NotAPattern(String),
    /// A field without any value to match.
    #[error("{0}: empty arrays are not allowed")]
    Empty(String),
    /// An operator that doesn't exist or is not emulated.
    #[error("unrecognized match type {0}")]
    UnknownOperator(String),
    /// An operator with a value that it doesn't take.
    #[error("invalid value for the match type {0}")]
    InvalidOperand(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    /// The field has one of these values.
    Field(String, Vec<Matcher>),
    /// The field is an object that matches.
    Nested(String, Pattern),
    /// One of these patterns matches the same object.
    Or(Vec<Pattern>),
}

#[derive(Debug, Clone, PartialEq)]
enum Matcher {
    Exactly(Value),
    Text(TextMatcher),
    AnythingBut(Vec<Matcher>),
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
}

#[derive(Debug, Clone, PartialEq)]
enum TextMatcher {
    Prefix { text: String, ignore_case: bool },
    Suffix { text: String, ignore_case: bool },
    EqualsIgnoreCase(String),
    Wildcard(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is not a pattern; the error names the field or operator.
    pub fn parse(pattern: &Value) -> Result<Self, PatternError> {
        match pattern {
            Value::Object(fields) if !fields.is_empty() => Self::parse_object(fields),
            _ => Err(PatternError::NotAPattern("the event pattern".to_owned())),
        }
    }

    fn parse_object(fields: &Map<String, Value>) -> Result<Self, PatternError> {
        fields
            .iter()
            .map(|(name, value)| match value {
                Value::Array(alternatives) if name == "$or" && alternatives.len() > 1 => {
                    let patterns =
                        alternatives.iter().map(Self::parse).collect::<Result<_, _>>()?;
                    Ok(Condition::Or(patterns))
                }
                Value::Array(values) if values.is_empty() => Err(PatternError::Empty(name.clone())),
                Value::Array(values) => {
                    let matchers = values.iter().map(Matcher::parse).collect::<Result<_, _>>()?;
                    Ok(Condition::Field(name.clone(), matchers))
                }
                Value::Object(fields) => {
                    if fields.is_empty() {
                        return Err(PatternError::Empty(name.clone()));
                    }
                    Ok(Condition::Nested(name.clone(), Self::parse_object(fields)?))
                }
                _ => Err(PatternError::NotAPattern(name.clone())),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether an event, in the form that targets receive, is wanted.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        self.matches_in(Some(event))
    }

    fn matches_in(&self, object: Option<&Value>) -> bool {
        // An array of objects matches when one of its objects does.
        if let Some(Value::Array(objects)) = object {
            return objects.iter().any(|object| self.matches_in(Some(object)));
        }
        let field = |name: &str| object.and_then(|object| object.get(name));
        self.0.iter().all(|condition| match condition {
            Condition::Field(name, matchers) => {
                matchers.iter().any(|matcher| matcher.matches(field(name)))
            }
            Condition::Nested(name, pattern) => pattern.matches_in(field(name)),
            Condition::Or(patterns) => patterns.iter().any(|pattern| pattern.matches_in(object)),
        })
    }
}

impl Matcher {
    fn parse(value: &Value) -> Result<Self, PatternError> {
        match value {
            Value::Object(operator) => Self::parse_operator(operator),
            Value::Array(_) => Err(PatternError::InvalidOperand("array inside an array".into())),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Ok(Self::Exactly(value.clone()))
            }
        }
    }

    fn parse_operator(operator: &Map<String, Value>) -> Result<Self, PatternError> {
        let mut entries = operator.iter();
        let (Some((name, operand)), None) = (entries.next(), entries.next()) else {
            return Err(PatternError::UnknownOperator(
                "of an object that does not have exactly one member".to_owned(),
            ));
        };
        let invalid = || PatternError::InvalidOperand(name.clone());
        match name.as_str() {
            "exists" => operand.as_bool().map(Self::Exists).ok_or_else(invalid),
            "numeric" => parse_numeric(operand).map(Self::Numeric).ok_or_else(invalid),
            "anything-but" => match operand {
                Value::String(_) | Value::Number(_) => {
                    Ok(Self::AnythingBut(vec![Self::Exactly(operand.clone())]))
                }
                Value::Array(values) if !values.is_empty() => values
                    .iter()
                    .map(|value| match value {
                        Value::String(_) | Value::Number(_) => Ok(Self::Exactly(value.clone())),
                        _ => Err(invalid()),
                    })
                    .collect::<Result<_, _>>()
                    .map(Self::AnythingBut),
                Value::Object(inner) => parse_text_matchers(inner, name).map(Self::AnythingBut),
                _ => Err(invalid()),
            },
            _ => TextMatcher::parse(name, operand).map(Self::Text),
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else { return *self == Self::Exists(false) };
        match value {
            // `exists` asks about leaves: a field that is an object is not one.
            Value::Object(_) => *self == Self::Exists(false),
            Value::Array(values) => match self {
                Self::Exists(exists) => *exists != values.is_empty(),
                _ => values.iter().any(|value| self.matches(Some(value))),
            },
            leaf => self.matches_leaf(leaf),
        }
    }

    fn matches_leaf(&self, leaf: &Value) -> bool {
        match self {
            Self::Exactly(Value::Number(wanted)) => {
                leaf.as_number() == Some(wanted)
                    || leaf.as_f64().is_some_and(|number| Some(number) == wanted.as_f64())
            }
            Self::Exactly(wanted) => leaf == wanted,
            Self::Text(matcher) => leaf.as_str().is_some_and(|text| matcher.matches(text)),
            Self::AnythingBut(refused) => refused.iter().all(|matcher| !matcher.matches_leaf(leaf)),
            Self::Numeric(comparisons) => leaf.as_f64().is_some_and(|number| {
                comparisons.iter().all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            Self::Exists(exists) => *exists,
        }
    }
}

impl TextMatcher {
    fn parse(name: &str, operand: &Value) -> Result<Self, PatternError> {
        let invalid = || PatternError::InvalidOperand(name.to_owned());
        // `prefix` and `suffix` take a text, or {"equals-ignore-case": text}.
        let text_and_case = || match operand {
            Value::String(text) => Ok((text.clone(), false)),
            Value::Object(inner) if inner.len() == 1 => inner
                .get("equals-ignore-case")
                .and_then(Value::as_str)
                .map(|text| (text.to_lowercase(), true))
                .ok_or_else(invalid),
            _ => Err(invalid()),
        };
        match name {
            "prefix" => {
                text_and_case().map(|(text, ignore_case)| Self::Prefix { text, ignore_case })
            }
            "suffix" => {
                text_and_case().map(|(text, ignore_case)| Self::Suffix { text, ignore_case })
            }
            "equals-ignore-case" => operand
                .as_str()
                .map(|text| Self::EqualsIgnoreCase(text.to_lowercase()))
                .ok_or_else(invalid),
            "wildcard" => operand
                .as_str()
                .filter(|text| !text.contains("**"))
                .map(|text| Self::Wildcard(text.to_owned()))
                .ok_or_else(invalid),
            _ => Err(PatternError::UnknownOperator(name.to_owned())),
        }
    }

    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Prefix { text, ignore_case: false } => value.starts_with(text.as_str()),
            Self::Prefix { text, ignore_case: true } => {
                value.to_lowercase().starts_with(text.as_str())
            }
            Self::Suffix { text, ignore_case: false } => value.ends_with(text.as_str()),
            Self::Suffix { text, ignore_case: true } => {
                value.to_lowercase().ends_with(text.as_str())
            }
            Self::EqualsIgnoreCase(text) => value.to_lowercase() == *text,
            Self::Wildcard(pattern) => matches_wildcard(pattern, value),
        }
    }
}

/// The operand of `anything-but` when it is itself an operator on texts: one text or a list.
fn parse_text_matchers(
    inner: &Map<String, Value>,
    outer: &str,
) -> Result<Vec<Matcher>, PatternError> {
    let mut entries = inner.iter();
    let (Some((name, operand)), None) = (entries.next(), entries.next()) else {
        return Err(PatternError::InvalidOperand(outer.to_owned()));
    };
    let one = |value: &Value| TextMatcher::parse(name, value).map(Matcher::Text);
    match operand {
        Value::Array(values) if !values.is_empty() => values.iter().map(one).collect(),
        value => Ok(vec![one(value)?]),
    }
}

/// `["<", 10]` or `[">=", 1, "<", 10]`.
fn parse_numeric(operand: &Value) -> Option<Vec<(Comparison, f64)>> {
    let parts = operand.as_array().filter(|parts| parts.len() == 2 || parts.len() == 4)?;
    parts
        .chunks_exact(2)
        .map(|pair| match pair {
            [comparison, bound] => {
                let comparison = match comparison.as_str()? {
                    "=" => Comparison::Equal,
                    "<" => Comparison::Less,
                    "<=" => Comparison::LessOrEqual,
                    ">" => Comparison::Greater,
                    ">=" => Comparison::GreaterOrEqual,
                    _ => return None,
                };
                Some((comparison, bound.as_f64()?))
            }
            _ => None,
        })
        .collect()
}

impl Comparison {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Equal => value == bound,
            Self::Less => value < bound,
            Self::LessOrEqual => value <= bound,
            Self::Greater => value > bound,
            Self::GreaterOrEqual => value >= bound,
        }
    }
}

/// `*` stands for any text, `\*` and `\\` for themselves.
fn matches_wildcard(pattern: &str, value: &str) -> bool {
    let mut pieces = vec![String::new()];
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let literal = match character {
            '*' => {
                pieces.push(String::new());
                continue;
            }
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(piece) = pieces.last_mut() {
            piece.push(literal);
        }
    }
    let [first, middle @ .., last] = pieces.as_slice() else {
        return pieces.first().is_some_and(|only| only == value);
    };
    let Some(mut rest) = value.strip_prefix(first.as_str()) else { return false };
    for piece in middle {
        let Some((_, after)) = rest.split_once(piece.as_str()) else { return false };
        rest = after;
    }
    rest.ends_with(last.as_str())
}
