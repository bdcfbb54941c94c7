//! A change of a record: what a client gave, read by the resource's table and its relationships.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use perennial_domain::time::{Frequency, Zone};
use perennial_store::Record;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Catalog, member, named, text};
use crate::{
    api::{
        settled_json::settled,
        tags::{TAGS, TagChange},
    },
    http::{
        attributes::{Access, Attribute, Attributes, Given, Kind, Mode},
        context::Context,
        document::{Document, Related, no_such_at},
        error::{ApiError, Code, Outcome, Problem, Problems},
        object::{self, Relationship},
    },
};

/// What a client wants a record to be.
#[derive(Debug)]
pub(crate) struct Change {
    catalog: &'static Catalog,
    mode: Mode,
    /// The record as it stands; empty where it is made.
    pub(crate) before: Record,
    /// The record as the client wants it, as far as it has been read.
    pub(crate) after: Record,
    /// What was given and has not been read yet.
    pub(crate) attributes: Attributes,
    pub(crate) document: Document,
    pub(crate) problems: Problems,
    /// What the given relationships lead to, by the name of the relationship.
    related: HashMap<&'static str, Vec<Record>>,
}

impl Change {
    /// The change that a document asks for: of a record as it stands, or of none into a new one.
    pub(super) fn new(
        catalog: &'static Catalog,
        mut document: Document,
        before: Option<Record>,
    ) -> Self {
        let mut problems = Problems::default();
        let mode = if before.is_none() { Mode::Create } else { Mode::Update };
        let attributes = document.attributes(&mut problems);
        let before = before.unwrap_or_default();
        let after = before.clone();
        let related = HashMap::new();
        Self { catalog, mode, before, after, attributes, document, problems, related }
    }

    /// Whether it makes the record.
    pub(crate) fn is_new(&self) -> bool {
        self.mode == Mode::Create
    }

    /// Reads an attribute whose values have rules of their own; null asks for the default.
    pub(crate) fn read_as<T: Serialize + DeserializeOwned>(&mut self, name: &str) {
        match self.attributes.optional::<T>(name, &mut self.problems) {
            Given::Absent => {}
            Given::Null => {
                let defaults = (self.catalog.defaults)();
                self.set(name, defaults.get(name));
            }
            Given::Value(value) => self.set(name, value),
        }
    }

    /// Sets a member of the record; null takes it away.
    pub(crate) fn set(&mut self, member: &str, value: impl Serialize) {
        match json!(value) {
            Value::Null => self.after.remove(member),
            value => self.after.insert(member.to_owned(), value),
        };
    }

