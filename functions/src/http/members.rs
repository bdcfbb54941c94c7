//! Members of documents beside attributes: what JSON:API doesn't know is refused, never ignored.

use serde_json::{Map, Value};

use super::{
    error::{Code, Problem, Problems},
    kind::{escaped, shown},
};
use crate::api;

const TOP: &[&str] = &["data", "meta", "jsonapi", "links"];
const RELATIONSHIP: &[&str] = &["data", "links", "meta"];
const IDENTIFIER: &[&str] = &["type", "id", "lid", "meta"];

/// Checks the top level of a document.
pub(super) fn check_top(members: &Map<String, Value>, problems: &mut Problems) {
    refuse_others(members, "a document", TOP, |_| false, "", problems);
}

/// Checks a relationship object at this place, with the resource identifiers in it.
pub(super) fn check_relationship(given: &Value, at: &str, problems: &mut Problems) {
    let Value::Object(members) = given else { return };
    refuse_others(members, "a relationship", RELATIONSHIP, |_| false, at, problems);
    match members.get("data") {
        Some(Value::Object(one)) => check_identifier(one, &format!("{at}/data"), problems),
        Some(Value::Array(several)) => {
            for (place, one) in several.iter().enumerate() {
                if let Value::Object(one) = one {
                    check_identifier(one, &format!("{at}/data/{place}"), problems);
                }
            }
        }
        _ => {}
    }
}

/// Checks a resource identifier. The public client library sends the whole resource that it was
/// handed, its fields beside type and id: those are left alone.
fn check_identifier(members: &Map<String, Value>, at: &str, problems: &mut Problems) {
    let kind = members.get("type").and_then(Value::as_str).and_then(api::resource_type);
    let field = |name: &str| kind.is_some_and(|kind| kind.has_field(name));
    refuse_others(members, "a resource identifier", IDENTIFIER, field, at, problems);
}

/// Refuses members that are neither `known` nor `tolerated`. Names that begin with `@` are
/// annotations, which JSON:API has receivers ignore.
fn refuse_others(
    members: &Map<String, Value>,
    what: &str,
    known: &[&str],
    tolerated: impl Fn(&str) -> bool,
    at: &str,
    problems: &mut Problems,
) {
    for (name, value) in members {
        if known.contains(&name.as_str()) || tolerated(name) || name.starts_with('@') {
            continue;
        }
        let cut: String = name.chars().take(100).collect();
        let detail = format!("{what} has no member {cut:?}; there are: {}", known.join(", "));
        problems.add(
            Problem::new(Code::UnknownAttribute, detail)
                .at(format!("{at}/{}", escaped(name)))
                .with("value", shown(value)),
        );
    }
}

#[cfg(test)]
#[path = "members_tests.rs"]
mod tests;
