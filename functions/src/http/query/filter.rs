//! Filters: `filter[q][status_eq]=placed`, `filter[q][name_or_code_cont]=bean`. Several of them must
//! all hold.

use std::{cmp::Ordering, collections::BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use perennial_store::Span;

use super::{
    accepts::List,
    operand::{Class, Operand, class},
    parameters::{cut, invalid},
    predicate::{Predicate, Test},
};
use crate::{
    api,
    http::{
        attributes::{Attribute, Kind},
        error::{Code, Problem},
        object::{Linkage, Object, Relationship, ResourceType},
    },
};

/// Longest value of a filter, in bytes.
const LONGEST: usize = 8_192;
/// An id, as values of it are checked.
const ID: Kind = Kind::Text(200);
/// The relationship by which resources carry tags.
const TAGS: &str = "tags";

/// What a filter looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    Id,
    Attribute(&'static Attribute),
    /// The id of the one that a relationship leads to.
    Related(&'static Relationship),
    /// The tags that it carries, by their names or by their ids: what is asked for holds for any of
    /// them, what is not wanted for none.
    Tags {
        by_name: bool,
    },
}

/// Everything that filters can look at.
pub(crate) fn fields(kind: &'static ResourceType, list: &List) -> Vec<Field> {
    let attributes = kind.attributes.iter().filter(|attribute| {
        attribute.access.readable()
            && class(&attribute.kind).is_some()
            && !list.computed.contains(&attribute.name)
    });
    let related = kind.relationships.iter().filter(|relationship| !relationship.many);
    let tags =
        kind.relationship(TAGS).map(|_| [true, false].map(|by_name| Field::Tags { by_name }));
    std::iter::once(Field::Id)
        .chain(attributes.map(Field::Attribute))
        .chain(related.map(Field::Related))
        .chain(tags.into_iter().flatten())
        .collect()
}

impl Field {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Id => "id".to_owned(),
            Self::Attribute(attribute) => attribute.name.to_owned(),
            Self::Related(relationship) => format!("{}_id", relationship.name),
            Self::Tags { by_name: true } => format!("{TAGS}_name"),
            Self::Tags { by_name: false } => format!("{TAGS}_id"),
        }
    }

    pub(crate) fn kind(&self) -> &'static Kind {
        match self {
            Self::Id | Self::Related(_) | Self::Tags { .. } => &ID,
            Self::Attribute(attribute) => &attribute.kind,
        }
    }

    pub(crate) fn suits(&self, predicate: Predicate) -> bool {
        let class = match self {
            Self::Id | Self::Related(_) | Self::Tags { .. } => Some(Class::Identity),
            Self::Attribute(attribute) => class(&attribute.kind),
        };
        class.is_some_and(|class| predicate.suits(class))
    }

    fn value(&self, object: &Object) -> Option<Operand> {
        match self {
            Self::Id => Some(Operand::Text(object.id.clone())),
            Self::Attribute(attribute) => {
                Operand::of(&attribute.kind, object.attributes.get(attribute.name)?)
            }
            Self::Related(relationship) => match object.linkage(relationship.name)? {
                Linkage::One(one) => one.as_ref().map(|one| Operand::Text(one.id.clone())),
                Linkage::Many(_) | Linkage::Unknown => None,
            },
            Self::Tags { .. } => None,
        }
    }

    /// Whether a resource has what is asked for.
    fn holds(&self, test: &Test, object: &Object) -> bool {
        let Self::Tags { .. } = self else { return test.holds(self.value(object).as_ref()) };
        let tags = object.linkage(TAGS).map(Linkage::refs).unwrap_or_default();
        match test {
            Test::Among { values, wanted } => {
                let carried = |value: &Operand| match value {
                    Operand::Text(id) => tags.iter().any(|tag| tag.id == *id),
                    Operand::Boolean(_) | Operand::Integer(_) | Operand::Instant(_) => false,
                };
                values.iter().any(carried) == *wanted
            }
            Test::Missing { wanted, .. } => tags.is_empty() == *wanted,
            Test::Ordered { .. } | Test::Like { .. } => false,
        }
    }

    /// The test that a client has written, as it is asked of what objects hold: tags are held by id.
    fn test(&self, predicate: Predicate, text: &str) -> Result<Test, String> {
        let test = predicate.test(self.kind(), text)?;
        Ok(match (self, test) {
            (Self::Tags { by_name: true }, Test::Among { values, wanted }) => {
                let id = |value| match value {
                    Operand::Text(name) => Operand::Text(api::tags::tag_id(&name)),
                    other => other,
                };
                Test::Among { values: values.into_iter().map(id).collect(), wanted }
            }
            (_, test) => test,
        })
    }
}

/// One filter.
#[derive(Debug)]
pub(crate) struct Filter {
    /// The query parameter that it is.
    pub(crate) parameter: String,
    /// Any of these must hold.
    tests: Vec<(Field, Test)>,
}

