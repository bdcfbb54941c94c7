//! From an event to an answer: the way of every request through the layers.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::{FutureExt, future::BoxFuture};
use perennial_runtime::{Clock, Function, FunctionError, Invocation, telemetry};
use serde_json::Value;
use tracing::Instrument;

use super::{
    caller::{Caller, Verb, stated_claims},
    context::{Context, Services},
    error::{ApiError, Code, Outcome, Problem},
    event::{Answer, Request},
    idempotency::{self, Once},
    media_type::{JSON_API, check_accept, check_content_type},
    operation::{self, Operation, Surface},
    query::Query,
};
use crate::api;

/// Longest body, in bytes.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// A request before anybody has looked for a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenRequest<'a> {
    pub(crate) request: &'a Request,
    pub(crate) services: &'a Services,
    /// The request's id, for journal and logs.
    pub(crate) request_id: &'a str,
    pub(crate) now: DateTime<Utc>,
}

/// Answers a request that needs no token; `None` where it is no such request.
pub(crate) type OpenHandler = for<'a> fn(OpenRequest<'a>) -> BoxFuture<'a, Option<Outcome<Answer>>>;

/// A function that answers HTTP requests.
#[derive(Debug)]
pub(crate) struct HttpFunction {
    pub(crate) surface: Surface,
    /// What it knows of: its own operations, and those of another function that it names when a
    /// method is not its own. The linker leaves out of its binary what is not here.
    pub(crate) operations: &'static [&'static [Operation]],
    /// What it answers without a token.
    pub(crate) open: Option<OpenHandler>,
    pub(crate) services: Services,
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether `sam local` runs this function, which says so by `AWS_SAM_LOCAL` and lets every
    /// request through unchecked. Lambda never sets it.
    pub(crate) sam_local: bool,
}

#[async_trait]
impl Function for HttpFunction {
    async fn invoke(&self, event: Value, invocation: Invocation) -> Result<Value, FunctionError> {
        let started = Instant::now();
        let request = Request::from_event(event)?;
        let request_id = request.id.clone().unwrap_or(invocation.request_id);
        let span = tracing::info_span!(
            "request",
            request_id = %request_id,
            organization = tracing::field::Empty,
            method = %request.method,
            path = %request.path,
        );
        let answered = AssertUnwindSafe(self.answer(&request, &request_id))
            .catch_unwind()
            .instrument(span.clone())
            .await
            .unwrap_or_else(|_| Err(ApiError::internal("the handler panicked")));
        let answer = span.in_scope(|| finished(answered, &request_id));
        if self.surface == Surface::Intake {
            let millis = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
            metrics::histogram!(telemetry::INTAKE_LATENCY).record(f64::from(millis));
        }
        Ok(answer.into_event())
    }
}

impl HttpFunction {
    async fn answer(&self, request: &Request, request_id: &str) -> Outcome<Answer> {
        let (services, now) = (&self.services, self.clock.now());
        if let Some(open) = self.open
            && let Some(answer) = open(OpenRequest { request, services, request_id, now }).await
        {
            return answer;
        }
        let stated = if self.sam_local && request.claims.is_none() {
            stated_claims(request.header("authorization"))
        } else {
            None
        };
        let caller = Caller::from_claims(request.claims.as_ref().or(stated.as_ref()))?;
        tracing::Span::current().record("organization", caller.organization.as_str());
        let (operation, id) = operation::find(
            self.operations.iter().copied().flatten(),
            &request.method,
            &request.path,
        )?;
        if operation.surface != self.surface {
            return Err(ApiError::not_found("resource at path", &request.path));
        }
        caller.check(operation.action.verb(), operation.kind.name)?;
        check_accept(request.header("accept"))?;
        if operation.action.has_body() {
            check_body(request)?;
        }
        let query =
            Query::parse(&request.query, operation.kind, operation.accepts, api::resource_type)?;
        // Before anything is written: a write that happened must not be answered by a refusal.
        for kind in query.included_kinds(operation.kind, api::resource_type) {
            caller.check(Verb::Read, kind)?;
        }
        let writes = operation.action.verb() == Verb::Write;
        let key = request.header("idempotency-key").filter(|_| writes);
        let once = key.map(|key| Once::read(key, request, &caller)).transpose()?;
        let context = Context {
            services,
            caller: &caller,
            request,
            query: &query,
            id,
            request_id,
            once,
            now,
        };
        carry_out(operation, &context).await
    }
}

async fn carry_out(operation: &Operation, context: &Context<'_>) -> Outcome<Answer> {
    idempotency::guarded(operation, context).await.map_err(|error| context.overtaken(error))
}

fn check_body(request: &Request) -> Outcome<()> {
    let len = request.body_len();
    if len > MAX_BODY {
        return Err(Problem::new(
            Code::BodyTooLarge,
            format!("the body has {len} bytes, at most {MAX_BODY} are taken"),
        )
        .with("value", len)
        .with("maximum", MAX_BODY)
        .into());
    }
    check_content_type(request.header("content-type"))
}

/// The answer, with an error as the client may see it and the log should.
fn finished(answered: Outcome<Answer>, request_id: &str) -> Answer {
    match answered {
        Ok(answer) => {
            tracing::debug!(status = answer.status, "answered");
            answer
        }
        Err(error) => {
            let status = error.status();
            if status >= 500 {
                let inside = error.inside.as_deref().unwrap_or_default();
                tracing::error!(status, inside, "request failed");
            } else {
                let codes: Vec<_> =
                    error.problems.iter().map(|problem| problem.code.facts().1).collect();
                tracing::debug!(status, ?codes, "request refused");
            }
            let mut answer = Answer::json(status, &error.to_json(request_id));
            answer.headers = error.headers;
            answer.with_header("content-type", JSON_API)
        }
    }
}
