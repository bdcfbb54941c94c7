//! A client of the API and of the stack's clock, as anybody could write one: plain HTTP.

use std::fmt;

use chrono::{DateTime, Utc};
use reqwest::{Method, header};
use serde_json::{Map, Value, json};

use super::Failure;

/// The media type of the API.
const JSON_API: &str = "application/vnd.api+json";
/// Resources of one page: the most there may be.
const PAGE: &str = "page[size]=100";

/// A client with a token.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// A resource object.
#[derive(Debug, Clone)]
pub(super) struct Resource(Value);

/// A resource by type and id, as relationships name it.
#[derive(Debug, Clone)]
pub(super) struct Link {
    kind: String,
    pub(super) id: String,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

impl Client {
    /// A client of the stack at `url` that may do everything in an organization.
    pub(super) async fn log_in(url: &str, organization: &str) -> Result<Self, Failure> {
        let http = reqwest::Client::new();
        let mut client = Self { http, url: url.to_owned(), token: String::new() };
        let credentials = json!({
            "grant_type": "client_credentials",
            "organization": organization,
            "role": "operator",
        });
        let path = "/local/oauth/token";
        let answer =
            client.send(Method::POST, path, "application/json", Some(&credentials)).await?;
        let token = answer.pointer("/access_token").and_then(Value::as_str);
        client.token = token.ok_or("the issuer gave no token")?.to_owned();
        Ok(client)
    }

    /// Makes a resource.
    pub(super) async fn create(
        &self,
        kind: &str,
        attributes: Value,
        relationships: &[(&str, &Link)],
    ) -> Result<Resource, Failure> {
        let related: Map<String, Value> = relationships
            .iter()
            .map(|(name, to)| ((*name).to_owned(), json!({"data": {"type": to.kind, "id": to.id}})))
            .collect();
        let mut data = json!({"type": kind, "attributes": attributes});
        if let (Value::Object(members), false) = (&mut data, related.is_empty()) {
            members.insert("relationships".to_owned(), Value::Object(related));
        }
        let path = format!("/api/{kind}");
        self.one(Method::POST, &path, Some(&json!({"data": data}))).await
    }

    /// Changes a resource.
    pub(super) async fn update(&self, link: &Link, attributes: Value) -> Result<Resource, Failure> {
        let Link { kind, id } = link;
        let body = json!({"data": {"type": kind, "id": id, "attributes": attributes}});
        self.one(Method::PATCH, &format!("/api/{kind}/{id}"), Some(&body)).await
    }

    /// Reads a resource.
    pub(super) async fn read(&self, link: &Link) -> Result<Resource, Failure> {
        self.one(Method::GET, &format!("/api/{}/{}", link.kind, link.id), None).await
    }

    /// Reads all resources of a list, page by page.
    pub(super) async fn list(&self, path_and_query: &str) -> Result<Vec<Resource>, Failure> {
        let separator = if path_and_query.contains('?') { '&' } else { '?' };
        let mut next = Some(format!("/api/{path_and_query}{separator}{PAGE}"));
        let mut found = Vec::new();
        while let Some(path) = next {
            let page = self.send(Method::GET, &path, JSON_API, None).await?;
            let data = page.pointer("/data").and_then(Value::as_array);
            found.extend(data.ok_or("a list has no data")?.iter().cloned().map(Resource));
            next = page.pointer("/links/next").and_then(Value::as_str).map(str::to_owned);
        }
        Ok(found)
    }

    /// What time it is in the stack.
    pub(super) async fn now(&self) -> Result<DateTime<Utc>, Failure> {
        let answer = self.send(Method::GET, "/local/clock", "application/json", None).await?;
        let now = answer.pointer("/now").and_then(Value::as_str);
        Ok(now.ok_or("the clock tells no time")?.parse()?)
    }

    /// Sets the clock; whatever falls due on the way has happened when this returns.
    pub(super) async fn set_clock(&self, to: DateTime<Utc>) -> Result<(), Failure> {
        self.move_clock(&json!({"set": to})).await
    }

    /// Moves the clock by an ISO 8601 duration.
    pub(super) async fn advance(&self, duration: &str) -> Result<(), Failure> {
        self.move_clock(&json!({"advance": duration})).await
    }

    async fn move_clock(&self, body: &Value) -> Result<(), Failure> {
        self.send(Method::POST, "/local/clock", "application/json", Some(body)).await.map(drop)
    }

    async fn one(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Resource, Failure> {
        let mut document = self.send(method, path, JSON_API, body).await?;
        match document.get_mut("data").map(Value::take) {
            Some(data @ Value::Object(_)) => Ok(Resource(data)),
            _ => Err(format!("{path} answered no resource").into()),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.url))
            .bearer_auth(&self.token)
            .header(header::ACCEPT, media_type);
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, media_type).body(body.to_string());
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            return Err(format!("{method} {path} was answered {status}: {text}").into());
        }
        Ok(serde_json::from_str(&text)?)
    }
}

impl Resource {
    /// The resource by type and id.
    pub(super) fn link(&self) -> Result<Link, Failure> {
        Ok(Link { kind: self.at("/type")?.to_owned(), id: self.at("/id")?.to_owned() })
    }

    /// An attribute, null where it is missing.
    pub(super) fn attribute(&self, name: &str) -> &Value {
        self.0.get("attributes").and_then(|all| all.get(name)).unwrap_or(&Value::Null)
    }

    /// An attribute that is text.
    pub(super) fn text(&self, name: &str) -> Result<&str, Failure> {
        let found = self.attribute(name).as_str();
        found.ok_or_else(|| format!("{} has no {name}", self.0).into())
    }

    /// An attribute that is a whole number.
    pub(super) fn integer(&self, name: &str) -> Result<i64, Failure> {
        let found = self.attribute(name).as_i64();
        found.ok_or_else(|| format!("{} has no {name}", self.0).into())
    }

    /// An attribute that is an instant; `None` where it is null.
    pub(super) fn instant(&self, name: &str) -> Result<Option<DateTime<Utc>>, Failure> {
        Ok(self.attribute(name).as_str().map(str::parse).transpose()?)
    }

    /// Where a relationship to one other leads, if anywhere.
    pub(super) fn related(&self, name: &str) -> Option<Link> {
        let data = self.0.pointer(&format!("/relationships/{name}/data"))?;
        let text = |member: &str| Some(data.get(member)?.as_str()?.to_owned());
        Some(Link { kind: text("type")?, id: text("id")? })
    }

    fn at(&self, pointer: &str) -> Result<&str, Failure> {
        let found = self.0.pointer(pointer).and_then(Value::as_str);
        found.ok_or_else(|| format!("{} has no {pointer}", self.0).into())
    }
}