    /// A text that the record holds after the change.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        text(&self.after, member)
    }

    /// The one that a relationship was given to lead to, where it exists.
    pub(crate) fn related(&self, relationship: &str) -> Option<&Record> {
        self.related.get(relationship)?.first()
    }

    /// Reports a value that was given and breaks a rule.
    pub(crate) fn refuse(&mut self, attribute: &str, code: Code, detail: impl Into<String>) {
        let problem = Problem::new(code, detail).at(self.attributes.pointer(attribute));
        let problem = match self.after.get(attribute) {
            Some(value) => problem.with("value", value.clone()),
            None => problem,
        };
        self.problems.add(problem);
    }

    /// Reads what is stored as it is given.
    pub(super) fn read_attributes(&mut self) {
        let defaults = (self.catalog.defaults)();
        let mode = self.mode;
        let stored = |attribute: &&Attribute| {
            matches!(attribute.access, Access::Create | Access::Write)
                && attribute.access.writable(mode)
        };
        for attribute in self.catalog.kind.attributes.iter().filter(stored) {
            let name = attribute.name;
            match self.given(attribute) {
                Given::Value(value) => {
                    self.after.insert(name.to_owned(), value);
                }
                Given::Absent if self.mode == Mode::Update || self.after.contains_key(name) => {}
                Given::Absent | Given::Null => {
                    self.set(name, defaults.get(name));
                }
            }
        }
    }

    fn given(&mut self, attribute: &Attribute) -> Given<Value> {
        let (name, problems) = (attribute.name, &mut self.problems);
        let value = match (self.catalog.required.contains(&name), self.mode) {
            (true, Mode::Create) if self.after.contains_key(name) => None,
            (true, Mode::Create) => self.attributes.required::<Value>(name, problems),
            (true, Mode::Update) => self.attributes.value::<Value>(name, problems),
            (false, _) => match self.attributes.optional::<Value>(name, problems) {
                Given::Value(value) => Some(value),
                other => return other,
            },
        };
        let Some(value) = value else { return Given::Absent };
        match canonical(&attribute.kind, value.clone()) {
            Ok(value) => Given::Value(value),
            Err(error) => {
                let problem = Problem::new(Code::InvalidValue, format!("{name}: {error}"));
                let pointer = self.attributes.pointer(name);
                self.problems.add(problem.at(pointer).with("value", value));
                Given::Absent
            }
        }
    }

    /// Reads the relationships, which must lead to what exists and the caller sees.
    pub(super) async fn read_relationships(&mut self, context: &Context<'_>) -> Outcome<()> {
        for relationship in self.catalog.kind.relationships {
            let settable = match self.mode {
                Mode::Create => relationship.on_create != object::Given::Never,
                Mode::Update => relationship.on_update,
            };
            if settable && relationship.name != TAGS.name {
                self.read_relationship(context, relationship).await?;
            }
        }
        Ok(())
    }

    /// Reads the tags, of what carries some.
    pub(super) async fn read_tags(&mut self, context: &Context<'_>) -> Outcome<()> {
        if self.catalog.kind.relationship(TAGS.name).is_none() {
            return Ok(());
        }
        let given = TagChange::read(&mut self.attributes, &self.document, &mut self.problems);
        if given.is_given() {
            let before = texts(&self.before, TAGS.name);
            let tags = given.of(context, &before, &mut self.problems).await?;
            self.set(TAGS.name, (!tags.is_empty()).then_some(tags));
        }
        Ok(())
    }

    async fn read_relationship(
        &mut self,
        context: &Context<'_>,
        relationship: &'static Relationship,
    ) -> Outcome<()> {
        let name = relationship.name;
        let ids = if relationship.many {
            let Some(ids) = self.document.related_list(name, &mut self.problems) else {
                return Ok(());
            };
            self.set(&member(relationship), (!ids.is_empty()).then_some(&ids));
            ids
        } else {
            let given: Related<String> = self.document.related(name, &mut self.problems);
            if given == Related::Absent {
                return Ok(());
            }
            let id = given.id();
            self.set(&member(relationship), &id);
            id.into_iter().collect()
        };
        let kind = self.document.related_type(relationship);
        let found = load_of(context, relationship, kind, &ids, &mut self.problems).await?;
        self.related.insert(name, found);
        Ok(())
    }
}

/// The texts in a member of a record.
fn texts(record: &Record, member: &str) -> Vec<String> {
    let texts = record.get(member).and_then(Value::as_array);
    texts.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What a relationship of a document leads to. What is not there is reported.
pub(crate) async fn load_related(
    context: &Context<'_>,
    relationship: &Relationship,
    ids: &[String],
    problems: &mut Problems,
) -> Outcome<Vec<Record>> {
    load_of(context, relationship, relationship.to, ids, problems).await
}

/// The same, where the relationship may lead to several types, and leads to this one.
async fn load_of(
    context: &Context<'_>,
    relationship: &Relationship,
    kind: &str,
    ids: &[String],
    problems: &mut Problems,
) -> Outcome<Vec<Record>> {
    let Some(catalog) = named(kind) else {
        return Err(ApiError::internal(format!("{kind} are not of the catalogue")));
    };
    let sound: Vec<String> = ids.iter().filter(|id| catalog.is_id(id)).cloned().collect();
    let organization = &context.caller.organization;
    let mut found = match sound.is_empty() {
        true => Vec::new(),
        false => context.store().records(organization, catalog.stored, &sound, true).await?,
    };
    found.retain(|record| catalog.visible(context, record));
    for (index, id) in ids.iter().enumerate() {
        if found.iter().all(|record| text(record, "id") != Some(id)) {
            let data = format!("/data/relationships/{}/data", relationship.name);
            let at =
                if relationship.many { format!("{data}/{index}/id") } else { format!("{data}/id") };
            problems.add(no_such_at(catalog.kind.name, id, at));
        }
    }
    Ok(found)
}

/// A value in the one form in which it is stored, however it was written.
fn canonical(kind: &Kind, value: Value) -> Result<Value, String> {
    match (kind, value) {
        (Kind::Frequency, value) => reread::<Frequency>(value),
        (Kind::Instant, value) => reread::<DateTime<Utc>>(value),
        (Kind::Zone, value) => reread::<Zone>(value),
        (Kind::List(of, _), Value::Array(items)) => {
            items.into_iter().map(|item| canonical(of, item)).collect()
        }
        (Kind::Anything(_), value) => Ok(settled(value)),
        (_, value) => Ok(value),
    }
}

fn reread<T: Serialize + DeserializeOwned>(value: Value) -> Result<Value, String> {
    let read: T = serde_json::from_value(value).map_err(|error| error.to_string())?;
    Ok(json!(read))
}
