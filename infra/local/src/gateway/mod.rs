//! The HTTP API of the template, as API Gateway serves it: routes, JWT authorizers, events of
//! payload format 2.0, limits, and its own answers where no function is asked.

mod answer;
mod cors;
mod event;
mod routes;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use perennial_runtime::Clock;
use uuid::Uuid;

use crate::{
    identity::{Claims, Denied, Issuer},
    invoke::{FunctionFault, Host},
    template::{ApiModel, RouteModel},
};

/// The most bytes a request's body may have.
pub const MAX_BODY: usize = 10 * 1024 * 1024;
/// The most bytes that the request line and all headers may have together.
const MAX_HEAD: usize = 10_240;
/// How long API Gateway waits for a function.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The API of one stack.
#[derive(Debug)]
pub struct Gateway {
    api: ApiModel,
    issuer: Issuer,
    host: Arc<Host>,
    clock: Arc<dyn Clock>,
    port: u16,
}

impl Gateway {
    /// An API that is served on `port`.
    #[must_use]
    pub fn new(
        api: ApiModel,
        issuer: Issuer,
        host: Arc<Host>,
        clock: Arc<dyn Clock>,
        port: u16,
    ) -> Self {
        Self { api, issuer, host, clock, port }
    }

    /// Answers a request.
    pub async fn handle(&self, request: Request<Bytes>, peer: SocketAddr) -> Response<Bytes> {
        let request_id = Uuid::now_v7().to_string();
        let preflight = self
            .api
            .cors
            .as_ref()
            .and_then(|cors| cors::preflight(cors, request.method(), request.headers()));
        let mut response = match preflight {
            Some(response) => response,
            None => self.route(&request, peer, &request_id).await,
        };
        if let Some(cors) = &self.api.cors {
            cors::decorate(cors, request.headers(), response.headers_mut());
        }
        if let Ok(id) = HeaderValue::try_from(request_id) {
            response.headers_mut().insert("apigw-requestid", id);
        }
        response
    }

    async fn route(
        &self,
        request: &Request<Bytes>,
        peer: SocketAddr,
        request_id: &str,
    ) -> Response<Bytes> {
        if head_bytes(request) > MAX_HEAD {
            return answer::message(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Request Header Fields Too Large",
            );
        }
        if request.body().len() > MAX_BODY {
            return too_large();
        }
        let path = event::decoded_path(request.uri().path());
        let Some(found) = routes::find(&self.api.routes, request.method().as_str(), &path) else {
            return answer::message(StatusCode::NOT_FOUND, "Not Found");
        };
        let claims = match self.authorize(found.route, request.headers()) {
            Ok(claims) => claims,
            Err(denied) => return refusal(&denied),
        };
        let source_ip = peer.ip().to_string();
        let incoming = event::Incoming {
            method: request.method(),
            path: &path,
            query: request.uri().query().unwrap_or_default(),
            headers: request.headers(),
            body: request.body(),
            source_ip: &source_ip,
            port: self.port,
            request_id,
            now: self.clock.now(),
        };
        let event = event::event(&incoming, &found, claims.as_ref());
        let invocation = self.host.invoke(&found.route.function, event);
        match tokio::time::timeout(INTEGRATION_TIMEOUT, invocation).await {
            Ok(Ok(value)) => answer::response(&value),
            Ok(Err(
                FunctionFault::Failed(_) | FunctionFault::Panicked(_) | FunctionFault::TimedOut(_),
            )) => answer::internal_server_error(),
            Err(_) => answer::message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        }
    }

    fn authorize(&self, route: &RouteModel, headers: &HeaderMap) -> Result<Option<Claims>, Denied> {
        let Some(name) = &route.authorizer else { return Ok(None) };
        let Some(authorizer) = self.api.authorizers.get(name) else {
            return Err(Denied::Unauthorized(format!("there is no authorizer {name}")));
        };
        let header = headers.get(&authorizer.header).and_then(|value| value.to_str().ok());
        self.issuer.authorize(header, authorizer, &route.scopes).map(Some)
    }
}

/// The answer to a body over [`MAX_BODY`].
pub fn too_large() -> Response<Bytes> {
    answer::message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
}

fn refusal(denied: &Denied) -> Response<Bytes> {
    tracing::debug!(%denied, "a request was refused");
    match denied {
        Denied::Unauthorized(_) => {
            let mut response = answer::message(StatusCode::UNAUTHORIZED, "Unauthorized");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Denied::Forbidden(_) => answer::message(StatusCode::FORBIDDEN, "Forbidden"),
    }
}

fn head_bytes(request: &Request<Bytes>) -> usize {
    let line = request.method().as_str().len()
        + request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let headers: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    line + headers
}
