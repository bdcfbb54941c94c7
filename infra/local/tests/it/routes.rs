//! Requests reach the function that the template says, as API Gateway would hand them on.

use perennial_local::identity::Role;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::{TestResult, fakes::Fakes};

/// A function that answers with the event that it got.
fn echo(event: &Value) -> Result<Value, perennial_runtime::FunctionError> {
    Ok(json!({
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": event.to_string(),
    }))
}

#[tokio::test]
async fn a_request_becomes_an_event_of_payload_format_2() -> TestResult {
    let fakes = Fakes::default();
    fakes.answer("web", echo);
    let stack = fakes.start(None).await?;
    let token = stack.token("acme", Role::Operator)?;
    let event: Value = Client::new()
        .post(format!("{}/api/things/a%20b?x=1&x=2&y=%C3%A9", stack.url()))
        .bearer_auth(&token)
        .header("cookie", "a=1; b=2")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .header("content-type", "application/vnd.api+json")
        .body(r#"{"a":1}"#)
        .send()
        .await?
        .json()
        .await?;
    let at = |pointer: &str| event.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(at("/version"), "2.0");
    assert_eq!(at("/routeKey"), "ANY /api/{proxy+}");
    assert_eq!(at("/rawPath"), "/api/things/a b");
    assert_eq!(at("/rawQueryString"), "x=1&x=2&y=%C3%A9");
    assert_eq!(at("/queryStringParameters"), json!({"x": "1,2", "y": "é"}));
    assert_eq!(at("/pathParameters"), json!({"proxy": "things/a b"}));
    assert_eq!(at("/cookies"), json!(["a=1", "b=2"]));
    assert_eq!(at("/headers/x-twice"), "1,2");
    assert_eq!(at("/headers/cookie"), Value::Null);
    assert_eq!(at("/body"), r#"{"a":1}"#);
    assert_eq!(at("/isBase64Encoded"), false);
    assert_eq!(at("/requestContext/http/method"), "POST");
    assert_eq!(at("/requestContext/authorizer/jwt/claims/organization"), "acme");
    assert_eq!(at("/requestContext/authorizer/jwt/scopes"), json!(["perennial"]));
    assert!(at("/requestContext/authorizer/jwt/claims/exp").is_string());

    let binary: Value = Client::new()
        .patch(format!("{}/api/orders/7", stack.url()))
        .bearer_auth(&token)
        .header("content-type", "application/octet-stream")
        .body(vec![0_u8, 159, 146])
        .send()
        .await?
        .json()
        .await?;
    assert_eq!(binary.get("routeKey"), Some(&json!("PATCH /api/orders/{id}")));
    assert_eq!(binary.pointer("/pathParameters/id"), Some(&json!("7")));
    assert_eq!(binary.get("body"), Some(&json!("AJ+S")));
    assert_eq!(binary.get("isBase64Encoded"), Some(&json!(true)));
    stack.shutdown().await;
    Ok(())
}

#[expect(clippy::panic, reason = "the stack must outlive a function that panics")]
fn panic_on_purpose() -> ! {
    panic!("on purpose")
}

#[tokio::test]
async fn what_a_function_can_not_answer_is_answered_for_it() -> TestResult {
    let fakes = Fakes::default();
    fakes.answer("web", |event| {
        match event.get("rawPath").and_then(Value::as_str).unwrap_or_default() {
            "/api/error" => Err("no".into()),
            "/api/panic" => panic_on_purpose(),
            "/api/malformed" => Ok(json!({"statusCode": "many"})),
            _ => Ok(json!({"statusCode": 204})),
        }
    });
    let stack = fakes.start(None).await?;
    let token = stack.token("acme", Role::Operator)?;
    let client = Client::new();
    for (path, status, text) in [
        ("/api/error", 500, r#"{"message":"Internal Server Error"}"#),
        ("/api/panic", 500, r#"{"message":"Internal Server Error"}"#),
        ("/api/malformed", 500, r#"{"message":"Internal Server Error"}"#),
        ("/nothing", 404, r#"{"message":"Not Found"}"#),
        ("/api/fine", 204, ""),
    ] {
        let url = format!("{}{path}", stack.url());
        let response = client.get(url).bearer_auth(&token).send().await?;
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.text().await?, text, "{path}");
    }
    stack.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn limits_and_strangers_are_refused() -> TestResult {
    let stack = Fakes::default().start(None).await?;
    let client = Client::new();
    let url = format!("{}/api/health", stack.url());
    let large = client.post(&url).body(vec![b'x'; 10 * 1024 * 1024 + 1]).send().await?;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let heavy = client.get(&url).header("x-heavy", "x".repeat(10_241)).send().await?;
    assert_eq!(heavy.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let rebound = client.get(&url).header("host", "example.com").send().await?;
    assert_eq!(rebound.status(), StatusCode::FORBIDDEN);
    let foreign = client
        .post(format!("{}/local/clock", stack.url()))
        .header("origin", "https://example.com")
        .body(r#"{"advance":"P1D"}"#)
        .send()
        .await?;
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let method = client.request(Method::DELETE, format!("{}/local/clock", stack.url()));
    assert_eq!(method.send().await?.status(), StatusCode::METHOD_NOT_ALLOWED);
    stack.shutdown().await;
    Ok(())
}
