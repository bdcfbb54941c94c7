//! Attributes of resources: one table per resource says what there is, what values it takes and who
//! may set it. Documents are read by it and the OpenAPI document is made from it.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

pub(crate) use super::kind::Kind;
use super::{
    error::{Code, Problem, Problems},
    kind::{check, escaped, shown},
};

/// One attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) access: Access,
    pub(crate) about: &'static str,
}

/// Who sets an attribute, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only the server.
    Read,
    /// The client, when it makes the resource.
    Create,
    /// The client, always.
    Write,
    /// The client, when it changes the resource.
    Update,
    /// The client, always; it makes something happen and is never answered.
    Trigger,
    /// The client, when it changes the resource; makes something happen and is never answered.
    UpdateTrigger,
    /// The client, when it makes the resource; never answered.
    CreateOnly,
}

/// Whether a document makes a resource or changes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Create,
    Update,
}

impl Access {
    /// Whether a client may give it in a document of this kind.
    pub(crate) fn writable(self, mode: Mode) -> bool {
        match self {
            Self::Read => false,
            Self::Create | Self::CreateOnly => mode == Mode::Create,
            Self::Write | Self::Trigger => true,
            Self::Update | Self::UpdateTrigger => mode == Mode::Update,
        }
    }

    /// Whether it makes something happen: null is no answer to whether it shall.
    pub(crate) fn sets_off(self) -> bool {
        matches!(self, Self::Trigger | Self::UpdateTrigger)
    }

    /// Whether answers hold it.
    pub(crate) fn readable(self) -> bool {
        match self {
            Self::Read | Self::Create | Self::Write | Self::Update => true,
            Self::Trigger | Self::UpdateTrigger | Self::CreateOnly => false,
        }
    }
}

/// An attribute as a client gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given<T> {
    /// Not at all: it keeps its value.
    Absent,
    /// As null: it loses its value.
    Null,
    /// With a value.
    Value(T),
}

impl<T> Given<T> {
    /// The value, if one was given.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Absent | Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }

