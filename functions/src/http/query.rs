//! Query parameters: include, sparse fieldsets, sorting, filters and pages. What an operation does
//! not know is refused, never ignored.

use std::collections::{BTreeMap, BTreeSet};

use perennial_store::{Cursor, CursorError};

use super::{
    error::{ApiError, Code, Outcome, Problem, Problems},
    object::ResourceType,
};

/// Resources of a page unless asked otherwise.
const PAGE_SIZE: u16 = 25;
/// Most resources of a page.
const MAX_PAGE_SIZE: u16 = 100;
/// Longest path of an include.
const MAX_INCLUDE_DEPTH: usize = 3;
/// Most paths of an include.
const MAX_INCLUDES: usize = 20;

/// The query parameters of a request, checked.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// Paths of relationships whose resources the client wants too.
    pub(crate) include: Vec<Vec<String>>,
    /// Whether the client asked for any.
    pub(crate) wants_included: bool,
    /// Fields wanted, by resource type.
    pub(crate) fields: BTreeMap<String, BTreeSet<String>>,
    /// Newest first.
    pub(crate) descending: bool,
    /// Another order that the operation knows, by name.
    pub(crate) order: Option<&'static str>,
    /// Filters, by attribute and predicate (`status_eq`).
    pub(crate) filters: BTreeMap<&'static str, String>,
    pub(crate) size: u16,
    pub(crate) cursor: Option<Cursor>,
    /// The name under which the cursor was given.
    pub(crate) cursor_parameter: &'static str,
}

/// What queries an operation takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepts {
    /// Whether it answers pages.
    pub(crate) pages: bool,
    /// Whether the pages are newest first unless asked otherwise; `None` where the order is fixed.
    pub(crate) newest_first: Option<bool>,
    /// Further orders.
    pub(crate) orders: &'static [&'static str],
    /// Filters.
    pub(crate) filters: &'static [&'static str],
    /// Of these, those without which it does not answer.
    pub(crate) required: &'static [&'static str],
}

impl Accepts {
    /// Only `include` and `fields`: a single resource.
    pub(crate) const SINGLE: Self =
        Self { pages: false, newest_first: None, orders: &[], filters: &[], required: &[] };
    /// Pages by the time of creation.
    pub(crate) const LIST: Self = Self { pages: true, newest_first: Some(false), ..Self::SINGLE };
    /// Pages in an order that can't be chosen.
    pub(crate) const FIXED: Self = Self { pages: true, ..Self::SINGLE };

    /// The same, with these filters.
    pub(crate) const fn filtered(self, filters: &'static [&'static str]) -> Self {
        Self { filters, ..self }
    }
}

impl Query {
    /// Reads the query string of a request for resources of a type.
    pub(crate) fn parse(
        text: &str,
        kind: &ResourceType,
        accepts: Accepts,
        find: impl Fn(&str) -> Option<&'static ResourceType>,
    ) -> Outcome<Self> {
        let mut query = Self {
            size: PAGE_SIZE,
            descending: accepts.newest_first.unwrap_or_default(),
            cursor_parameter: "page[cursor]",
            ..Self::default()
        };
        let mut problems = Problems::default();
        let mut seen = BTreeSet::new();
        for (name, value) in pairs(text) {
            if !seen.insert(name.clone()) {
                problems.add(invalid(&name, "is given twice", &value));
                continue;
            }
            if let Err(problem) = query.take(&name, &value, kind, accepts, &find) {
                problems.add(problem);
            }
        }
        for required in accepts.required {
            if !query.filters.contains_key(required) {
                let parameter = format!("filter[q][{required}]");
                problems.add(
                    Problem::new(Code::InvalidParameter, format!("{parameter} is required here"))
                        .in_parameter(parameter),
                );
            }
        }
        problems.check().map(|()| query)
    }

    fn take(
        &mut self,
        name: &str,
        value: &str,
        kind: &ResourceType,
        accepts: Accepts,
        find: &impl Fn(&str) -> Option<&'static ResourceType>,
    ) -> Result<(), Problem> {
        match name {
            "include" => {
                self.wants_included = true;
                self.include = includes(value, kind, find)?;
            }
            "sort" if accepts.newest_first.is_some() => match value {
                "created_at" => self.descending = false,
                "-created_at" => self.descending = true,
                other => match accepts.orders.iter().find(|order| **order == other) {
                    Some(order) => self.order = Some(order),
                    None => {
                        let known = ["created_at", "-created_at"];
                        let known: Vec<&str> =
                            known.iter().chain(accepts.orders).copied().collect();
                        let rule = format!("must be one of {}", known.join(", "));
                        return Err(invalid(name, &rule, value));
                    }
                },
            },
            "page[size]" if accepts.pages => {
                let size = value.parse().ok().filter(|size| (1..=MAX_PAGE_SIZE).contains(size));
                let rule = format!("must be a whole number from 1 to {MAX_PAGE_SIZE}");
                self.size = size.ok_or_else(|| invalid(name, &rule, value))?;
            }
            "page[cursor]" | "page[after]" if accepts.pages => {
                self.cursor_parameter =
                    if name == "page[after]" { "page[after]" } else { "page[cursor]" };
                let cursor =
                    Cursor::decode(value).map_err(|error| bad_cursor(name, &error, value))?;
                self.cursor = Some(cursor);
            }
            _ => {
                if let Some(of) = bracketed(name, "fields") {
                    let fields = fields(name, of, value, find)?;
                    self.fields.insert(of.to_owned(), fields);
                    return Ok(());
                }
                let filter = bracketed(name, "filter[q]");
                let known = filter
                    .and_then(|filter| accepts.filters.iter().find(|known| **known == filter));
                match known {
                    Some(known) => {
                        self.filters.insert(known, value.to_owned());
                    }
                    None => return Err(unknown(name, accepts)),
                }
            }
        }
        Ok(())
    }

