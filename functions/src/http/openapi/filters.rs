//! Filters and orders of lists.

use serde_json::{Value, json};

use super::reference;
use crate::{
    api,
    http::{
        attributes::Kind,
        json_object::json_object,
        object::ResourceType,
        query::{
            List,
            filter::{self, Field},
            predicate::Predicate,
            sort,
        },
    },
};

/// The parameters by which a list is filtered and sorted.
pub(super) fn parameters(kind: &ResourceType, list: &List) -> Vec<Value> {
    let mut filters = reference(&format!("{}_filters", kind.name));
    if let (Value::Object(members), false) = (&mut filters, list.required.is_empty()) {
        members.insert("required".to_owned(), json!(list.required));
    }
    vec![
        json!({
            "name": "filter[q]", "in": "query", "style": "deepObject", "explode": true,
            "required": !list.required.is_empty(),
            "description": "Only what all of these hold for: `filter[q][status_eq]=active`. \
                Several attributes, joined by `_or_`, hold where one of them does.",
            "schema": filters,
        }),
        json!({
            "name": "sort", "in": "query", "style": "form", "explode": false,
            "description": "Attributes to sort by, each after a `-` where descending. Null counts \
                as more than anything.",
            "schema": reference(&format!("{}_sort", kind.name)),
        }),
    ]
}

/// The schemas to which the parameters lead, for a type that is listed.
pub(super) fn schemas(kind: &'static ResourceType) -> Vec<(&'static str, Value)> {
    let lists = api::operations().filter(|operation| operation.kind.name == kind.name);
    // Where a type is listed in several places, that of its own path says what can be asked.
    let lists: Vec<List> = lists.filter_map(|operation| operation.accepts.list).collect();
    let Some(list) = lists.first() else { return Vec::new() };
    let fields = filter::fields(kind, list);
    let properties = json_object(fields.iter().flat_map(|field| {
        let suits = Predicate::ALL.into_iter().filter(|predicate| field.suits(*predicate));
        suits.map(|predicate| {
            (format!("{}_{}", field.name(), predicate.name()), value(field, predicate))
        })
    }));
    let names = sort::attributes(kind, list)
        .flat_map(|attribute| [attribute.name.to_owned(), format!("-{}", attribute.name)]);
    let names: Vec<String> = names.collect();
    vec![
        (
            "filters",
            json!({
                "type": "object",
                "properties": properties,
                "patternProperties": {"_or_": {"type": "string"}},
                "additionalProperties": false,
            }),
        ),
        (
            "sort",
            json!({"type": "array", "maxItems": 5, "items": {"type": "string", "enum": names}}),
        ),
    ]
}

/// The schema of what a predicate compares to.
fn value(field: &Field, predicate: Predicate) -> Value {
    match predicate {
        Predicate::Null | Predicate::NotNull | Predicate::Present | Predicate::Blank => {
            json!({"type": "boolean"})
        }
        Predicate::Eq
        | Predicate::NotEq
        | Predicate::Lt
        | Predicate::Lteq
        | Predicate::Gt
        | Predicate::Gteq => match field.kind() {
            // An amount may be compared to more than it can be.
            Kind::Integer(..) => json!({"type": "integer", "format": "int64"}),
            kind => kind.schema(),
        },
        Predicate::In | Predicate::NotIn | Predicate::MatchesAny => json!({
            "type": "string", "description": "Values, joined by commas; at most 100.",
        }),
        Predicate::Start | Predicate::End | Predicate::Cont => json!({"type": "string"}),
        Predicate::DoesNotMatch => json!({
            "type": "string", "description": "`%` is any text, `_` any one character.",
        }),
    }
}
