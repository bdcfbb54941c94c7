//! Answers made of resource objects.

use serde_json::Value;

use super::include;
use crate::http::{
    conditional::etag,
    context::Context,
    error::Outcome,
    event::Answer,
    media_type::JSON_API,
    object::{Object, collection, nothing, single},
    page::{self, Page},
};

/// An answer about one resource: 200, or 201 with its location. A write has happened by now, so it
/// is answered even where what the client wants included can't be read.
pub(crate) async fn one(context: &Context<'_>, status: u16, object: &Object) -> Outcome<Answer> {
    let mut object = object.clone();
    let included = match include::resolve(context, std::slice::from_mut(&mut object)).await {
        Ok(included) => included,
        Err(error) if context.request.method == "GET" => return Err(error),
        Err(error) => {
            let inside = error.inside.as_deref().unwrap_or_default();
            tracing::error!(inside, "the write is answered without what it was to include");
            Vec::new()
        }
    };
    let itself = match context.request.method.as_str() {
        "GET" => context.request.link(),
        _ => object.path(),
    };
    let mut answer = Answer::json(status, &single(&object, &included, context.query, itself))
        .with_header("content-type", JSON_API);
    if let Some(version) = object.version {
        answer = answer.with_header("etag", etag(version));
    }
    if status == 201 {
        answer = answer.with_header("location", object.path());
    }
    Ok(answer)
}

/// An answer about the one resource that a relationship leads to, or to none.
pub(crate) async fn related(context: &Context<'_>, object: Option<&Object>) -> Outcome<Answer> {
    let Some(object) = object else {
        let document = nothing(context.query, context.request.link());
        return Ok(Answer::json(200, &document).with_header("content-type", JSON_API));
    };
    one(context, 200, object).await
}

/// An answer about a page of resources, with further meta data.
pub(crate) async fn page(
    context: &Context<'_>,
    page: &Page,
    meta: &[(&str, Value)],
) -> Outcome<Answer> {
    let mut objects = page.objects.clone();
    let included = include::resolve(context, &mut objects).await?;
    let mut frame = page::frame(context.request, context.query, page);
    for (name, value) in meta {
        frame = page::with_meta(frame, name, value.clone());
    }
    Ok(Answer::json(200, &collection(&objects, &included, context.query, frame))
        .with_header("content-type", JSON_API))
}