    /// The types of resources that the include paths lead to or through, from resources of `kind`.
    pub(crate) fn included_kinds(
        &self,
        kind: &ResourceType,
        find: impl Fn(&str) -> Option<&'static ResourceType>,
    ) -> BTreeSet<&'static str> {
        let mut kinds = BTreeSet::new();
        for path in &self.include {
            let mut at = Some(kind);
            for step in path {
                let Some(relationship) = at.and_then(|kind| kind.relationship(step)) else { break };
                kinds.insert(relationship.to);
                at = find(relationship.to);
            }
        }
        kinds
    }

    /// The error for a cursor that storage did not know as its own.
    pub(crate) fn refuse_cursor(&self, error: &CursorError) -> ApiError {
        let value = self.cursor.as_ref().map(Cursor::encode).unwrap_or_default();
        bad_cursor(self.cursor_parameter, error, &value).into()
    }
}

/// The inner name of a parameter like `fields[orders]`.
fn bracketed<'a>(name: &'a str, outer: &str) -> Option<&'a str> {
    name.strip_prefix(outer)?.strip_prefix('[')?.strip_suffix(']')
}

fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

fn invalid(parameter: &str, rule: &str, value: &str) -> Problem {
    let (parameter, value) = (cut(parameter), cut(value));
    Problem::new(Code::InvalidParameter, format!("{parameter} {rule}; it is {value:?}"))
        .in_parameter(parameter)
        .with("value", value)
}

fn bad_cursor(parameter: &str, error: &CursorError, value: &str) -> Problem {
    Problem::new(Code::InvalidCursor, format!("{parameter} {error}"))
        .in_parameter(parameter)
        .with("value", cut(value))
}

fn unknown(name: &str, accepts: Accepts) -> Problem {
    let mut known = vec!["include".to_owned(), "fields[TYPE]".to_owned()];
    if accepts.newest_first.is_some() {
        known.push("sort".to_owned());
    }
    if accepts.pages {
        known.extend(["page[size]".to_owned(), "page[cursor]".to_owned()]);
    }
    known.extend(accepts.filters.iter().map(|filter| format!("filter[q][{filter}]")));
    let name = cut(name);
    Problem::new(
        Code::UnknownParameter,
        format!("there is no query parameter {name:?} here; there are: {}", known.join(", ")),
    )
    .in_parameter(name)
}

fn includes(
    value: &str,
    kind: &ResourceType,
    find: &impl Fn(&str) -> Option<&'static ResourceType>,
) -> Result<Vec<Vec<String>>, Problem> {
    let mut paths = Vec::new();
    for path in value.split(',').filter(|path| !path.is_empty()) {
        let steps: Vec<String> = path.split('.').map(str::to_owned).collect();
        if steps.len() > MAX_INCLUDE_DEPTH {
            let rule = format!("follows at most {MAX_INCLUDE_DEPTH} relationships");
            return Err(invalid("include", &rule, path));
        }
        let mut at = Some(kind);
        for step in &steps {
            let relationship = at.and_then(|kind| kind.relationship(step));
            let Some(relationship) = relationship else {
                let known: Vec<&str> = at
                    .map(|kind| kind.relationships.iter().map(|r| r.name).collect())
                    .unwrap_or_default();
                let rule = format!("must name relationships, here: {}", known.join(", "));
                return Err(invalid("include", &rule, path));
            };
            at = find(relationship.to);
        }
        paths.push(steps);
    }
    if paths.len() > MAX_INCLUDES {
        let rule = format!("may name at most {MAX_INCLUDES} paths");
        return Err(invalid("include", &rule, value));
    }
    Ok(paths)
}

fn fields(
    name: &str,
    of: &str,
    value: &str,
    find: &impl Fn(&str) -> Option<&'static ResourceType>,
) -> Result<BTreeSet<String>, Problem> {
    let kind = find(of).ok_or_else(|| invalid(name, "must name a resource type", of))?;
    value
        .split(',')
        .filter(|field| !field.is_empty())
        .map(|field| {
            if kind.has_field(field) {
                Ok(field.to_owned())
            } else {
                Err(invalid(name, &format!("must name fields of {}", kind.name), field))
            }
        })
        .collect()
}

/// Names and values, decoded.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// Percent-decoding of forms: `+` is a space, what is no escape stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            (other, _) => out.push(*other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_odd_ones_survive() {
        assert_eq!(
            pairs("page%5Bsize%5D=5&a=b+c&&x&%zz=%e4"),
            [
                ("page[size]".to_owned(), "5".to_owned()),
                ("a".to_owned(), "b c".to_owned()),
                ("x".to_owned(), String::new()),
                ("%zz".to_owned(), "\u{fffd}".to_owned()),
            ]
        );
    }
}
