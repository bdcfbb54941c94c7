//! The AWS clients, as Lambda's own environment sets them up.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider,
    timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use perennial_runtime::{Environment, SettingError};

/// The longest that opening a connection may take: the SDK's own default.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

/// The AWS clients that functions share. The local stack makes them speak to itself.
#[derive(Debug, Clone)]
pub struct Aws {
    /// Storage.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Queues.
    pub sqs: aws_sdk_sqs::Client,
    /// The event bus.
    pub eventbridge: aws_sdk_eventbridge::Client,
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
        let tls = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(environment.require("AWS_REGION")?))
            .credentials_provider(SharedCredentialsProvider::new(
                EnvironmentVariableCredentialsProvider::new(),
            ))
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build())
            .http_client(tls.build_https());
        if let Some(url) = environment.get("AWS_ENDPOINT_URL") {
            config = config.endpoint_url(url);
        }
        let config = config.build();
        Ok(Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            eventbridge: aws_sdk_eventbridge::Client::new(&config),
        })
    }
}
