//! What API Gateway makes of a function's answer.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

/// An answer of API Gateway itself.
pub(super) fn message(status: StatusCode, text: &str) -> Response<Bytes> {
    let mut response = Response::new(json!({ "message": text }).to_string().into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn internal_server_error() -> Response<Bytes> {
    message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

/// The response that a function's answer stands for; an answer that stands for none is an internal
/// server error.
pub(super) fn response(answer: &Value) -> Response<Bytes> {
    let made = match answer.as_object().filter(|map| map.contains_key("statusCode")) {
        Some(map) => proxied(map),
        // Without a status, the answer itself is the body.
        None => plain(answer),
    };
    made.unwrap_or_else(|| {
        tracing::warn!("a function's answer is not a proxy response");
        internal_server_error()
    })
}

fn plain(answer: &Value) -> Option<Response<Bytes>> {
    let body = match answer {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut response = Response::new(body.into());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Some(response)
}

fn proxied(map: &Map<String, Value>) -> Option<Response<Bytes>> {
    let status = map.get("statusCode")?.as_u64()?;
    let status = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let body = match map.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) if flag(map.get("isBase64Encoded"))? => {
            STANDARD.decode(text).ok()?.into()
        }
        Some(Value::String(text)) => text.clone().into(),
        Some(_) => return None,
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in object(map.get("headers"))? {
        headers.insert(HeaderName::try_from(name).ok()?, header_value(&value)?);
    }
    for (name, values) in object(map.get("multiValueHeaders"))? {
        let name = HeaderName::try_from(name).ok()?;
        headers.remove(&name);
        for value in values.as_array()? {
            headers.append(name.clone(), header_value(value)?);
        }
    }
    if let Some(cookies) = map.get("cookies").filter(|cookies| !cookies.is_null()) {
        for cookie in cookies.as_array()? {
            headers.append(header::SET_COOKIE, header_value(cookie)?);
        }
    }
    // The server counts for itself.
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    headers
        .entry(header::CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("text/plain;charset=utf-8"));
    Some(response)
}

fn flag(value: Option<&Value>) -> Option<bool> {
    match value {
        None | Some(Value::Null) => Some(false),
        Some(value) => value.as_bool(),
    }
}

fn object(value: Option<&Value>) -> Option<Map<String, Value>> {
    match value {
        None | Some(Value::Null) => Some(Map::new()),
        Some(value) => value.as_object().cloned(),
    }
}

fn header_value(value: &Value) -> Option<HeaderValue> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_no_response_is_an_internal_server_error() {
        for answer in [
            json!(null),
            json!({"statusCode": "200"}),
            json!({"statusCode": 99}),
            json!({"statusCode": 200, "body": {"a": 1}}),
            json!({"statusCode": 200, "headers": {"bad name": "x"}}),
            json!({"statusCode": 200, "headers": {"x": "line\nbreak"}}),
            json!({"statusCode": 200, "body": "%%%", "isBase64Encoded": true}),
        ] {
            assert_eq!(response(&answer).status(), 500, "{answer}");
        }
    }

    #[test]
    fn an_answer_without_a_status_is_the_body() {
        let made = response(&json!({"a": 1}));
        assert_eq!((made.status(), made.body().as_ref()), (StatusCode::OK, br#"{"a":1}"#.as_ref()));
    }

    #[test]
    fn cookies_and_binary_bodies_come_through() {
        let made = response(&json!({
            "statusCode": 201,
            "headers": {"content-type": "image/png"},
            "cookies": ["a=1", "b=2"],
            "body": "AAE=",
            "isBase64Encoded": true,
        }));
        assert_eq!(made.status(), StatusCode::CREATED);
        assert_eq!(made.body().as_ref(), [0, 1]);
        assert_eq!(made.headers().get_all(header::SET_COOKIE).iter().count(), 2);
    }
}
