//! Whether an answer is as the OpenAPI document says: every answer that a test gets is looked at.
//!
//! It knows the keywords of JSON Schema that the document uses for answers, and fails on any other.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value};

static DOCUMENT: LazyLock<Value> = LazyLock::new(perennial_functions::openapi);

/// Makes the document now, before the clock of a stack runs: that takes a while without optimization.
pub(crate) fn prepare() {
    LazyLock::force(&DOCUMENT);
}

/// What an answer holds that the document does not say, with the place of it; `None` where all is as
/// it says, or where it tells nothing of the path, as of those that are for no client.
pub(crate) fn undescribed(
    method: &str,
    path: &str,
    status: u16,
    content_type: Option<&str>,
    body: &Value,
) -> Option<String> {
    let operation = operation(method, path)?;
    let responses = operation.get("responses")?;
    let response = responses.get(status.to_string()).or_else(|| responses.get("default"))?;
    let Some(content) = resolved(response).get("content") else {
        return (!body.is_null()).then(|| "a body where there is none".to_owned());
    };
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    let Some(media) = content.get(essence) else {
        return Some(format!("the content type {content_type:?}"));
    };
    check(media.get("schema")?, "", body).err()
}

/// The operation that serves a path; one without parameters comes first.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let segments: Vec<&str> = path.split('/').collect();
    let served = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        let mut pairs = parts.iter().zip(&segments);
        parts.len() == segments.len() && pairs.all(|(part, one)| part == one || *part == "{id}")
    };
    let paths = DOCUMENT.get("paths")?.as_object()?;
    let found = paths.get(path).or_else(|| {
        paths.iter().find(|(template, _)| served(template)).map(|(_, methods)| methods)
    });
    found?.get(method.to_ascii_lowercase())
}

/// What a reference leads to; anything else is what it is.
fn resolved(value: &'static Value) -> &'static Value {
    let target = value.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
    target.and_then(|pointer| DOCUMENT.pointer(pointer)).unwrap_or(value)
}

/// Whether a value is as a schema says; the error names the place and the rule.
fn check(schema: &'static Value, at: &str, value: &Value) -> Result<(), String> {
    let schema = resolved(schema);
    let Some(keywords) = schema.as_object() else {
        return Err(format!("{at}: {schema} is no schema"));
    };
    for (keyword, rule) in keywords {
        holds(keyword, rule, keywords, at, value)?;
    }
    Ok(())
}

fn holds(
    keyword: &str,
    rule: &'static Value,
    keywords: &'static Map<String, Value>,
    at: &str,
    value: &Value,
) -> Result<(), String> {
    let broken = || Err(format!("{at}: {keyword} {rule}: {}", shown(value)));
    let kept = |holds: bool| if holds { Ok(()) } else { broken() };
    let count = |items: usize| u64::try_from(items).ok();
    match keyword {
        "description" | "title" | "examples" => Ok(()),
        "type" => kept(match rule {
            Value::Array(types) => types.iter().any(|one| is_of(one, value)),
            one => is_of(one, value),
        }),
        "const" => kept(value == rule),
        "enum" => kept(rule.as_array().is_some_and(|values| values.contains(value))),
        "anyOf" | "oneOf" => {
            let options = rule.as_array().map(Vec::as_slice).unwrap_or_default();
            let (mut fit, mut found) = (0, String::new());
            for option in options {
                match check(option, at, value) {
                    Ok(()) => fit += 1,
                    // The last word of null says nothing.
                    Err(error) if option.get("type") != Some(&Value::from("null")) => found = error,
                    Err(_) => {}
                }
            }
            match (keyword, fit) {
                ("anyOf", 1..) | ("oneOf", 1) => Ok(()),
                _ => Err(format!("{found} ({keyword}: {fit} fit)")),
            }
        }
        "required" => match value.as_object() {
            Some(members) => {
                let mut names = rule.as_array().into_iter().flatten().filter_map(Value::as_str);
                names.try_for_each(|name| kept(members.contains_key(name)))
            }
            None => Ok(()),
        },
        "properties" => members(value).try_for_each(|(name, member)| match rule.get(name) {
            Some(schema) => check(schema, &format!("{at}/{name}"), member),
            None => Ok(()),
        }),
        "additionalProperties" => {
            let known = keywords.get("properties");
            let other = |name: &str| known.is_none_or(|known| known.get(name).is_none());
            members(value).filter(|(name, _)| other(name)).try_for_each(|(name, member)| {
                let at = format!("{at}/{name}");
                match rule {
                    Value::Bool(true) => Ok(()),
                    Value::Bool(false) => Err(format!("{at}: there is no such member")),
                    schema => check(schema, &at, member),
                }
            })
        }
        "items" => value
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
            .try_for_each(|(place, item)| check(rule, &format!("{at}/{place}"), item)),
        "minItems" => kept(value.as_array().is_none_or(|all| count(all.len()) >= rule.as_u64())),
        "maxItems" => kept(value.as_array().is_none_or(|all| count(all.len()) <= rule.as_u64())),
        "minLength" => {
            kept(value.as_str().is_none_or(|text| count(text.chars().count()) >= rule.as_u64()))
        }
        "maxLength" => {
            kept(value.as_str().is_none_or(|text| count(text.chars().count()) <= rule.as_u64()))
        }
        "minimum" => kept(value.as_f64().is_none_or(|number| Some(number) >= rule.as_f64())),
        "maximum" => kept(value.as_f64().is_none_or(|number| Some(number) <= rule.as_f64())),
        "pattern" if rule == "^[A-Z]{3}$" => kept(value.as_str().is_none_or(|text| {
            text.len() == 3 && text.bytes().all(|letter| letter.is_ascii_uppercase())
        })),
        "format" => kept(match (rule.as_str(), value.as_str()) {
            (Some("date-time"), Some(text)) => DateTime::parse_from_rfc3339(text).is_ok(),
            (Some("date"), Some(text)) => text.parse::<NaiveDate>().is_ok() && text.len() == 10,
            (Some("int64" | "password"), _) | (_, None) => true,
            _ => return Err(format!("{at}: the format {rule} is not known here")),
        }),
        _ => Err(format!("{at}: the keyword {keyword} {rule} is not known here")),
    }
}

/// The members of an object; none of anything else.
fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    }
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_document_does_not_say_is_found() {
        let wrong = |status: u16, content_type: &str, attributes: Value| {
            let sku = json!({"type": "skus", "id": "sku_1", "attributes": attributes});
            let body = json!({"jsonapi": {"version": "1.1"}, "data": sku});
            undescribed("GET", "/api/skus/sku_1", status, Some(content_type), &body)
        };
        assert_eq!(wrong(200, crate::api::JSON_API, json!({"code": "TEA"})), None);
        for (status, content_type, attributes, told) in [
            (200, crate::api::JSON_API, json!({"code": 5}), "/data/attributes/code: "),
            (200, crate::api::JSON_API, json!({"color": 5}), "/data/attributes/color: "),
            (404, crate::api::JSON_API, json!({"code": "TEA"}), "/data: "),
            (200, "application/json", json!({"code": "TEA"}), "content type"),
        ] {
            let found = wrong(status, content_type, attributes).unwrap_or_default();
            assert!(found.contains(told), "{found:?} does not name {told:?}");
        }
    }
}
