//! SDK clients that reach the local cloud without a socket.
//!
//! The SDK builds its requests and reads its answers as always; only the HTTP connection is
//! replaced by a call of [`endpoint::answer`]. Requests are not signed, since nobody would check
//! the signature.

use std::sync::Arc;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, retry::RetryConfig,
    stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_smithy_runtime_api::{
    client::{
        auth::AuthSchemeId,
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
    let shared = sdk_config(cloud);
    // The configurations of the services have the same methods but no trait in common.
    macro_rules! client {
        ($service:ident) => {
            $service::Client::from_conf(
                $service::config::Builder::from(&shared)
                    .allow_no_auth()
                    .auth_scheme_preference([AuthSchemeId::from("noAuth")])
                    .build(),
            )
        };
    }
    Aws {
        dynamodb: client!(aws_sdk_dynamodb),
        sqs: client!(aws_sdk_sqs),
        eventbridge: client!(aws_sdk_eventbridge),
    }
}

/// What the SDK's clients share: the connection to this cloud, and nothing that guards against a
/// network, which there is none of.
#[must_use]
pub fn sdk_config(cloud: &Arc<Cloud>) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .endpoint_url(cloud.endpoint())
        .http_client(InProcess(Arc::clone(cloud)))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
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
