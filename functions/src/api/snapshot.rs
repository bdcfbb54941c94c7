//! A resource as the API would answer it at this moment, for those who are told of it.

use chrono::{DateTime, Utc};
use perennial_domain::{event_topics::Concerned, ids::OrganizationId};
use serde_json::{Value, json};

use super::{include, resource_type};
use crate::http::{
    caller::Caller,
    context::{Context, Services},
    error::{ApiError, Outcome},
    event::Request,
    object::{ResourceType, single},
    query::{Accepts, Query},
};

/// The document of a resource of an organization, with what `include` leads to; `None` when it is
/// gone. Paths that this type of resource has not are left out: a webhook may listen to several.
pub(crate) async fn document(
    services: &Services,
    organization: &OrganizationId,
    resource: &Concerned,
    include: &[String],
    now: DateTime<Utc>,
) -> Outcome<Option<Value>> {
    let Some(kind) = resource_type(resource.kind) else { return Ok(None) };
    let claims = json!({"organization": organization, "role": "integration", "sub": "webhooks"});
    let caller = Caller::from_claims(claims.as_object())?;
    let path = format!("/api/{}/{}", kind.name, resource.id);
    let event = json!({"rawPath": path, "requestContext": {"http": {"method": "GET"}}});
    let request =
        Request::from_event(event).map_err(|error| ApiError::internal(error.to_string()))?;
    let query = query(kind, include)?;
    let context = Context {
        services,
        caller: &caller,
        request: &request,
        query: &query,
        id: &resource.id,
        request_id: "",
        once: None,
        now,
    };
    let found = include::load_kind(&context, kind.name, vec![resource.id.clone()]).await?;
    let Some(mut object) = found.into_iter().next() else { return Ok(None) };
    let included = include::resolve(&context, std::slice::from_mut(&mut object)).await?;
    Ok(Some(single(&object, &included, &query, path)))
}

fn query(kind: &'static ResourceType, include: &[String]) -> Outcome<Query> {
    let parse = |paths: &str| {
        Query::parse(&format!("include={paths}"), kind, Accepts::SINGLE, resource_type)
    };
    let known: Vec<&str> =
        include.iter().map(String::as_str).filter(|path| parse(path).is_ok()).collect();
    if known.is_empty() { Ok(Query::default()) } else { parse(&known.join(",")) }
}
