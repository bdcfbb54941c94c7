//! AWS with nothing in it: every call is answered at once by an empty object, which to DynamoDB's
//! client means that no item was found.

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

/// Clients of a cloud in which there is nothing.
pub(crate) fn clients() -> Aws {
    Aws::over(EmptyCloud, "local", "http://nowhere.invalid")
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
