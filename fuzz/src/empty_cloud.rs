//! AWS with nothing in it: every call is answered at once by an empty object, which to DynamoDB's
//! client means that no item was found.

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

/// Clients of a cloud in which there is nothing.
pub(crate) fn clients() -> Aws {
    let shared = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .endpoint_url("http://nowhere.invalid")
        .http_client(EmptyCloud)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
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

/// The HTTP client and, at the same time, its only connection.
#[derive(Debug, Clone, Copy)]
struct EmptyCloud;

impl HttpClient for EmptyCloud {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(*self)
    }
}

impl HttpConnector for EmptyCloud {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(async {
            let ok = StatusCode::try_from(200)
                .map_err(|error| ConnectorError::other(error.into(), None))?;
            Ok(HttpResponse::new(ok, SdkBody::from("{}")))
        })
    }
}
