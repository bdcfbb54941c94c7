//! The event that API Gateway makes of a request: HTTP API, payload format 2.0.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::routes::Match;
use crate::{
    identity::{Claims, scopes_of},
    template::ACCOUNT,
};

/// A request, as far as the event needs it.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub(super) method: &'a Method,
    /// The decoded path.
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Bytes,
    pub(super) source_ip: &'a str,
    pub(super) port: u16,
    pub(super) request_id: &'a str,
    pub(super) now: DateTime<Utc>,
}

/// The event for a function.
pub(super) fn event(incoming: &Incoming<'_>, found: &Match<'_>, claims: Option<&Claims>) -> Value {
    let route_key = if found.route.path == "$default" {
        "$default".to_owned()
    } else {
        format!("{} {}", found.route.method, found.route.path)
    };
    let headers = headers(incoming);
    let host = headers.get("host").cloned().unwrap_or_default();
    let agent = headers.get("user-agent").cloned().unwrap_or_default();
    let mut context = json!({
        "accountId": ACCOUNT,
        "apiId": "local",
        "domainName": host,
        "domainPrefix": host.split(['.', ':']).next().unwrap_or_default(),
        "http": {
            "method": incoming.method.as_str(),
            "path": incoming.path,
            "protocol": "HTTP/1.1",
            "sourceIp": incoming.source_ip,
            "userAgent": agent,
        },
        "requestId": incoming.request_id,
        "routeKey": route_key,
        "stage": "$default",
        "time": incoming.now.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        "timeEpoch": incoming.now.timestamp_millis(),
    });
    if let (Some(claims), Some(context)) = (claims, context.as_object_mut()) {
        let texts: Map<String, Value> =
            claims.iter().map(|(name, claim)| (name.clone(), json!(claim_text(claim)))).collect();
        let scopes =
            if found.route.scopes.is_empty() { Value::Null } else { json!(scopes_of(claims)) };
        context.insert("authorizer".into(), json!({"jwt": {"claims": texts, "scopes": scopes}}));
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": incoming.path,
        "rawQueryString": incoming.query,
        "headers": headers,
        "requestContext": context,
        "isBase64Encoded": false,
    });
    let Some(map) = event.as_object_mut() else { return event };
    let cookies = cookies(incoming.headers);
    if !cookies.is_empty() {
        map.insert("cookies".into(), json!(cookies));
    }
    let query = query(incoming.query);
    if !query.is_empty() {
        map.insert("queryStringParameters".into(), json!(query));
    }
    if !found.variables.is_empty() {
        map.insert("pathParameters".into(), json!(found.variables));
    }
    if !incoming.body.is_empty() {
        let text = std::str::from_utf8(incoming.body).ok().filter(|_| is_text(incoming.headers));
        if let Some(text) = text {
            map.insert("body".into(), json!(text));
        } else {
            map.insert("body".into(), json!(STANDARD.encode(incoming.body)));
            map.insert("isBase64Encoded".into(), json!(true));
        }
    }
    event
}

/// Headers under lower-case names, repeated ones joined with a comma, and those that API Gateway
/// adds. Cookies travel apart.
fn headers(incoming: &Incoming<'_>) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in incoming.headers {
        if *name == header::COOKIE {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|joined| {
                joined.push(',');
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    headers.insert("x-forwarded-for".to_owned(), incoming.source_ip.to_owned());
    headers.insert("x-forwarded-port".to_owned(), incoming.port.to_string());
    headers.insert("x-forwarded-proto".to_owned(), "http".to_owned());
    if !incoming.body.is_empty() {
        headers.entry("content-length".to_owned()).or_insert(incoming.body.len().to_string());
    }
    headers
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .map(|cookie| cookie.trim().to_owned())
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

fn query(raw: &str) -> BTreeMap<String, String> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(raw.as_bytes()) {
        parameters
            .entry(name.into_owned())
            .and_modify(|joined| {
                joined.push(',');
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    parameters
}

/// The path as API Gateway hands it on: percent-decoded.
pub(super) fn decoded_path(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

fn is_text(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = content_type
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence.starts_with("text/")
        || ["application/json", "application/xml", "application/javascript"]
            .contains(&essence.as_str())
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

/// A claim as API Gateway writes it: always a text, lists in brackets.
fn claim_text(claim: &Value) -> String {
    match claim {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(claim_text).collect();
            format!("[{}]", items.join(" "))
        }
        other => other.to_string(),
    }
}
