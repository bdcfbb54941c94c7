//! A small JSON:API client.

use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde_json::Value;

use crate::{Failure, TestResult, described::undescribed};

/// The media type of all documents.
pub const JSON_API: &str = "application/vnd.api+json";

/// Whom requests go to, and as whom.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

/// A request on its way.
#[derive(Debug)]
pub struct Sending(reqwest::RequestBuilder);

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; null where it is none.
    pub body: Value,
}

impl Api {
    /// Requests to the stack at `url`, such as `http://127.0.0.1:3000`, with a token.
    #[must_use]
    pub fn new(url: &str, token: impl Into<String>) -> Self {
        Self { http: reqwest::Client::new(), url: url.to_owned(), token: Some(token.into()) }
    }

    /// The same stack with another token, or with none, by connections of its own.
    #[must_use]
    pub fn with_token(&self, token: Option<String>) -> Self {
        Self { http: reqwest::Client::new(), url: self.url.clone(), token }
    }

    /// A request for a path below `/api`, without a body.
    #[must_use]
    pub fn request(&self, method: Method, path: &str) -> Sending {
        let request = self.http.request(method, format!("{}/api/{path}", self.url));
        Sending(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    /// Reads.
    ///
    /// # Errors
    /// When there is no answer, or its status is not 200.
    pub async fn get(&self, path: &str) -> TestResult<Answer> {
        self.request(Method::GET, path).send().await?.with_status(200)
    }

    /// Makes a resource.
    ///
    /// # Errors
    /// When there is no answer, or its status is not 201.
    pub async fn create(&self, path: &str, document: &Value) -> TestResult<Answer> {
        self.post(path, document).send().await?.with_status(201)
    }

    /// A request to make a resource, to be sent.
    #[must_use]
    pub fn post(&self, path: &str, document: &Value) -> Sending {
        self.request(Method::POST, path).document(document)
    }

    /// A request to change a resource, to be sent.
    #[must_use]
    pub fn patch(&self, path: &str, document: &Value) -> Sending {
        self.request(Method::PATCH, path).document(document)
    }

    /// Every resource of a list, through all its pages.
    ///
    /// # Errors
    /// When a page is no page.
    pub async fn all(&self, path: &str) -> TestResult<Vec<Value>> {
        let mut resources = Vec::new();
        let mut path = path.to_owned();
        loop {
            let page = self.get(&path).await?;
            resources.extend(page.list()?.iter().cloned());
            let Some(next) = page.at("/links/next").as_str() else { return Ok(resources) };
            path = next
                .strip_prefix("/api/")
                .ok_or_else(|| format!("the next page is {next:?}"))?
                .to_owned();
        }
    }

    /// Moves the stack's clock: `{"advance": "P1M"}` or `{"set": "2027-01-31T00:00:00Z"}`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn move_clock(&self, target: &Value) -> TestResult<Answer> {
        let request = self.http.post(format!("{}/local/clock", self.url)).json(target);
        Sending(request).send().await
    }

    /// Plays the bank of the test payment provider: tells of a dispute about an order's payment.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn dispute(&self, dispute: &Value) -> TestResult<Answer> {
        let request = self.http.post(format!("{}/local/disputes", self.url)).json(dispute);
        Sending(request).send().await
    }

    /// Reads a local endpoint, such as `stats` or `events`.
    ///
    /// # Errors
    /// When there is no answer, or its status is not 200.
    pub async fn local(&self, name: &str) -> TestResult<Value> {
        let request = self.http.get(format!("{}/local/{name}", self.url));
        Ok(Sending(request).send().await?.with_status(200)?.body)
    }
}

impl Sending {
    /// Adds a header.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// Adds an idempotency key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// Adds a body of any kind.
    #[must_use]
    pub fn body(self, content_type: &str, body: impl Into<String>) -> Self {
        Self(self.0.header("content-type", content_type).body(body.into()))
    }

    /// Adds a JSON:API document.
    #[must_use]
    pub fn document(self, document: &Value) -> Self {
        self.body(JSON_API, document.to_string())
    }

    /// Sends it.
    ///
    /// # Errors
    /// When there is no answer, or it is not as the OpenAPI document says.
    pub async fn send(self) -> TestResult<Answer> {
        let (client, request) = self.0.build_split();
        let request = request?;
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if let Some(wrong) = undescribed(method.as_str(), &path, status, content_type, &body) {
            let detail =
                format!("{method} {path}: the answer {status} is not as described: {wrong}");
            return Err(detail.into());
        }
        Ok(Answer { status, headers, body })
    }
}

impl Answer {
    /// The same answer, if its status is this one.
    ///
    /// # Errors
    /// When it is another; the error shows the body.
    pub fn with_status(self, status: u16) -> TestResult<Self> {
        if self.status == status {
            return Ok(self);
        }
        Err(format!("status {} instead of {status}: {:#}", self.status, self.body).into())
    }

    /// What stands at a JSON pointer; null where nothing does.
    #[must_use]
    pub fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The text at a JSON pointer.
    ///
    /// # Errors
    /// When there is none.
    pub fn text(&self, pointer: &str) -> TestResult<String> {
        let text = self.at(pointer).as_str();
        text.map(str::to_owned)
            .ok_or_else(|| format!("there is no text at {pointer} of {:#}", self.body).into())
    }

    /// The primary resource's id.
    ///
    /// # Errors
    /// When there is none.
    pub fn id(&self) -> TestResult<String> {
        self.text("/data/id")
    }

    /// An attribute of the primary resource; null where there is none.
    #[must_use]
    pub fn attribute(&self, name: &str) -> &Value {
        self.at(&format!("/data/attributes/{name}"))
    }

    /// The primary resources of a list.
    ///
    /// # Errors
    /// When it is no list.
    pub fn list(&self) -> TestResult<&[Value]> {
        let list = self.at("/data").as_array();
        list.map(Vec::as_slice).ok_or_else(|| format!("no list: {:#}", self.body).into())
    }

    /// A header's text.
    ///
    /// # Errors
    /// When it is missing.
    pub fn header(&self, name: &str) -> TestResult<&str> {
        let value = self.headers.get(name).ok_or_else(|| format!("no header {name}"))?;
        value.to_str().map_err(Failure::from)
    }

    /// What the errors say is wrong and where, as `code place`; the place is a JSON pointer, a
    /// query parameter or a header.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        let errors = self.at("/errors").as_array().map(Vec::as_slice).unwrap_or_default();
        errors
            .iter()
            .map(|error| {
                let source = ["pointer", "parameter", "header"]
                    .iter()
                    .find_map(|kind| error.get("source")?.get(*kind)?.as_str());
                let code = error.get("code").and_then(Value::as_str).unwrap_or_default();
                format!("{code} {}", source.unwrap_or_default()).trim_end().to_owned()
            })
            .collect()
    }
}
