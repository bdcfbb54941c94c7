//! Request documents: the JSON:API shape of a body, checked before anything else is.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::{
    attributes::{Attributes, Mode},
    error::{ApiError, Code, Outcome, Problem, Problems},
    event::Request,
    kind::escaped,
    members,
    object::{Given, Relationship, ResourceType},
    tolerated::tolerated,
};

/// The resource object in a request document.
#[derive(Debug)]
pub(crate) struct Document {
    kind: &'static ResourceType,
    mode: Mode,
    attributes: Map<String, Value>,
    relationships: Map<String, Value>,
}

/// A relationship as a client gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Related<T> {
    /// Not at all.
    Absent,
    /// To nothing.
    Nothing,
    /// To this.
    To(T),
}

impl<T> Related<T> {
    pub(crate) fn id(self) -> Option<T> {
        match self {
            Self::Absent | Self::Nothing => None,
            Self::To(id) => Some(id),
        }
    }
}

fn malformed(detail: impl Into<String>, pointer: &str) -> ApiError {
    Problem::new(Code::MalformedDocument, detail).at(pointer).into()
}

/// The body as JSON.
pub(crate) fn json_body(request: &Request) -> Outcome<Value> {
    let Some(body) = request.body()? else {
        return Err(malformed("a body is required: {\"data\": {\"type\": ...}}", ""));
    };
    serde_json::from_str(&body).map_err(|error| {
        Problem::new(Code::MalformedJson, format!("the body is not JSON: {error}"))
            .at("")
            .with("line", error.line())
            .with("column", error.column())
            .into()
    })
}

impl Document {
    /// The document that makes a resource.
    pub(crate) fn create(request: &Request, kind: &'static ResourceType) -> Outcome<Self> {
        let (document, id) = Self::read(request, kind, Mode::Create)?;
        if id.is_some() {
            return Err(Problem::new(
                Code::ClientGeneratedId,
                "ids are given by the server: leave the id out",
            )
            .at("/data/id")
            .into());
        }
        Ok(document)
    }

    /// The document that changes the resource with this id.
    pub(crate) fn update(
        request: &Request,
        kind: &'static ResourceType,
        id: &str,
    ) -> Outcome<Self> {
        let (document, given) = Self::read(request, kind, Mode::Update)?;
        match given {
            None => Err(malformed("data must hold the resource's id", "/data")),
            Some(given) if given != id => {
                let shown: String = given.chars().take(100).collect();
                Err(Problem::new(
                    Code::IdMismatch,
                    format!("the body is about {shown:?}, the path about {id:?}"),
                )
                .at("/data/id")
                .with("value", shown)
                .into())
            }
            Some(_) => Ok(document),
        }
    }

    fn read(
        request: &Request,
        kind: &'static ResourceType,
        mode: Mode,
    ) -> Outcome<(Self, Option<String>)> {
        let Value::Object(mut top) = json_body(request)? else {
            return Err(malformed("the document must be an object", ""));
        };
        let mut problems = Problems::default();
        members::check_top(&top, &mut problems);
        let data = match top.remove("data") {
            Some(Value::Object(data)) => data,
            Some(_) => return Err(malformed("data must be one resource object", "/data")),
            None => return Err(malformed("the document must have a member data", "")),
        };
        problems.check()?;
        let mut read = Self { kind, mode, attributes: Map::new(), relationships: Map::new() };
        let (mut name, mut id) = (None, None);
        for (member, value) in data {
            match (member.as_str(), value) {
                ("type", Value::String(text)) => name = Some(text),
                ("type", _) => return Err(malformed("type must be text", "/data/type")),
                ("id", Value::String(text)) => id = Some(text),
                ("id", _) => return Err(malformed("id must be text", "/data/id")),
                ("attributes", Value::Object(attributes)) => read.attributes = attributes,
                ("attributes", _) => {
                    return Err(malformed("attributes must be an object", "/data/attributes"));
                }
                ("relationships", Value::Object(relationships)) => {
                    read.relationships = relationships;
                }
                ("relationships", _) => {
                    return Err(malformed(
                        "relationships must be an object",
                        "/data/relationships",
                    ));
                }
                ("links" | "meta" | "lid", _) => {}
                (other, _) => {
                    let shown: String = other.chars().take(100).collect();
                    return Err(malformed(
                        format!(
                            "a resource object has no member {shown:?}; attributes stand under attributes"
                        ),
                        "/data",
                    ));
                }
            }
        }
        match name {
            None => Err(malformed("data must have a type", "/data")),
            Some(name) if name != kind.name => {
                let shown: String = name.chars().take(100).collect();
                Err(Problem::new(
                    Code::TypeMismatch,
                    format!("resources here are of type {:?}, not {shown:?}", kind.name),
                )
                .at("/data/type")
                .with("value", shown)
                .into())
            }
            Some(_) => Ok((read, id)),
        }
    }

