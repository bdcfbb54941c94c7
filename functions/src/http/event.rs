//! API Gateway's HTTP API events, payload format 2.0: what of them is read, and the answer.
//!
//! Read by a struct of our own with just the members in use, because the general one builds a URL
//! of the path and panics on some that clients can send.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    error::{Code, Outcome, Problem},
    json_object::json_object,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    #[serde(default)]
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    stage: Option<String>,
    http: Http,
    #[serde(default)]
    authorizer: Option<Authorizer>,
}

#[derive(Debug, Deserialize)]
struct Http {
    method: String,
}

#[derive(Debug, Deserialize)]
struct Authorizer {
    #[serde(default)]
    jwt: Option<Jwt>,
}

#[derive(Debug, Deserialize)]
struct Jwt {
    #[serde(default)]
    claims: Map<String, Value>,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// In capitals.
    pub(crate) method: String,
    /// Without the stage.
    pub(crate) path: String,
    /// As it stands in the URL.
    pub(crate) query: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    body: Option<String>,
    encoded: bool,
    /// API Gateway's id of the request.
    pub(crate) id: Option<String>,
    /// The claims of the token that API Gateway has checked; `None` where it checked none.
    pub(crate) claims: Option<Map<String, Value>>,
}

impl Request {
    /// The request in an event.
    ///
    /// # Errors
    /// When it is not an event of an HTTP API in payload format 2.0.
    pub(crate) fn from_event(event: Value) -> Result<Self, serde_json::Error> {
        let Payload {
            raw_path,
            raw_query_string,
            headers,
            body,
            is_base64_encoded,
            request_context: RequestContext { request_id, stage, http, authorizer },
        } = serde_json::from_value(event)?;
        let path = match stage.as_deref() {
            None | Some("$default") => raw_path,
            // A named stage stands in front of the path.
            Some(stage) => raw_path
                .strip_prefix('/')
                .and_then(|path| path.strip_prefix(stage))
                .filter(|path| path.starts_with('/'))
                .map(str::to_owned)
                .unwrap_or(raw_path),
        };
        Ok(Self {
            method: http.method.to_ascii_uppercase(),
            path,
            query: raw_query_string,
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .collect(),
            body,
            encoded: is_base64_encoded,
            id: request_id,
            claims: authorizer.and_then(|authorizer| authorizer.jwt).map(|jwt| jwt.claims),
        })
    }

    /// A request of our own in the course of this one, with a document in JSON.
    pub(crate) fn within(&self, method: &str, path: &str, document: &Value) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: String::new(),
            headers: BTreeMap::new(),
            body: Some(document.to_string()),
            encoded: false,
            id: self.id.clone(),
            claims: None,
        }
    }

    /// The path with its query: the link to what is answered.
    pub(crate) fn link(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }

    /// A header by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body as text; `None` where there is none.
    pub(crate) fn body(&self) -> Outcome<Option<String>> {
        let text = match &self.body {
            Some(_) if self.encoded => String::from_utf8(self.bytes()?.into_owned())
                .map_err(|_| malformed("the body is not text in UTF-8"))?,
            Some(body) => body.clone(),
            None => return Ok(None),
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// The bytes of the body as they came, of which signatures are made.
    pub(crate) fn bytes(&self) -> Outcome<Cow<'_, [u8]>> {
        match &self.body {
            Some(body) if self.encoded => Ok(Cow::Owned(
                STANDARD
                    .decode(body)
                    .map_err(|_| malformed("the body reached us in a damaged encoding"))?,
            )),
            Some(body) => Ok(Cow::Borrowed(body.as_bytes())),
            None => Ok(Cow::Borrowed(&[])),
        }
    }

    /// How long the body is, in bytes; an encoded one counts at what it decodes to.
    pub(crate) fn body_len(&self) -> usize {
        let len = self.body.as_ref().map_or(0, String::len);
        if self.encoded { len / 4 * 3 } else { len }
    }
}

fn malformed(detail: &str) -> Problem {
    Problem::new(Code::MalformedJson, detail).at("")
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<String>,
}

impl Answer {
    /// An answer with a JSON body.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body.to_string()) }
    }

    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }

    /// The answer as API Gateway expects it.
    pub(crate) fn into_event(self) -> Value {
        let headers =
            json_object(self.headers.into_iter().map(|(name, value)| (name, Value::String(value))));
        let mut event = json!({
            "statusCode": self.status,
            "headers": headers,
            "isBase64Encoded": false,
        });
        if let (Value::Object(members), Some(body)) = (&mut event, self.body) {
            members.insert("body".to_owned(), Value::String(body));
        }
        event
    }
}
