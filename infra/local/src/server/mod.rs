//! The one HTTP server of the stack. By path and header a request goes to the local endpoints
//! (`/local`, `/.well-known`), to the AWS services (`X-Amz-Target`), or to the gateway.

mod local;
mod loopback;
mod members;

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, State},
    serve::ListenerExt,
};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    clock::Advance,
    cloud::{Cloud, endpoint},
    gateway::{self, Gateway},
    identity::Issuer,
    invoke::Host,
};

/// The largest request to an AWS service: DynamoDB takes 16 MB in a batch.
const MAX_AWS_BODY: usize = 17 * 1024 * 1024;

/// What requests are answered from.
#[derive(Debug)]
pub struct Server {
    /// The template's API, if it has one.
    pub gateway: Option<Gateway>,
    /// The issuer of tokens.
    pub issuer: Issuer,
    /// Tables, queues and buses.
    pub cloud: Arc<Cloud>,
    /// The functions.
    pub host: Arc<Host>,
    /// The mover of the clock.
    pub advance: Arc<Advance>,
}

/// Serves until `stop` turns true and the requests under way are answered.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    server: Arc<Server>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let router = Router::new().fallback(handle).with_state(server);
    let listener = listener.tap_io(|stream| {
        // Answers are small and whole; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move {
            let _ = stop.wait_for(|stop| *stop).await;
        })
        .await
}

async fn handle(
    State(server): State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if !loopback::is_host_allowed(&parts.headers) {
        return message(StatusCode::FORBIDDEN, "only loopback host names are served")
            .map(Body::from);
    }
    let is_local = parts.uri.path().starts_with("/local/");
    let is_aws = parts.headers.contains_key("x-amz-target");
    if (is_local || is_aws) && !loopback::is_origin_allowed(&parts.headers) {
        return message(StatusCode::FORBIDDEN, "other origins are not served").map(Body::from);
    }
    let limit = if is_aws { MAX_AWS_BODY } else { gateway::MAX_BODY };
    let body = match Limited::new(body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return gateway::too_large().map(Body::from);
        }
        Err(error) => {
            tracing::debug!(%error, "a request ended before its body");
            return message(StatusCode::BAD_REQUEST, "the body can't be read").map(Body::from);
        }
    };
    let request = Request::from_parts(parts, body);
    let response = if is_aws {
        endpoint::serve(&server.cloud, request).await
    } else if is_local || request.uri().path().starts_with("/.well-known/") {
        local::answer(&server, request).await
    } else {
        match &server.gateway {
            Some(gateway) => gateway.handle(request, peer).await,
            None => message(StatusCode::NOT_FOUND, "Not Found"),
        }
    };
    response.map(Body::from)
}

fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn message(status: StatusCode, text: &str) -> Response<Bytes> {
    json_response(status, &json!({ "message": text }))
}