    /// The attributes, to be read by the resource's table. Also checks that every relationship is
    /// one that a client may give, or one that is left alone.
    pub(crate) fn attributes(&mut self, problems: &mut Problems) -> Attributes {
        self.check_relationships(problems);
        let given = std::mem::take(&mut self.attributes);
        Attributes::new(self.kind.attributes, self.mode, given, "/data/attributes", problems)
    }

    fn check_relationships(&self, problems: &mut Problems) {
        let settable = |known: &&Relationship| match self.mode {
            Mode::Create => known.on_create != Given::Never,
            Mode::Update => known.on_update,
        };
        for (name, given) in &self.relationships {
            let at = format!("/data/relationships/{}", escaped(name));
            if self.kind.relationship(name).as_ref().is_some_and(settable) {
                members::check_relationship(given, &at, problems);
            } else if !tolerated(self.kind.name).contains(&name.as_str()) {
                let shown: String = name.chars().take(100).collect();
                let all = self.kind.relationships.iter().filter(settable);
                let names: Vec<&str> = all.map(|known| known.name).collect();
                let others = match names.as_slice() {
                    [] => "there is none".to_owned(),
                    names => format!("there are: {}", names.join(", ")),
                };
                let detail = format!("there is no relationship {shown:?} to set; {others}");
                problems.add(Problem::new(Code::UnknownRelationship, detail).at(at));
            }
        }
    }

    /// Reads a relationship to one resource.
    pub(crate) fn related<T: FromStr>(&self, name: &str, problems: &mut Problems) -> Related<T> {
        let at = format!("/data/relationships/{name}");
        let Some(relationship) = self.kind.relationship(name) else { return Related::Absent };
        let expected = relationship.types().collect::<Vec<_>>().join(" or ");
        let Some(given) = self.relationships.get(name) else {
            if self.mode == Mode::Create
                && self.kind.relationship(name).is_some_and(|r| r.on_create == Given::Always)
            {
                problems.add(
                    Problem::new(Code::Required, format!("the relationship {name} is required"))
                        .at(at),
                );
            }
            return Related::Absent;
        };
        let shape = format!(
            "the relationship {name} must be {{\"data\": {{\"type\": \"{expected}\", \"id\": ...}}}}"
        );
        let data = match given.get("data") {
            Some(Value::Null) => {
                if self.kind.relationship(name).is_some_and(|r| r.on_create == Given::Always) {
                    let detail = format!("the relationship {name} must lead somewhere");
                    problems.add(Problem::new(Code::Required, detail).at(format!("{at}/data")));
                }
                return Related::Nothing;
            }
            Some(Value::Object(data)) => data,
            _ => {
                problems.add(Problem::new(Code::WrongType, shape).at(at));
                return Related::Absent;
            }
        };
        let text = |member: &str| data.get(member).and_then(Value::as_str);
        match (text("type"), text("id")) {
            (Some(kind), Some(id)) if relationship.types().any(|to| to == kind) => {
                if let Ok(id) = id.parse() {
                    return Related::To(id);
                }
                problems.add(no_such(kind, id, &at));
            }
            (Some(kind), Some(_)) => {
                let shown: String = kind.chars().take(100).collect();
                let detail =
                    format!("the relationship {name} leads to {expected}, not to {shown:?}");
                problems.add(
                    Problem::new(Code::WrongType, detail)
                        .at(format!("{at}/data/type"))
                        .with("value", shown),
                );
            }
            _ => problems.add(Problem::new(Code::WrongType, shape).at(format!("{at}/data"))),
        }
        Related::Absent
    }

