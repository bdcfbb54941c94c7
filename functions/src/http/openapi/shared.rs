//! Schemas that are of no one resource.

use serde_json::{Map, Value, json};

use crate::http::{error::Code, query::BOUND};

/// Those that say the same in every release, as text: code that builds them is ten times as large,
/// in a function whose size counts at each cold start.
const SCHEMAS: &str = include_str!("shared.json");

/// The schemas that are of no one resource.
pub(super) fn schemas() -> Map<String, Value> {
    let mut schemas: Value = serde_json::from_str(SCHEMAS).unwrap_or_default();
    let mut add = |at: &str, name: &str, value: Value| {
        if let Some(Value::Object(schema)) = schemas.pointer_mut(at) {
            schema.insert(name.to_owned(), value);
        }
    };
    let counted = format!(
        "How many there are on all pages: exact up to {BOUND}, null beyond and on pages by cursor of \
         a list in its own order, which is not read as a whole."
    );
    add("/page_meta/properties/record_count", "description", json!(counted));
    add("/error_document/properties/errors/items/properties/code", "oneOf", codes());
    match schemas {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn codes() -> Value {
    let code = |code: &Code| {
        let (status, name, title) = code.facts();
        // JSON:API wants another status where a relationship leads to nothing.
        let description = match code {
            Code::RelatedNotFound => "404 for a relationship, 422 for an attribute".to_owned(),
            _ => status.to_string(),
        };
        json!({"const": name, "title": title, "description": description})
    };
    Code::ALL.iter().map(code).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_text_holds_the_schemas_and_leads_to_none_that_is_missing() {
        let schemas = super::schemas();
        assert_eq!(schemas.len(), 10, "{:?}", schemas.keys());
        let filled = |at: &str| schemas.get(at).map(ToString::to_string).unwrap_or_default();
        assert!(filled("page_meta").contains("exact up to 1000,"));
        assert!(filled("error_document").contains(r#""const":"not_found""#));
        let text = serde_json::Value::Object(schemas.clone()).to_string();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap_or_default();
            assert!(schemas.contains_key(name), "{name}");
        }
    }
}
