//! A client of the API, as far as the simulation needs one. Whatever it makes it makes under an
//! idempotency key that counts, so that ids are the same in each simulation.

use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::{Method, RequestBuilder, header};
use serde_json::{Map, Value, json};

use super::Failure;

/// The media type of the API.
const JSON_API: &str = "application/vnd.api+json";

pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
    made: AtomicU32,
}

impl Client {
    pub(super) fn new(url: &str, token: String) -> Self {
        Self {
            http: reqwest::Client::new(),
            url: url.to_owned(),
            token,
            made: AtomicU32::default(),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/{path}", self.url)).bearer_auth(&self.token)
    }

    async fn send(request: RequestBuilder, document: Option<&Value>) -> Result<Value, Failure> {
        let request = match document {
            Some(document) => {
                request.header(header::CONTENT_TYPE, JSON_API).body(document.to_string())
            }
            None => request,
        };
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if status.is_success() {
            Ok(serde_json::from_str(&text).unwrap_or_default())
        } else {
            Err(format!("{status}: {text}").into())
        }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        Self::send(self.request(Method::GET, path), None).await
    }

    /// Makes a resource; answers its id.
    pub(super) async fn create(
        &self,
        kind: &str,
        attributes: &Value,
        related: &[(&str, &str, &str)],
    ) -> Result<String, Failure> {
        let related: Map<String, Value> =
            related.iter().map(|(name, kind, id)| ((*name).to_owned(), link(kind, id))).collect();
        let mut document = json!({"data": {"type": kind, "attributes": attributes}});
        if let (false, Some(data)) = (related.is_empty(), document.get_mut("data")) {
            data["relationships"] = Value::Object(related);
        }
        let key = format!("simulated-{}", self.made.fetch_add(1, Ordering::Relaxed));
        let request = self.request(Method::POST, kind).header("idempotency-key", key);
        let answer = Self::send(request, Some(&document)).await?;
        let id = answer.pointer("/data/id").and_then(Value::as_str);
        Ok(id.ok_or_else(|| format!("no id: {answer:#}"))?.to_owned())
    }

    /// The ids of what an order includes.
    pub(super) async fn related(&self, path: &str) -> Result<Vec<String>, Failure> {
        let answer = self.get(path).await?;
        let included = answer.get("included").and_then(Value::as_array).into_iter().flatten();
        let ids = included.filter_map(|one| one.get("id").and_then(Value::as_str));
        Ok(ids.map(str::to_owned).collect())
    }

    /// Lets a subscription be paid by another source.
    pub(super) async fn pay_by(&self, subscription: &str, source: &str) -> Result<(), Failure> {
        let document = json!({"data": {
            "type": "order_subscriptions", "id": subscription, "attributes": {},
            "relationships": {
                "customer_payment_source": link("customer_payment_sources", source),
            },
        }});
        let path = format!("order_subscriptions/{subscription}");
        Self::send(self.request(Method::PATCH, &path), Some(&document)).await.map(drop)
    }

    /// A text of each of the first few of a kind.
    pub(super) async fn texts(&self, kind: &str, pointer: &str) -> Result<Vec<String>, Failure> {
        let answer = self.get(&format!("{kind}?page[size]=10")).await?;
        let objects = answer.get("data").and_then(Value::as_array).into_iter().flatten();
        let texts = objects.filter_map(|one| one.pointer(pointer).and_then(Value::as_str));
        Ok(texts.map(str::to_owned).collect())
    }

    /// How many there are of a kind; `None` when they are more than are counted.
    pub(super) async fn count(&self, kind: &str) -> Result<Option<u64>, Failure> {
        let answer = self.get(&format!("{kind}?page[size]=1&page[number]=1")).await?;
        Ok(answer.pointer("/meta/record_count").and_then(Value::as_u64))
    }
}

fn link(kind: &str, id: &str) -> Value {
    json!({"data": {"type": kind, "id": id}})
}
