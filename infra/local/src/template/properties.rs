//! Reads the properties of one resource. What no reader took is reported, so that nothing in the
//! template is passed over in silence.

use serde_json::{Map, Value};

use super::problem::Problems;

/// The properties of a resource, or of an object inside one.
#[derive(Debug)]
pub(super) struct Properties {
    resource: String,
    path: String,
    left: Map<String, Value>,
    problems: Problems,
}

impl Properties {
    /// Begins to read `value`, which must be an object (or null, for none).
    pub(super) fn new(resource: &str, path: &str, value: Value, problems: &Problems) -> Self {
        let left = match value {
            Value::Object(map) => map,
            Value::Null => Map::new(),
            _ => {
                problems.report(resource, path, "must be an object");
                Map::new()
            }
        };
        Self {
            resource: resource.to_owned(),
            path: path.to_owned(),
            left,
            problems: problems.clone(),
        }
    }

    /// The property's full path below the resource.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(super) fn problems(&self) -> &Problems {
        &self.problems
    }

    pub(super) fn report(&self, name: &str, reason: impl Into<String>) {
        self.problems.report(&self.resource, &self.path_of(name), reason);
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => {
                self.report(name, "must be a text");
                None
            }
        }
    }

    pub(super) fn required_text(&mut self, name: &str) -> String {
        if !self.left.contains_key(name) {
            self.report(name, "is missing");
        }
        self.text(name).unwrap_or_default()
    }

    /// A whole number inside `range`. CloudFormation takes numbers as texts too.
    pub(super) fn number(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let value = self.take(name)?;
        let number = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => Some(number),
            _ => {
                let (low, high) = (range.start(), range.end());
                self.report(name, format!("{value} is not a whole number from {low} to {high}"));
                None
            }
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            Value::String(text) if text == "true" => Some(true),
            Value::String(text) if text == "false" => Some(false),
            other => {
                self.report(name, format!("{other} is not true or false"));
                None
            }
        }
    }

    pub(super) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let value = self.take(name)?;
        let texts = match value {
            Value::Array(items) => items
                .into_iter()
                .map(|item| match item {
                    Value::String(text) => Some(text),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>(),
            Value::String(text) => Some(vec![text]),
            _ => None,
        };
        if texts.is_none() {
            self.report(name, "must be a list of texts");
        }
        texts
    }

    pub(super) fn object(&mut self, name: &str) -> Option<Properties> {
        let value = self.take(name)?;
        Some(Self::new(&self.resource, &self.path_of(name), value, &self.problems))
    }

    pub(super) fn objects(&mut self, name: &str) -> Vec<Properties> {
        match self.take(name) {
            None => Vec::new(),
            Some(Value::Array(items)) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| {
                    let path = format!("{}[{index}]", self.path_of(name));
                    Self::new(&self.resource, &path, item, &self.problems)
                })
                .collect(),
            Some(_) => {
                self.report(name, "must be a list");
                Vec::new()
            }
        }
    }

    /// The names that are left, each with its value, taken as sub-objects.
    pub(super) fn entries(mut self) -> Vec<(String, Properties)> {
        std::mem::take(&mut self.left)
            .into_iter()
            .map(|(name, value)| {
                let path = self.path_of(&name);
                (name, Self::new(&self.resource, &path, value, &self.problems))
            })
            .collect()
    }

    /// Passes over properties that change nothing which the local stack shows.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.left.remove(*name);
        }
    }

    /// Passes over a property if it has this value, which is what the stack does anyway.
    pub(super) fn only(&mut self, name: &str, accepted: &[&str]) {
        if let Some(text) = self.text(name)
            && !accepted.contains(&text.as_str())
        {
            self.report(name, format!("only {} is emulated, not {text}", accepted.join(" or ")));
        }
    }

    /// Reports what is left.
    pub(super) fn finish(self) {
        for name in self.left.keys() {
            self.report(name, "is not emulated");
        }
    }
}
