//! What is answered without a token: the description of the API.

use crate::http::{
    error::Outcome,
    event::{Answer, Request},
    openapi,
};

/// The answer to a request that needs no token; `None` where it is no such request.
pub(crate) fn answer(request: &Request) -> Option<Outcome<Answer>> {
    if request.method != "GET" || request.path != "/api/openapi.json" {
        return None;
    }
    let answer = Answer::json(200, &openapi::document());
    Some(Ok(answer.with_header("content-type", "application/json")))
}
