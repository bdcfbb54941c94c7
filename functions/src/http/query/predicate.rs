//! Predicates: what a filter asks of a value.

use std::cmp::Ordering;

use super::{
    operand::{Class, Operand, truth},
    pattern::Pattern,
};
use crate::http::attributes::Kind;

/// What a filter asks of a value. Null is no value: it is not equal to any, not among any, and
/// matches no pattern, so that of all comparisons only `not_eq`, `not_in` and `does_not_match` hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Predicate {
    Eq,
    NotEq,
    In,
    NotIn,
    Lt,
    Lteq,
    Gt,
    Gteq,
    Start,
    End,
    Cont,
    MatchesAny,
    DoesNotMatch,
    Null,
    NotNull,
    Present,
    Blank,
}

/// Most values of one filter.
const MAX_VALUES: usize = 100;

impl Predicate {
    pub(crate) const ALL: [Self; 17] = [
        Self::Eq,
        Self::NotEq,
        Self::In,
        Self::NotIn,
        Self::Lt,
        Self::Lteq,
        Self::Gt,
        Self::Gteq,
        Self::Start,
        Self::End,
        Self::Cont,
        Self::MatchesAny,
        Self::DoesNotMatch,
        Self::Null,
        Self::NotNull,
        Self::Present,
        Self::Blank,
    ];

    /// How filters name it, after the attribute.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::NotEq => "not_eq",
            Self::In => "in",
            Self::NotIn => "not_in",
            Self::Lt => "lt",
            Self::Lteq => "lteq",
            Self::Gt => "gt",
            Self::Gteq => "gteq",
            Self::Start => "start",
            Self::End => "end",
            Self::Cont => "cont",
            Self::MatchesAny => "matches_any",
            Self::DoesNotMatch => "does_not_match",
            Self::Null => "null",
            Self::NotNull => "not_null",
            Self::Present => "present",
            Self::Blank => "blank",
        }
    }

    /// Whether it can be asked of values of this class.
    pub(crate) fn suits(self, class: Class) -> bool {
        match self {
            Self::Eq
            | Self::NotEq
            | Self::In
            | Self::NotIn
            | Self::Null
            | Self::NotNull
            | Self::Present
            | Self::Blank => true,
            Self::Lt | Self::Lteq | Self::Gt | Self::Gteq => class == Class::Quantity,
            Self::Start | Self::End | Self::Cont | Self::MatchesAny | Self::DoesNotMatch => {
                class == Class::Text
            }
        }
    }

    /// What a value is asked, with what the client wrote.
    ///
    /// # Errors
    /// What the client must write instead.
    pub(crate) fn test(self, kind: &Kind, text: &str) -> Result<Test, String> {
        let one = || Operand::parse(kind, text);
        let several = || -> Result<Vec<Operand>, String> {
            values(text)?.into_iter().map(|value| Operand::parse(kind, value)).collect()
        };
        let ordered = |holds: &'static [Ordering]| one().map(|than| Test::Ordered { than, holds });
        let like = |patterns, wanted| Ok(Test::Like { patterns, wanted });
        let around = |before, after| like(vec![Pattern::around(text, before, after)], true);
        match self {
            Self::Eq => Ok(Test::Among { values: vec![one()?], wanted: true }),
            Self::NotEq => Ok(Test::Among { values: vec![one()?], wanted: false }),
            Self::In => Ok(Test::Among { values: several()?, wanted: true }),
            Self::NotIn => Ok(Test::Among { values: several()?, wanted: false }),
            Self::Lt => ordered(&[Ordering::Less]),
            Self::Lteq => ordered(&[Ordering::Less, Ordering::Equal]),
            Self::Gt => ordered(&[Ordering::Greater]),
            Self::Gteq => ordered(&[Ordering::Greater, Ordering::Equal]),
            Self::Start => around(false, true),
            Self::End => around(true, false),
            Self::Cont => around(true, true),
            Self::MatchesAny => like(values(text)?.into_iter().map(Pattern::like).collect(), true),
            Self::DoesNotMatch => like(vec![Pattern::like(text)], false),
            Self::Null => Ok(Test::Missing { or_blank: false, wanted: truth(text)? }),
            Self::NotNull => Ok(Test::Missing { or_blank: false, wanted: !truth(text)? }),
            Self::Blank => Ok(Test::Missing { or_blank: true, wanted: truth(text)? }),
            Self::Present => Ok(Test::Missing { or_blank: true, wanted: !truth(text)? }),
        }
    }
}

/// The values of a list.
fn values(text: &str) -> Result<Vec<&str>, String> {
    let values: Vec<&str> = text.split(',').collect();
    if values.len() > MAX_VALUES {
        return Err(format!("may list at most {MAX_VALUES} values, not {}", values.len()));
    }
    Ok(values)
}

/// A predicate with what it compares to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    /// Whether it is, or is not, one of these.
    Among { values: Vec<Operand>, wanted: bool },
    /// Whether it stands so to this one.
    Ordered { than: Operand, holds: &'static [Ordering] },
    /// Whether it matches, or does not match, any of these.
    Like { patterns: Vec<Pattern>, wanted: bool },
    /// Whether there is none, or where `or_blank` nothing but white space.
    Missing { or_blank: bool, wanted: bool },
}

impl Test {
    /// Whether it holds for a value; `None` is null.
    pub(crate) fn holds(&self, value: Option<&Operand>) -> bool {
        match self {
            Self::Among { values, wanted } => {
                value.is_some_and(|value| values.contains(value)) == *wanted
            }
            Self::Ordered { than, holds } => {
                value.is_some_and(|value| holds.contains(&value.cmp(than)))
            }
            Self::Like { patterns, wanted } => {
                let matches = match value {
                    Some(Operand::Text(text)) => patterns.iter().any(|p| p.matches(text)),
                    _ => false,
                };
                matches == *wanted
            }
            Self::Missing { or_blank, wanted } => {
                let missing = match value {
                    Some(Operand::Text(text)) => *or_blank && text.trim().is_empty(),
                    Some(_) => false,
                    None => true,
                };
                missing == *wanted
            }
        }
    }
}
