//! Compound documents: `include=customer,source_order.line_items`, and `fields[orders]=status`.

use std::collections::BTreeSet;

use super::parameters::invalid;
use crate::http::{error::Problem, object::ResourceType};

/// Longest path of an include.
const MAX_INCLUDE_DEPTH: usize = 3;
/// Most paths of an include.
const MAX_INCLUDES: usize = 20;

/// The paths of an `include`, each step of which must name a relationship.
pub(super) fn includes(
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
                let rule = match known.as_slice() {
                    [] => "must name relationships; here there is none".to_owned(),
                    known => format!("must name relationships, here: {}", known.join(", ")),
                };
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

/// The fields wanted of a type.
pub(super) fn fields(
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