    /// Changes an optional value as the client wants it.
    pub(crate) fn apply(self, target: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *target = None,
            Self::Value(value) => *target = Some(value),
        }
    }

    /// Changes a value as the client wants it; null asks for the default.
    pub(crate) fn or_default(self, target: &mut T)
    where
        T: Default,
    {
        match self {
            Self::Absent => {}
            Self::Null => *target = T::default(),
            Self::Value(value) => *target = value,
        }
    }

    /// Whether the client said anything about it.
    pub(crate) fn is_given(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

/// Attributes given by a client. What is wrong with them goes to the problems of the request.
#[derive(Debug)]
pub(crate) struct Attributes {
    table: &'static [Attribute],
    given: Map<String, Value>,
    pointer: String,
}

impl Attributes {
    /// Takes what the table allows, and reports the rest.
    pub(crate) fn new(
        table: &'static [Attribute],
        mode: Mode,
        given: Map<String, Value>,
        pointer: &str,
        problems: &mut Problems,
    ) -> Self {
        let mut kept = Map::new();
        for (name, value) in given {
            let at = format!("{pointer}/{}", escaped(&name));
            let known = table.iter().find(|attribute| attribute.name == name);
            match known {
                Some(attribute) if attribute.access.writable(mode) => {
                    if value.is_null() && attribute.access.sets_off() {
                        problems.add(null_refused(&name, at));
                    } else {
                        kept.insert(name, value);
                    }
                }
                Some(attribute) => {
                    let when = match attribute.access {
                        Access::Create | Access::CreateOnly => "can be set only on creation",
                        Access::Update | Access::UpdateTrigger => "can be set only by an update",
                        Access::Read | Access::Write | Access::Trigger => "is set by the server",
                    };
                    let problem =
                        Problem::new(Code::ReadOnlyAttribute, format!("{name} {when}")).at(at);
                    // A secret is repeated nowhere, not even to who has given it.
                    problems.add(match attribute.kind {
                        Kind::Secret | Kind::Dictated(_) => problem,
                        _ => problem.with("value", shown(&value)),
                    });
                }
                None => {
                    let writable: Vec<&str> = table
                        .iter()
                        .filter(|attribute| attribute.access.writable(mode))
                        .map(|attribute| attribute.name)
                        .collect();
                    let name: String = name.chars().take(100).collect();
                    problems.add(
                        Problem::new(
                            Code::UnknownAttribute,
                            format!(
                                "there is no attribute {name:?}; there are: {}",
                                writable.join(", ")
                            ),
                        )
                        .at(at)
                        .with("value", shown(&value)),
                    );
                }
            }
        }
        Self { table, given: kept, pointer: pointer.to_owned() }
    }

    /// Where an attribute stands in the body.
    pub(crate) fn pointer(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    /// Whether an attribute was given and has not been read.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// Whether an attribute was given as a list of nothing.
    pub(crate) fn is_empty_list(&self, name: &str) -> bool {
        self.given.get(name).and_then(Value::as_array).is_some_and(Vec::is_empty)
    }

    /// Takes an attribute as it was given: its parts are to be checked one by one.
    pub(crate) fn take_unread(&mut self, name: &str) -> Option<Value> {
        self.given.remove(name)
    }

    /// Reads an attribute that may be left out or be null.
    pub(crate) fn optional<T: DeserializeOwned>(
        &mut self,
        name: &str,
        problems: &mut Problems,
    ) -> Given<T> {
        match self.given.remove(name) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => self.read(name, &value, problems).map_or(Given::Absent, Given::Value),
        }
    }

    /// Reads an attribute that may be left out, but not be null.
    pub(crate) fn value<T: DeserializeOwned>(
        &mut self,
        name: &str,
        problems: &mut Problems,
    ) -> Option<T> {
        match self.given.remove(name)? {
            Value::Null => {
                self.report_null(name, problems);
                None
            }
            value => self.read(name, &value, problems),
        }
    }

    /// Reads an attribute that must be given.
    pub(crate) fn required<T: DeserializeOwned>(
        &mut self,
        name: &str,
        problems: &mut Problems,
    ) -> Option<T> {
        let Some(value) = self.given.remove(name) else {
            problems.add(
                Problem::new(Code::Required, format!("{name} is required")).at(self.pointer(name)),
            );
            return None;
        };
        if value.is_null() {
            self.report_null(name, problems);
            return None;
        }
        self.read(name, &value, problems)
    }

    /// Reads a trigger: true sets it off, false and absence don't.
    pub(crate) fn trigger(&mut self, name: &str, problems: &mut Problems) -> bool {
        self.value(name, problems).unwrap_or(false)
    }

    /// Reads an object that may be left out or be null, to be read by a table of its own.
    pub(crate) fn object(
        &mut self,
        name: &str,
        table: &'static [Attribute],
        problems: &mut Problems,
    ) -> Given<Self> {
        match self.optional(name, problems) {
            Given::Absent => Given::Absent,
            Given::Null => Given::Null,
            Given::Value(given) => {
                let pointer = self.pointer(name);
                Given::Value(Self::new(table, Mode::Create, given, &pointer, problems))
            }
        }
    }

    /// Reads a list of objects that may be left out or be null, each to be read by one table.
    pub(crate) fn objects(
        &mut self,
        name: &str,
        table: &'static [Attribute],
        problems: &mut Problems,
    ) -> Vec<Self> {
        let given = self.optional(name, problems).value().unwrap_or_default();
        self.each(name, table, given, problems)
    }

    /// Reads a list of objects that must be given, each to be read by one table.
    pub(crate) fn required_objects(
        &mut self,
        name: &str,
        table: &'static [Attribute],
        problems: &mut Problems,
    ) -> Option<Vec<Self>> {
        let given = self.required(name, problems)?;
        Some(self.each(name, table, given, problems))
    }

    fn each(
        &self,
        name: &str,
        table: &'static [Attribute],
        given: Vec<Map<String, Value>>,
        problems: &mut Problems,
    ) -> Vec<Self> {
        let pointer = self.pointer(name);
        given
            .into_iter()
            .enumerate()
            .map(|(place, object)| {
                Self::new(table, Mode::Create, object, &format!("{pointer}/{place}"), problems)
            })
            .collect()
    }

    /// Refuses whatever was given and not read, because it has no meaning beside `decisive`.
    pub(crate) fn refuse_rest(self, decisive: &str, problems: &mut Problems) {
        for (name, value) in self.given.iter().filter(|(_, value)| !value.is_null()) {
            let detail = format!("{name} can't be given together with {decisive}");
            problems.add(
                Problem::new(Code::InvalidValue, detail)
                    .at(self.pointer(name))
                    .with("value", shown(value)),
            );
        }
    }

    fn report_null(&self, name: &str, problems: &mut Problems) {
        problems.add(null_refused(name, self.pointer(name)));
    }

    fn read<T: DeserializeOwned>(
        &self,
        name: &str,
        value: &Value,
        problems: &mut Problems,
    ) -> Option<T> {
        let kind = self.table.iter().find(|attribute| attribute.name == name)?.kind;
        let found = check(&kind, name, &self.pointer(name), value);
        if !found.is_empty() {
            found.into_iter().for_each(|problem| problems.add(problem));
            return None;
        }
        let given = match kind {
            Kind::Members(_) => without_nulls(value),
            _ => Cow::Borrowed(value),
        };
        match T::deserialize(&*given) {
            Ok(read) => Some(read),
            Err(error) => {
                problems.add(
                    Problem::new(Code::InvalidValue, format!("{name}: {error}"))
                        .at(self.pointer(name))
                        .with("value", shown(value)),
                );
                None
            }
        }
    }
}

fn null_refused(name: &str, at: String) -> Problem {
    let detail = format!("{name} must have a value, not null");
    Problem::new(Code::Required, detail).at(at).with("value", Value::Null)
}

/// An object without the members that are null: they are as good as left out.
fn without_nulls(value: &Value) -> Cow<'_, Value> {
    match value {
        Value::Object(members) if members.values().any(Value::is_null) => {
            let given = members.iter().filter(|(_, value)| !value.is_null());
            Cow::Owned(given.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        _ => Cow::Borrowed(value),
    }
}

/// Two tables as one.
#[expect(clippy::indexing_slicing, reason = "evaluated when compiled: it would not compile")]
pub(crate) const fn joined<const A: usize, const B: usize, const N: usize>(
    first: &[Attribute; A],
    then: &[Attribute; B],
) -> [Attribute; N] {
    assert!(A + B == N, "the length is that of both together");
    let mut all = [then[0]; N];
    let mut place = 0;
    while place < N {
        all[place] = if place < A { first[place] } else { then[place - A] };
        place += 1;
    }
    all
}

impl Attribute {
    /// One that only the server sets.
    pub(crate) const fn read(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, access: Access::Read, about }
    }

    /// One that is set on creation.
    pub(crate) const fn create(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, access: Access::Create, about }
    }

    /// One that clients set and change.
    pub(crate) const fn write(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, access: Access::Write, about }
    }

    /// One of another access.
    pub(crate) const fn of(
        name: &'static str,
        kind: Kind,
        access: Access,
        about: &'static str,
    ) -> Self {
        Self { name, kind, access, about }
    }

    /// The JSON schema of its values, with what it is about.
    pub(crate) fn schema(&self) -> Value {
        let mut schema = self.kind.schema();
        if self.access == Access::Read {
            leave_length(&mut schema);
        }
        if let Value::Object(members) = &mut schema {
            members.insert("description".to_owned(), json!(self.about));
        }
        schema
    }
}

/// Takes the bounds of length from a text, or the texts of a list. They are for what clients write: what
/// others have sent, and what was refused, is told as it came, be it empty or long.
fn leave_length(schema: &mut Value) {
    if let Value::Object(members) = schema {
        members.remove("minLength");
        members.remove("maxLength");
        members.get_mut("items").into_iter().for_each(leave_length);
    }
}

#[cfg(test)]
#[path = "attributes_tests.rs"]
mod tests;
