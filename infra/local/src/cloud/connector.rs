//! SDK clients that reach the local cloud without a socket.
//!
//! The SDK builds its requests and reads its answers as always; only the HTTP connection is
//! replaced by a call of [`endpoint::answer`]. Requests are not signed, since nobody would check
//! the signature.

use std::sync::Arc;

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use perennial_functions::Aws;

use super::{Cloud, REGION, endpoint};

/// The clients that functions in this process use.
#[must_use]
pub fn clients(cloud: &Arc<Cloud>) -> Aws {
    Aws::over(InProcess(Arc::clone(cloud)), REGION, cloud.endpoint())
}

/// The HTTP client and, at the same time, its only connection.
#[derive(Debug, Clone)]
struct InProcess(Arc<Cloud>);

impl HttpClient for InProcess {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let cloud = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let body = request.body().bytes().unwrap_or_default();
            let answer = endpoint::answer(&cloud, target, body).await;
            let status = StatusCode::try_from(answer.status)
                .map_err(|error| ConnectorError::other(error.into(), None))?;
            let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
            if let Some(code) = answer.query_error {
                response.headers_mut().insert("x-amzn-query-error", code);
            }
            Ok(response)
        })
    }
}
