//! Resolves parameters, conditions, mappings and intrinsic functions to plain values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::identity::Identities;

/// Everything that an intrinsic function can refer to.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) parameters: BTreeMap<String, Value>,
    pub(super) mappings: Map<String, Value>,
    pub(super) conditions: Map<String, Value>,
    pub(super) identities: Identities,
}

/// `None` stands for `AWS::NoValue`: the property is as if it were not written.
type Resolved = Result<Option<Value>, String>;

impl Scope {
    /// Resolves every intrinsic function in `value`.
    ///
    /// # Errors
    /// A text that names the function or reference that can't be resolved.
    pub(super) fn resolve(&self, value: &Value) -> Resolved {
        match value {
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for item in items {
                    resolved.extend(self.resolve(item)?);
                }
                Ok(Some(Value::Array(resolved)))
            }
            Value::Object(map) => match intrinsic_of(map) {
                Some((name, argument)) => self.call(name, argument),
                None => {
                    let mut resolved = Map::new();
                    for (key, item) in map {
                        if let Some(item) = self.resolve(item)? {
                            resolved.insert(key.clone(), item);
                        }
                    }
                    Ok(Some(Value::Object(resolved)))
                }
            },
            plain => Ok(Some(plain.clone())),
        }
    }

    /// Whether the named condition holds.
    ///
    /// # Errors
    /// When no condition has this name, or what it says can't be resolved.
    pub(super) fn condition(&self, name: &str) -> Result<bool, String> {
        let body =
            self.conditions.get(name).ok_or_else(|| format!("there is no condition {name}"))?;
        self.holds(body, 0)
    }

    fn holds(&self, body: &Value, depth: usize) -> Result<bool, String> {
        if depth > 32 {
            return Err("conditions refer to each other in a circle".to_owned());
        }
        let Some((name, argument)) = body.as_object().and_then(intrinsic_of) else {
            return Err(format!("{body} is not a condition"));
        };
        let list = || argument.as_array().ok_or_else(|| format!("{name} needs a list"));
        match name {
            "Condition" => {
                let named = text(argument)?;
                let body = self
                    .conditions
                    .get(named)
                    .ok_or_else(|| format!("there is no condition {named}"))?;
                self.holds(body, depth + 1)
            }
            "Fn::Equals" => match list()?.as_slice() {
                [left, right] => Ok(self.resolve(left)? == self.resolve(right)?),
                _ => Err("Fn::Equals needs two values".to_owned()),
            },
            "Fn::Not" => match list()?.as_slice() {
                [one] => Ok(!self.holds(one, depth + 1)?),
                _ => Err("Fn::Not needs one condition".to_owned()),
            },
            "Fn::And" => list()?
                .iter()
                .try_fold(true, |all, one| Ok::<_, String>(self.holds(one, depth + 1)? && all)),
            "Fn::Or" => list()?
                .iter()
                .try_fold(false, |any, one| Ok::<_, String>(self.holds(one, depth + 1)? || any)),
            other => Err(format!("{other} is not a condition function")),
        }
    }

    fn call(&self, name: &str, argument: &Value) -> Resolved {
        match name {
            "Ref" => self.reference(text(argument)?),
            "Fn::GetAtt" => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(resource), Value::String(attribute)]) => {
                    self.identities.attribute(resource, attribute).map(|v| Some(Value::String(v)))
                }
                _ => Err(format!("Fn::GetAtt needs a resource and an attribute, not {argument}")),
            },
            "Fn::Sub" => self.substitute(argument),
            "Fn::If" => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(condition), yes, no]) => {
                    self.resolve(if self.condition(condition)? { yes } else { no })
                }
                _ => Err("Fn::If needs a condition's name and two values".to_owned()),
            },
            "Fn::Join" => self.join(argument),
            "Fn::Select" => self.select(argument),
            "Fn::Split" => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(separator), source]) => {
                    let source = self.resolved_text(source)?;
                    let parts = source.split(separator.as_str()).map(Value::from).collect();
                    Ok(Some(Value::Array(parts)))
                }
                _ => Err("Fn::Split needs a separator and a text".to_owned()),
            },
            "Fn::FindInMap" => self.find_in_map(argument),
            other => Err(format!("{other} is not emulated")),
        }
    }

    fn reference(&self, name: &str) -> Resolved {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.clone()));
        }
        self.identities.reference(name).map(|value| Some(Value::String(value)))
    }

    fn substitute(&self, argument: &Value) -> Resolved {
        let (pattern, variables) = match argument {
            Value::String(pattern) => (pattern.as_str(), None),
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(pattern), Value::Object(map)] => (pattern.as_str(), Some(map)),
                _ => return Err("Fn::Sub needs a text, or a text and its variables".to_owned()),
            },
            _ => return Err("Fn::Sub needs a text".to_owned()),
        };
        let mut output = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            output.push_str(before);
            let (name, tail) =
                after.split_once('}').ok_or_else(|| format!("Fn::Sub {pattern}: a ${{ is open"))?;
            if let Some(literal) = name.strip_prefix('!') {
                output.push_str("${");
                output.push_str(literal);
                output.push('}');
            } else if let Some(value) = variables.and_then(|map| map.get(name)) {
                output.push_str(&self.resolved_text(value)?);
            } else if let Some((resource, attribute)) = name.split_once('.') {
                output.push_str(&self.identities.attribute(resource, attribute)?);
            } else {
                let value = self.reference(name)?.unwrap_or_default();
                output.push_str(&plain_text(&value)?);
            }
            rest = tail;
        }
        output.push_str(rest);
        Ok(Some(Value::String(output)))
    }

    fn join(&self, argument: &Value) -> Resolved {
        let Some([Value::String(separator), items]) = argument.as_array().map(Vec::as_slice) else {
            return Err("Fn::Join needs a separator and a list".to_owned());
        };
        match self.resolve(items)? {
            Some(Value::Array(items)) => {
                let texts = items.iter().map(plain_text).collect::<Result<Vec<_>, _>>()?;
                Ok(Some(Value::String(texts.join(separator))))
            }
            _ => Err("Fn::Join needs a list".to_owned()),
        }
    }

    fn select(&self, argument: &Value) -> Resolved {
        let Some([index, items]) = argument.as_array().map(Vec::as_slice) else {
            return Err("Fn::Select needs an index and a list".to_owned());
        };
        let index: usize = self
            .resolved_text(index)?
            .parse()
            .map_err(|_| "Fn::Select needs a number as index".to_owned())?;
        match self.resolve(items)? {
            Some(Value::Array(items)) => items
                .get(index)
                .cloned()
                .map(Some)
                .ok_or_else(|| format!("Fn::Select: the list has no element {index}")),
            _ => Err("Fn::Select needs a list".to_owned()),
        }
    }

    fn find_in_map(&self, argument: &Value) -> Resolved {
        let Some([map, first, second]) = argument.as_array().map(Vec::as_slice) else {
            return Err("Fn::FindInMap needs a map and two keys".to_owned());
        };
        let (map, first, second) =
            (self.resolved_text(map)?, self.resolved_text(first)?, self.resolved_text(second)?);
        self.mappings
            .get(&map)
            .and_then(|keys| keys.get(&first))
            .and_then(|keys| keys.get(&second))
            .cloned()
            .map(Some)
            .ok_or_else(|| format!("Fn::FindInMap: there is no {map}.{first}.{second}"))
    }

    fn resolved_text(&self, value: &Value) -> Result<String, String> {
        plain_text(&self.resolve(value)?.unwrap_or_default())
    }
}

fn intrinsic_of(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = map.iter();
    let (name, argument) = entries.next()?;
    if entries.next().is_some() {
        return None;
    }
    // A key called "Condition" beside others is an attribute of a policy, not a function.
    (name == "Ref" || name.starts_with("Fn::") || (name == "Condition" && argument.is_string()))
        .then_some((name.as_str(), argument))
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} must be a text"))
}

fn plain_text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        other => Err(format!("{other} is not a text")),
    }
}