impl Filter {
    /// The filter that a parameter `filter[q][<name>]` asks for.
    pub(crate) fn parse(
        name: &str,
        value: &str,
        kind: &'static ResourceType,
        list: &List,
    ) -> Result<Self, Problem> {
        let parameter = format!("filter[q][{name}]");
        if value.len() > LONGEST {
            let rule = format!("may have at most {LONGEST} bytes");
            return Err(invalid(&parameter, &rule, value));
        }
        let known = fields(kind, list);
        let (fields, predicate) =
            named(name, &known).ok_or_else(|| unknown(&parameter, kind, &known))?;
        let tests: Result<Vec<(Field, Test)>, String> = fields
            .into_iter()
            .map(|field| {
                if !field.suits(predicate) {
                    let can: Vec<&str> = Predicate::ALL
                        .into_iter()
                        .filter(|predicate| field.suits(*predicate))
                        .map(Predicate::name)
                        .collect();
                    let can = can.join(", ");
                    let (asked, name) = (predicate.name(), field.name());
                    return Err(format!("asks {asked} of {name}, which can be asked {can}"));
                }
                field.test(predicate, value).map(|test| (field, test))
            })
            .collect();
        match tests {
            Ok(tests) => Ok(Self { parameter, tests }),
            Err(rule) => Err(invalid(&parameter, &rule, value)),
        }
    }

    /// Whether a resource is wanted.
    pub(crate) fn matches(&self, object: &Object) -> bool {
        self.tests.iter().any(|(field, test)| field.holds(test, object))
    }

    /// The texts one of which an attribute is to be; none where something else is asked.
    pub(crate) fn texts_of(&self, attribute: &str) -> Vec<&str> {
        let [(Field::Attribute(asked), Test::Among { values, wanted: true })] =
            self.tests.as_slice()
        else {
            return Vec::new();
        };
        let of = values.iter().filter(|_| asked.name == attribute);
        of.filter_map(|value| match value {
            Operand::Text(text) => Some(text.as_str()),
            Operand::Boolean(_) | Operand::Integer(_) | Operand::Instant(_) => None,
        })
        .collect()
    }

    /// The ids outside of which nothing is wanted, each once.
    pub(crate) fn ids(&self) -> Option<BTreeSet<String>> {
        match self.tests.as_slice() {
            [(Field::Id, Test::Among { values, wanted: true })] => Some(
                values
                    .iter()
                    .filter_map(|value| match value {
                        Operand::Text(id) => Some(id.clone()),
                        Operand::Boolean(_) | Operand::Integer(_) | Operand::Instant(_) => None,
                    })
                    .collect(),
            ),
            _ => None,
        }
    }

    /// Narrows a part of a list that stands by the attribute `by`; `false` where it can't.
    pub(crate) fn narrow(&self, by: &str, span: &mut Span) -> bool {
        let [(Field::Attribute(attribute), test)] = self.tests.as_slice() else { return false };
        if attribute.name != by {
            return false;
        }
        let tick = TimeDelta::milliseconds(1);
        let (from, to) = match test {
            Test::Ordered { than: Operand::Instant(at), holds } => {
                let even = holds.contains(&Ordering::Equal);
                if holds.contains(&Ordering::Less) {
                    (None, Some(if even { *at } else { *at - tick }))
                } else {
                    (Some(if even { *at } else { *at + tick }), None)
                }
            }
            Test::Among { values, wanted: true } => match values.as_slice() {
                [Operand::Instant(at)] => (Some(*at), Some(*at)),
                _ => return false,
            },
            _ => return false,
        };
        let later = |a: DateTime<Utc>, b: Option<DateTime<Utc>>| b.map_or(a, |b| a.max(b));
        let earlier = |a: DateTime<Utc>, b: Option<DateTime<Utc>>| b.map_or(a, |b| a.min(b));
        span.from = from.map(|from| later(from, span.from)).or(span.from);
        span.to = to.map(|to| earlier(to, span.to)).or(span.to);
        true
    }
}

/// The fields and the predicate that a name is made of.
fn named(name: &str, known: &[Field]) -> Option<(Vec<Field>, Predicate)> {
    Predicate::ALL.into_iter().find_map(|predicate| {
        let fields = name.strip_suffix(predicate.name())?.strip_suffix('_')?;
        let fields = fields
            .split("_or_")
            .map(|name| known.iter().find(|field| field.name() == name).copied())
            .collect::<Option<Vec<Field>>>()?;
        Some((fields, predicate))
    })
}

fn unknown(parameter: &str, kind: &ResourceType, known: &[Field]) -> Problem {
    let parameter = cut(parameter);
    let fields: Vec<String> = known.iter().map(Field::name).collect();
    let predicates = Predicate::ALL.map(Predicate::name);
    Problem::new(
        Code::UnknownParameter,
        format!(
            "there is no query parameter {parameter:?} here; a filter of {} names one of {}, and \
             then one of _{}",
            kind.name,
            fields.join(", "),
            predicates.join(", _")
        ),
    )
    .in_parameter(parameter)
}
