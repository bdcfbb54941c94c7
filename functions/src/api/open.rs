//! What is answered without a token: health, and the description of the API.

use perennial_domain::time::database_version;
use serde_json::json;

use crate::http::{
    context::Services,
    error::{ApiError, Outcome},
    event::{Answer, Request},
    openapi,
};

/// The answer to a request that needs no token; `None` where it is no such request.
pub(crate) async fn answer(request: &Request, services: &Services) -> Option<Outcome<Answer>> {
    if request.method != "GET" {
        return None;
    }
    match request.path.as_str() {
        "/api/openapi.json" => {
            Some(Ok(Answer::json(200, &openapi::document())
                .with_header("content-type", "application/json")))
        }
        "/api/health" => Some(health(services).await),
        _ => None,
    }
}

async fn health(services: &Services) -> Outcome<Answer> {
    services.store.reachable().await.map_err(|error| ApiError::unavailable(error.to_string()))?;
    Ok(Answer::json(200, &json!({"status": "ok", "time_zones": database_version()}))
        .with_header("content-type", "application/json")
        .with_header("cache-control", "no-store"))
}
