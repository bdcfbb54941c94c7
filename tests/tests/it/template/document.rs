//! The template as a JSON document: short intrinsics in their long form, global properties merged
//! into each function, and a way to seed faults.

use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

use super::Fault;

/// The root of the repository.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file of the repository, as text.
pub(super) fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The whole template.
pub(super) struct Template(Value);

/// A resource, with its logical id.
#[derive(Clone)]
pub(super) struct Resource {
    pub(super) id: String,
    pub(super) body: Value,
}

/// An event source of a function.
pub(super) struct Event {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) properties: Value,
}

impl Template {
    /// `template.yaml` as it is in the repository.
    pub(super) fn shipped() -> Self {
        let text = read("template.yaml");
        match Yaml::load_from_str(&text).as_deref() {
            Ok([document]) => Self(convert(document)),
            Ok(documents) => panic!("template.yaml holds {} documents", documents.len()),
            Err(error) => panic!("template.yaml: {error}"),
        }
    }

    /// Changes one place.
    pub(super) fn seed(&mut self, pointer: &str, fault: Fault) {
        let Some((parent, key)) = pointer.rsplit_once('/') else { panic!("{pointer} is no path") };
        let Some(parent) = self.0.pointer_mut(parent) else { panic!("nothing at {pointer}") };
        match (parent, fault) {
            (Value::Object(map), Fault::Set(value)) => {
                map.insert(key.to_owned(), value);
            }
            (Value::Object(map), Fault::Remove) => {
                assert!(map.remove(key).is_some(), "nothing to remove at {pointer}");
            }
            (other, _) => panic!("cannot seed {pointer}: its parent is {other}"),
        }
    }

    /// The value at a JSON pointer, or null.
    pub(super) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// All resources of one type.
    pub(super) fn of_type(&self, kind: &str) -> Vec<Resource> {
        self.resources().into_iter().filter(|resource| resource.kind() == kind).collect()
    }

    /// All resources.
    pub(super) fn resources(&self) -> Vec<Resource> {
        let Value::Object(resources) = self.at("/Resources") else { panic!("no resources") };
        resources.iter().map(|(id, body)| Resource { id: id.clone(), body: body.clone() }).collect()
    }

    /// The resource with this logical id.
    pub(super) fn resource(&self, id: &str) -> Option<Resource> {
        let body = self.0.pointer("/Resources")?.get(id)?;
        Some(Resource { id: id.to_owned(), body: body.clone() })
    }

    /// All functions, with the global properties merged into their own.
    pub(super) fn functions(&self) -> Vec<Resource> {
        let mut functions = self.of_type("AWS::Serverless::Function");
        for function in &mut functions {
            let mut properties = self.at("/Globals/Function").clone();
            merge(&mut properties, function.at("/Properties").clone());
            if let Value::Object(body) = &mut function.body {
                body.insert("Properties".to_owned(), properties);
            }
        }
        functions
    }
}

impl Resource {
    pub(super) fn kind(&self) -> &str {
        self.at("/Type").as_str().unwrap_or_default()
    }

    /// The value at a JSON pointer below the resource, or null.
    pub(super) fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The value of a property at a JSON pointer, or null.
    pub(super) fn property(&self, pointer: &str) -> &Value {
        self.at("/Properties").pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The event sources of a function.
    pub(super) fn events(&self) -> Vec<Event> {
        entries(self.property("/Events"))
            .map(|(name, event)| Event {
                name: name.clone(),
                kind: event.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned(),
                properties: event.get("Properties").cloned().unwrap_or_default(),
            })
            .collect()
    }

    /// The environment variables of a function.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&String, &Value)> {
        entries(self.property("/Environment/Variables"))
    }
}

impl Event {
    /// The key of the route, as API Gateway calls it, of a request: `GET /api/health`.
    pub(super) fn route(&self) -> Option<Value> {
        let text = |name| self.properties.get(name).and_then(Value::as_str);
        (self.kind == "HttpApi").then_some(())?;
        Some(json!(format!("{} {}", text("Method")?, text("Path")?)))
    }
}

/// The entries of an object; none of anything else.
pub(super) fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The items of a list, or the one value that stands for a list.
pub(super) fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// The logical id that a `Ref`, a `GetAtt` or the only variable of a `Sub` names.
pub(super) fn target(value: &Value) -> Option<&str> {
    if let Some(Value::String(id)) = value.get("Ref") {
        return Some(id);
    }
    if let Some(Value::String(text)) = value.get("Fn::Sub") {
        return text.split_once("${")?.1.split(['.', '}']).next();
    }
    value.pointer("/Fn::GetAtt/0")?.as_str()
}

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

fn convert(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::Boolean(flag)) => json!(flag),
        Yaml::Value(Scalar::FloatingPoint(number)) => json!(number.to_string()),
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Sequence(items) => items.iter().map(convert).collect(),
        Yaml::Mapping(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (text(key), convert(value))).collect())
        }
        Yaml::Tagged(tag, inner) => intrinsic(&tag.suffix, convert(inner)),
        other => panic!("template.yaml holds {other:?}"),
    }
}

fn text(key: &Yaml<'_>) -> String {
    match convert(key) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn intrinsic(tag: &str, argument: Value) -> Value {
    let (name, argument) = match (tag, argument) {
        ("Ref" | "Condition", argument) => (tag.to_owned(), argument),
        ("GetAtt", Value::String(path)) => {
            ("Fn::GetAtt".to_owned(), path.splitn(2, '.').map(str::to_owned).collect())
        }
        (_, argument) => (format!("Fn::{tag}"), argument),
    };
    Value::Object(Map::from_iter([(name, argument)]))
}
