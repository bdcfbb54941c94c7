//! Merges the template's `Globals` into a resource, as SAM does: objects are merged, lists are
//! joined with the global items first, anything else is overridden.

use serde_json::{Map, Value};

use super::problem::Problems;

/// The section of `Globals` for each type of resource that the stack reads.
const SECTIONS: [(&str, &str); 2] =
    [("Function", "AWS::Serverless::Function"), ("HttpApi", "AWS::Serverless::HttpApi")];

/// Reports sections of `Globals` that concern types which the stack does not read.
pub(super) fn check(globals: &Map<String, Value>, problems: &Problems) {
    for section in globals.keys() {
        if !SECTIONS.iter().any(|(known, _)| known == section) {
            problems.report("Globals", section, "is not emulated");
        }
    }
}

/// The properties of a resource with the globals of its type.
pub(super) fn merged(globals: &Map<String, Value>, kind: &str, properties: &Value) -> Value {
    let section = SECTIONS.iter().find(|(_, known)| *known == kind).map(|(section, _)| section);
    match section.and_then(|section| globals.get(*section)) {
        Some(global) => merge(global, properties),
        None => properties.clone(),
    }
}

fn merge(global: &Value, own: &Value) -> Value {
    match (global, own) {
        (Value::Object(global), Value::Object(own)) if !is_intrinsic(own) => {
            let mut merged = global.clone();
            for (key, value) in own {
                let value = match merged.get(key) {
                    Some(other) => merge(other, value),
                    None => value.clone(),
                };
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        (Value::Array(global), Value::Array(own)) => {
            Value::Array(global.iter().chain(own).cloned().collect())
        }
        (global, Value::Null) => global.clone(),
        (_, own) => own.clone(),
    }
}

fn is_intrinsic(map: &Map<String, Value>) -> bool {
    map.len() == 1 && map.keys().all(|key| key == "Ref" || key.starts_with("Fn::"))
}
