//! Chapter 5, "Content Negotiation".

use perennial_tests::{Shop, TestResult, api::JSON_API, documents};
use reqwest::Method;
use serde_json::json;

use super::conforming;

const EXTENSION: &str = r#"application/vnd.api+json; ext="https://jsonapi.org/ext/atomic""#;
const PROFILE: &str = r#"application/vnd.api+json; profile="https://example.com/dates""#;
const CHARSET: &str = "application/vnd.api+json; charset=utf-8";

/// 5.3 Server Responsibilities: 415 for extensions that the server doesn't support and for parameters
/// other than `ext` and `profile`; profiles that it doesn't know are ignored.
#[tokio::test]
async fn bodies_of_other_media_types_are_refused_with_415() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let document = documents::create("customers", json!({"email": "eve@example.com"}), &[]);
    for bad in [EXTENSION, CHARSET, "application/json", "text/plain"] {
        let sending = shop.api.request(Method::POST, "customers");
        let answer = sending.body(bad, document.to_string()).send().await?.with_status(415)?;
        let answer = conforming(bad, answer)?;
        assert_eq!(answer.errors(), ["unsupported_media_type Content-Type"], "{bad}");
    }
    for (number, good) in [PROFILE, JSON_API].into_iter().enumerate() {
        let email = format!("eve{number}@example.com");
        let document = documents::create("customers", json!({"email": email}), &[]);
        let sending = shop.api.request(Method::POST, "customers");
        conforming(good, sending.body(good, document.to_string()).send().await?.with_status(201)?)?;
    }
    Ok(())
}

/// 5.3: 406 if every instance of the media type has parameters that aren't supported.
#[tokio::test]
async fn answers_that_are_not_accepted_are_refused_with_406() -> TestResult {
    let shop = Shop::open_at("2027-01-31T10:00:00Z").await?;
    let ask = async |accept: &str| {
        shop.api.request(Method::GET, "markets").header("accept", accept).send().await
    };
    for bad in [
        EXTENSION.to_owned(),
        CHARSET.to_owned(),
        format!("{CHARSET}, */*"),
        format!("{EXTENSION}, {CHARSET}"),
        "text/html".to_owned(),
    ] {
        let answer = conforming(&bad, ask(&bad).await?.with_status(406)?)?;
        assert_eq!(answer.errors(), ["not_acceptable Accept"], "{bad}");
    }
    for good in [
        JSON_API.to_owned(),
        PROFILE.to_owned(),
        format!("{CHARSET}, {JSON_API}"),
        format!("{EXTENSION}, {PROFILE};q=0.5"),
        "*/*".to_owned(),
    ] {
        conforming(&good, ask(&good).await?.with_status(200)?)?;
    }
    Ok(())
}
