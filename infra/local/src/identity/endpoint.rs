//! `POST /local/oauth/token`: client credentials, as a form or as JSON.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    Issuer, SCOPE,
    token::{Role, TokenFault, TokenRequest},
};

/// Fields that other OAuth clients send and that change nothing here.
const PASSED_OVER: [&str; 4] = ["client_id", "client_secret", "scope", "audience"];
/// The longest life of a token: ten years.
const LONGEST: i64 = 10 * 366 * 86_400;

/// Answers a token request.
#[must_use]
pub fn token_response(issuer: &Issuer, content_type: &str, body: &[u8]) -> Response<String> {
    match fields(content_type, body).and_then(|fields| request(&fields)) {
        Ok(request) => match issuer.issue(&request) {
            Ok(token) => answer(
                StatusCode::OK,
                &json!({
                    "access_token": token,
                    "token_type": "Bearer",
                    "expires_in": request.expires_in(),
                    "scope": SCOPE,
                }),
            ),
            Err(error) => {
                tracing::error!(%error, "a token can't be signed");
                answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": "server_error"}))
            }
        },
        Err(fault) => {
            let kind = if fault.field == "grant_type" {
                "unsupported_grant_type"
            } else {
                "invalid_request"
            };
            answer(
                StatusCode::BAD_REQUEST,
                &json!({"error": kind, "error_description": fault.to_string()}),
            )
        }
    }
}

fn answer(status: StatusCode, body: &Value) -> Response<String> {
    let mut response = Response::new(body.to_string());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn fields(content_type: &str, body: &[u8]) -> Result<BTreeMap<String, String>, TokenFault> {
    if content_type.trim_start().to_ascii_lowercase().starts_with("application/json") {
        let Ok(Value::Object(map)) = serde_json::from_slice(body) else {
            return Err(TokenFault::new("body", "must be a JSON object"));
        };
        return map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name, text)),
                Value::Number(number) => Ok((name, number.to_string())),
                _ => Err(TokenFault { field: name, rule: "must be a text" }),
            })
            .collect();
    }
    let mut fields = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        if fields.insert(name.to_string(), value.into_owned()).is_some() {
            return Err(TokenFault::new(&name, "is given twice"));
        }
    }
    Ok(fields)
}

fn request(fields: &BTreeMap<String, String>) -> Result<TokenRequest, TokenFault> {
    const KNOWN: [&str; 5] = ["grant_type", "organization", "role", "market", "expires_in"];
    for name in fields.keys() {
        if !KNOWN.contains(&name.as_str()) && !PASSED_OVER.contains(&name.as_str()) {
            return Err(TokenFault::new(name, "is not a field of a token request"));
        }
    }
    if fields.get("grant_type").is_some_and(|grant| grant != "client_credentials") {
        return Err(TokenFault::new("grant_type", "must be client_credentials"));
    }
    let organization =
        fields.get("organization").ok_or_else(|| TokenFault::new("organization", "is missing"))?;
    let role = match fields.get("role") {
        None => Role::default(),
        Some(text) => text.parse().map_err(|()| {
            TokenFault::new("role", "must be integration, sales_channel, operator or approver")
        })?,
    };
    let mut request = TokenRequest::new(organization, role)?;
    if let Some(market) = fields.get("market") {
        request = request.in_market(market)?;
    }
    if let Some(text) = fields.get("expires_in") {
        let seconds = text
            .parse()
            .ok()
            .filter(|seconds| (1..=LONGEST).contains(seconds))
            .and_then(TimeDelta::try_seconds)
            .ok_or_else(|| {
                TokenFault::new("expires_in", "must be a whole number of seconds up to ten years")
            })?;
        request = request.lasting(seconds);
    }
    Ok(request)
}