    /// The type of what a relationship to one resource was given to lead to; the only type that it may
    /// lead to, where there is but one.
    pub(crate) fn related_type(&self, relationship: &Relationship) -> &'static str {
        let given = self.relationships.get(relationship.name).and_then(|given| given.get("data"));
        let given = given.and_then(|data| data.get("type")).and_then(Value::as_str);
        relationship.types().find(|kind| given == Some(kind)).unwrap_or(relationship.to)
    }

    /// Reads a relationship to one resource of several types: its type and id; `None` where it is
    /// not given, or leads nowhere.
    pub(crate) fn related_any(
        &self,
        name: &str,
        problems: &mut Problems,
    ) -> Option<(&'static str, String)> {
        let relationship = self.kind.relationship(name)?;
        let data = self.relationships.get(name)?.get("data").unwrap_or(&Value::Null);
        if data.is_null() && self.relationships.get(name)?.get("data").is_some() {
            return None;
        }
        let text = |member: &str| data.get(member).and_then(Value::as_str);
        let kind = relationship.types().find(|kind| text("type") == Some(kind));
        let found = kind.zip(text("id").map(str::to_owned));
        if found.is_none() {
            let types = relationship.types().collect::<Vec<_>>().join(", ");
            let detail = format!(
                "the relationship {name} must be {{\"data\": {{\"type\": ..., \"id\": ...}}}}, of one of \
                 the types {types}"
            );
            let at = format!("/data/relationships/{name}/data");
            problems.add(Problem::new(Code::WrongType, detail).at(at));
        }
        found
    }

    /// Reads a relationship to several resources, each once; `None` where it is not given.
    pub(crate) fn related_list(&self, name: &str, problems: &mut Problems) -> Option<Vec<String>> {
        let expected = self.kind.relationship(name)?.to;
        let given = self.relationships.get(name)?;
        let at = format!("/data/relationships/{name}/data");
        let shape = format!(
            "the relationship {name} must be {{\"data\": [{{\"type\": \"{expected}\", \"id\": ...}}]}}"
        );
        let mut wrong = |at: String| problems.add(Problem::new(Code::WrongType, &*shape).at(at));
        let Some(Value::Array(given)) = given.get("data") else {
            wrong(at);
            return None;
        };
        let mut ids: Vec<String> = Vec::new();
        for (index, one) in given.iter().enumerate() {
            let text = |member: &str| one.get(member).and_then(Value::as_str);
            match (text("type"), text("id")) {
                (Some(kind), Some(id)) if kind == expected => {
                    if ids.iter().all(|known| known != id) {
                        ids.push(id.to_owned());
                    }
                }
                _ => wrong(format!("{at}/{index}")),
            }
        }
        Some(ids)
    }
}

/// The problem of a relationship to something that is not there.
pub(crate) fn no_such(kind: &str, id: &str, relationship: &str) -> Problem {
    no_such_at(kind, id, format!("{relationship}/data/id"))
}

/// The same, with the place of the id.
pub(crate) fn no_such_at(kind: &str, id: &str, at: String) -> Problem {
    let shown: String = id.chars().take(100).collect();
    Problem::new(Code::RelatedNotFound, format!("there is no {kind} {shown:?}"))
        .at(at)
        .with("value", shown)
}
