//! YAML text to JSON, with CloudFormation's short tags (`!Ref X`) in their long form
//! (`{"Ref": "X"}`).

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Number, Value, json};

/// Parses one YAML document.
///
/// # Errors
/// A text for people, with the line where the parser gives one.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.as_slice() {
        [document] => convert(document),
        other => Err(format!("expected one YAML document, found {}", other.len())),
    }
}

fn convert(node: &Yaml<'_>) -> Result<Value, String> {
    match node {
        Yaml::Value(scalar) => scalar_value(scalar),
        Yaml::Sequence(items) => {
            items.iter().map(convert).collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                object.insert(key_text(key)?, convert(value)?);
            }
            Ok(Value::Object(object))
        }
        Yaml::Tagged(tag, inner) if tag.handle == "!" => intrinsic(&tag.suffix, convert(inner)?),
        Yaml::Tagged(tag, _) => Err(format!("unknown tag {}{}", tag.handle, tag.suffix)),
        Yaml::Representation(text, ..) => Ok(Value::String(text.to_string())),
        Yaml::Alias(_) => Err("an alias has no anchor".to_owned()),
        Yaml::BadValue => Err("a scalar does not have the type that its tag demands".to_owned()),
    }
}

fn scalar_value(scalar: &Scalar<'_>) -> Result<Value, String> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::Bool(*flag),
        Scalar::Integer(number) => json!(number),
        Scalar::FloatingPoint(number) => Number::from_f64(number.into_inner())
            .map(Value::Number)
            .ok_or_else(|| "a number is not finite".to_owned())?,
        Scalar::String(text) => Value::String(text.to_string()),
    })
}

fn key_text(key: &Yaml<'_>) -> Result<String, String> {
    match key {
        Yaml::Value(Scalar::String(text)) => Ok(text.to_string()),
        Yaml::Value(Scalar::Integer(number)) => Ok(number.to_string()),
        Yaml::Value(Scalar::Boolean(flag)) => Ok(flag.to_string()),
        other => Err(format!("a mapping has a key that is not a text: {other:?}")),
    }
}

fn intrinsic(tag: &str, argument: Value) -> Result<Value, String> {
    let (name, argument) = match (tag, argument) {
        ("Ref" | "Condition", argument) => (tag.to_owned(), argument),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) =
                path.split_once('.').ok_or_else(|| format!("!GetAtt {path} names no attribute"))?;
            ("Fn::GetAtt".to_owned(), json!([resource, attribute]))
        }
        (_, argument) => (format!("Fn::{tag}"), argument),
    };
    Ok(Value::Object(Map::from_iter([(name, argument)])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_become_long_forms() {
        let parsed =
            parse("a: !Ref X\nb: !GetAtt Q.Arn\nc: !Join ['', [!Ref X, '1']]\nd: !Sub 'x'");
        assert_eq!(
            parsed,
            Ok(json!({
                "a": {"Ref": "X"},
                "b": {"Fn::GetAtt": ["Q", "Arn"]},
                "c": {"Fn::Join": ["", [{"Ref": "X"}, "1"]]},
                "d": {"Fn::Sub": "x"},
            }))
        );
    }

    #[test]
    fn a_duplicated_key_is_refused() {
        assert!(parse("a: 1\na: 2").is_err());
    }
}
