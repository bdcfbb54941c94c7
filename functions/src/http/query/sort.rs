//! Orders: `sort=-created_at,name`.

use std::{borrow::Cow, cmp::Ordering};

use serde_json::Value;

use super::{
    accepts::List,
    operand::{Operand, class},
    parameters::invalid,
};
use crate::http::{
    attributes::{Attribute, Kind},
    error::Problem,
    object::{Object, ResourceType},
};

/// Most attributes of an order.
const MAX_TERMS: usize = 5;

/// Resources are ordered by their id as by an attribute.
static ID: Attribute = Attribute::read("id", Kind::Text(100), "Its id.");

/// One attribute of an order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Term {
    pub(crate) attribute: &'static Attribute,
    pub(crate) descending: bool,
}

/// Everything that lists can be sorted by.
pub(crate) fn attributes(
    kind: &'static ResourceType,
    list: &List,
) -> impl Iterator<Item = &'static Attribute> {
    let computed = list.computed;
    let own = kind.attributes.iter().filter(move |attribute| {
        attribute.access.readable()
            && class(&attribute.kind).is_some()
            && !computed.contains(&attribute.name)
    });
    own.chain([&ID])
}

/// The order that a client asks for.
pub(crate) fn parse(
    value: &str,
    kind: &'static ResourceType,
    list: &List,
) -> Result<Vec<Term>, Problem> {
    let terms: Vec<&str> = value.split(',').collect();
    if terms.len() > MAX_TERMS {
        return Err(invalid("sort", &format!("may name at most {MAX_TERMS} attributes"), value));
    }
    terms
        .into_iter()
        .map(|term| {
            let (name, descending) =
                term.strip_prefix('-').map_or((term, false), |name| (name, true));
            let found = attributes(kind, list).find(|attribute| attribute.name == name);
            found.map(|attribute| Term { attribute, descending }).ok_or_else(|| {
                let known: Vec<&str> = attributes(kind, list).map(|a| a.name).collect();
                let rule = format!(
                    "must name attributes, each after a - where descending: {}",
                    known.join(", ")
                );
                invalid("sort", &rule, term)
            })
        })
        .collect()
}

/// What an order looks at in a resource.
pub(crate) type Key = Vec<Option<Operand>>;

/// What one term of it looks at.
fn value<'a>(term: &Term, object: &'a Object) -> Cow<'a, Value> {
    if term.attribute.name == ID.name {
        return Cow::Owned(Value::from(object.id.as_str()));
    }
    Cow::Borrowed(object.attributes.get(term.attribute.name).unwrap_or(&Value::Null))
}

/// What the order looks at.
pub(crate) fn key(terms: &[Term], object: &Object) -> Key {
    let operand = |term: &Term| Operand::of(&term.attribute.kind, &value(term, object));
    terms.iter().map(operand).collect()
}

/// The same, as a cursor keeps it.
pub(crate) fn kept(terms: &[Term], object: &Object) -> Vec<String> {
    terms.iter().map(|term| value(term, object).to_string()).collect()
}

/// The same, as a cursor has kept it; `None` where that is not of this order.
pub(crate) fn taken(terms: &[Term], kept: &[&str]) -> Option<Key> {
    let value = |(term, text): (&Term, &&str)| {
        let value: Value = serde_json::from_str(text).ok()?;
        Some(Operand::of(&term.attribute.kind, &value))
    };
    (terms.len() == kept.len()).then(|| terms.iter().zip(kept).map(value).collect())?
}

/// Which of two comes first. Null counts as more than anything.
pub(crate) fn compare(terms: &[Term], a: &Key, b: &Key) -> Ordering {
    for ((term, a), b) in terms.iter().zip(a).zip(b) {
        let ordering = match (a, b) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => a.cmp(b),
        };
        let ordering = if term.descending { ordering.reverse() } else { ordering };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    Ordering::Equal
}
