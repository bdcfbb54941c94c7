//! Tokens, as the issuer gives them and the authorizer takes them.

use chrono::TimeDelta;
use perennial_local::identity::{Role, TokenRequest};
use reqwest::Client;
use serde_json::{Value, json};

use super::{TestResult, fakes::Fakes};

#[tokio::test]
async fn wrong_tokens_get_401_and_missing_scopes_403() -> TestResult {
    let fakes = Fakes::default();
    fakes.answer("web", |_| Ok(json!({"statusCode": 200})));
    let stack = fakes.start(None).await?;
    let directory = tempfile::tempdir()?;
    let other = Fakes::default().start(Some(directory.path())).await?;
    let good = stack.token("acme", Role::Operator)?;
    let expired =
        stack.sign(&TokenRequest::new("acme", Role::Operator)?.lasting(TimeDelta::seconds(-1)))?;
    let foreign = other.token("acme", Role::Operator)?;
    let mut tampered = good.clone();
    tampered.replace_range(tampered.len() - 8.., "AAAAAAAA");
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    for (case, path, header, status) in [
        ("a good token", "/api/x", bearer(&good), 200),
        ("a good token without its scheme", "/api/x", Some(good.clone()), 200),
        ("no token", "/api/x", None, 401),
        ("an empty token", "/api/x", bearer(""), 401),
        ("an expired token", "/api/x", bearer(&expired), 401),
        ("another issuer's token", "/api/x", bearer(&foreign), 401),
        ("a tampered token", "/api/x", bearer(&tampered), 401),
        ("no JWT", "/api/x", bearer("x"), 401),
        ("another scheme", "/api/x", Some(format!("Basic {good}")), 401),
        ("a token without the scope", "/api/admin", bearer(&good), 403),
        ("no token where none is needed", "/api/health", None, 200),
    ] {
        let mut request = Client::new().get(format!("{}{path}", stack.url()));
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let response = request.send().await?;
        assert_eq!(response.status().as_u16(), status, "{case}");
        let text = response.text().await?;
        match status {
            401 => assert_eq!(text, r#"{"message":"Unauthorized"}"#, "{case}"),
            403 => assert_eq!(text, r#"{"message":"Forbidden"}"#, "{case}"),
            _ => {}
        }
    }
    other.shutdown().await;
    stack.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn the_issuer_gives_tokens_and_names_wrong_fields() -> TestResult {
    let fakes = Fakes::default();
    fakes.answer("web", |_| Ok(json!({"statusCode": 200})));
    let stack = fakes.start(None).await?;
    let client = Client::new();
    let url = format!("{}/local/oauth/token", stack.url());
    let form = "grant_type=client_credentials&organization=acme&role=sales_channel&market=de";
    let answer: Value = client
        .post(&url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await?
        .json()
        .await?;
    let token = answer.get("access_token").and_then(Value::as_str).unwrap_or_default();
    assert_eq!(answer.get("token_type"), Some(&json!("Bearer")));
    let used = client.get(format!("{}/api/x", stack.url())).bearer_auth(token).send().await?;
    assert_eq!(used.status().as_u16(), 200);
    let events = fakes.events("web");
    let claims = events
        .last()
        .and_then(|(_, event)| event.pointer("/requestContext/authorizer/jwt/claims").cloned())
        .unwrap_or_default();
    assert_eq!(claims.get("role"), Some(&json!("sales_channel")));
    assert_eq!(claims.get("market"), Some(&json!("de")));

    for (body, error, field) in [
        (json!({}), "invalid_request", "organization"),
        (json!({"organization": "-x"}), "invalid_request", "organization"),
        (json!({"organization": "Acme"}), "invalid_request", "organization"),
        (json!({"organization": "a".repeat(64)}), "invalid_request", "organization"),
        (json!({"organization": ["a"]}), "invalid_request", "organization"),
        (json!({"organization": "a", "role": "king"}), "invalid_request", "role"),
        (json!({"organization": "a", "market": ""}), "invalid_request", "market"),
        (json!({"organization": "a", "expires_in": -5}), "invalid_request", "expires_in"),
        (json!({"organization": "a", "expires_in": "soon"}), "invalid_request", "expires_in"),
        (json!({"organization": "a", "colour": "red"}), "invalid_request", "colour"),
        (
            json!({"organization": "a", "grant_type": "password"}),
            "unsupported_grant_type",
            "grant_type",
        ),
        (json!([1]), "invalid_request", "body"),
    ] {
        let response = client.post(&url).json(&body).send().await?;
        assert_eq!(response.status().as_u16(), 400, "{body}");
        let answer: Value = response.json().await?;
        assert_eq!(answer.get("error"), Some(&json!(error)), "{body}");
        let description = answer.get("error_description").and_then(Value::as_str);
        assert!(description.is_some_and(|text| text.starts_with(field)), "{body}: {answer}");
    }
    let keys: Value =
        client.get(format!("{}/.well-known/jwks.json", stack.url())).send().await?.json().await?;
    assert_eq!(keys.pointer("/keys/0/alg"), Some(&json!("RS256")));
    stack.shutdown().await;
    Ok(())
}
