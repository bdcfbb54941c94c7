//! Resource objects: what answers are made of.

use std::collections::{BTreeMap, HashSet};

use perennial_domain::money::Currency;
use serde_json::{Map, Number, Value, json};

use super::{attributes::Attribute, json_object::json_object, query::Query};

/// A type of resource.
#[derive(Debug)]
pub(crate) struct ResourceType {
    /// Its name in documents and paths.
    pub(crate) name: &'static str,
    /// What one of them is called.
    pub(crate) singular: &'static str,
    pub(crate) about: &'static str,
    pub(crate) attributes: &'static [Attribute],
    pub(crate) relationships: &'static [Relationship],
}

/// A relationship of a resource to others.
#[derive(Debug)]
pub(crate) struct Relationship {
    pub(crate) name: &'static str,
    /// The type of the others.
    pub(crate) to: &'static str,
    /// Other types that it may lead to, where it may lead to several.
    pub(crate) or_to: &'static [&'static str],
    pub(crate) many: bool,
    /// Whether a client gives it on creation.
    pub(crate) on_create: Given,
    /// Whether a client may change it.
    pub(crate) on_update: bool,
    /// Whether `/api/<type>/<id>/<relationship>` is served.
    pub(crate) linked: bool,
}

/// Whether a client gives a relationship.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    Never,
    Optionally,
    Always,
}

impl Relationship {
    /// One that a client must give on creation.
    pub(crate) const fn required(name: &'static str, to: &'static str) -> Self {
        Self {
            name,
            to,
            or_to: &[],
            many: false,
            on_create: Given::Always,
            on_update: false,
            linked: true,
        }
    }

    /// One that a client may give on creation and change later.
    pub(crate) const fn optional(name: &'static str, to: &'static str) -> Self {
        Self {
            name,
            to,
            or_to: &[],
            many: false,
            on_create: Given::Optionally,
            on_update: true,
            linked: true,
        }
    }

    /// One that the server gives.
    pub(crate) const fn given(name: &'static str, to: &'static str) -> Self {
        Self {
            name,
            to,
            or_to: &[],
            many: false,
            on_create: Given::Never,
            on_update: false,
            linked: true,
        }
    }

    /// Several, given by the server.
    pub(crate) const fn listed(name: &'static str, to: &'static str) -> Self {
        Self {
            name,
            to,
            or_to: &[],
            many: true,
            on_create: Given::Never,
            on_update: false,
            linked: true,
        }
    }

    /// Several that a client may give on creation and change later.
    pub(crate) const fn several(name: &'static str, to: &'static str) -> Self {
        Self { many: true, ..Self::optional(name, to) }
    }

    /// The same, which may lead to other types too.
    pub(crate) const fn or_to(self, types: &'static [&'static str]) -> Self {
        Self { or_to: types, ..self }
    }

    /// The types that it may lead to.
    pub(crate) fn types(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.to).chain(self.or_to.iter().copied())
    }

    /// The same, of a resource that is not served under a path of its own.
    pub(crate) const fn unlinked(self) -> Self {
        Self { linked: false, ..self }
    }
}

impl ResourceType {
    pub(crate) fn relationship(&self, name: &str) -> Option<&Relationship> {
        self.relationships.iter().find(|relationship| relationship.name == name)
    }

    /// Whether answers have a field of this name.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        self.relationship(name).is_some()
            || self.attributes.iter().any(|a| a.name == name && a.access.readable())
            || self.decimals().any(|(decimal, _)| decimal == name)
    }

    /// The amounts that answers hold in units of the currency too, each with its attribute in minor
    /// units.
    pub(crate) fn decimals(&self) -> impl Iterator<Item = (String, &Attribute)> {
        let priced = self.attributes.iter().any(|attribute| attribute.name == CURRENCY);
        let amounts = self.attributes.iter().filter(move |a| priced && a.access.readable());
        amounts.filter_map(|a| Some((format!("{}_float", a.name.strip_suffix("_cents")?), a)))
    }
}

/// The attribute that tells the currency of the others.
const CURRENCY: &str = "currency_code";

/// A resource by type and id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Ref {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
}

impl Ref {
    pub(crate) fn new(kind: &'static str, id: &impl ToString) -> Self {
        Self { kind, id: id.to_string() }
    }

    fn to_json(&self) -> Value {
        json!({"type": self.kind, "id": self.id})
    }
}

/// What a resource object says of a relationship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Linkage {
    One(Option<Ref>),
    Many(Vec<Ref>),
    /// Only where to find them.
    Unknown,
}

impl Linkage {
    /// The one of this type and id, if there is one.
    pub(crate) fn one<T: ToString>(kind: &'static str, id: Option<&T>) -> Self {
        Self::One(id.map(|id| Ref::new(kind, id)))
    }

    /// Those that are known.
    pub(crate) fn refs(&self) -> &[Ref] {
        match self {
            Self::One(one) => one.as_slice(),
            Self::Many(many) => many,
            Self::Unknown => &[],
        }
    }
}

/// A resource object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) kind: &'static ResourceType,
    pub(crate) id: String,
    /// Counts changes; `None` where clients can't change it.
    pub(crate) version: Option<u64>,
    pub(crate) attributes: Value,
    pub(crate) relationships: Vec<(&'static str, Linkage)>,
    pub(crate) meta: Option<Value>,
    /// Objects that were loaded with it, for `include`.
    pub(crate) brings: Vec<Object>,
}

impl Object {
    pub(crate) fn reference(&self) -> Ref {
        Ref { kind: self.kind.name, id: self.id.clone() }
    }

    /// Where it is served.
    pub(crate) fn path(&self) -> String {
        format!("/api/{}/{}", self.kind.name, self.id)
    }

