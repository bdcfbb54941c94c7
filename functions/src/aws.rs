//! The AWS clients, as Lambda's own environment sets them up.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider,
    retry::RetryConfig, stalled_stream_protection::StalledStreamProtectionConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::{
    auth::AuthSchemeId,
    http::HttpClient,
    interceptors::{Intercept, SharedInterceptor},
};
use perennial_runtime::{Environment, SettingError};

use crate::https::Https;

/// The longest that opening a connection may take: the SDK's own default.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);
/// The longest that one attempt at a call may take; the SDK then tries again. Without a bound, a
/// service that accepts a request and never answers would hold its function up to its own end.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// The AWS clients that functions share. The local stack makes them speak to itself.
#[derive(Debug, Clone)]
pub struct Aws {
    /// Storage.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Queues.
    pub sqs: aws_sdk_sqs::Client,
    shared: SdkConfig,
    /// Whether requests are signed.
    signed: bool,
    /// Who sees the requests of clients that are made later.
    watched_by: Option<SharedInterceptor>,
}

/// Makes a client whose requests somebody sees.
macro_rules! watched {
    ($service:ident, $client:expr, $watcher:expr) => {
        $service::Client::from_conf(
            $client.config().to_builder().interceptor($watcher.clone()).build(),
        )
    };
}

/// Makes clients that sign nothing: the configurations of the services have the same methods but no
/// trait in common.
macro_rules! unsigned {
    ($service:ident, $shared:expr) => {
        $service::Client::from_conf(
            $service::config::Builder::from($shared)
                .allow_no_auth()
                .auth_scheme_preference([AuthSchemeId::from("noAuth")])
                .build(),
        )
    };
}

impl Aws {
    /// Clients for the region, credentials and endpoint that Lambda puts into the environment:
    /// `AWS_REGION`, `AWS_ACCESS_KEY_ID` and its companions, and `AWS_ENDPOINT_URL` where the
    /// functions are to speak to something else than AWS, such as the local stack.
    ///
    /// The default chain of `aws-config` would also look into profiles, web identities and the
    /// metadata service. Lambda has none of them, and every binary would carry their code.
    ///
    /// # Errors
    /// When `AWS_REGION` is missing.
    pub fn from_environment(environment: &Environment) -> Result<Self, SettingError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(environment.require("AWS_REGION")?))
            .credentials_provider(SharedCredentialsProvider::new(
                EnvironmentVariableCredentialsProvider::new(),
            ))
            .timeout_config(timeouts)
            .http_client(Https::new(CONNECT_TIMEOUT));
        if let Some(url) = environment.get("AWS_ENDPOINT_URL") {
            config = config.endpoint_url(url);
        }
        let config = config.build();
        Ok(Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            shared: config,
            signed: true,
            watched_by: None,
        })
    }

    /// The event bus. A client is made by whoever asks, so that only the function that publishes
    /// carries its code.
    #[must_use]
    pub fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        let client = if self.signed {
            aws_sdk_eventbridge::Client::new(&self.shared)
        } else {
            unsigned!(aws_sdk_eventbridge, &self.shared)
        };
        match &self.watched_by {
            Some(watcher) => watched!(aws_sdk_eventbridge, client, watcher),
            None => client,
        }
    }

    /// The same clients, with somebody who sees each request, and may stop it.
    #[must_use]
    pub fn watched(&self, watcher: impl Intercept + 'static) -> Self {
        let watcher = SharedInterceptor::new(watcher);
        Self {
            dynamodb: watched!(aws_sdk_dynamodb, self.dynamodb, watcher),
            sqs: watched!(aws_sdk_sqs, self.sqs, watcher),
            shared: self.shared.clone(),
            signed: self.signed,
            watched_by: Some(watcher),
        }
    }

    /// Clients whose requests go through an HTTP client of one's own and meet no network: they are
    /// not signed, since nobody would check the signature, and nothing guards against delays.
    #[must_use]
    pub fn over(
        http_client: impl HttpClient + 'static,
        region: &'static str,
        endpoint: impl Into<String>,
    ) -> Self {
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(region))
            .endpoint_url(endpoint)
            .http_client(http_client)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Self {
            dynamodb: unsigned!(aws_sdk_dynamodb, &shared),
            sqs: unsigned!(aws_sdk_sqs, &shared),
            shared,
            signed: false,
            watched_by: None,
        }
    }
}
