//! The HTTP client of the AWS clients: HTTP/1.1 over TLS, with pooled connections.
//!
//! The one of `aws-smithy-http-client` brings HTTP/2 with it, which the services that we call do not
//! speak, and proxies: half a megabyte in every binary.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::body::SdkBody;
use perennial_https::pool;

type Pool = perennial_https::Pool<SdkBody>;

/// The HTTP client. All that are cloned from one share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Https(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connect_timeout: Duration,
    /// Made when the first request goes out.
    pool: OnceLock<Result<Pool, String>>,
}

impl Https {
    /// A client that waits so long for a connection at most.
    pub(crate) fn new(connect_timeout: Duration) -> Self {
        Self(Arc::new(Shared { connect_timeout, pool: OnceLock::new() }))
    }

    fn pool(&self) -> Result<Pool, ConnectorError> {
        let pool = self.0.pool.get_or_init(|| pool(self.0.connect_timeout));
        pool.clone().map_err(|reason| ConnectorError::other(reason.into(), None))
    }
}

impl HttpClient for Https {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Https {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.clone();
        HttpConnectorFuture::new(async move {
            let request =
                request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.pool()?.request(request).await.map_err(failure)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What kept a request from its answer. The SDK tries again what the connection is to blame for.
fn failure(error: hyper_util::client::legacy::Error) -> ConnectorError {
    let error: BoxError = error.into();
    let cause = error.source().and_then(|cause| cause.downcast_ref::<hyper::Error>());
    match cause {
        Some(cause) if cause.is_timeout() => ConnectorError::timeout(error),
        Some(cause) if cause.is_user() => ConnectorError::user(error),
        Some(_) | None => ConnectorError::io(error),
    }
}