    pub(crate) fn linkage(&self, name: &str) -> Option<&Linkage> {
        self.relationships.iter().find(|(found, _)| *found == name).map(|(_, linkage)| linkage)
    }

    fn to_json(&self, query: &Query) -> Value {
        let wanted = query.fields.get(self.kind.name);
        let shows = |name: &str| wanted.is_none_or(|fields| fields.contains(name));
        let attributes: Map<String, Value> = match &self.attributes {
            Value::Object(attributes) => json_object(
                attributes
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .chain(self.decimals(attributes))
                    .filter(|(name, _)| shows(name)),
            ),
            _ => Map::new(),
        };
        let relationships = json_object(
            self.relationships
                .iter()
                .filter(|(name, _)| shows(name))
                .filter_map(|(name, linkage)| Some((*name, self.relationship(name, linkage)?))),
        );
        let mut object = json!({
            "type": self.kind.name,
            "id": self.id,
            "attributes": attributes,
            "links": {"self": self.path()},
        });
        if let Value::Object(members) = &mut object {
            if !relationships.is_empty() {
                members.insert("relationships".to_owned(), Value::Object(relationships));
            }
            if let Some(meta) = &self.meta {
                members.insert("meta".to_owned(), meta.clone());
            }
        }
        object
    }

    /// The amounts among attributes, in units of the currency.
    fn decimals(&self, attributes: &Map<String, Value>) -> Vec<(String, Value)> {
        let code = attributes.get(CURRENCY).and_then(Value::as_str);
        let currency: Option<Currency> = code.and_then(|code| code.parse().ok());
        let amounts = self.kind.decimals();
        let decimal = |(name, attribute): (String, &Attribute)| {
            let minor = attributes.get(attribute.name)?;
            let amount = minor.as_i64().zip(currency);
            Some((name, amount.map_or(Value::Null, |(minor, of)| decimal(minor, of))))
        };
        amounts.filter_map(decimal).collect()
    }

    /// `None` where there is nothing to say: the standard wants data or a link.
    fn relationship(&self, name: &str, linkage: &Linkage) -> Option<Value> {
        let mut object = Map::new();
        if self.kind.relationship(name).is_some_and(|relationship| relationship.linked) {
            object
                .insert("links".to_owned(), json!({"related": format!("{}/{name}", self.path())}));
        }
        match linkage {
            Linkage::One(one) => {
                object.insert("data".to_owned(), json!(one.as_ref().map(Ref::to_json)));
            }
            Linkage::Many(many) => {
                let data: Vec<Value> = many.iter().map(Ref::to_json).collect();
                object.insert("data".to_owned(), json!(data));
            }
            Linkage::Unknown => {}
        }
        (!object.is_empty()).then_some(Value::Object(object))
    }
}

/// An amount in units of its currency, as a JSON number: its digits are those of the count of minor
/// units, with the point put into them, so nothing is computed in binary fractions. As JSON's readers
/// take numbers for such, 15 digits are exact for all of them.
fn decimal(minor: i64, currency: Currency) -> Value {
    let places = usize::try_from(currency.exponent()).unwrap_or_default();
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = places + 1);
    let (units, fraction) = digits.split_at(digits.len() - places);
    let sign = if minor < 0 { "-" } else { "" };
    let text = format!("{sign}{units}.{fraction}0");
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}

/// What a document holds besides its resources.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    pub(crate) links: BTreeMap<&'static str, Option<String>>,
    pub(crate) meta: Map<String, Value>,
}

impl Frame {
    /// Just the link to the document itself.
    fn of(itself: String) -> Self {
        Self { links: BTreeMap::from([("self", Some(itself))]), meta: Map::new() }
    }
}

/// A document about one resource; `itself` is the address that answers it.
pub(crate) fn single(object: &Object, included: &[Object], query: &Query, itself: String) -> Value {
    document(object.to_json(query), &[object], included, query, Frame::of(itself))
}

/// A document about the resource that a relationship leads to, where there is none.
pub(crate) fn nothing(query: &Query, itself: String) -> Value {
    document(Value::Null, &[], &[], query, Frame::of(itself))
}

/// A document about what was computed and is served nowhere: nothing in it is a link.
pub(crate) fn unserved(object: &Object, query: &Query) -> Value {
    let mut data = object.to_json(query);
    if let Value::Object(members) = &mut data {
        members.remove("links");
    }
    json!({"jsonapi": {"version": "1.1"}, "data": data})
}

/// A document about several.
pub(crate) fn collection(
    objects: &[Object],
    included: &[Object],
    query: &Query,
    frame: Frame,
) -> Value {
    let data: Vec<Value> = objects.iter().map(|object| object.to_json(query)).collect();
    let primary: Vec<&Object> = objects.iter().collect();
    document(Value::Array(data), &primary, included, query, frame)
}

fn document(
    data: Value,
    primary: &[&Object],
    included: &[Object],
    query: &Query,
    frame: Frame,
) -> Value {
    let mut members = Map::new();
    members.insert("jsonapi".to_owned(), json!({"version": "1.1"}));
    members.insert("data".to_owned(), data);
    members.insert("links".to_owned(), json!(frame.links));
    if query.wants_included {
        let mut seen: HashSet<Ref> = primary.iter().map(|object| object.reference()).collect();
        let included: Vec<Value> = included
            .iter()
            .filter(|object| seen.insert(object.reference()))
            .map(|object| object.to_json(query))
            .collect();
        members.insert("included".to_owned(), Value::Array(included));
    }
    if !frame.meta.is_empty() {
        members.insert("meta".to_owned(), Value::Object(frame.meta));
    }
    Value::Object(members)
}

#[cfg(test)]
#[path = "object_tests.rs"]
mod tests;
